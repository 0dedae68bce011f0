"""`F1_ENGINE=spark` through `f1 transform`: the same tables as DuckDB's, after a kill, after corrections, and back to DuckDB.

Sail is used instead of a cluster, in one process and with three workers. `make test-spark` installs it into an environment of its own.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dbt_lake import PROJECT, Lake
from deltalake import DeltaTable

from f1_lakehouse.simulator.generate import generate
from f1_lakehouse.sources.openf1.endpoints import SESSION_ENDPOINTS
from f1_lakehouse.storage.delta import scan

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("pysail") is None, reason="pysail is not installed"),
]
SEASON = 2024
BIN = Path(sys.executable).parent
WORKERS = {"one process": 0, "local-cluster": 3}


@contextlib.contextmanager
def sail(workers: int, said: Path) -> Iterator[str]:
    """Run Sail; the address for SPARK_REMOTE."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (
        said.open("w") as log,
        subprocess.Popen(
            [PROJECT.parent / "deploy" / "sail.sh", str(port), str(workers)],
            env=os.environ | {"SAIL": str(BIN / "sail")},
            cwd=said.parent,
            stdout=log,
            stderr=log,
        ) as server,
    ):
        until = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert server.poll() is None, said.read_text()
            assert time.monotonic() < until, said.read_text()
        try:
            yield f"sc://127.0.0.1:{port}"
        finally:
            server.kill()


def f1(root: Path, *arguments: str, remote: str | None = None) -> "subprocess.Popen[str]":
    """Start f1 on a lake: with the engine at `remote`, else with DuckDB."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("F1_", "DAGSTER_"))}
    engine = {"F1_ENGINE": "spark", "SPARK_REMOTE": remote} if remote else {}
    return subprocess.Popen(
        [BIN / "f1", *arguments],
        env={**clean, "F1_LAKEHOUSE_ROOT": str(root), **engine},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def transform(root: Path, remote: str | None = None) -> None:
    with f1(root, "transform", remote=remote) as process:
        said, _ = process.communicate()
    assert process.returncode == 0, said[-4000:]


def kill_while_gold_is_built(root: Path, remote: str) -> None:
    """Start a transform and kill it, dbt included, when the first large table of gold is there."""
    with f1(root, "transform", remote=remote) as process:
        while not DeltaTable.is_deltatable(str(root / "spark" / "gold" / "fact_laps")):
            assert process.poll() is None, process.communicate()[0][-4000:]
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)


def rows_of(con: duckdb.DuckDBPyConnection, source: str, kinds: dict[str, str]) -> str:
    """A query of a table's rows that compares: numbers to six decimals, times in UTC, types those of `kinds`."""
    columns = []
    for name, kind in kinds.items():
        if kind in ("DOUBLE", "FLOAT") or kind.startswith("DECIMAL"):
            columns.append(f'round("{name}"::double, 6)')
        elif kind.startswith("TIMESTAMP"):
            columns.append(f'"{name}"::timestamptz')
        else:
            columns.append(f'"{name}"::{kind}')
    return f"select {', '.join(columns)} from {source}"


def different_tables(expected: Path, root: Path, *, spark: bool) -> tuple[list[Any], int]:
    """Compare all tables of silver, gold and the snapshots of two lakes, the second built by `spark` or by DuckDB."""
    different, compared = [], 0
    with duckdb.connect(expected / "warehouse.duckdb", read_only=True) as con:
        con.execute("set timezone = 'UTC'")
        if not spark:
            con.execute(f"attach '{root / 'warehouse.duckdb'}' as other (read_only)")
        for schema, table in con.execute(
            "select schema_name, table_name from duckdb_tables() "
            "where database_name = 'warehouse' and schema_name in ('silver', 'gold', 'snapshots')"
        ).fetchall():
            there = f'other.{schema}."{table}"'
            if spark:
                con.register("there", scan(DeltaTable(str(root / "spark" / schema / table))))
                there = "there"
            here = f'warehouse.{schema}."{table}"'
            kinds = {name: kind for name, kind, *_ in con.execute(f"describe {here}").fetchall()}
            left, right = (rows_of(con, source, kinds) for source in (here, there))
            counts = [
                con.execute(f"select count(*) from ({one} except all {other})").fetchall()[0][0]
                for one, other in ((left, right), (right, left))
            ]
            compared += 1
            if any(counts):
                different.append((schema, table, *counts))
    return different, compared


def published(root: Path) -> tuple[list[Any], dict[str, int]]:
    """The columns of gold.duckdb with types and descriptions, and the rows of its tables."""
    with duckdb.connect(root / "gold.duckdb", read_only=True) as con:
        columns = con.execute(
            "select table_name, column_name, column_index, data_type, comment from duckdb_columns() "
            "where schema_name = 'main' union all select table_name, '', 0, '', comment from duckdb_tables() "
            "where schema_name = 'main' order by all"
        ).fetchall()
        names = {table for table, *_ in columns}
        return columns, {
            name: con.execute(f'select count(*) from "{name}"').fetchall()[0][0] for name in names
        }


@pytest.mark.parametrize("mode", WORKERS)
def test_both_engines_build_equal_tables(tmp_path: Path, mode: str) -> None:
    folder, root, expected = tmp_path / "season", tmp_path / "lake", tmp_path / "expected"
    made = generate(folder, SEASON, 2, telemetry=True, sprint_every=2, telemetry_every=60)
    first, second, *_, last = keys = [key for key in made.sessions if key % 10 in (2, 3, 4, 5)]
    lake = Lake(root)

    def pull(key: int) -> None:
        for endpoint in SESSION_ENDPOINTS:
            lake.pull_folder(folder, endpoint.name, key, SEASON)

    for endpoint in ("meetings", "sessions"):
        lake.pull_folder(folder, endpoint, SEASON, SEASON)
    for key in keys[:-1]:
        pull(key)
    transform(root)
    with duckdb.connect(root / "warehouse.duckdb") as con:
        # Rows of an earlier day, which cannot be measured again: the switch must move them.
        con.execute(
            "insert into gold.data_quality_metrics select * replace (run_date - 3 as run_date) from gold.data_quality_metrics"
        )
    shutil.copytree(root, expected)
    with sail(WORKERS[mode], tmp_path / "sail.log") as remote:
        kill_while_gold_is_built(root, remote)
        with f1(root, "sql", "select 1") as read:
            assert read.wait() == 0, "gold stays readable after a build that was killed"
        transform(root, remote)
        # A new session; a lap is removed, all positions of a session too, and a driver is renamed.
        pull(last)
        lake.pull_folder(folder, "laps", first, SEASON, lambda rows: rows[1:])
        lake.pull("position", second, SEASON, [], "emptied")
        lake.pull_folder(
            folder,
            "drivers",
            last,
            SEASON,
            lambda rows: [{**rows[0], "broadcast_name": "R RENAMED"}, *rows[1:]],
        )
        shutil.rmtree(expected / "bronze")
        shutil.copytree(root / "bronze", expected / "bronze")
        transform(root, remote)
    transform(expected)
    different, compared = different_tables(expected, root, spark=True)
    assert not different
    assert compared > 100
    assert published(root) == published(expected)
    # Back: everything is rebuilt, and the snapshots continue.
    transform(root)
    different, compared = different_tables(expected, root, spark=False)
    assert not different
    assert compared > 100
