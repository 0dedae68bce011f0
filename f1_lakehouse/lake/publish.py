"""Gold for readers: write, audit, publish.

dbt builds gold in the pipeline's private warehouse. When every error-severity test has passed, the tables are
copied into a new file that replaces `gold.duckdb` by one rename, so a reader sees the old gold or the new one, and
never holds up the pipeline. Each table is also published as Delta for other engines: of telemetry the sessions that were
built anew, of a table with seasons those that have changed, in one commit.

Whether gold is fit to be published is not decided here (dbt tests and blocking checks are), only that it was built.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, WriterProperties, write_deltalake

from f1_lakehouse import __version__
from f1_lakehouse.lake.bronze import WRITER
from f1_lakehouse.lake.card import LICENCE, write_card
from f1_lakehouse.settings import Settings

DELTA_ONLY = frozenset({"fact_telemetry"})
"""Gold tables that are too large to be copied into one file."""

BATCH = 16 * 1024
"""Rows on their way to Delta at once, and of a row group there: DuckDB's own batches are of a million, most tables whole."""
COPYING: dict[str, str | bool | int | float | list[str]] = {"memory_limit": "48MiB", "threads": 2}
"""Publish only copies. Without a limit DuckDB keeps what it has read and takes more with every season; each thread needs its
share of the limit, so they are bounded too. Tried: 9.6 million rows of fact_laps, also with 32 MiB."""
TABLE_WRITER = WriterProperties(compression="ZSTD", max_row_group_size=BATCH)

_DIGEST = "count(*) || '-' || coalesce(sum(hash(t)::hugeint), 0)"
"""Rows `t`, in any order. A sum and not an exclusive or, in which equal rows would cancel each other out."""


class PublishError(Exception):
    """Gold cannot be published; the message says why and what to do."""


@dataclass(frozen=True)
class Build:
    """A dbt build that succeeded: what it saw of bronze, and in which run.

    `seen_at` is when the newest pull was entered that the build can be sure to have seen; None: none at all.
    """

    bronze_version: str
    run_id: str
    built_at: datetime
    seen_at: datetime | None = None


@dataclass(frozen=True)
class Publication:
    """What `gold.duckdb` holds: from which bronze, since when (UTC), and rows per table.

    Known to who has just published: `fingerprints`, table → what `_fingerprint` says of it, and `delta_versions`, table → its
    version as Delta.
    """

    bronze_version: str
    published_at: datetime
    code_version: str
    rows: dict[str, int]
    fingerprints: dict[str, str] = field(default_factory=dict, compare=False)
    delta_versions: dict[str, int] = field(default_factory=dict, compare=False)


def _marker(settings: Settings) -> Path:
    return settings.root / "build.json"


def note_build(settings: Settings, build: Build) -> None:
    """Record a build that succeeded; `publish` asks for it."""
    partial = _marker(settings).with_suffix(".partial")
    partial.write_bytes(orjson.dumps(build))
    partial.replace(_marker(settings))


def forget_build(settings: Settings) -> None:
    """Say that the warehouse is being changed: until the next `note_build` it is not fit to be published."""
    _marker(settings).unlink(missing_ok=True)


def last_build(settings: Settings) -> Build | None:
    """The build that the warehouse holds; None if a build is under way or failed."""
    try:
        value = orjson.loads(_marker(settings).read_bytes())
    except FileNotFoundError:
        return None
    times = {k: datetime.fromisoformat(value[k]) for k in ("built_at", "seen_at") if value.get(k)}
    return Build(**{**value, **times})


def publication(settings: Settings) -> Publication | None:
    """What is published now; None before the first time."""
    if not settings.gold.exists():
        return None
    with duckdb.connect(str(settings.gold), read_only=True) as con:
        [(version, at, code, tables)] = con.execute(
            "select bronze_version, published_at::varchar, code_version, tables from meta.publication"
        ).fetchall()
    return Publication(version, datetime.fromisoformat(at), code, orjson.loads(tables))


def published_sessions(settings: Settings) -> set[int]:
    """Keys of the sessions that have results or laps in published gold."""
    if not settings.gold.exists():
        return set()
    with duckdb.connect(str(settings.gold), read_only=True) as con:
        found = con.execute(
            "select session_key from gold.gold.fact_results union select session_key from gold.gold.fact_laps"
        ).fetchall()
    return {key for (key,) in found}


