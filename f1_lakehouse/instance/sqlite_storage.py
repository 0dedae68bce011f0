"""Dagster's own SQLite storage, with connections that stay open.

Dagster opens an engine and a file anew for each statement, of which an asset check has seven: 200 checks of an asset took 10
to 14 s and take 2 to 3, most of it opening, compiling the same SQL again, and bringing SQLite's log into the file at each close.
Files, tables and statements are Dagster's; only how long a connection lives is decided here.
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

MOST = 8
"""Files that are kept open, one a run: a webserver that shows many runs must not hold all of them."""


class EventLogStorage(SqliteEventLogStorage):
    """Events in a file a run and an index, as Dagster keeps them; the files that were used last stay open."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._open: OrderedDict[str, tuple[Engine, int]] = OrderedDict()
        self._tables: set[str] = set()
        # Also when the process ends: SQLite then tidies its logs away.
        weakref.finalize(self, _close, self._open)
        super().__init__(base_dir, inst_data)

    def has_table(self, table_name: str) -> bool:
        """Whether the index has this table; one that was found is not looked for again, which Dagster does for each check."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        # One connection serves all threads, one after the other: Dagster holds the same lock over each use of its own.
        with self._db_lock, self._engine(shard).connect() as connection, connection.begin():
            yield connection

    def _engine(self, shard: str) -> Engine:
        found, inode = self._open.get(shard, (None, 0))
        if found is not None and inode == self._inode(shard):
            self._open.move_to_end(shard)
            return found
        if found is not None:
            # The file was removed, perhaps made anew: what is written to the old one is lost.
            _close(self._open, shard)
            self._initialized_dbs.discard(shard)
        engine = create_engine(
            self.conn_string_for_shard(shard),
            poolclass=StaticPool,
            connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        )
        event.listen(engine, "connect", _do_not_wait_for_the_disk)
        if shard not in self._initialized_dbs:
            self._initdb(engine)
            self._initialized_dbs.add(shard)
        with engine.connect():  # makes the file, if it is not there
            self._open[shard] = engine, self._inode(shard)
        others = [one for one in self._open if one not in (shard, INDEX_SHARD_NAME)]
        if len(others) >= MOST:
            _close(self._open, others[0])
        return engine

    def _inode(self, shard: str) -> int:
        try:
            return Path(self.path_for_shard(shard)).stat().st_ino
        except FileNotFoundError:
            return 0

    def watch(self, run_id: str, cursor: str | None, callback: EventHandlerFn) -> None:
        """Tell of each new event of a run, as the UI shows them."""
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
    """Sees an event where SQLite writes it first: in the log beside a file that stays open, not in the file."""

    def __init__(
        self, storage: EventLogStorage, run_id: str, callback: EventHandlerFn, cursor: str | None
    ) -> None:
        super().__init__(storage, run_id, callback, cursor)
        self._patterns = [self._log_path, f"{self._log_path}-wal"]

    def on_modified(self, event: FileSystemEvent) -> None:
        """Hand on what is new."""
        self._process_log()


def _close(opened: OrderedDict[str, tuple[Engine, int]], *shards: str) -> None:
    """Close these files, or all."""
    for shard in shards or list(opened):
        engine, _ = opened.pop(shard)
        engine.dispose()


def _do_not_wait_for_the_disk(connection: sqlite3.Connection, _: object) -> None:
    """In SQLite's write-ahead mode a killed process loses nothing by it, and a power cut the last events, never the file."""
    connection.execute("pragma synchronous = normal")


class Storage(DagsterSqliteStorage):
    """Runs, events and schedules in the folder where Dagster would keep them by itself."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(base_dir, inst_data)
        self._event_log_storage = EventLogStorage(str(Path(base_dir) / "history" / "runs"))

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]
    ) -> "Storage":
        """What Dagster makes of the configuration."""
        return cls.from_local(inst_data=inst_data, **config_value)
