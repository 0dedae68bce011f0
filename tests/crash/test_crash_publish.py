"""A killed publish leaves the old or the new gold, and the next publish completes the new one."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from deltalake import DeltaTable

from f1_lakehouse.publishing.build_record import Build, current_digest, record_build
from f1_lakehouse.publishing.publication import publication
from f1_lakehouse.publishing.publish import publish
from f1_lakehouse.settings import Settings

KILLED = -9
TABLES = ("dim_drivers", "fact_laps")


def build(lake: Settings, number: int) -> None:
    """Write gold as dbt does; every row contains the number of its build."""
    with duckdb.connect(str(lake.warehouse)) as con:
        con.execute("create schema if not exists gold")
        for name in TABLES:
            con.execute(f"create or replace table gold.{name} as select {number} as build from range(50)")
    record_build(
        lake,
        Build(f"build-{number}", f"run-{number}", datetime(2024, 9, 22, tzinfo=UTC), digest=current_digest()),
    )


def published(path: Path) -> set[int]:
    """Return the build numbers in the tables of the published file."""
    with duckdb.connect(str(path), read_only=True) as con:
        return {n for name in TABLES for (n,) in con.execute(f"select distinct build from {name}").fetchall()}


@pytest.fixture
def publisher(tmp_path: Path) -> Callable[[], Settings]:
    numbers = iter(range(1000))

    def make() -> Settings:
        lake = Settings(lakehouse_root=tmp_path / f"lake{next(numbers)}")
        lake.root.mkdir()
        build(lake, 1)
        publish(lake)
        build(lake, 2)
        return lake

    return make


def test_publish_killed_at_a_crash_point_shows_one_build_and_is_completed_by_the_next(
    publisher: Callable[[], Settings], crash_process: Any, kills: int
) -> None:
    [(code, output)] = crash_process.run(publisher().root, "publish")
    assert code == 0, output
    count = int(output)
    assert count >= 8  # two Delta tables, fsync, rename; before and after each
    for at in range(1, count + 1, 1 if kills else 2):
        lake = publisher()
        assert crash_process.run(lake.root, "publish", kill_at=at)[0][0] == KILLED, at
        assert published(lake.gold) in ({1}, {2}), at
        assert crash_process.run(lake.root, "publish")[0][0] == 0
        assert published(lake.gold) == {2}
        for name in TABLES:
            rows = DeltaTable(f"{lake.published_tables}/{name}").to_pyarrow_table()["build"].to_pylist()
            assert rows == [2] * 50
        done = publication(lake)
        assert done is not None
        assert done.bronze_version == "build-2"
        assert not list(lake.root.glob(".gold.*"))


def test_publish_killed_at_any_time_shows_one_build(
    publisher: Callable[[], Settings], crash_process: Any, kills: int, rng: Any
) -> None:
    for _ in range(kills or 2):
        lake = publisher()
        crash_process.run(lake.root, "publish", kill_after=rng.uniform(0.01, 0.2))
        assert published(lake.gold) in ({1}, {2})
        assert crash_process.run(lake.root, "publish")[0][0] == 0
        assert published(lake.gold) == {2}
