"""The rate limiter of a source: any number of windows, shared by every thread and process on one lake.

Belongs here: when a request may be sent. Does not belong here: sending it, and what a refusal means (http.py).

The usual method, a stamp when a slot is taken, is not exact for the server, which counts arrivals. A request arrives
some time between its sending and its response: three slow ones sent at 0.0 s and three fast ones sent at 1.0 s can
arrive as six within a moment. So a slot is held from the sending until the response, and leaves a window only when
the *response* is one window old. Proof: of n + 1 requests take the one that was admitted last, at time s. Fewer
than n of the others were in flight or answered after s - window, so one was answered, hence had arrived, before
s - window, while the last arrives after s: the n + 1 never lie within one window.

The state is one small SQLite file per source. A connection is opened for each look (0.3 ms, against requests of 100 ms and
more): that makes it safe for threads, for forks, and for a lake that is deleted under a running process.

A waiting request holds a ticket, and tickets are served in order. Tickets that are not renewed for two seconds belong
to a process that is gone and are dropped. A slot whose process was killed counts as answered at its time-out:
its request may still be in progress, and no process is left to note its response.

Times in the file are monotonic seconds, which no change of the wall clock moves. They start again at each boot, so the file
also notes the boot and the wall-clock time of its last use: after a reboot every time is moved by the wall-clock time that
has passed since (none, if the wall clock was turned back), and a window of an hour survives. With such a window each change is
flushed to disk; with windows of at most a minute it is not, because a power failure is a minute old when the machine is back.
"""

import contextlib
import logging
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from f1_lakehouse.sources.errors import SourceError
from f1_lakehouse.sources.exchange import Window

logger = logging.getLogger(__name__)
T = TypeVar("T")

WINDOW_MARGIN = 1.001
"""This machine's clock and the server's need not run equally fast: time daemons slew by up to 0.05 %."""

MAX_SLEEP_S = 0.5
"""A signal is handled, a ticket renewed and a new pause seen within this time."""

TICKET_EXPIRES_S = 2.0
"""A ticket that is not renewed for this long is dropped."""

MAX_LOCK_WAIT_S = 30.0
"""How long to wait for the file while other processes hold it; they hold it for less than a millisecond."""

FLUSH_FROM_S = 61.0
"""From this window length on, changes are flushed to disk. A reboot takes less than an hour and more than a minute."""

_SCHEMA_VERSION = 1
_SCHEMA = """
create table requests (id integer primary key autoincrement, sent real not null, done real);
create table tickets (id integer primary key autoincrement, seen real not null);
create table pause (id integer primary key check (id = 1), since real not null, until real not null);
"""
# Not part of the schema's version: a file of an older version gets it, and older versions ignore it.
_BOOT_SCHEMA = """
create table if not exists boot
    (id integer primary key check (id = 1), boot_id text not null, monotonic real not null, wall real not null);
"""


class Slot:
    """Permission to send one request. `waited`: the seconds it took to get it."""

    def __init__(self, waited: float, finish: Callable[[], None]) -> None:
        self.waited = waited
        self._finish: Callable[[], None] | None = finish

    def answered(self) -> None:
        """Note that the response has begun: the request has certainly arrived. A second call does nothing."""
        finish, self._finish = self._finish, None
        if finish is not None:
            finish()


class _Damaged(Exception):
    """The file is an SQLite file, but not of a rate limiter."""


