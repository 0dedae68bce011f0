"""Tables of published gold that no transform builds: they are written as Delta, and copied into `gold.duckdb`.

Models make them from published gold (strategy/). A transform copies the newest version of each into the file that it publishes, and a
training replaces the file by a copy with its new tables. A training that fails leaves both as they were. Not here: what the tables hold.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import replace

import duckdb
import pyarrow as pa
from deltalake import DeltaTable, WriterProperties, write_deltalake

from f1_lakehouse.publishing.file_state import identity
from f1_lakehouse.publishing.gold_file import (
    PublishError,
    gold_schema,
    literal,
    publishing_alone,
    remove_partial,
    writers_kept_out,
)
from f1_lakehouse.publishing.publication import read_record, record_publication
from f1_lakehouse.settings import Settings
from f1_lakehouse.storage.delta import scan

FORECAST_TABLES = ("pit_wall", "strategy_calibration", "strategy_forecasts", "strategy_scorecard")
COMMENT = b"comment"
"""Key of a field's description in Arrow; Delta stores it with the column."""
WRITER = WriterProperties(compression="ZSTD", max_row_group_size=16 * 1024)


def write_forecasts(settings: Settings, tables: Mapping[str, tuple[str, pa.Table]]) -> None:
    """Write name → (description, rows) as Delta tables: each in one commit, nothing if its rows are there already."""
    for name, (description, rows) in tables.items():
        uri = f"{settings.published_tables}/{name}"
        if DeltaTable.is_deltatable(uri) and scan(DeltaTable(uri)).to_table().equals(rows):
            continue
        write_deltalake(
            uri,
            rows,
            mode="overwrite",
            schema_mode="overwrite",
            description=description,
            writer_properties=WRITER,
        )


def add_forecasts(
    con: duckdb.DuckDBPyConnection, settings: Settings, database: str, schema: str = "main"
) -> dict[str, int]:
    """Replace the tables of forecasts in an attached database by their newest versions. Returns name → rows."""
    rows = {}
    for name in FORECAST_TABLES:
        uri = f"{settings.published_tables}/{name}"
        if not DeltaTable.is_deltatable(uri):
            continue
        table = DeltaTable(uri)
        target = f'{database}.{schema}."{name}"'
        con.register("forecast_rows", scan(table))
        con.execute(f"create or replace table {target} as select * from forecast_rows")
        con.unregister("forecast_rows")
        con.execute(f"comment on table {target} is {literal(table.metadata().description or '')}")
        for field in table.schema().fields:
            if comment := field.metadata.get(COMMENT.decode()):
                con.execute(f'comment on column {target}."{field.name}" is {literal(str(comment))}')
        [(count,)] = con.execute(f"select count(*) from {target}").fetchall()
        rows[name] = int(count)
    return rows


def publish_forecasts(settings: Settings) -> dict[str, int]:
    """Replace `gold.duckdb` by a copy with the newest forecasts, by one rename. Returns name → rows.

    Raises:
        GoldLockedError: another program writes to the file; it is unchanged.
        PublishError: nothing is published yet.
    """
    if not settings.gold.exists():
        raise PublishError("nothing is published yet; run f1 load or f1 transform")
    with publishing_alone(settings):
        return _publish_forecasts(settings)


def _publish_forecasts(settings: Settings) -> dict[str, int]:
    record = read_record(settings)
    is_known = record is not None and record.file == identity(settings.gold)
    partial = settings.root / f".gold.{os.getpid()}.duckdb.partial"
    try:
        with writers_kept_out(settings):
            shutil.copyfile(settings.gold, partial)
        with duckdb.connect(
            config={"memory_limit": "256MiB", "threads": 1, "temp_directory": f"{partial}.tmp"}
        ) as con:
            con.execute(f"attach {literal(str(partial))} as gold")
            rows = add_forecasts(con, settings, "gold", gold_schema(con))
            con.execute("checkpoint gold")
            con.execute("detach gold")
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        with writers_kept_out(settings):
            partial.replace(settings.gold)
        if is_known and record is not None:
            record_publication(settings, replace(record, file=identity(settings.gold)))
    finally:
        remove_partial(partial)
    return rows


def described(name: str, kind: pa.DataType, description: str) -> pa.Field:
    """Return a column of a table of forecasts."""
    return pa.field(name, kind, metadata={COMMENT: description.encode()})
