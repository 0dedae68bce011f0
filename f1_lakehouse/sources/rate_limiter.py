"""The request limits of OpenF1, shared by every thread and process on one lake.

Belongs here: when a request may be sent. Not here: sending it, and what to do with a refusal (client.py).

The usual way, a stamp when a slot is taken, is not exact for the one who counts, the server. A request reaches it
some time between its sending and its answer: three slow ones sent at 0.0 s and three fast ones sent at 1.0 s can
arrive as six within a moment. So a slot is held from the sending until the answer, and leaves a window only when
the *answer* is one window old. Proof: of n + 1 requests take the one that was let through last, at time s. Fewer
than n of the others were in flight or answered after s - window, so one was answered, hence had arrived, before
s - window, while the last arrives after s: the n + 1 never lie within one window.

The memory is one small SQLite file. A connection is opened for each look (0.3 ms, against requests of 100 ms and
more): that makes it safe for threads, for forks, and for a lake that is deleted under a running process.

Who waits holds a ticket and is served in the order of tickets. Tickets that are not renewed for two seconds belong
to a process that is gone and are dropped. A slot whose process was killed counts as answered at its time-out:
its request may still be under way, and nobody is left to say that it arrived.
"""

import contextlib
import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from f1_lakehouse.sources.openf1.errors import OpenF1Error

logger = logging.getLogger(__name__)
T = TypeVar("T")

# Our clock and the server's need not run equally fast: time daemons slew by up to 0.05 %.
MARGIN = 1.001
# The longest sleep: a signal is answered, a ticket renewed and a new pause seen within this many seconds.
SLICE = 0.5
# Seconds after which a ticket that nobody renews is dropped.
STALE = 2.0
# Seconds to wait for the file while other processes hold it; they hold it for less than a millisecond.
LOCKED = 30.0

_SCHEMA_VERSION = 1
_SCHEMA = """
create table requests (id integer primary key autoincrement, sent real not null, done real);
create table tickets (id integer primary key autoincrement, seen real not null);
create table pause (id integer primary key check (id = 1), since real not null, until real not null);
"""


class Slot:
    """Leave to send one request. `waited`: the seconds it took to get it."""

    def __init__(self, waited: float, finish: Callable[[], None]) -> None:
        self.waited = waited
        self._finish: Callable[[], None] | None = finish

    def answered(self) -> None:
        """Say that the answer has begun: the request has surely arrived. Called once more it does nothing."""
        finish, self._finish = self._finish, None
        if finish is not None:
            finish()


class _Damaged(Exception):
    """The file is an SQLite file, but not one of ours."""