def read_boot_id() -> str:
    """The id of this boot of the machine; empty where the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


class RateLimiter:
    """Stacked windows: a request must fit into all of them.

    `path`: the file that all processes of the lake share; made with its folder if missing. `windows`: the most requests in
    any period of each length; a window of 0 requests is switched off. `request_timeout`: seconds after which a request has
    certainly been answered or given up. `clock` is monotonic and shared by all processes of the machine (as
    `time.monotonic` is on Linux, macOS and Windows); `wall` is in seconds since 1970 and `boot_id` identifies the boot.

    May be shared by threads and carried over a fork. Every method raises SourceError when the file cannot be used.
    """

    def __init__(
        self,
        path: Path | str,
        windows: Sequence[Window] = (),
        *,
        request_timeout: float = 90.0,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        boot_id: Callable[[], str] = read_boot_id,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if any(window.requests < 0 or window.seconds <= 0 for window in windows):
            raise ValueError(
                "a window is a number of requests, or 0 for none, in a positive number of seconds"
            )
        self.path = Path(path)
        self.windows = tuple(window for window in windows if window.requests)
        self._longest = max((window.seconds for window in self.windows), default=0.0)
        self._request_timeout = request_timeout
        self._clock = clock
        self._wall = wall
        self._boot_id = boot_id
        self._sleep = sleep

    @contextmanager
    def request(self, on_wait: Callable[[float], None] | None = None) -> Iterator[Slot]:
        """Wait until a request may be sent, and hold its slot while it is in progress.

        `on_wait` is called with the seconds that remain, before each sleep (at most 0.5 s). Leaving the block notes
        that the request is answered or given up; call `slot.answered()` when the response begins to free the slot
        sooner.
        """
        row, waited = self._acquire(on_wait)
        slot = Slot(waited, lambda: self._finish(row))
        try:
            yield slot
        finally:
            slot.answered()

    def remaining(self) -> dict[float, int]:
        """How many requests each window would admit now, by the window's length in seconds."""

        def look(db: sqlite3.Connection) -> dict[float, int]:
            now = self._clock()
            ends = self._ends(db, now)
            return {
                window.seconds: max(0, window.requests - sum(end > now - _length(window) for end in ends))
                for window in self.windows
            }

        return self._do(look)

    def seconds_until_free(self) -> float:
        """Seconds until a new request could be sent, as far as known; 0 if immediately."""

        def look(db: sqlite3.Connection) -> float:
            now = self._clock()
            return self._seconds_until(
                now, self._ends(db, now), self._ahead(db, None, now), self._pause(db, now)
            )

        return self._do(look)

    def pause(self, seconds: float) -> None:
        """Let no process send anything for this number of seconds; a longer pause that is in force stays."""

        def note(db: sqlite3.Connection) -> None:
            now = self._clock()
            until = max(self._pause(db, now), now + seconds)
            db.execute("insert or replace into pause values (1, ?, ?)", (now, until))

        self._do(note)

    def _acquire(self, on_wait: Callable[[float], None] | None) -> tuple[int, float]:
        began = self._clock()
        ticket: int | None = None
        try:
            while True:
                row, ticket, seconds = self._do(lambda db, ticket=ticket: self._try(db, ticket))  # type: ignore[misc]
                if row is not None:
                    return row, max(0.0, self._clock() - began)
                if on_wait is not None:
                    on_wait(seconds)
                self._sleep(min(max(seconds, 0.001), MAX_SLEEP_S))
        except BaseException:  # an interrupt above all: no request should wait for one that is gone
            if ticket is not None:
                with contextlib.suppress(SourceError):
                    self._do(lambda db: db.execute("delete from tickets where id = ?", (ticket,)))
            raise

    def _try(self, db: sqlite3.Connection, ticket: int | None) -> tuple[int | None, int | None, float]:
        """One look: (row of the slot, None, 0), or (None, ticket, seconds to wait)."""
        # The clock is read inside the transaction: stamps in the file are then never later than `now`.
        now = self._clock()
        self._forget(db, now)
        ahead = self._ahead(db, ticket, now)
        seconds = self._seconds_until(now, self._ends(db, now), ahead, self._pause(db, now))
        if seconds <= 0:
            db.execute("delete from tickets where id = ?", (ticket,))
            row = db.execute("insert into requests (sent) values (?)", (now,)).lastrowid
            return row, None, 0.0
        if ticket is None:
            ticket = db.execute("insert into tickets (seen) values (?)", (now,)).lastrowid
        else:  # restored under its old number, in case it was dropped while the machine slept
            db.execute("insert or replace into tickets values (?, ?)", (ticket, now))
        return None, ticket, seconds

    def _finish(self, row: int) -> None:
        try:
            self._do(lambda db: db.execute("update requests set done = ? where id = ?", (self._clock(), row)))
        except SourceError as error:
            # The slot then counts until its time-out, which is safe; the response is more important.
            logger.warning("the end of a request could not be noted: %s", error)

    def _seconds_until(self, now: float, ends: list[float], ahead: int, pause: float) -> float:
        """Seconds until the windows allow the `ahead` requests that wait already and one more.

        A lower bound that is exact as long as nothing new happens: a sleep of that length never ends after a slot is free.
        """
        free_at = max(now, pause)
        for window in self.windows:
            length = _length(window)
            inside = [end for end in ends if end > now - length]
            leave = len(inside) + ahead + 1 - window.requests
            if leave > 0:
                free_at = max(free_at, (inside[min(leave, len(inside)) - 1] if inside else now) + length)
        return free_at - now

    def _ends(self, db: sqlite3.Connection, now: float) -> list[float]:
        """When each request was answered, ascending; one in flight may arrive at any moment, so it counts as now."""
        rows = db.execute("select sent, done from requests where sent <= ?", (now,))
        return sorted(min(now, sent + self._request_timeout) if done is None else done for sent, done in rows)

    def _ahead(self, db: sqlite3.Connection, ticket: int | None, now: float) -> int:
        """How many waiting requests are served before this ticket, or before a new one."""
        found = db.execute(
            "select count(*) from tickets where seen between ? and ? and (? is null or id < ?)",
            (now - TICKET_EXPIRES_S, now, ticket, ticket),
        )
        return int(found.fetchone()[0])

    def _pause(self, db: sqlite3.Connection, now: float) -> float:
        """Until when nothing may be sent; a moment in the past if there is no pause."""
        row = db.execute("select until from pause where since <= ?", (now,)).fetchone()
        return row[0] if row else now

    def _forget(self, db: sqlite3.Connection, now: float) -> None:
        """Drop what no window needs any more, and what has a time in the future."""
        db.execute(
            "delete from requests where sent > ? or coalesce(done, sent + ?) <= ?",
            (now, self._request_timeout, now - max(self._longest, 60.0) * WINDOW_MARGIN),
        )
        db.execute("delete from tickets where seen not between ? and ?", (now - TICKET_EXPIRES_S, now))
        db.execute("delete from pause where since > ?", (now,))

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in a transaction of its own that no other process overlaps."""
        give_up = time.monotonic() + MAX_LOCK_WAIT_S
        damaged = False
        while True:
            try:
                return self._transaction(work, full=damaged)
            except (_Damaged, sqlite3.DatabaseError) as error:
                code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
                if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and time.monotonic() < give_up:
                    continue
                if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) and not damaged:
                    damaged = True
                    self._set_aside(error)
                    continue
                raise self._unusable(error) from error
            except OSError as error:
                raise self._unusable(error) from error

    def _transaction(self, work: Callable[[sqlite3.Connection], T], full: bool) -> T:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # A short time-out and a loop around it, because Ctrl-C is not handled while SQLite waits.
        db = sqlite3.connect(self.path, timeout=MAX_SLEEP_S, isolation_level=None)
        try:
            # Not flushed to disk: what a power failure takes away is a minute old when the machine is back.
            db.execute(f"pragma synchronous = {'full' if self._longest >= FLUSH_FROM_S else 'off'}")
            db.execute("begin immediate")
            version = db.execute("pragma user_version").fetchone()[0]
            if version != _SCHEMA_VERSION:
                if version or db.execute("select count(*) from sqlite_master").fetchone()[0]:
                    raise _Damaged("it holds something else")
                for statement in _SCHEMA.split(";"):
                    db.execute(statement)
                db.execute(f"pragma user_version = {_SCHEMA_VERSION}")
                if full:
                    self._fill(db)
            self._adopt_times(db)
            result = work(db)
            db.execute("commit")
            return result
        finally:
            db.close()

    def _adopt_times(self, db: sqlite3.Connection) -> None:
        """Move the times of an earlier boot to this one, and note this boot and time."""
        db.execute(_BOOT_SCHEMA)
        boot_id, now, wall = self._boot_id(), self._clock(), self._wall()
        noted = db.execute("select boot_id, monotonic, wall from boot").fetchone()
        if noted is not None and (noted[0] != boot_id or now < noted[1]):
            # The age of a time stays, plus what has passed since the last use.
            shift = now - max(0.0, wall - noted[2]) - noted[1]
            db.execute("update requests set sent = sent + ?, done = done + ?", (shift, shift))
            db.execute("update pause set since = since + ?, until = until + ?", (shift, shift))
            db.execute("delete from tickets")
        db.execute("insert or replace into boot values (1, ?, ?, ?)", (boot_id, now, wall))

    def _fill(self, db: sqlite3.Connection) -> None:
        """Count every window as used up just now: the safe assumption when the state is lost."""
        now = self._clock()
        most = max((window.requests for window in self.windows), default=0)
        db.executemany("insert into requests (sent, done) values (?, ?)", [(now, now)] * most)

    def _set_aside(self, error: Exception) -> None:
        aside = self.path.with_name(self.path.name + ".damaged")
        try:
            self.path.replace(aside)
            self.path.with_name(self.path.name + "-journal").unlink(missing_ok=True)
        except OSError as failure:
            raise self._unusable(failure) from failure
        logger.warning(
            "the file of request limits %s was damaged (%s) and is kept as %s; waiting as if every request of every"
            " window had been used",
            self.path,
            error,
            aside.name,
        )

    def _unusable(self, error: Exception) -> SourceError:
        return SourceError(
            f"the file of request limits {self.path} cannot be used: {error}",
            cure="make its folder a writable local one (F1_LAKEHOUSE_ROOT)",
        )


def _length(window: Window) -> float:
    """The length of a window in seconds, with the margin for unequal clocks."""
    return window.seconds * WINDOW_MARGIN
