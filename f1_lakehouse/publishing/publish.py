"""Publish gold: write, audit, publish.

dbt builds gold in the pipeline's private warehouse. When every error-severity test has passed, the tables are copied into a new file
that replaces `gold.duckdb` by one rename: a reader sees the old gold or the new one, and never blocks the pipeline. Only what has
changed is written: of a table with seasons the seasons, else the table. The Delta tables are written at the same time, and before the rename
(delta_export.py).
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import duckdb
import orjson

from f1_lakehouse import __version__
from f1_lakehouse.processes import is_running
from f1_lakehouse.publishing.build_record import last_build
from f1_lakehouse.publishing.built_tables import BuiltTables, WarehouseFile
from f1_lakehouse.publishing.data_card import attribution_of, write_card
from f1_lakehouse.publishing.delta_export import export_tables
from f1_lakehouse.publishing.file_state import identity
from f1_lakehouse.publishing.forecast_tables import add_forecasts
from f1_lakehouse.publishing.gold_file import (
    PublishError,
    literal,
    publishing_alone,
    remove_partial,
    writers_kept_out,
)
from f1_lakehouse.publishing.publication import (
    Publication,
    PublicationRecord,
    read_record,
    record_publication,
    sessions_of,
)
from f1_lakehouse.publishing.table_state import DELTA_ONLY, TABLES_AND_VIEWS, TableState, table_states
from f1_lakehouse.settings import Settings
from f1_lakehouse.storage.memory import release_freed

STORAGE_VERSION = "v1.0.0"
"""Of `gold.duckdb`: clients from DuckDB 1.0 on read it. Newer versions only add compression."""
COPY_CONFIG: dict[str, str | bool | int | float | list[str]] = {"memory_limit": "48MiB", "threads": 1}
"""Publish only copies, in two threads of this process. Without a limit DuckDB keeps what it has read, and needs more memory with every season.
Each thread of DuckDB needs a share of the limit. Tested with 9.6 million rows of fact_laps; 32 MiB were enough."""


def publish(settings: Settings, built: BuiltTables | None = None) -> Publication:
    """Replace published gold by the gold that was built (`built`: where; by default in `warehouse.duckdb`).

    Raises:
        GoldLockedError: another program writes to `gold.duckdb`. The file is unchanged; the Delta tables are published.
        PublishError: the last build failed or never ran.
    """
    with publishing_alone(settings):
        return _publish(settings, built or WarehouseFile(settings))


def _publish(settings: Settings, built: BuiltTables) -> Publication:
    build = last_build(settings)
    if build is None or not built.exist():
        raise PublishError("gold was not built by a build that passed its tests; run: f1 transform")
    _remove_leftovers(settings)
    release_freed()
    partial = settings.root / f".gold.{os.getpid()}.duckdb.partial"
    remove_partial(partial)
    try:
        # The temporary folder is next to the file; DuckDB's default is the current folder of the command.
        with duckdb.connect(config={**COPY_CONFIG, "temp_directory": f"{partial}.tmp"}) as con:
            built.attach(con)
            states = table_states(con, "warehouse")
            with _delta_tables(settings, con, states, built) as exported:
                rows = _write_tables(con, settings, partial, states, build.digest)
                add_forecasts(con, settings, "target")
                delta_versions = exported.result()
            done = Publication(
                build.bronze_version, datetime.now(UTC), __version__, rows, build.digest, build.seen_at
            )
            _write_meta(con, done)
            write_card(con, sorted(states))
            has_sessions = {"fact_results", "fact_laps"} <= rows.keys()
            sessions = sessions_of(con, "warehouse.gold.") if has_sessions else set()
            con.execute("checkpoint target")
            con.execute("detach target")
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        with writers_kept_out(settings):
            partial.replace(settings.gold)
        tables = {table: states[table] for table in rows}
        record_publication(
            settings, PublicationRecord(identity(settings.gold), done, sorted(sessions), tables)
        )
    finally:
        remove_partial(partial)
    fingerprints = {table: state.fingerprint for table, state in states.items()}
    return replace(done, fingerprints=fingerprints, delta_versions=delta_versions)


@contextmanager
def _delta_tables(
    settings: Settings, con: duckdb.DuckDBPyConnection, states: Mapping[str, TableState], built: BuiltTables
) -> Iterator[Future[dict[str, int]]]:
    """Write the Delta tables in a thread. It ends with the block, or after its current table if the block is interrupted."""
    interrupted = Event()
    with ThreadPoolExecutor(1, "delta tables") as thread:
        try:
            yield thread.submit(
                export_tables, settings, built.cursor(con), states, built.cursor, interrupted.is_set
            )
        except BaseException as error:
            if not isinstance(error, Exception):
                interrupted.set()
            raise


def _write_tables(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    partial: Path,
    states: Mapping[str, TableState],
    digest: str | None,
) -> dict[str, int]:
    """Write the tables to the new file, attached as `target`: a copy of the published file where it can be reused. Returns their rows."""
    known = _published_tables(settings, digest)
    with writers_kept_out(settings):
        if known:
            shutil.copyfile(settings.gold, partial)
    # The databases have names of their own: in a file named gold with a schema gold (of an earlier version), `gold.x` is ambiguous.
    con.execute(
        f"attach {literal(str(partial))} as target{'' if known else f' (storage_version {literal(STORAGE_VERSION)})'}"
    )
    rows: dict[str, int] = {}
    for table, state in sorted(states.items()):
        if table in DELTA_ONLY:
            continue
        _copy(con, table, state, known.get(table))
        rows[table] = _count(con, f'target.main."{table}"')
    for table in known.keys() - rows.keys():
        con.execute(f'drop table target.main."{table}"')
    return rows


def _write_meta(con: duckdb.DuckDBPyConnection, done: Publication) -> None:
    """Write `meta.publication`, in a schema that replaces the last one."""
    con.execute("drop schema if exists target.meta cascade")
    con.execute("create schema target.meta")
    # Times without a zone, because older clients need a package for those with one. They are UTC, as all of gold's.
    con.execute(
        "create table target.meta.publication as select ? as bronze_version, ?::timestamp as published_at, "
        "? as code_version, ? as licence, ?::json as tables, ? as digest, ?::timestamp as bronze_seen_at",
        [
            done.bronze_version,
            _without_zone(done.published_at),
            done.code_version,
            attribution_of(con),
            orjson.dumps(done.rows).decode(),
            done.digest,
            _without_zone(done.seen_at) if done.seen_at else None,
        ],
    )


def _without_zone(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(tzinfo=None)


def _published_tables(settings: Settings, digest: str | None) -> dict[str, TableState]:
    """Return the states of the tables of the published file.

    Empty if there is no file, if another version of the code published it, or if it was changed since: then all tables are written.
    """
    record = read_record(settings)
    if record is None or not settings.gold.exists() or record.file != identity(settings.gold):
        return {}
    return record.tables if record.publication.digest == digest is not None else {}


def _copy(con: duckdb.DuckDBPyConnection, table: str, state: TableState, known: TableState | None) -> None:
    """Make a table of the new file equal to the warehouse's."""
    source, target = f'warehouse.gold."{table}"', f'target.main."{table}"'
    if known == state:
        return
    if known is None or not state.is_described_as(known):
        # In one transaction: each commit takes half a millisecond, and there are 1,400 descriptions.
        con.execute("begin")
        con.execute(f"create or replace table {target} as select * from {source}")
        _copy_comments(con, table)
        con.execute("commit")
        return
    # The table stays, with its descriptions: writing them takes longer than writing the rows.
    changed = state.changed(known.seasons)
    which = f"season in ({', '.join(changed)})" if state.seasons and known.seasons else "true"
    con.execute(f"delete from {target} where {which}")
    con.execute(f"insert into {target} by name select * from {source} where {which}")


def _copy_comments(con: duckdb.DuckDBPyConnection, table: str) -> None:
    """Copy the descriptions of a table and its columns, which state units and rules."""
    [(comment,)] = con.execute(
        f"select comment from {TABLES_AND_VIEWS} where database_name = 'warehouse' and schema_name = 'gold' "
        "and table_name = ?",
        [table],
    ).fetchall()
    if comment:
        con.execute(f'comment on table target.main."{table}" is {literal(comment)}')
    for name, comment in con.execute(
        "select column_name, comment from duckdb_columns() where database_name = 'warehouse' "
        "and schema_name = 'gold' and table_name = ? and comment is not null",
        [table],
    ).fetchall():
        con.execute(f'comment on column target.main."{table}"."{name}" is {literal(comment)}')


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    [(rows,)] = con.execute(f"select count(*) from {table}").fetchall()
    return int(rows)


def _remove_leftovers(settings: Settings) -> None:
    """Remove the files of publish processes that were killed."""
    for path in settings.root.glob(".gold.*.duckdb.partial*"):
        pid = path.name.split(".")[2]
        if pid.isdigit() and not is_running(int(pid)):
            remove_partial(settings.root / f".gold.{pid}.duckdb.partial")