class RateLimits:
    """Two stacked windows: a request must fit into both.

    `path`: the file that all processes of the lake share; made with its folder if missing. `per_second` and
    `per_minute`: the most requests in any window of that length; 0 switches a window off. `request_timeout`:
    seconds after which a request has certainly been answered or given up. `lengths`: the windows in seconds, for
    tests. `clock` is monotonic and shared by all processes of the machine (as `time.monotonic` is on Linux, macOS
    and Windows); after a reboot it begins anew, and stamps from its future are dropped.

    May be shared by threads and carried over a fork. Every method raises OpenF1Error when the file cannot be used.
    """

    def __init__(
        self,
        path: Path | str,
        per_second: int = 3,
        per_minute: int = 30,
        *,
        request_timeout: float = 90.0,
        lengths: tuple[float, float] = (1.0, 60.0),
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if per_second < 0 or per_minute < 0:
            raise ValueError("a limit is a number of requests, or 0 for none")
        self.path = Path(path)
        self.per_second = per_second
        self.per_minute = per_minute
        self._minute = lengths[1] * MARGIN
        both = ((per_second, lengths[0] * MARGIN), (per_minute, self._minute))
        self._windows = tuple((count, length) for count, length in both if count)
        self._keep = max(lengths) * MARGIN
        self._request_timeout = request_timeout
        self._clock = clock
        self._sleep = sleep

    @contextmanager
    def request(self, on_wait: Callable[[float], None] | None = None) -> Iterator[Slot]:
        """Wait until a request may be sent, and hold its slot while it is under way.

        `on_wait` is called with the seconds that remain, before each sleep (at most 0.5 s). Leaving the block says
        that the request is answered or given up; call `slot.answered()` when the answer begins to free the slot
        sooner.
        """
        row, waited = self._acquire(on_wait)
        slot = Slot(waited, lambda: self._finish(row))
        try:
            yield slot
        finally:
            slot.answered()

    def remaining_in_minute(self) -> int | None:
        """How many requests the minute window would let through now; None if it is switched off."""
        if not self.per_minute:
            return None

        def look(db: sqlite3.Connection) -> int:
            now = self._clock()
            return sum(1 for end in self._ends(db, now) if end > now - self._minute)

        return max(0, self.per_minute - self._do(look))

    def seconds_until_free(self) -> float:
        """Seconds until a request that is asked for now could be sent, as far as known; 0 if at once."""

        def look(db: sqlite3.Connection) -> float:
            now = self._clock()
            return self._seconds_until(
                now, self._ends(db, now), self._ahead(db, None, now), self._pause(db, now)
            )

        return self._do(look)

    def pause(self, seconds: float) -> None:
        """Let no process send anything for so many seconds; a longer pause that is on stays on."""

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
                self._sleep(min(max(seconds, 0.001), SLICE))
        except BaseException:  # an interrupt above all: nobody should wait for one who has left
            if ticket is not None:
                with contextlib.suppress(OpenF1Error):
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
        else:  # put back under its old number, should it have been dropped while the machine slept
            db.execute("insert or replace into tickets values (?, ?)", (ticket, now))
        return None, ticket, seconds

    def _finish(self, row: int) -> None:
        try:
            self._do(lambda db: db.execute("update requests set done = ? where id = ?", (self._clock(), row)))
        except OpenF1Error as error:
            # The slot then counts until its time-out, which errs on the safe side; the answer is worth more.
            logger.warning("the end of a request could not be noted: %s", error)

    def _seconds_until(self, now: float, ends: list[float], ahead: int, pause: float) -> float:
        """Seconds until there is room for the `ahead` requests that wait already and one more.

        A lower bound that is exact as long as nothing new happens: who sleeps that long and looks again never
        sleeps past a free slot.
        """
        free_at = max(now, pause)
        for count, length in self._windows:
            inside = [end for end in ends if end > now - length]
            leave = len(inside) + ahead + 1 - count
            if leave > 0:
                free_at = max(free_at, (inside[min(leave, len(inside)) - 1] if inside else now) + length)
        return free_at - now

    def _ends(self, db: sqlite3.Connection, now: float) -> list[float]:
        """When each request was answered, ascending; one in flight may arrive at any moment, so it counts as now."""
        rows = db.execute("select sent, done from requests where sent <= ?", (now,))
        return sorted(min(now, sent + self._request_timeout) if done is None else done for sent, done in rows)

    def _ahead(self, db: sqlite3.Connection, ticket: int | None, now: float) -> int:
        """How many who wait are to be served before this ticket, or before a new one."""
        found = db.execute(
            "select count(*) from tickets where seen between ? and ? and (? is null or id < ?)",
            (now - STALE, now, ticket, ticket),
        )
        return int(found.fetchone()[0])

    def _pause(self, db: sqlite3.Connection, now: float) -> float:
        """Until when nothing may be sent; a moment in the past if there is no pause."""
        row = db.execute("select until from pause where since <= ?", (now,)).fetchone()
        return row[0] if row else now

    def _forget(self, db: sqlite3.Connection, now: float) -> None:
        """Drop what no window needs any more, and what another boot of the machine left."""
        db.execute(
            "delete from requests where sent > ? or coalesce(done, sent + ?) <= ?",
            (now, self._request_timeout, now - max(self._keep, 60 * MARGIN)),
        )
        db.execute("delete from tickets where seen not between ? and ?", (now - STALE, now))
        db.execute("delete from pause where since > ?", (now,))

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in a transaction of its own that no other process overlaps."""
        give_up = time.monotonic() + LOCKED
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
        # A short time-out and a loop around it, because Ctrl-C is not heard while SQLite waits.
        db = sqlite3.connect(self.path, timeout=SLICE, isolation_level=None)
        try:
            # Not flushed to disk: what a power failure takes away is a minute old when the machine is back.
            db.execute("pragma synchronous = off")
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
            result = work(db)
            db.execute("commit")
            return result
        finally:
            db.close()

    def _fill(self, db: sqlite3.Connection) -> None:
        """Count every window as used up just now: the safe guess when the memory is lost."""
        now = self._clock()
        most = max((count for count, _ in self._windows), default=0)
        db.executemany("insert into requests (sent, done) values (?, ?)", [(now, now)] * most)

    def _set_aside(self, error: Exception) -> None:
        aside = self.path.with_name(self.path.name + ".damaged")
        try:
            self.path.replace(aside)
            self.path.with_name(self.path.name + "-journal").unlink(missing_ok=True)
        except OSError as failure:
            raise self._unusable(failure) from failure
        logger.warning(
            "the file of request limits %s was damaged (%s) and is kept as %s; waiting as if every request of the"
            " last minute had been used",
            self.path,
            error,
            aside.name,
        )

    def _unusable(self, error: Exception) -> OpenF1Error:
        return OpenF1Error(
            f"the file of request limits {self.path} cannot be used: {error}",
            cure="make its folder a writable local one (F1_LAKEHOUSE_ROOT)",
        )