def publish(settings: Settings) -> Publication:
    """Replace the published gold by the warehouse's.

    Raises:
        PublishError: the last build failed or never ran.
    """
    build = last_build(settings)
    if build is None or not settings.warehouse.exists():
        raise PublishError("gold was not built by a build that passed its tests; run: f1 transform")
    now = datetime.now(UTC)
    _sweep(settings)
    partial = settings.root / f".gold.{os.getpid()}.duckdb.partial"
    _remove(partial)
    try:
        # Beside the file: DuckDB would spill into the folder that the command was called in.
        with duckdb.connect(config={**COPYING, "temp_directory": f"{partial}.tmp"}) as con:
            # Attached by names of our own: a file called gold with a schema called gold makes `gold.x` ambiguous.
            con.execute(f"attach {_literal(str(partial))} as target")
            con.execute(f"attach {_literal(str(settings.warehouse))} as warehouse (read_only)")
            fingerprints = gold_fingerprints(con, "warehouse")
            tables = sorted(fingerprints)
            delta_versions = _publish_delta(settings, con, fingerprints)
            con.execute("create schema target.gold")
            rows: dict[str, int] = {}
            for table in tables:
                if table in DELTA_ONLY:
                    continue
                con.execute(f'create table target.gold."{table}" as select * from warehouse.gold."{table}"')
                rows[table] = _count(con, f'target.gold."{table}"')
                _copy_comments(con, table)
            con.execute("create schema target.meta")
            con.execute(
                "create table target.meta.publication as select ? as bronze_version, ?::timestamptz as published_at, "
                "? as code_version, ? as licence, ?::json as tables",
                [build.bronze_version, now.isoformat(), __version__, LICENCE, orjson.dumps(rows).decode()],
            )
            write_card(con, tables)
            con.execute("checkpoint target")
            con.execute("detach target")
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(settings.gold)
    finally:
        _remove(partial)
    return Publication(build.bronze_version, now, __version__, rows, fingerprints, delta_versions)


def gold_fingerprints(con: duckdb.DuckDBPyConnection, database: str) -> dict[str, str]:
    """Table of gold → what tells its rows, names and types from others, in an attached database; rows in any order."""
    tables = con.execute(
        "select table_name from duckdb_tables() where database_name = ? and schema_name = 'gold' order by table_name",
        [database],
    ).fetchall()
    return {table: _fingerprint(con, database, table) for (table,) in tables}


def _fingerprint(con: duckdb.DuckDBPyConnection, database: str, table: str) -> str:
    source = f'"{database}".gold."{table}"'
    if table in DELTA_ONLY:
        # Telemetry by what each session was built from: to hash every row would take longer than to build it.
        source = f"(select session_key, max(built_from), count(*) from {source} group by 1)"
    # Names and types belong to it: the hash of a row does not know how its columns are called.
    [(found,)] = con.execute(
        f"select {_DIGEST} || '-' || (select hash(string_agg(column_name || "
        "' ' || data_type, ',' order by column_index)) from duckdb_columns() where database_name = ? "
        f"and schema_name = 'gold' and table_name = ?) from {source} t",
        [database, table],
    ).fetchall()
    return str(found)


def _publish_delta(
    settings: Settings, con: duckdb.DuckDBPyConnection, fingerprints: Mapping[str, str]
) -> dict[str, int]:
    """Write of each table what has changed. The versions they have."""
    # The largest first, while the least is held: what their writers have taken is not all given back.
    for table, fingerprint in sorted(fingerprints.items(), key=_rows, reverse=True):
        uri = f"{settings.published_tables}/{table}"
        if table in DELTA_ONLY:
            _publish_sessions(uri, con, table)
        else:
            _publish_seasons(uri, con, table, fingerprint)
        # Arrow keeps what it has freed for a while; a table of the next size would be added to it.
        pa.default_memory_pool().release_unused()
    return {table: DeltaTable(f"{settings.published_tables}/{table}").version() for table in fingerprints}


def _publish_seasons(uri: str, con: duckdb.DuckDBPyConnection, table: str, fingerprint: str) -> None:
    """Write the seasons that have changed in one commit, which says what is there; a table without seasons whole."""
    there = DeltaTable(uri) if DeltaTable.is_deltatable(uri) else None
    last = there.history(1)[0] if there is not None else {}
    if last.get("fingerprint") == fingerprint:
        return
    seasons = _seasons(con, table)
    known = orjson.loads(last.get("seasons", "{}"))
    metadata = {"fingerprint": fingerprint}
    if seasons:
        metadata["seasons"] = orjson.dumps(seasons).decode()
    if seasons and known and _columns(last["fingerprint"]) == _columns(fingerprint):
        changed = sorted(s for s in seasons.keys() | known.keys() if seasons.get(s) != known.get(s))
        predicate = f"season in ({', '.join(changed)})"
        how: dict[str, Any] = {"predicate": predicate}
    else:
        predicate = "true"
        how = {"schema_mode": "overwrite", "partition_by": ["season"] if seasons else []}
    # A cursor of its own: a result that is still being read holds up everything else on its connection.
    rows = con.cursor().sql(f'select * from warehouse.gold."{table}" where {predicate}')
    write_deltalake(
        there or uri,
        rows.to_arrow_reader(BATCH),
        mode="overwrite",
        **how,
        description=LICENCE,
        writer_properties=TABLE_WRITER,
        commit_properties=CommitProperties(custom_metadata=metadata),
    )


