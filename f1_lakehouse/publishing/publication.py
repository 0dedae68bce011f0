"""What is published: the content of `gold.duckdb`, the record of it in `published.json`, and whether it lags behind.

`find_lag` decides whether published gold lags behind bronze or the code; load, sensor, status and alerts all use it. Not here: how gold
is published (publish.py), and whether it is good enough (dbt's tests and blocking checks).
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import orjson

from f1_lakehouse.publishing.build_record import current_digest
from f1_lakehouse.publishing.file_state import identity
from f1_lakehouse.publishing.gold_file import GoldLockedError, PublishError, connect_gold, unreadable_gold
from f1_lakehouse.publishing.table_state import TableState
from f1_lakehouse.settings import Settings
from f1_lakehouse.storage.object_store import write_atomically

BRONZE_HAS_CHANGED = "bronze has changed since it was published"


@dataclass(frozen=True)
class Publication:
    """The content of `gold.duckdb`: the version of bronze, the time (UTC), rows per table; `seen_at` and `digest` as in `Build`.

    Only `publish` fills in `fingerprints`, table → fingerprint of its rows, and `delta_versions`, table → version of its Delta table.
    """

    bronze_version: str
    published_at: datetime
    code_version: str
    rows: dict[str, int]
    digest: str | None = None
    seen_at: datetime | None = None
    fingerprints: dict[str, str] = field(default_factory=dict, compare=False)
    delta_versions: dict[str, int] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class PublicationRecord:
    """The last publication: the identity of its file, the file's metadata, and the sessions and tables in it."""

    file: str
    publication: Publication
    sessions: list[int]
    tables: dict[str, TableState]


def _path(settings: Settings) -> Path:
    return settings.root / "published.json"


def record_publication(settings: Settings, record: PublicationRecord) -> None:
    """Record the content of the published file, and the identity of the file."""
    write_atomically(_path(settings), orjson.dumps(record))


def read_record(settings: Settings) -> PublicationRecord | None:
    """Return the record of the last publication; None if there is none that this version can read."""
    try:
        value = orjson.loads(_path(settings).read_bytes())
        of_file = value["publication"]
        times = {
            name: datetime.fromisoformat(of_file[name])
            for name in ("published_at", "seen_at")
            if of_file[name]
        }
        tables = {table: TableState(**state) for table, state in value["tables"].items()}
        return PublicationRecord(
            value["file"], Publication(**{**of_file, **times}), value["sessions"], tables
        )
    except (OSError, AttributeError, ValueError, KeyError, TypeError):
        return None


def find_lag(settings: Settings, bronze_version: str) -> str | None:
    """Return why the next transform has something to publish; None if published gold is up to date with bronze and the code.

    Raises:
        GoldLockedError: another process writes to the published file, and there is no record of the last publication.
    """
    try:
        published = publication(settings)
    except GoldLockedError:
        raise
    except PublishError:
        return "what is published cannot be read"
    if published is None:
        return "nothing is published yet"
    if published.bronze_version != bronze_version:
        return BRONZE_HAS_CHANGED
    if published.digest != current_digest():
        return "another version of the code built it"
    return None


def publication(settings: Settings) -> Publication | None:
    """Return the current publication; None before the first one.

    Raises:
        PublishError: the file cannot be read, and there is no record of the last publication.
    """
    if not settings.gold.exists():
        return None
    record = read_record(settings)
    if record is not None and record.file == identity(settings.gold):
        return record.publication
    try:
        with connect_gold(settings) as con:
            found = con.execute(
                "select * exclude published_at, published_at::varchar as at from meta.publication"
            )
            names = [name for name, *_ in found.description]
            row = dict(zip(names, found.fetchall()[0], strict=True))
    except GoldLockedError:
        if record is None:
            raise
        return record.publication
    except duckdb.Error as error:
        raise unreadable_gold(settings.gold, str(error)) from None
    return Publication(
        row["bronze_version"],
        as_utc(row["at"]),
        row["code_version"],
        orjson.loads(row["tables"]),
        row.get("digest"),
        as_utc(seen_at) if (seen_at := row.get("bronze_seen_at")) else None,
    )


def as_utc(time: datetime | str) -> datetime:
    """Return a time of `meta`, with or without a time zone, as UTC."""
    found = datetime.fromisoformat(time) if isinstance(time, str) else time
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def published_sessions(settings: Settings) -> set[int]:
    """Return the keys of the sessions that have results or laps in published gold.

    Raises:
        PublishError: the file cannot be read, and there is no record of the last publication.
    """
    if not settings.gold.exists():
        return set()
    record = read_record(settings)
    if record is not None and record.file == identity(settings.gold):
        return set(record.sessions)
    try:
        with connect_gold(settings) as con:
            return sessions_of(con)
    except GoldLockedError:
        if record is None:
            raise
        return set(record.sessions)
    except duckdb.Error as error:
        raise unreadable_gold(settings.gold, str(error)) from None


def sessions_of(con: duckdb.DuckDBPyConnection, within: str = "") -> set[int]:
    """Return the keys of the sessions that have results or laps. `within`: the qualifier of the tables' names."""
    tables = [f"select session_key from {within}{table}" for table in ("fact_results", "fact_laps")]
    return {key for (key,) in con.execute(" union ".join(tables)).fetchall() if key is not None}
