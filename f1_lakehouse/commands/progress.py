"""Progress of what takes long, on stderr: drawn with rich on a terminal, else a line now and then, or as JSON.

Of a load: which session, which endpoint, rows, requests left in the minute, time to go; it listens to the log records of the
client and of the pulls. Nothing is decided here.
"""

import contextlib
import logging
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from f1_lakehouse.lake.pulls import Pull
from f1_lakehouse.observe.logs import PACKAGE, log_as, tell
from f1_lakehouse.openf1.calendar import Due
from f1_lakehouse.openf1.endpoints import BY_NAME
from f1_lakehouse.settings import LogFormat, load_settings

_DBT_NODE = re.compile(r"(\d+) of (\d+) (START|OK|PASS|INSERT|ERROR|FAIL|WARN|SKIP)\s*(.*?)\s*\.{2,}")

EVERY = 5.0
"""Seconds between two lines of progress where there is no terminal to draw on."""
CARS = 20
"""Requests that a telemetry endpoint takes: one a driver."""


@contextlib.contextmanager
def working(what: str) -> Iterator[Callable[[str], None]]:
    """Tell on stderr how far something long has come: a line that changes, or one every few seconds."""
    as_json = load_settings().log_format is LogFormat.JSON
    console = Console(stderr=True, highlight=False)
    if console.is_terminal and not as_json:
        with console.status(what) as status:
            yield lambda text: status.update(f"{what} · {text}")
        return
    began = last = time.monotonic()

    def now_and_then(text: str) -> None:
        nonlocal last
        if time.monotonic() - last >= EVERY:
            last = time.monotonic()
            tell(f"{what}: {text}", "progress")

    yield now_and_then
    if as_json:
        seconds = round(time.monotonic() - began, 3)
        logging.getLogger(PACKAGE).info("%s", what, extra={"event": "done", "seconds": seconds})


class LoadProgress(logging.Handler):
    """A `Listener` of defs/load.py that is also a handler of the package's log records."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        # As JSON the records themselves are told (observe/logs.py), and nothing is drawn.
        self._as_json = load_settings().log_format is LogFormat.JSON
        self._console = Console(stderr=True, highlight=False)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[detail]}"),
            TimeElapsedColumn(),
            console=self._console,
            disable=self._as_json or not self._console.is_terminal,
            transient=True,
        )
        self._task = self._progress.add_task("", total=None, detail="")
        self._session = ""
        self._requests_to_go = 0
        self._pulls = 0
        self._done = 0
        self._logger = logging.getLogger(PACKAGE)

    def __enter__(self) -> Self:
        if self._as_json:
            log_as(json=True)
        else:
            self._logger.setLevel(logging.INFO)
            self._logger.propagate = False
            self._logger.addHandler(self)
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
        self._logger.removeHandler(self)
        self._logger.propagate = not self._as_json

    def planned(self, work: Sequence[Due]) -> None:
        """What will be asked, session by session."""
        names = [name for one in work for name in one.endpoints]
        self._pulls = len(names)
        self._requests_to_go = sum(CARS if BY_NAME[name].by_driver else 1 for name in names)
        if not names:
            self._say("nothing is due: all that was asked for is here")
            return
        self._say(f"{len(work)} sessions, {len(names)} pulls, about {self._requests_to_go} requests")
        self._progress.update(self._task, total=len(names), completed=0, detail=self._to_go())

    def session_started(self, one: Due) -> None:
        """A session's run begins."""
        self._session = one.session.partition
        self._progress.update(self._task, description=self._session)

    def stage(self, name: str) -> None:
        """Something other than a session begins."""
        self._session = ""
        self._say(name)
        self._progress.update(self._task, description=name, total=None, completed=0, detail="")

    def emit(self, record: logging.LogRecord) -> None:
        """A log record of the package: a pull that is done, a request, a wait, a warning."""
        event = getattr(record, "event", None)
        if event == "pull":
            self._pull(record.pull)  # type: ignore[attr-defined]
        elif event == "request":
            self._requests_to_go = max(0, self._requests_to_go - 1)
            self._progress.update(self._task, detail=self._to_go())
        elif event == "wait":
            seconds = float(getattr(record, "seconds", 0.0))
            self._progress.update(self._task, detail=f"rate limit: {seconds:.0f} s · {self._to_go()}")
        elif event == "dbt":
            self._dbt(record.getMessage())
        elif record.levelno >= logging.WARNING:
            self._say(record.getMessage())

    def _pull(self, done: Pull) -> None:
        self._done += 1
        where = self._session or str(done.scope)
        counted = f"{self._done}/{self._pulls} " if self._pulls and self._session else ""
        waited = f", {done.waited_s:.0f} s of them waiting for the rate limit" if done.waited_s >= 1 else ""
        note = (
            f" ({done.error})"
            if done.error
            else f" ({done.quarantined} set aside)"
            if done.quarantined
            else ""
        )
        line = f"{counted}{where} {done.endpoint}: {done.outcome}, {done.rows:,} rows, {done.seconds:.1f} s{waited}{note}"
        self._say(
            line if self._session else f"{done.endpoint} {done.scope}: {done.outcome}, {done.rows:,} rows"
        )
        if self._session:
            self._progress.update(
                self._task, completed=self._done, detail=f"{done.endpoint} · {self._to_go()}"
            )
        else:
            self._done -= 1

    def _dbt(self, line: str) -> None:
        node = _DBT_NODE.search(line)
        if node is None:
            return
        number, total, verb, what = int(node[1]), int(node[2]), node[3], node[4]
        self._progress.update(self._task, total=total, completed=number - (verb == "START"), detail=what[:60])
        if verb in ("ERROR", "FAIL", "WARN"):
            self._say(f"dbt {verb.lower()}: {what}")

    def _to_go(self) -> str:
        from f1_lakehouse.lakes import current_lake

        limits = current_lake().limits
        left = limits.remaining_in_minute()
        if left is None:
            return ""
        beyond = max(0, self._requests_to_go - left)
        minutes = beyond / limits.per_minute if limits.per_minute else 0
        to_go = f"about {minutes:.0f} min to go" if minutes >= 1 else "less than a minute to go"
        return f"{left} requests left in this minute · {to_go}"

    def _say(self, text: str) -> None:
        if self._as_json:
            return
        if self._console.is_terminal:
            self._progress.console.print(text)
        else:
            print(text, file=sys.stderr, flush=True)