def _seasons(con: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    """Season → what tells its rows from others; nothing if not every row has one."""
    source = f'warehouse.gold."{table}"'
    if "season" not in [name for name, *_ in con.execute(f"describe {source}").fetchall()]:
        return {}
    found = dict(con.execute(f"select season, {_DIGEST} from {source} t group by 1").fetchall())
    return {} if None in found else {str(season): digest for season, digest in found.items()}


def _columns(fingerprint: str) -> str:
    """What a fingerprint says of names and types, at its end."""
    return fingerprint.rsplit("-", 1)[1]


def _rows(fingerprint: tuple[str, str]) -> int:
    """The rows of a table, with which its fingerprint begins."""
    return int(fingerprint[1].split("-")[0])


def _publish_sessions(uri: str, con: duckdb.DuckDBPyConnection, table: str) -> None:
    """Write the sessions that were built anew, one commit each; `built_from` says of which pulls a session is made.

    What is published is read from the statistics of the Delta log: no row of telemetry is read to find out.
    """
    source = f'warehouse.gold."{table}"'
    built = dict(con.execute(f"select session_key, max(built_from) from {source} group by 1").fetchall())
    published: dict[int, str] = {}
    cursor = con.cursor()
    if DeltaTable.is_deltatable(uri):
        there = DeltaTable(uri)
        expected = cursor.sql(f"select * from {source} limit 0").to_arrow_table().schema.names
        if pa.schema(there.schema().to_arrow()).names != expected:
            built_anew, mode = sorted(built), "overwrite"
        else:
            published = _built_from(there)
            built_anew, mode = (
                sorted(k for k, made_of in built.items() if published.get(k) != made_of),
                "replace",
            )
    else:
        built_anew, mode = sorted(built), "overwrite"
    if mode == "overwrite":
        rows: pa.RecordBatchReader = cursor.sql(f"select * from {source} limit 0").to_arrow_reader()
        write_deltalake(
            uri,
            rows,
            mode="overwrite",
            schema_mode="overwrite",
            partition_by=["session_key"],
            description=LICENCE,
        )
    for session_key in built_anew:
        write_deltalake(
            uri,
            _by_driver(cursor, source, int(session_key)),
            mode="overwrite",
            predicate=f"session_key = {int(session_key)}",
            writer_properties=WRITER,
        )
    for session_key in sorted(published.keys() - built.keys()):
        DeltaTable(uri).delete(f"session_key = {int(session_key)}")


def published_parts(settings: Settings, table: str) -> dict[int, str]:
    """Session key → `built_from`, of a table that is published by session; empty when it is not there."""
    uri = f"{settings.published_tables}/{table}"
    return _built_from(DeltaTable(uri)) if DeltaTable.is_deltatable(uri) else {}


def _built_from(table: DeltaTable) -> dict[int, str]:
    files = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    return {int(f["partition.session_key"]): f["min.built_from"] for f in files}


def _by_driver(cursor: duckdb.DuckDBPyConnection, source: str, session_key: int) -> pa.RecordBatchReader:
    """The rows of a session in the order of driver and time; never more than one driver's at once in memory."""
    session = f"select * from {source} where session_key = {session_key}"
    schema = cursor.sql(f"{session} limit 0").to_arrow_table().schema
    drivers = cursor.sql(f"select distinct driver_number from ({session}) order by 1").fetchall()

    def batches() -> Iterator[pa.RecordBatch]:
        for (driver,) in drivers:
            yield from cursor.sql(
                f"{session} and driver_number = {int(driver)} order by date"
            ).to_arrow_reader(BATCH)

    return pa.RecordBatchReader.from_batches(schema, batches())


def _copy_comments(con: duckdb.DuckDBPyConnection, table: str) -> None:
    """Carry the descriptions of a table and its columns along: they name units and rules."""
    [(comment,)] = con.execute(
        "select comment from duckdb_tables() where database_name = 'warehouse' and schema_name = 'gold' "
        "and table_name = ?",
        [table],
    ).fetchall()
    if comment:
        con.execute(f'comment on table target.gold."{table}" is {_literal(comment)}')
    for name, comment in con.execute(
        "select column_name, comment from duckdb_columns() where database_name = 'warehouse' "
        "and schema_name = 'gold' and table_name = ? and comment is not null",
        [table],
    ).fetchall():
        con.execute(f'comment on column target.gold."{table}"."{name}" is {_literal(comment)}')


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    [(rows,)] = con.execute(f"select count(*) from {table}").fetchall()
    return int(rows)


def _sweep(settings: Settings) -> None:
    """Remove what a killed publish left behind; that of a process which is alive stays."""
    for path in settings.root.glob(".gold.*.duckdb.partial*"):
        pid = path.name.split(".")[2]
        if pid.isdigit() and not _is_alive(int(pid)):
            _remove(settings.root / f".gold.{pid}.duckdb.partial")


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.with_name(path.name + ".wal").unlink(missing_ok=True)
    shutil.rmtree(path.with_name(path.name + ".tmp"), ignore_errors=True)
