"""A served folder of the rows in `served_rows`, and ways to ask it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from served_rows import DRIVERS, INTERVALS, LAPS, NOW, SESSIONS, WEATHER, write

from f1_lakehouse.simulator.server import ReplayServer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "sessions", "2025.json", SESSIONS)
    write(tmp_path, "laps", "11.json", LAPS)
    write(tmp_path, "intervals", "11.json", INTERVALS)
    write(tmp_path, "drivers", "11.json", DRIVERS)
    write(tmp_path, "weather", "11.json", WEATHER)
    return tmp_path


@pytest.fixture
def server(folder: Path) -> Iterator[ReplayServer]:
    with ReplayServer(folder, now=lambda: NOW) as running:
        yield running


@pytest.fixture
def ask(server: ReplayServer) -> Callable[[str], requests.Response]:
    """GET exactly this path and query, byte for byte (requests would encode `<` and `>` otherwise)."""

    def get(target: str) -> requests.Response:
        request = requests.Request("GET", server.url).prepare()
        request.url = f"{server.url}/{target}"
        with requests.Session() as session:
            return session.send(request, timeout=10)

    return get


@pytest.fixture
def values(ask: Callable[[str], requests.Response]) -> Callable[[str, str], list[Any]]:
    """The values of one field in the answer; an empty list for the 404 that means no rows."""

    def get(target: str, name: str) -> list[Any]:
        response = ask(target)
        if response.status_code == 404:
            assert response.json() == {"detail": "No results found."}
            return []
        assert response.status_code == 200, response.text
        return [row[name] for row in response.json()]

    return get
