"""Growth by simulation: a lake of one to ten seasons of telemetry, with thinned rows and all files. `python -m benchmarks.growth`

Costs of a lake grow with its sessions (files, commits, entries of a log) or with its rows. Sessions are simulated one to one, rows are
thinned: what grows with rows is measured per row and multiplied. Does not belong here: speed of a pull or a build (cases.py).
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from benchmarks.data import AT_WORK
from benchmarks.references import own_peak_mib
from f1_lakehouse.publishing.delta_export import _built_from
from f1_lakehouse.sources.registry import BY_NAME
from f1_lakehouse.storage.delta import PROPERTIES, WRITER, scan

SESSIONS = 120
"""Sessions with telemetry of a season: 24 weekends of five."""
SAMPLES = 600_000
"""Rows of car data of a session at full rate: half of its telemetry."""
DRIVERS = 20


def session(key: int, rows: int) -> pa.Table:
    """Random rows of car data of a session, with the columns of bronze and as many distinct values as served rows have."""
    random = np.random.default_rng(key)
    start = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=key)
    per_driver = rows // DRIVERS
    schema = BY_NAME["car_data"].bronze_schema
    bounds = {"rpm": 13000, "speed": 340, "n_gear": 9, "throttle": 101, "brake": 2, "drs": 15}
    made: dict[str, Any] = {
        "session_key": np.full(rows, key),
        "meeting_key": np.full(rows, key // 5),
        "driver_number": np.repeat(np.arange(1, DRIVERS + 1), per_driver),
        "date": [
            start + timedelta(milliseconds=int(t)) for t in np.tile(np.arange(per_driver) * 270, DRIVERS)
        ],
        "_season": np.full(rows, key // 1000),
        "_pull_id": [f"pull-{key}"] * rows,
        "_ingested_at": [start] * rows,
        "_source_url": ["simulated"] * rows,
        **{name: random.integers(0, high, rows) for name, high in bounds.items()},
    }
    columns = [
        pa.array(made[field.name], field.type) if field.name in made else pa.nulls(rows, field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def grow(folder: Path, seasons: range, thinned: int) -> None:
    """Add seasons to the tables of a folder: bronze, the warehouse and published telemetry."""
    rows = SAMPLES // thinned // DRIVERS * DRIVERS
    bronze, gold = str(folder / "bronze"), str(folder / "gold")
    with duckdb.connect(folder / "warehouse.duckdb") as con:
        for season in seasons:
            for number in range(SESSIONS):
                key = (2020 + season) * 1000 + number
                one = session(key, rows)
                write_deltalake(
                    bronze,
                    one,
                    mode="append",
                    partition_by=["_season"],
                    configuration=PROPERTIES,
                    writer_properties=WRITER,
                )
                con.register("one", one)
                built = con.sql(
                    "select * exclude (_season, _pull_id, _source_url, _ingested_at), _pull_id as built_from from one"
                )
                con.execute("create table if not exists telemetry as from built limit 0")
                con.execute("insert into telemetry from built")
                write_deltalake(
                    gold,
                    built.to_arrow_table(),
                    mode="append",
                    partition_by=["session_key"],
                    writer_properties=WRITER,
                )


def measure(folder: Path, rows: int) -> dict[str, float]:
    """Return what one more session costs before its own rows are touched, and the size of each layer."""

    def opened() -> None:
        scan(DeltaTable(str(folder / "bronze")))

    def published() -> None:
        _built_from(DeltaTable(str(folder / "gold")))

    def searched() -> None:
        with duckdb.connect(folder / "warehouse.duckdb", read_only=True) as con:
            con.execute(
                "select session_key, max(built_from), count(*) from telemetry group by session_key"
            ).fetchall()

    def best(what: Callable[[], None]) -> float:
        took = []
        for _ in range(3):
            began = time.perf_counter()
            what()
            took.append(time.perf_counter() - began)
        return min(took)

    def size(name: str) -> int:
        path = folder / name
        files = path.rglob("*") if path.is_dir() else [path]
        return sum(file.stat().st_size for file in files if file.is_file() and "_delta_log" not in file.parts)

    return {
        "open_bronze_s": best(opened),
        "compare_published_s": best(published),
        "search_sessions_ns_per_row": 1e9 * best(searched) / rows,
        "bronze_bytes_per_row": size("bronze") / rows,
        "warehouse_bytes_per_row": size("warehouse.duckdb") / rows,
        "published_bytes_per_row": size("gold") / rows,
    }


def main() -> int:
    """Print a line of JSON per number of seasons. Each is measured in a process of its own, because memory is its peak."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seasons", type=int, nargs="+", default=[1, 3, 10])
    parser.add_argument("--thinned", type=int, default=300, help="one row of so many is kept")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        found = measure(given.measure, given.rows)
        found["peak_mib"] = own_peak_mib()
        print(json.dumps({name: round(value, 3) for name, value in found.items()}))
        return 0
    folder = AT_WORK / "growth"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    there = 0
    for seasons in sorted(given.seasons):
        grow(folder, range(there, seasons), given.thinned)
        there = seasons
        rows = seasons * SESSIONS * (SAMPLES // given.thinned // DRIVERS * DRIVERS)
        command = [sys.executable, "-m", "benchmarks.growth", "--measure", str(folder), "--rows", str(rows)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        print(json.dumps({"seasons": seasons, "rows": rows, **json.loads(done.stdout)}), flush=True)
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
