"""Gold for readers: write, audit, publish.

dbt builds gold in the pipeline's private warehouse. When every error-severity test has passed, the tables are
copied into a new file that replaces `gold.duckdb` by one rename, so a reader sees the old gold or the new one, and
never holds up the pipeline. Each table is also published as Delta for other engines. What is written in either is what has
changed: of telemetry (Delta only) the sessions that were built anew, of a table with seasons the seasons, else the table.

Whether gold is fit to be published is not decided here (dbt tests and blocking checks are), only that it was built; and
whether what is published lags behind bronze or the code, which load, sensor, status and alerts all read from `find_lag`.
"""

import contextlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, WriterProperties, write_deltalake
from deltalake.exceptions import TableNotFoundError

from f1_lakehouse import __version__
from f1_lakehouse.dbt.project import project_digest
from f1_lakehouse.errors import F1LakehouseError
from f1_lakehouse.publishing.data_card import attribution_of, write_card
from f1_lakehouse.settings import Settings
from f1_lakehouse.storage.bronze import WRITER
from f1_lakehouse.storage.object_store import write_whole

LAYOUT = 2
"""Of `gold.duckdb`; raise it with every change that lakes without new data are to get. 1: tables in schema `gold`."""
STORAGE_VERSION = "v1.0.0"
"""Of `gold.duckdb`: clients from DuckDB 1.0 on read it. Newer versions only add compression."""

DELTA_ONLY = frozenset({"fact_telemetry"})
"""Gold tables that are too large to be copied into one file."""

BATCH = 16 * 1024
"""Rows on their way to Delta at once, and of a row group there: DuckDB's own batches are of a million, most tables whole."""
COPYING: dict[str, str | bool | int | float | list[str]] = {"memory_limit": "48MiB", "threads": 2}
"""Publish only copies. Without a limit DuckDB keeps what it has read and takes more with every season; each thread needs its
share of the limit, so they are bounded too. Tried: 9.6 million rows of fact_laps, also with 32 MiB."""
TABLE_WRITER = WriterProperties(compression="ZSTD", max_row_group_size=BATCH)


class PublishError(F1LakehouseError):
    """Gold cannot be published or read; the message says why and what to do."""


class HeldError(PublishError):
    """Another program has `gold.duckdb` open for writing, or left its write-ahead log next to it."""


@dataclass(frozen=True)
class Build:
    """A dbt build that succeeded: what it saw of bronze, in which run, and by which version of the code (`current_digest`).

    `seen_at` is when the newest pull was entered that the build can be sure to have seen; None: none at all.
    """

    bronze_version: str
    run_id: str
    built_at: datetime
    seen_at: datetime | None = None
    digest: str | None = None


@dataclass(frozen=True)
class Publication:
    """What `gold.duckdb` holds: from which bronze, since when (UTC), rows per table; `seen_at` and `digest` as in `Build`.

    Known to who has just published: `fingerprints`, table → what tells its rows from others, and `delta_versions`, table →
    its version as Delta.
    """

    bronze_version: str
    published_at: datetime
    code_version: str
    rows: dict[str, int]
    digest: str | None = None
    seen_at: datetime | None = None
    fingerprints: dict[str, str] = field(default_factory=dict, compare=False)
    delta_versions: dict[str, int] = field(default_factory=dict, compare=False)


def current_digest() -> str:
    """The version of what decides what gold holds and how it is published: the file's layout, and the dbt project."""
    return f"{LAYOUT}-{project_digest()}"


def _marker(settings: Settings) -> Path:
    return settings.root / "build.json"


def note_build(settings: Settings, build: Build) -> None:
    """Record a build that succeeded; `publish` asks for it."""
    write_whole(_marker(settings), orjson.dumps(build))


def forget_build(settings: Settings, digest: str | None = None) -> None:
    """Say that the warehouse is being changed: until the next `note_build` it is not fit to be published.

    Args:
        digest: by which version of the code all of the warehouse's tables are made, also while it changes; None: by several.
    """
    if digest is None:
        _marker(settings).unlink(missing_ok=True)
    else:
        write_whole(_marker(settings), orjson.dumps({"digest": digest}))


def _marked(settings: Settings) -> dict[str, Any]:
    try:
        return dict(orjson.loads(_marker(settings).read_bytes()))
    except FileNotFoundError:
        return {}


