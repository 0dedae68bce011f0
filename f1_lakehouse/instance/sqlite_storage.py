"""Dagster's own SQLite storage, with connections that stay open.

Dagster opens an engine and a file for each statement, and an asset check has seven statements: 200 checks of an asset took 10 to 14 s and
take 2 to 3 s with this module. Most of the difference is opening files, compiling the same SQL, and SQLite's checkpoint at each close.
Files, tables and statements are Dagster's; only the lifetime of connections is decided here.

Non-public API: the storage classes of Dagster and what they are made from. They are named in a lake's dagster.yaml only with a tested
version of Dagster (dagster_instance.py); otherwise the same files are opened by Dagster's own class.
"""

import sqlite3
import weakref
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dagster._core.event_api import EventHandlerFn
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    INDEX_SHARD_NAME,
    SqliteEventLogStorage,
    SqliteEventLogStorageWatchdog,
)
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import StaticPool
from watchdog.events import FileSystemEvent
from watchdog.observers import Observer

MAX_OPEN_RUNS = 8
"""Files that stay open, one per run: a webserver that shows many runs must not hold all of them open."""


class EventLogStorage(SqliteEventLogStorage):
    """Events in one file per run and an index, as Dagster stores them; the most recently used files stay open."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._open: OrderedDict[str, tuple[Engine, int]] = OrderedDict()
        self._tables: set[str] = set()
        # Also when the process ends: SQLite then removes its write-ahead logs.
        weakref.finalize(self, _close, self._open)
        super().__init__(base_dir, inst_data)

    def has_table(self, table_name: str) -> bool:
        """Return whether the index has this table. Dagster asks for each check; a table that was found is not searched again."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        # One connection serves all threads, one after another: Dagster holds the same lock during each use of its own.
        with self._db_lock, self._engine(shard).connect() as connection, connection.begin():
            yield connection

    def _engine(self, shard: str) -> Engine:
        found, inode = self._open.get(shard, (None, 0))
        if found is not None and inode == self._inode(shard):
            self._open.move_to_end(shard)
            return found
        if found is not None:
            # The file was removed and perhaps created again: what is written to the old one is lost.
            _close(self._open, shard)
            self._initialized_dbs.discard(shard)
        engine = create_engine(
            self.conn_string_for_shard(shard),
            poolclass=StaticPool,
            connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        )
        event.listen(engine, "connect", _set_synchronous_normal)
        if shard not in self._initialized_dbs:
            self._initdb(engine)
            self._initialized_dbs.add(shard)
        with engine.connect():  # creates the file if it is missing
            self._open[shard] = engine, self._inode(shard)
        others = [one for one in self._open if one not in (shard, INDEX_SHARD_NAME)]
        if len(others) >= MAX_OPEN_RUNS:
            _close(self._open, others[0])
        return engine

    def _inode(self, shard: str) -> int:
        try:
            return Path(self.path_for_shard(shard)).stat().st_ino
        except FileNotFoundError:
            return 0

    def watch(self, run_id: str, cursor: str | None, callback: EventHandlerFn) -> None:
        """Call back for each new event of a run, as the UI shows them."""
        observer = self._obs or Observer()
        if not self._obs:
            self._obs = observer  # type: ignore[assignment]
            observer.start()
        watchdog = _Watchdog(self, run_id, callback, cursor)
        watched = observer.schedule(watchdog, self._base_dir, recursive=True)
        self._watchers[run_id][callback] = (watchdog, watched)

    def wipe(self) -> None:
        """Remove all events."""
        with self._db_lock:
            _close(self._open)
        super().wipe()

    def dispose(self) -> None:
        """Close everything."""
        super().dispose()
        with self._db_lock:
            _close(self._open)


class _Watchdog(SqliteEventLogStorageWatchdog):
    """Watches the file that SQLite writes an event to first: while a connection is open, its write-ahead log."""

    def __init__(
        self, storage: EventLogStorage, run_id: str, callback: EventHandlerFn, cursor: str | None
    ) -> None:
        super().__init__(storage, run_id, callback, cursor)
        self._patterns = [self._log_path, f"{self._log_path}-wal"]

    def on_modified(self, event: FileSystemEvent) -> None:
        """Process the new events."""
        self._process_log()


def _close(opened: OrderedDict[str, tuple[Engine, int]], *shards: str) -> None:
    """Close the files of these shards, or all."""
    for shard in shards or list(opened):
        engine, _ = opened.pop(shard)
        engine.dispose()


def _set_synchronous_normal(connection: sqlite3.Connection, _: object) -> None:
    """Do not wait for the disk. With a write-ahead log a killed process loses nothing; a power cut loses the last events, not the file."""
    connection.execute("pragma synchronous = normal")


class Storage(DagsterSqliteStorage):
    """Runs, events and schedules in the folder in which Dagster stores them by default."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(base_dir, inst_data)
        self._event_log_storage = EventLogStorage(str(Path(base_dir) / "history" / "runs"))

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]
    ) -> "Storage":
        """Make the storage from its configuration."""
        return cls.from_local(inst_data=inst_data, **config_value)
