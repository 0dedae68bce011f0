"""Dagster's own SQLite storage, with connections that stay open and events that are written together.

Dagster opens an engine and a file for each statement, and an asset check has seven statements: 200 checks of an asset took 10 to 14 s and
take less than a second with this module. Most of the difference is opening files, compiling the same SQL, and SQLite's checkpoint at each
close. Files, tables and rows are Dagster's; only the lifetime of connections and the number of transactions are decided here.

The results of hundreds of checks follow one another within a second. They wait in this process until another kind of event comes, this
process reads the events of any run, or one comes after a second; then they are stored in the order in which they came. Which events may
wait, and their rows, is in waiting_events.py.

The file of a new run is a copy of an empty one, which Dagster has made once for its version.

Non-public API: the storage classes of Dagster and what they are made from. They are named in a lake's dagster.yaml only with a tested
version of Dagster (dagster_instance.py); otherwise the same files are opened by Dagster's own class.
"""

import contextlib
import os
import shutil
import sqlite3
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from time import monotonic
from typing import Any

from dagster._core.event_api import EventHandlerFn
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    INDEX_SHARD_NAME,
    SqliteEventLogStorage,
    SqliteEventLogStorageWatchdog,
)
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.event import listen
from sqlalchemy.pool import StaticPool
from watchdog.events import FileSystemEvent
from watchdog.observers import Observer

from f1_lakehouse.instance.waiting_events import check_row, is_indexed, may_wait, store_checks
from f1_lakehouse.storage.object_store import write_atomically

MAX_OPEN_RUNS = 8
"""Files that stay open, one per run: a webserver that shows many runs must not hold all of them open."""
MAX_WAITING = 500
"""Events that wait to be stored together."""
MAX_WAIT_S = 1.0


class EventLogStorage(SqliteEventLogStorage):
    """Events in one file per run and an index, as Dagster stores them; the most recently used files stay open."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._open: OrderedDict[str, tuple[Engine, int]] = OrderedDict()
        self._tables: set[str] = set()
        self._has_index_columns = False
        self._waiting: list[EventLogEntry] = []
        self._not_indexed: list[tuple[EventLogEntry, dict[str, Any]]] = []
        self._waiting_since = 0.0
        self._waiting_lock = threading.RLock()
        # Also when the process ends: SQLite then removes its write-ahead logs.
        weakref.finalize(self, _close, self._open)
        super().__init__(base_dir, inst_data)

    def has_table(self, table_name: str) -> bool:
        """Return whether the index has this table. Dagster asks for each check; a table that was found is not searched again."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def _has_asset_key_index_cols_on_connection(self, conn: Connection) -> bool:
        # Dagster asks for each event of an asset; columns are only ever added.
        self._has_index_columns = self._has_index_columns or super()._has_asset_key_index_cols_on_connection(
            conn
        )
        return self._has_index_columns

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event, or let it wait for those that follow."""
        with self._waiting_lock:
            if may_wait(event):
                if not self._waiting:
                    self._waiting_since = monotonic()
                self._waiting.append(event)
                if len(self._waiting) >= MAX_WAITING or monotonic() - self._waiting_since > MAX_WAIT_S:
                    self._store_waiting()
                return
            self._store_waiting()
        super().store_event(event)

    def _store_waiting(self) -> None:
        """Store the events that wait, each kind of file in one transaction; what cannot be stored waits on."""
        with self._waiting_lock:
            for run_id in dict.fromkeys(event.run_id for event in self._waiting):
                mine = [event for event in self._waiting if event.run_id == run_id]
                rows = [self._event_to_row(event) for event in mine]
                with self._connect_alone(run_id) as con:
                    con.execute(SqlEventLogStorageTable.insert(), rows)
                self._waiting = [event for event in self._waiting if event.run_id != run_id]
                self._not_indexed += [one for one in zip(mine, rows, strict=True) if is_indexed(one[0])]
            if self._not_indexed:
                with self._connect_alone(INDEX_SHARD_NAME) as con:
                    self._index(con)
                self._not_indexed = []

    def _index(self, con: Connection) -> None:
        """Make the rows of the index that Dagster's `store_event` makes of each event."""
        insert = SqlEventLogStorageTable.insert().returning(
            SqlEventLogStorageTable.c.id, sort_by_parameter_order=True
        )
        ids = con.execute(insert, [row for _, row in self._not_indexed]).scalars().all()
        indexed = [(event, row, one) for (event, row), one in zip(self._not_indexed, ids, strict=True)]
        for event, _, event_id in indexed:
            if event.dagster_event_type in ASSET_EVENTS:
                self._store_asset_event(con, event, event_id)
        checks = [check_row(*one) for one in indexed if one[0].dagster_event_type in ASSET_CHECK_EVENTS]
        store_checks(con, checks)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        self._store_waiting()
        with self._connect_alone(shard) as connection:
            yield connection

    @contextmanager
    def _connect_alone(self, shard: str) -> Iterator[Connection]:
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
        listen(engine, "connect", _set_synchronous_normal)
        if shard not in self._initialized_dbs:
            self._initialize(engine, shard)
            self._initialized_dbs.add(shard)
        with engine.connect():  # creates the file if it is missing
            self._open[shard] = engine, self._inode(shard)
        others = [one for one in self._open if one not in (shard, INDEX_SHARD_NAME)]
        if len(others) >= MAX_OPEN_RUNS:
            _close(self._open, others[0])
        return engine

    def _initialize(self, engine: Engine, shard: str) -> None:
        """Make the tables of a new file, and of one in which they are missing.

        Dagster asks Alembic for each file, which reads all migrations each time: half of the time of a short run. The file of a new run is
        therefore a copy of an empty one, which the first run with this version of Dagster leaves.
        """
        empty, path = Path(self._base_dir) / f"empty-{version('dagster')}", Path(self.path_for_shard(shard))
        is_new = not path.exists()
        if shard == INDEX_SHARD_NAME:
            self._initdb(engine)
        elif is_new and _copy_new(empty, path):
            return
        elif is_new or not _is_like(path, empty):
            self._initdb(engine)
            if is_new:
                with contextlib.closing(sqlite3.connect(path)) as con:
                    write_atomically(empty, con.serialize())

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
        self._store_waiting()
        with self._db_lock:
            _close(self._open)
        super().wipe()

    def dispose(self) -> None:
        """Close everything."""
        self._store_waiting()
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


def _copy_new(empty: Path, path: Path) -> bool:
    """Copy the empty file to a path where there is none; return whether that was done."""
    partial = path.with_suffix(f".{os.getpid()}.partial")
    try:
        shutil.copyfile(empty, partial)
        if not _is_like(partial, empty):
            return False
        os.link(partial, path)  # unlike a rename, not over a file that another process makes now
    except OSError:
        return False
    finally:
        for end in ("", "-shm", "-wal"):
            Path(f"{partial}{end}").unlink(missing_ok=True)
    return True


def _is_like(path: Path, empty: Path) -> bool:
    """Return whether a file has the tables of the empty one, and its version of them."""
    query = "select version_num, (select group_concat(sql) from (select sql from sqlite_schema order by name)) from alembic_version"
    found = []
    # Nothing writes to the empty file. SQLite would lay the files of its write-ahead log next to it.
    for one, options in ((path, "mode=ro"), (empty, "mode=ro&immutable=1")):
        try:
            with contextlib.closing(sqlite3.connect(f"{one.as_uri()}?{options}", uri=True)) as con:
                found.append(con.execute(query).fetchall())
        except sqlite3.Error:
            return False
    return found[0] == found[1]


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