def last_build(settings: Settings) -> Build | None:
    """The build that the warehouse holds; None if a build is under way or failed."""
    value = _marked(settings)
    if "bronze_version" not in value:
        return None
    times = {k: datetime.fromisoformat(value[k]) for k in ("built_at", "seen_at") if value.get(k)}
    return Build(**{**value, **times})


def must_rebuild(settings: Settings) -> bool:
    """Whether tables of the warehouse were made by another version of the code, so that all must be built from bronze again."""
    return settings.warehouse.exists() and _marked(settings).get("digest") != current_digest()


def find_lag(settings: Settings, bronze_version: str) -> str | None:
    """Why the next transform has something to publish; None when published gold is what bronze and the code make of it.

    Raises:
        HeldError: another process writes into what is published, and what it was is not on record.
    """
    try:
        published = publication(settings)
    except HeldError:
        raise
    except PublishError:
        return "what is published cannot be read"
    if published is None:
        return "nothing is published yet"
    if published.bronze_version != bronze_version:
        return "bronze has changed since it was published"
    if published.digest != current_digest():
        return "another version of the code built it"
    return None


def connect_gold(settings: Settings) -> duckdb.DuckDBPyConnection:
    """Published gold, read-only: tables of gold and of `meta` are found by name alone, times are UTC.

    Raises:
        HeldError: another process has the file open for writing.
        PublishError: it cannot be read.
    """
    con = None
    try:
        con = duckdb.connect(str(settings.gold), read_only=True)
        con.execute("set timezone = 'UTC'")
        con.execute(f"set search_path = 'gold.{gold_schema(con)},gold.meta'")
    except duckdb.Error as error:
        if con is not None:
            con.close()
        raise _unreadable(settings.gold, str(error)) from None
    return con


def gold_schema(con: duckdb.DuckDBPyConnection) -> str:
    """The schema that a connection's `gold.duckdb` has its tables in: `main`, or `gold` if an earlier version published it."""
    found = con.execute(
        "select 1 from duckdb_schemas() where database_name = 'gold' and schema_name = 'gold'"
    ).fetchall()
    return "gold" if found else "main"


def _unreadable(gold: Path, said: str) -> PublishError:
    """What DuckDB says of a file that it does not open, with the cure."""
    holder = re.search(r"Conflicting lock is held in (.+?) \(PID (\d+)\)", said)
    if holder is not None:
        who = f"process {holder[2]} ({holder[1]})"
    elif "lock" in said.lower():
        who = "another process"
    elif "different configuration" in said:
        who = f"this process ({os.getpid()})"
    else:
        return PublishError(f"{gold} cannot be read: {said.splitlines()[0]}")
    return HeldError(f"{gold} is open for writing in {who}: close it there, or open it read-only")


@contextlib.contextmanager
def _unwritten(settings: Settings) -> Iterator[None]:
    """Keep writers out of the published file while it is replaced.

    A client that writes has its log in `gold.duckdb.wal`. Clients before and with DuckDB 2.0 replay a log that they find there,
    also into a file that it does not belong to, and without an error: the new file would be damaged.

    Raises:
        HeldError: a program holds it for writing, or has left its log.
    """
    with contextlib.ExitStack() as stack:
        if settings.gold.exists():
            # Opened for reading, which DuckDB allows others too, and allows no one while another writes.
            try:
                stack.enter_context(duckdb.connect(str(settings.gold), read_only=True))
            except duckdb.Error as error:
                reason = _unreadable(settings.gold, str(error))
                if isinstance(reason, HeldError):
                    raise HeldError(f"{reason}; then run f1 transform") from None
        for log in settings.gold.parent.glob(f"{settings.gold.name}.wal*"):
            raise HeldError(
                f"{log} lies next to {settings.gold.name}: a program has written into that file and has not finished; "
                "close the program, or remove the log if none runs, then run f1 transform"
            )
        yield


