"""A lake that an earlier version of the code wrote, opened, loaded into and transformed by this one."""

import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from f1_lakehouse.publishing.build_record import current_digest
from f1_lakehouse.simulator.generate import generate
from f1_lakehouse.simulator.server import ReplayServer

PROJECT = Path(__file__).parents[2]
BEFORE = "71e9364"
"""The last commit that published tables in the schema `gold`, in the newest storage version, without a digest."""
RACE = 2024015
HISTORY = "select driver_id, dbt_valid_from, dbt_valid_to from snapshots.driver_snapshot order by all"


@dataclass
class Old:
    """A lake, and `f1` of either version on it."""

    root: Path
    code: Path
    server: ReplayServer

    def f1(self, *arguments: str, before: bool = False) -> subprocess.CompletedProcess[str]:
        clean = {
            name: value for name, value in os.environ.items() if not name.startswith(("F1_", "DAGSTER_"))
        }
        code = self.code if before else PROJECT
        return subprocess.run(
            [sys.executable, "-c", MAIN, *arguments],
            env={
                **clean,
                "F1_LAKEHOUSE_ROOT": str(self.root),
                "F1_OPENF1_URL": self.server.url,
                "F1_OPENF1_REQUESTS_PER_SECOND": "0",
                "F1_OPENF1_REQUESTS_PER_MINUTE": "0",
                "F1_SOURCES": "openf1",
                "PYTHONPATH": str(code),
                "PYTHONSAFEPATH": "1",
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def read(self, file: str, query: str) -> list[tuple]:
        with duckdb.connect(str(self.root / file), read_only=True) as con:
            return con.execute(query).fetchall()


# The module was moved after the commit.
MAIN = """
try:
    from f1_lakehouse.cli.app import main
except ModuleNotFoundError:
    from f1_lakehouse.cli import main
main()
"""


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Old]:
    archive = subprocess.run(["git", "-C", PROJECT, "archive", BEFORE], capture_output=True, check=False)
    if archive.returncode:
        pytest.skip(f"commit {BEFORE} is not in this copy of the repository")
    code, folder = tmp_path_factory.mktemp("code"), tmp_path_factory.mktemp("openf1")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(code, filter="data")
    generate(folder, season=2024, meetings=1, telemetry=False, seed=5)
    with ReplayServer(folder) as server:
        lake = Old(tmp_path_factory.mktemp("old") / "lake", code, server)
        done = lake.f1("load", "--session", str(RACE), "--no-telemetry", before=True)
        assert done.returncode == 0, done.stderr
        yield lake


@pytest.mark.slow
def test_lake_of_an_earlier_version_is_rebuilt_and_published_without_new_data(old: Old) -> None:
    assert "digest" not in json.loads((old.root / "build.json").read_text())
    laps = old.read("gold.duckdb", "select count(*) from gold.gold.fact_laps")
    history = old.read("warehouse.duckdb", HISTORY)
    count = "select count(*) as laps from fact_laps"
    assert json.loads(old.f1("sql", "--json", count).stdout) == [{"laps": laps[0][0]}]
    # A line may be wrapped: the width is that of the terminal in which the tests run.
    assert "another version of the code built it" in " ".join(old.f1("status").stdout.split())
    assert old.f1("report", "--session", "latest").returncode in (0, 1)

    old.server.requests.clear()
    done = old.f1("load", "--session", str(RACE), "--no-telemetry")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "all of it: the code has changed" in done.stderr
    assert old.server.requests == []
    assert old.read("gold.duckdb", "select count(*) from gold.fact_laps") == laps
    assert old.read("gold.duckdb", "select digest from meta.publication") == [(current_digest(),)]
    with (old.root / "gold.duckdb").open("rb") as file:
        assert int.from_bytes(file.read(20)[12:], "little") == 64
    assert set(history) <= set(old.read("warehouse.duckdb", HISTORY))
    assert "current" in old.f1("status").stdout

    again = old.f1("load", "--session", str(RACE), "--no-telemetry")
    assert again.returncode == 0
    assert "silver, gold" not in again.stderr
    transformed = old.f1("transform")
    assert transformed.returncode == 0, transformed.stderr
    assert "the code has changed" not in transformed.stderr
