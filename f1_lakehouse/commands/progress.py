"""Progress of a load on a terminal: which session, which endpoint, rows, requests left in the minute, time to go.

Listens to the log records of the client and of the pulls; draws with rich on a terminal, else prints a line a pull.
Nothing is decided here.
"""

import logging
import re
import sys
from collections.abc import Sequence
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
from f1_lakehouse.observe.logs import json_handler
from f1_lakehouse.openf1.calendar import Due
from f1_lakehouse.openf1.endpoints import BY_NAME
from f1_lakehouse.settings import LogFormat, load_settings

_DBT_NODE = re.compile(r"(\d+) of (\d+) (START|OK|PASS|INSERT|ERROR|FAIL|WARN|SKIP)\s*(.*?)\s*\.{2,}")

CARS = 20
"""Requests that a telemetry endpoint takes: one a driver."""


class LoadProgress(logging.Handler):
    """A `Listener` of defs/load.py that is also a handler of the package's log records."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        # As JSON the records themselves are told, by a handler of their own, and nothing is drawn.
        self._as_json = load_settings().log_format is LogFormat.JSON
        self._handler = json_handler() if self._as_json else self
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
        self._logger = logging.getLogger("f1_lakehouse")

    def __enter__(self) -> Self:
        self._logger.setLevel(logging.INFO)
        self._logger.propagate = False
        self._logger.addHandler(self._handler)
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
        self._logger.removeHandler(self._handler)
        self._logger.propagate = True

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