def publication(settings: Settings) -> Publication | None:
    """What is published now; None before the first time.

    Raises:
        PublishError: the file cannot be read, and what was published last is not on record.
    """
    if not settings.gold.exists():
        return None
    note = _note(settings)
    if note is not None and note.file == _identity(settings.gold):
        return note.publication
    try:
        with connect_gold(settings) as con:
            found = con.execute(
                "select * exclude published_at, published_at::varchar as at from meta.publication"
            )
            names = [name for name, *_ in found.description]
            row = dict(zip(names, found.fetchall()[0], strict=True))
    except HeldError:
        if note is None:
            raise
        return note.publication
    except duckdb.Error as error:
        raise _unreadable(settings.gold, str(error)) from None
    return Publication(
        row["bronze_version"],
        _utc(row["at"]),
        row["code_version"],
        orjson.loads(row["tables"]),
        row.get("digest"),
        _utc(seen_at) if (seen_at := row.get("bronze_seen_at")) else None,
    )


def _utc(time: datetime | str) -> datetime:
    """A time as `meta` has it, with or without a time zone, with UTC as its zone."""
    found = datetime.fromisoformat(time) if isinstance(time, str) else time
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def published_sessions(settings: Settings) -> set[int]:
    """Keys of the sessions that have results or laps in published gold.

    Raises:
        PublishError: the file cannot be read, and what was published last is not on record.
    """
    if not settings.gold.exists():
        return set()
    note = _note(settings)
    if note is not None and note.file == _identity(settings.gold):
        return set(note.sessions)
    try:
        with connect_gold(settings) as con:
            return _sessions(con)
    except HeldError:
        if note is None:
            raise
        return set(note.sessions)
    except duckdb.Error as error:
        raise _unreadable(settings.gold, str(error)) from None


def _sessions(con: duckdb.DuckDBPyConnection, within: str = "") -> set[int]:
    """Keys of the sessions that have results or laps; `within`: what qualifies the names of the tables."""
    tables = [f"select session_key from {within}{table}" for table in ("fact_results", "fact_laps")]
    return {key for (key,) in con.execute(" union ".join(tables)).fetchall() if key is not None}


