"""The published file `gold.duckdb`: how it is opened, why it cannot be, and how other programs are kept from changing it.

Belongs here: connections, their errors and locks, and what both that replace the file share (publish.py, forecast_tables.py). What the
file holds is in publication.py.
"""

import contextlib
import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb

from f1_lakehouse.errors import F1LakehouseError
from f1_lakehouse.lake_paths import LakePaths


class PublishError(F1LakehouseError):
    """Gold cannot be published or read; the message has the cause and the cure."""


class GoldLockedError(PublishError):
    """Another program has `gold.duckdb` open for writing, or has left its write-ahead log next to it."""


def connect_gold(settings: LakePaths) -> duckdb.DuckDBPyConnection:
    """Open published gold read-only: tables of gold and of `meta` need no schema name, times are UTC.

    Raises:
        GoldLockedError: another process has the file open for writing.
        PublishError: nothing is published, or the file cannot be read.
    """
    if not settings.gold.exists():
        raise PublishError(f"nothing is published yet at {settings.root}; run f1 load or f1 transform")
    con = None
    try:
        con = duckdb.connect(str(settings.gold), read_only=True)
        con.execute("set timezone = 'UTC'")
        con.execute(f"set search_path = 'gold.{gold_schema(con)},gold.meta'")
    except duckdb.Error as error:
        if con is not None:
            con.close()
        raise unreadable_gold(settings.gold, str(error)) from None
    return con


def gold_schema(con: duckdb.DuckDBPyConnection) -> str:
    """Return the schema of the tables of a connection's `gold.duckdb`: `main`, or `gold` if an earlier version published it."""
    found = con.execute(
        "select 1 from duckdb_schemas() where database_name = 'gold' and schema_name = 'gold'"
    ).fetchall()
    return "gold" if found else "main"


def unreadable_gold(gold: Path, said: str) -> PublishError:
    """Return the error for a file that DuckDB does not open, from DuckDB's message."""
    holder = re.search(r"Conflicting lock is held in (.+?) \(PID (\d+)\)", said)
    if holder is not None:
        who = f"process {holder[2]} ({holder[1]})"
    elif "lock" in said.lower():
        who = "another process"
    elif "different configuration" in said:
        who = f"this process ({os.getpid()})"
    else:
        return PublishError(f"{gold} cannot be read: {said.splitlines()[0]}")
    return GoldLockedError(f"{gold} is open for writing in {who}: close it there, or open it read-only")


@contextlib.contextmanager
def publishing_alone(settings: LakePaths) -> Iterator[None]:
    """Wait for any other process that publishes, and keep others waiting within the block.

    Both a transform and a training copy the file, change the copy and rename it: without the lock the later rename would lose what the
    earlier one added.
    """
    folder = settings.root / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "publish.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def writers_kept_out(settings: LakePaths) -> Iterator[None]:
    """Prevent other programs from writing to the published file within the block, in which it is copied or replaced.

    A client that writes has its log in `gold.duckdb.wal`. Clients up to DuckDB 2.0 replay a log that they find there, even into a file
    that it does not belong to, and without an error: the new file would be damaged.

    Raises:
        GoldLockedError: a program has it open for writing, or has left its log.
    """
    with contextlib.ExitStack() as stack:
        if settings.gold.exists():
            # A reader: DuckDB allows others next to it, and none while another process writes.
            try:
                stack.enter_context(duckdb.connect(str(settings.gold), read_only=True))
            except duckdb.Error as error:
                reason = unreadable_gold(settings.gold, str(error))
                if isinstance(reason, GoldLockedError):
                    raise GoldLockedError(f"{reason}; then run f1 transform") from None
        for log in settings.gold.parent.glob(f"{settings.gold.name}.wal*"):
            raise GoldLockedError(
                f"{log} lies next to {settings.gold.name}: a program has written into that file and has not finished; "
                "close the program, or remove the log if none runs, then run f1 transform"
            )
        yield


def remove_partial(path: Path) -> None:
    """Remove a file that was to replace the published one, with its write-ahead log and its temporary folder."""
    path.unlink(missing_ok=True)
    path.with_name(path.name + ".wal").unlink(missing_ok=True)
    shutil.rmtree(path.with_name(path.name + ".tmp"), ignore_errors=True)


def literal(text: str) -> str:
    """Return a text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"
