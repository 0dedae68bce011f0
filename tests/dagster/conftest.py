"""A generated weekend behind a real server, and for each test a new lake with a real Dagster instance."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from defs_instance import instance_in

from f1_lakehouse import lakehouse
from f1_lakehouse.lakehouse import Lake
from f1_lakehouse.simulator.generate import generate
from f1_lakehouse.simulator.server import ReplayServer

SEASON = 2024


@pytest.fixture(scope="session")
def weekend(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("openf1")
    generate(folder, season=SEASON, meetings=1, telemetry=False, seed=3)
    return folder


@dataclass
class ServedLake:
    """A lake, its Dagster instance, and the server of its source."""

    root: Path
    season: int
    server: ReplayServer
    instance: dg.DagsterInstance

    @property
    def lake(self) -> Lake:
        return lakehouse.current_lake()

    def run(self, job: str, **rest: Any) -> dg.ExecuteInProcessResult:
        from f1_lakehouse.runs.repository import repository

        found = repository(with_dbt=True).get_job(job)
        return found.execute_in_process(instance=self.instance, raise_on_error=False, **rest)


@pytest.fixture
def served_lake(weekend: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServedLake]:
    before = dict(os.environ)
    lakehouse.open_once.cache_clear()
    with (
        ReplayServer(weekend) as server,
        instance_in(tmp_path / "dagster") as instance,
    ):
        monkeypatch.setenv("F1_LAKEHOUSE_ROOT", str(tmp_path / "lake"))
        monkeypatch.setenv("F1_OPENF1_URL", server.url)
        monkeypatch.setenv("F1_OPENF1_REQUESTS_PER_SECOND", "0")
        monkeypatch.setenv("F1_OPENF1_REQUESTS_PER_MINUTE", "0")
        monkeypatch.delenv("F1_STORE_URI", raising=False)
        yield ServedLake(tmp_path / "lake", SEASON, server, instance)
    os.environ.clear()
    os.environ.update(before)
