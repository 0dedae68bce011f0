"""The unchanged project on an engine behind Spark Connect: the same rows as on DuckDB, and the same tests pass.

Sail is used instead of a cluster. Needs a Python with `dbt-spark pyspark[connect]==4.1.4 pysail pandas<3`, named by
F1_SPARK_PYTHON: 1.3 GB that no other test needs.
"""

import os
import subprocess
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dbt_lake import PROJECT, Lake
from deltalake import DeltaTable

from f1_lakehouse.simulator.generate import generate
from f1_lakehouse.sources.openf1.endpoints import SESSION_ENDPOINTS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("F1_SPARK_PYTHON" not in os.environ, reason="F1_SPARK_PYTHON is not set"),
]
SEASON = 2024
SEEDS = {"driver_aliases", "team_lineage"}


def built_on_sail(lake: Lake, root: Path, change: Callable[[], None]) -> Path:
    """Build twice on Sail with a change between the builds; return the folder of the tables."""
    # -P: dbt loads every importable module called dbt_… as a plugin
    command = [
        os.environ["F1_SPARK_PYTHON"],
        "-P",
        Path(__file__).with_name("on_sail.py"),
        PROJECT,
        root / "target",
    ]
    with (
        (root / "said.txt").open("w") as said,
        subprocess.Popen(
            command,
            env=os.environ | lake.environment | {"F1_SPARK_WAREHOUSE": str(root / "tables")},
            cwd=lake.bronze.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        first = process.stdout.readline()
        if first == "built\n":
            change()
        then, _ = process.communicate("again\n" if first == "built\n" else None)
    assert (first, then) == ("built\n", "built\n"), (root / "target" / "dbt.log").read_text()[-5000:]
    return root / "tables"


def comparable(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return sorted rows; numbers have six decimals and times no zone, because the engines format them differently."""

    def plain(value: Any) -> Any:
        if isinstance(value, float | Decimal):
            return f"{float(value):.6f}"
        return value.replace(tzinfo=None) if isinstance(value, datetime) else value

    return sorted((tuple(map(plain, row)) for row in rows), key=str)


def test_sail_and_duckdb_build_equal_tables_also_after_corrections(tmp_path: Path) -> None:
    folder = tmp_path / "season"
    made = generate(folder, SEASON, 2, telemetry=True, sprint_every=2, telemetry_every=60)
    first, second, *_, last = keys = [key for key in made.sessions if key % 10 in (2, 3, 4, 5)]
    lake = Lake(tmp_path / "lake")

    def pull(key: int) -> None:
        for endpoint in SESSION_ENDPOINTS:
            lake.pull_folder(folder, endpoint.name, key, SEASON)

    def later() -> None:
        """Add a session, remove a lap of another one, and remove all positions of a third."""
        pull(last)
        lake.pull_folder(folder, "laps", first, SEASON, lambda rows: rows[1:])
        lake.pull("position", second, SEASON, [], "emptied")

    for endpoint in ("meetings", "sessions"):
        lake.pull_folder(folder, endpoint, SEASON, SEASON)
    for key in keys[:-1]:
        pull(key)
    tables = built_on_sail(lake, tmp_path, later)
    lake.build()
    different = []
    with duckdb.connect(lake.warehouse, read_only=True) as connection:
        built = connection.execute(
            "select schema_name, table_name from duckdb_tables() where schema_name in ('silver', 'gold')"
        ).fetchall()
        for schema, table in built:
            if table in SEEDS:
                continue
            here = connection.execute(f"select * from {schema}.{table}")
            columns = [column[0] for column in here.description]
            there = DeltaTable(tables / table).to_pyarrow_table().select(columns).to_pylist()
            if comparable(here.fetchall()) != comparable([tuple(row.values()) for row in there]):
                different.append(table)
    assert len(built) > 40
    # DuckDB has built once, so it lacks the history rows of the first of two builds
    assert set(different) <= {"data_quality_metrics", "source_changes"}
