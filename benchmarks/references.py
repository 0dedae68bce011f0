"""What the lakehouse is compared with: the least code that does the job, and an existing library.

Each function does the complete job and returns the number of rows written. dlt runs in a separate virtual environment without the
project: `python -m benchmarks.references SERVED FOLDER` is that variant.
"""

import json
import re
import resource
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

Measured = dict[str, Any]

TELEMETRY = {"car_data": ["rpm", "speed", "n_gear", "throttle", "brake", "drs"], "location": ["x", "y", "z"]}


def bare_race(served: Any, target: Path) -> int:
    """requests, orjson, Arrow and delta-rs: the response of every driver parsed and typed, one commit per feed."""
    import orjson
    import pyarrow as pa
    import requests
    from deltalake import write_deltalake

    written = 0
    with requests.Session() as http:
        for feed, columns in TELEMETRY.items():
            keys = ["session_key", "meeting_key", "driver_number", *columns]
            schema = pa.schema([("date", pa.string()), *((name, pa.int64()) for name in keys)])
            tables = []
            for driver in served.drivers:
                url = f"{served.url}/{feed}?session_key={served.session_key}&driver_number={driver}"
                tables.append(pa.Table.from_pylist(orjson.loads(http.get(url).content), schema))
            rows = pa.concat_tables(tables)
            rows = rows.set_column(0, "date", rows["date"].cast(pa.timestamp("us", "UTC")))
            write_deltalake(str(target / feed), rows, mode="append")
            written += rows.num_rows
    return written


def dlt_race(served: Any, target: Path) -> int:
    """dlt with its own HTTP client, into Delta, with only the required configuration."""
    import dlt
    from dlt.sources.helpers import requests

    def resource(feed: str) -> Any:
        @dlt.resource(name=feed, table_format="delta", write_disposition="append")
        def rows() -> Iterable[Any]:
            for driver in served.drivers:
                url = f"{served.url}/{feed}?session_key={served.session_key}&driver_number={driver}"
                yield requests.get(url).json()

        return rows

    pipeline = dlt.pipeline(
        "race",
        destination=dlt.destinations.filesystem(bucket_url=f"file://{target}"),
        dataset_name="bronze",
        pipelines_dir=str(target / "pipelines"),
    )
    pipeline.run([resource(feed) for feed in TELEMETRY])
    counts = pipeline.last_trace.last_normalize_info.row_counts
    return sum(counts[feed] for feed in TELEMETRY)


def bare_rebuild(landing: Path, target: Path) -> int:
    """Each landed pull decompressed, parsed, typed and appended: one commit per pull, as in bronze."""
    import orjson
    import pyarrow as pa
    from deltalake import write_deltalake

    from f1_lakehouse.sources.catalog import Kind
    from f1_lakehouse.sources.openf1.endpoints import ENDPOINTS

    codec = pa.Codec("zstd")
    written = 0
    for endpoint in ENDPOINTS:
        as_read = [
            pa.field(c.name, pa.string() if c.kind in (Kind.TIME, Kind.JSON) else c.arrow.type)
            for c in endpoint.columns
        ]
        json = [column.name for column in endpoint.columns if column.kind is Kind.JSON]
        for manifest in sorted(landing.glob(f"{endpoint.name}/*/*/manifest.json")):
            tables = []
            for answer in orjson.loads(manifest.read_bytes())["answers"]:
                if answer["status"] != 200:
                    continue
                body = (manifest.parent / f"{answer['file']}.json.zst").read_bytes()
                rows = orjson.loads(codec.decompress(body, answer["size"], asbytes=True))
                for row in rows if json else ():
                    row.update({name: orjson.dumps(row.get(name)).decode() for name in json})
                tables.append(pa.Table.from_pylist(rows, pa.schema(as_read)))
            if tables:
                rows = pa.concat_tables(tables).cast(endpoint.schema)
                write_deltalake(str(target / endpoint.name), rows, mode="append")
                written += rows.num_rows
    return written


def bare_models(warehouse: Path, bronze: Path, compiled: Sequence[tuple[str, str, bool, str]]) -> int:
    """The models' SQL in plain DuckDB: (schema, name, incremental, select) in order, bronze through delta-rs."""
    import duckdb
    from deltalake import DeltaTable

    with duckdb.connect(str(warehouse)) as con:
        con.execute("set timezone = 'UTC'")
        con.execute("create schema if not exists bronze")
        for schema, name, incremental, select in compiled:
            for source in set(re.findall(r'"bronze"\."(\w+)"', select)):
                if not con.execute(f"select 1 from duckdb_views() where view_name = '_{source}'").fetchall():
                    con.register(f"_{source}", DeltaTable(str(bronze / source)).to_pyarrow_dataset())
            select = re.sub(r'"\w+"\."bronze"\."(\w+)"', r'"_\1"', select)
            marker = re.search(r"replace_partitions (\w+): \[([0-9, ]*)\]", select)
            if not incremental or marker is None:
                con.execute(f'create or replace table "{schema}"."{name}" as {select}')
            elif marker[2]:
                con.execute(f"create or replace temp table new as {select}")
                con.execute(f'delete from "{schema}"."{name}" where {marker[1]} in ({marker[2]})')
                con.execute(f'insert into "{schema}"."{name}" by name select * from new')
    return 0


class Clock:
    """Wall-clock and CPU seconds since it was created, and the peak memory of this process."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def stop(self, **more: object) -> Measured:
        """Return the measurements."""
        cpu, wall = time.process_time() - self._cpu, time.perf_counter() - self._wall
        return {"seconds": wall, "cpu": cpu, "peak_mib": own_peak_mib(), **more}


def own_peak_mib() -> float:
    """Peak memory of this process in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    import dlt  # noqa: F401  not counted, as for the others

    clock = Clock()
    rows = dlt_race(SimpleNamespace(**json.loads(sys.argv[1])), Path(sys.argv[2]))
    print(json.dumps(clock.stop(rows=rows)))
