"""A small race on the embedded OpenF1, and a lake that pulls it: fixtures for the tests of ingest."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from deltalake import DeltaTable

from f1_lakehouse.lakehouse import Lake
from f1_lakehouse.settings import Settings
from f1_lakehouse.simulator.server import ReplayServer
from f1_lakehouse.sources.openf1.calendar import Category, Session
from f1_lakehouse.sources.openf1.endpoints import BY_NAME

START = datetime(2024, 9, 22, 12, 0, tzinfo=UTC)
RACE = Session(START, START + timedelta(hours=2), 11, 1, 2024, "Race", "Marina Bay", Category.RACE)
LAPS, DRIVERS, CAR_DATA = BY_NAME["laps"], BY_NAME["drivers"], BY_NAME["car_data"]
Write = Callable[..., None]


class Crash(BaseException):
    """The process ends here."""


def crash(*_: object, **__: object) -> None:
    raise Crash


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "source"


@pytest.fixture
def write(source: Path) -> Write:
    """A function that writes rows to the folder of the server."""

    def put(endpoint: str, rows: list[dict[str, Any]], name: str = "11") -> None:
        path = source / endpoint / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(orjson.dumps(rows))

    return put


def laps(*numbers: int, driver: int = 4, **rest: Any) -> list[dict[str, Any]]:
    return [
        {
            "meeting_key": 1,
            "session_key": 11,
            "driver_number": driver,
            "lap_number": n,
            "lap_duration": 90.0 + n,
            **rest,
        }
        for n in numbers
    ]


def samples(driver: int, seconds: range = range(3)) -> list[dict[str, Any]]:
    return [
        {"session_key": 11, "meeting_key": 1, "driver_number": driver, "speed": 200 + n,
         "date": (START + timedelta(seconds=n * 60)).isoformat()}
        for n in seconds
    ]  # fmt: skip


@pytest.fixture
def server(write: Write, source: Path) -> Iterator[ReplayServer]:
    write("laps", laps(1, 2, 3))
    write("drivers", [{"session_key": 11, "meeting_key": 1, "driver_number": n} for n in (4, 1, 81)])
    write("car_data", [row for driver in (4, 1, 81) for row in samples(driver)])
    write("starting_grid", [{"session_key": 10, "meeting_key": 1, "driver_number": 4, "position": 1}], "10")
    with ReplayServer(source) as running:
        yield running


@pytest.fixture
def lake(tmp_path: Path, server: ReplayServer, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return Lake.open(
        Settings(
            lakehouse_root=tmp_path / "lake",
            openf1_url=server.url,
            openf1_requests_per_second=0,
            openf1_requests_per_minute=0,
        )
    )


def reopen(lake: Lake) -> Lake:
    """Open the same lake as a new process."""
    return Lake.open(lake.settings)


def rows(lake: Lake, endpoint: str = "laps") -> int:
    return int(DeltaTable(lake.bronze.table_uri(endpoint)).to_pyarrow_table().num_rows)


def current_rows(lake: Lake, endpoint: str = "laps", scope: int = 11) -> list[dict[str, Any]]:
    return lake.bronze.rows(endpoint, scope).to_pylist()
