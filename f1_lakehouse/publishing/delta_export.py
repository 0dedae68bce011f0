"""Published gold as Delta tables, for other engines: each table, and of it what has changed.

Of a table with seasons the changed seasons are replaced in one commit; of telemetry the changed sessions, one commit per session; any
other table is replaced completely. What has changed is read from the commits of the Delta log: no published row is read.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import duckdb
import orjson
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, WriterProperties, write_deltalake
from deltalake.exceptions import TableNotFoundError

from f1_lakehouse.publishing.data_card import attribution_of
from f1_lakehouse.publishing.table_state import DELTA_ONLY, TableState
from f1_lakehouse.settings import Settings
from f1_lakehouse.storage.delta import WRITER, explain_folder
from f1_lakehouse.storage.memory import release_freed

BATCH_ROWS = 16 * 1024
"""Rows of a batch on the way to Delta, and of a row group there. DuckDB's own batches have up to a million rows."""
SAMPLE_ROWS = 4 * 1024
"""The same of telemetry, whose rows are the widest; the writer holds several batches."""
Cursor = Callable[[duckdb.DuckDBPyConnection], duckdb.DuckDBPyConnection]
"""What makes a second cursor that reads the same tables (`BuiltTables.cursor`)."""
SAME_TABLES: Cursor = duckdb.DuckDBPyConnection.cursor
TABLE_WRITER = WriterProperties(compression="ZSTD", max_row_group_size=BATCH_ROWS)


def export_tables(
    settings: Settings,
    con: duckdb.DuckDBPyConnection,
    states: Mapping[str, TableState],
    cursor_of: Cursor = SAME_TABLES,
    is_interrupted: Callable[[], bool] = lambda: False,
) -> dict[str, int]:
    """Write what has changed of each table, until `is_interrupted`. Returns the version of each Delta table that was written."""
    versions = {}
    attribution = attribution_of(con)
    # The largest table first, while the process holds the least memory: the writers do not release all of theirs.
    for table, state in sorted(states.items(), key=lambda one: one[1].rows, reverse=True):
        if is_interrupted():
            break
        uri = f"{settings.published_tables}/{table}"
        if table in DELTA_ONLY:
            versions[table] = export_by_session(uri, con, table, attribution, cursor_of)
        else:
            versions[table] = export_by_season(uri, con, table, state, attribution, cursor_of)
        release_freed()  # otherwise the next table's memory would be added to it
    if versions:
        explain_folder(settings.published_tables)
    return versions


def export_by_season(
    uri: str,
    con: duckdb.DuckDBPyConnection,
    table: str,
    state: TableState,
    attribution: str,
    cursor_of: Cursor = SAME_TABLES,
) -> int:
    """Write the changed seasons in one commit, whose metadata has the new state; a table without seasons completely."""
    there = _open(uri)
    last = there.history(1)[0] if there is not None else {}
    if there is not None and last.get("fingerprint") == state.fingerprint:
        return there.version()
    known = orjson.loads(last.get("seasons", "{}"))
    metadata = {"fingerprint": state.fingerprint}
    if state.seasons:
        metadata["seasons"] = orjson.dumps(state.seasons).decode()
    if state.seasons and known and last["fingerprint"].rsplit("-", 1)[1] == state.columns:
        predicate = f"season in ({', '.join(state.changed(known))})"
        how: dict[str, Any] = {"predicate": predicate}
    else:
        predicate = "true"
        how = {"schema_mode": "overwrite", "partition_by": ["season"] if state.seasons else []}
    # A separate cursor: a result that is still being read blocks everything else on its connection.
    rows = cursor_of(con).sql(f'select * from warehouse.gold."{table}" where {predicate}')
    write_deltalake(
        there or uri,
        rows.to_arrow_reader(BATCH_ROWS),
        mode="overwrite",
        **how,
        description=attribution,
        writer_properties=TABLE_WRITER,
        commit_properties=CommitProperties(custom_metadata=metadata),
    )
    return (there or DeltaTable(uri)).version()


def export_by_session(
    uri: str, con: duckdb.DuckDBPyConnection, table: str, attribution: str, cursor_of: Cursor = SAME_TABLES
) -> int:
    """Write the sessions that were rebuilt, one commit per session. `built_from` names the pulls that a session was made from.

    What is published is read from the statistics of the Delta log: no row of telemetry is read for it.
    """
    source = f'warehouse.gold."{table}"'
    made = dict(con.execute(f"select session_key, max(built_from) from {source} group by 1").fetchall())
    cursor = cursor_of(con)
    columns = cursor.sql(f"select * from {source} limit 0").to_arrow_table().schema
    there = _open(uri)
    published: dict[int, str] = {}
    if there is not None and pa.schema(there.schema().to_arrow()).names == columns.names:
        published = _built_from(there)
    else:
        write_deltalake(
            uri,
            columns.empty_table(),
            mode="overwrite",
            schema_mode="overwrite",
            partition_by=["session_key"],
            description=attribution,
        )
        there = DeltaTable(uri)
    for session_key in sorted(key for key, made_of in made.items() if published.get(key) != made_of):
        write_deltalake(
            there,
            _by_driver(cursor, source, int(session_key)),
            mode="overwrite",
            predicate=f"session_key = {int(session_key)}",
            writer_properties=WRITER,
        )
    for session_key in sorted(published.keys() - made.keys()):
        there.delete(f"session_key = {int(session_key)}")
    return there.version()


def exported_sessions(settings: Settings, table: str) -> dict[int, str]:
    """Return session key → `built_from` of a table that is exported by session; empty if there is no such table."""
    there = _open(f"{settings.published_tables}/{table}")
    return _built_from(there) if there is not None else {}


def _built_from(table: DeltaTable) -> dict[int, str]:
    files = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    return {int(f["partition.session_key"]): f["min.built_from"] for f in files}


def _by_driver(cursor: duckdb.DuckDBPyConnection, source: str, session_key: int) -> pa.RecordBatchReader:
    """Return the rows of a session, by driver and time; only one driver's rows are in memory at a time."""
    session = f"select * from {source} where session_key = {session_key}"
    schema = cursor.sql(f"{session} limit 0").to_arrow_table().schema
    drivers = cursor.sql(f"select distinct driver_number from ({session}) order by 1").fetchall()

    def batches() -> Iterator[pa.RecordBatch]:
        for (driver,) in drivers:
            yield from cursor.sql(
                f"{session} and driver_number = {int(driver)} order by date"
            ).to_arrow_reader(SAMPLE_ROWS)

    return pa.RecordBatchReader.from_batches(schema, batches())


def _open(uri: str) -> DeltaTable | None:
    """The Delta table, if there is one."""
    try:
        return DeltaTable(uri)
    except TableNotFoundError:
        return None