def publish(settings: Settings) -> Publication:
    """Replace the published gold by the warehouse's.

    Raises:
        HeldError: another program writes into `gold.duckdb`. It stays as it is; the Delta tables are published.
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
            con.execute(f"attach {_literal(str(settings.warehouse))} as warehouse (read_only)")
            states = _states(con, "warehouse")
            delta_versions = _publish_delta(settings, con, states)
            known = _published(settings, build.digest)
            with _unwritten(settings):
                if known:
                    shutil.copyfile(settings.gold, partial)
            # Attached by names of our own: in a file called gold, with a schema gold of an earlier version, `gold.x` is ambiguous.
            con.execute(
                f"attach {_literal(str(partial))} as target{'' if known else f' (storage_version {_literal(STORAGE_VERSION)})'}"
            )
            rows: dict[str, int] = {}
            for table, state in sorted(states.items()):
                if table in DELTA_ONLY:
                    continue
                _copy(con, table, state, known.get(table))
                rows[table] = _count(con, f'target.main."{table}"')
            for table in known.keys() - rows.keys():
                con.execute(f'drop table target.main."{table}"')
            con.execute("drop schema if exists target.meta cascade")
            con.execute("create schema target.meta")
            done = Publication(build.bronze_version, now, __version__, rows, build.digest, build.seen_at)
            # Times without a zone: older clients need a package for those with one. They are UTC, as all of gold's.
            con.execute(
                "create table target.meta.publication as select ? as bronze_version, ?::timestamp as published_at, "
                "? as code_version, ? as licence, ?::json as tables, ? as digest, ?::timestamp as bronze_seen_at",
                [
                    done.bronze_version,
                    _plain(now),
                    __version__,
                    attribution_of(con),
                    orjson.dumps(rows).decode(),
                    done.digest,
                    _plain(done.seen_at) if done.seen_at else None,
                ],
            )
            write_card(con, sorted(states))
            sessions = (
                _sessions(con, "warehouse.gold.") if {"fact_results", "fact_laps"} <= rows.keys() else set()
            )
            con.execute("checkpoint target")
            con.execute("detach target")
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        with _unwritten(settings):
            partial.replace(settings.gold)
        tables = {table: states[table] for table in rows}
        _note_published(settings, _Note(_identity(settings.gold), done, sorted(sessions), tables))
    finally:
        _remove(partial)
    fingerprints = {table: state.fingerprint for table, state in states.items()}
    return replace(done, fingerprints=fingerprints, delta_versions=delta_versions)


def _plain(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(tzinfo=None)


@dataclass(frozen=True)
class _State:
    """What tells a table from others: `digest` its rows in any order, `columns` names and types, `comments` what they say.

    `seasons`: season → the digest of its rows; empty unless every row has one.
    """

    digest: str
    columns: str
    comments: str
    seasons: dict[str, str] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """All but the comments as one text, which begins with the number of rows."""
        return f"{self.digest}-{self.columns}"

    @property
    def rows(self) -> int:
        """The number of rows."""
        return int(self.digest.split("-")[0])

    def differs_in_seasons_alone(self, known: "_State") -> bool:
        """Whether columns and descriptions are the same, and both have seasons to compare."""
        same = (self.columns, self.comments) == (known.columns, known.comments)
        return same and bool(self.seasons and known.seasons)

    def changed(self, known: Mapping[str, str]) -> list[str]:
        """The seasons that are not, or no longer, as they are known to be."""
        return sorted(s for s in self.seasons.keys() | known.keys() if self.seasons.get(s) != known.get(s))


@dataclass(frozen=True)
class _Note:
    """What was published last: which file that is, what it says of itself, the sessions and the tables in it."""

    file: str
    publication: Publication
    sessions: list[int]
    tables: dict[str, _State]


def _marker_of_published(settings: Settings) -> Path:
    return settings.root / "published.json"


def _note_published(settings: Settings, note: _Note) -> None:
    """Record what the published file holds, and which file that is."""
    write_whole(_marker_of_published(settings), orjson.dumps(note))


def _note(settings: Settings) -> _Note | None:
    """The record of what was published last; None if there is none that this version reads."""
    try:
        value = orjson.loads(_marker_of_published(settings).read_bytes())
        of_file = value["publication"]
        times = {
            name: datetime.fromisoformat(of_file[name])
            for name in ("published_at", "seen_at")
            if of_file[name]
        }
        tables = {table: _State(**state) for table, state in value["tables"].items()}
        return _Note(value["file"], Publication(**{**of_file, **times}), value["sessions"], tables)
    except (OSError, AttributeError, ValueError, KeyError, TypeError):
        return None


def _published(settings: Settings, digest: str | None) -> dict[str, _State]:
    """What the published file holds; nothing if it is not there, not by this version of the code, or was written into since.

    Then it is published whole, as it is the first time.
    """
    note = _note(settings)
    if note is None or not settings.gold.exists() or note.file != _identity(settings.gold):
        return {}
    return note.tables if note.publication.digest == digest is not None else {}


def _identity(path: Path) -> str:
    """A text that is another one after the file was written to, by whomever, or if another DuckDB would go on with it."""
    found = path.stat()
    return f"{found.st_size} {found.st_mtime_ns} {duckdb.__version__}"


def _copy(con: duckdb.DuckDBPyConnection, table: str, state: _State, known: _State | None) -> None:
    """Bring a table of the new file to what the warehouse has."""
    source, target = f'warehouse.gold."{table}"', f'target.main."{table}"'
    if known == state:
        return
    if known is None or not state.differs_in_seasons_alone(known):
        con.execute(f"create or replace table {target} as select * from {source}")
        _copy_comments(con, table)
        return
    which = f"season in ({', '.join(state.changed(known.seasons))})"
    con.execute(f"delete from {target} where {which}")
    con.execute(f"insert into {target} by name select * from {source} where {which}")


def gold_fingerprints(con: duckdb.DuckDBPyConnection, database: str) -> dict[str, str]:
    """Table of gold → what tells its rows, names and types from others, in an attached database; rows in any order."""
    return {table: state.fingerprint for table, state in _states(con, database).items()}


def _states(con: duckdb.DuckDBPyConnection, database: str) -> dict[str, _State]:
    """The tables of gold in an attached database."""
    # Names and types belong to it: the hash of a row does not know how its columns are called.
    found = con.execute(
        "select table_name, list(column_name order by column_index), "
        "hash(string_agg(column_name || ' ' || data_type, ',' order by column_index)), "
        "hash(string_agg(column_name || coalesce(comment, ''), ',' order by column_index), any_value(about)) "
        "from duckdb_columns() join "
        "(select database_name, schema_name, table_name, coalesce(comment, '') as about from duckdb_tables()) "
        "using (database_name, schema_name, table_name) "
        "where database_name = ? and schema_name = 'gold' group by 1 order by 1",
        [database],
    ).fetchall()
    states = {}
    for table, names, columns, comments in found:
        source = f'"{database}".gold."{table}"'
        if table in DELTA_ONLY:
            # By what each session was built from: to hash every row of telemetry would take longer than to build it.
            source = f"(select session_key, max(built_from), count(*) from {source} group by 1)"
        by_season = "season" in names and table not in DELTA_ONLY
        # A sum and not an exclusive or, in which equal rows would cancel each other out.
        parts = con.execute(
            f"select {'season' if by_season else 'null'}, count(*), coalesce(sum(hash(t)::hugeint), 0) from {source} t group by 1"
        ).fetchall()
        digest = f"{sum(n for _, n, _ in parts)}-{sum(hashed for *_, hashed in parts)}"
        seasons = {str(season): f"{n}-{hashed}" for season, n, hashed in parts}
        states[table] = _State(digest, str(columns), str(comments), {} if "None" in seasons else seasons)
    return states


def _publish_delta(
    settings: Settings, con: duckdb.DuckDBPyConnection, states: Mapping[str, _State]
) -> dict[str, int]:
    """Write of each table what has changed. The versions they have."""
    versions = {}
    # The largest first, while the least is held: what their writers have taken is not all given back.
    for table, state in sorted(states.items(), key=lambda one: one[1].rows, reverse=True):
        uri = f"{settings.published_tables}/{table}"
        if table in DELTA_ONLY:
            versions[table] = _publish_sessions(uri, con, table)
        else:
            versions[table] = _publish_seasons(uri, con, table, state)
        # Arrow keeps what it has freed for a while; a table of the next size would be added to it.
        pa.default_memory_pool().release_unused()
    return versions


def _publish_seasons(uri: str, con: duckdb.DuckDBPyConnection, table: str, state: _State) -> int:
    """Write the seasons that have changed in one commit, which says what is there; a table without seasons whole."""
    there = _opened(uri)
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
    # A cursor of its own: a result that is still being read holds up everything else on its connection.
    rows = con.cursor().sql(f'select * from warehouse.gold."{table}" where {predicate}')
    write_deltalake(
        there or uri,
        rows.to_arrow_reader(BATCH),
        mode="overwrite",
        **how,
        description=attribution_of(con),
        writer_properties=TABLE_WRITER,
        commit_properties=CommitProperties(custom_metadata=metadata),
    )
    return (there or DeltaTable(uri)).version()


def _opened(uri: str) -> DeltaTable | None:
    """The Delta table, if there is one."""
    try:
        return DeltaTable(uri)
    except TableNotFoundError:
        return None


def _publish_sessions(uri: str, con: duckdb.DuckDBPyConnection, table: str) -> int:
    """Write the sessions that were built anew, one commit each; `built_from` says of which pulls a session is made.

    What is published is read from the statistics of the Delta log: no row of telemetry is read to find out.
    """
    source = f'warehouse.gold."{table}"'
    built = dict(con.execute(f"select session_key, max(built_from) from {source} group by 1").fetchall())
    cursor = con.cursor()
    columns = cursor.sql(f"select * from {source} limit 0").to_arrow_table().schema
    there = _opened(uri)
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
            description=attribution_of(con),
        )
        there = DeltaTable(uri)
    for session_key in sorted(key for key, made_of in built.items() if published.get(key) != made_of):
        write_deltalake(
            there,
            _by_driver(cursor, source, int(session_key)),
            mode="overwrite",
            predicate=f"session_key = {int(session_key)}",
            writer_properties=WRITER,
        )
    for session_key in sorted(published.keys() - built.keys()):
        there.delete(f"session_key = {int(session_key)}")
    return there.version()


def published_parts(settings: Settings, table: str) -> dict[int, str]:
    """Session key → `built_from`, of a table that is published by session; empty when it is not there."""
    there = _opened(f"{settings.published_tables}/{table}")
    return _built_from(there) if there is not None else {}


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
        con.execute(f'comment on table target.main."{table}" is {_literal(comment)}')
    for name, comment in con.execute(
        "select column_name, comment from duckdb_columns() where database_name = 'warehouse' "
        "and schema_name = 'gold' and table_name = ? and comment is not null",
        [table],
    ).fetchall():
        con.execute(f'comment on column target.main."{table}"."{name}" is {_literal(comment)}')


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
