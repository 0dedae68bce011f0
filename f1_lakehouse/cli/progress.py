"""Progress of long commands on stderr: drawn with rich on a terminal, otherwise a line every few seconds, or JSON.

The progress of a load shows the session, the endpoint, rows, requests left in this minute, and the remaining time. It is a handler of
the log records of the client and of the pulls. Does not belong here: decisions; progress only prints.
"""

import contextlib
import logging
import math
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self

from rich.console import Console, RenderableType
from rich.constrain import Constrain
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column
from rich.text import Text

from f1_lakehouse.counts import counted
from f1_lakehouse.observability.log_output import PACKAGE, log_as, tell
from f1_lakehouse.runs.estimate import requests_of
from f1_lakehouse.settings import LogFormat, load_settings
from f1_lakehouse.sources.errors import SourceError
from f1_lakehouse.sources.source import Work
from f1_lakehouse.storage.pull_log import Pull

_DBT_NODE = re.compile(r"(\d+) of (\d+) (START|OK|PASS|INSERT|ERROR|FAIL|WARN|SKIP)\s*(.*?)\s*\.{2,}")

PROGRESS_INTERVAL_S = 5.0
"""Seconds between two lines of progress if stderr is not a terminal."""


@contextlib.contextmanager
def working(what: str) -> Iterator[Callable[[str], None]]:
    """Print the progress of a long operation on stderr: a line that changes, or a line every few seconds."""
    as_json = load_settings().log_format is LogFormat.JSON
    console = Console(stderr=True, highlight=False)
    if console.is_terminal and not as_json:
        with console.status(what) as status:
            yield lambda text: status.update(f"{what} · {text}")
        return
    began = last = time.monotonic()

    def print_sometimes(text: str) -> None:
        nonlocal last
        if time.monotonic() - last >= PROGRESS_INTERVAL_S:
            last = time.monotonic()
            tell(f"{what}: {text}", "progress")

    yield print_sometimes
    if as_json:
        seconds = round(time.monotonic() - began, 3)
        logging.getLogger(PACKAGE).info("%s", what, extra={"event": "done", "seconds": seconds})


class _Detail(ProgressColumn):
    """The current step of a load, computed at each refresh, so that a countdown continues between two log records."""

    def __init__(self, detail: Callable[[], str]) -> None:
        self._detail = detail
        super().__init__(Column(no_wrap=True, overflow="ellipsis", ratio=1))

    def render(self, task: Task) -> Text:
        """The text."""
        return Text(self._detail())


class _Bar(Progress):
    """A bar that leaves the last columns free for ^C, which would wrap the line and leave a second copy of the bar."""

    def __init__(self, *columns: ProgressColumn, console: Console, **rest: Any) -> None:
        self._terminal = console  # the base class renders before it sets `console`
        super().__init__(*columns, console=console, **rest)

    def get_renderable(self) -> RenderableType:
        """The bar, limited in width."""
        return Constrain(super().get_renderable(), max(1, self._terminal.width - len("^C") - 1))


class LoadProgress(logging.Handler):
    """A `Listener` of runs/report.py that is also a handler of the package's log records.

    `pulls`: the pulls that completed or failed since it was created.
    """

    def __init__(self, console: Console | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(logging.INFO)
        # With JSON output, observability/log_output.py prints the records themselves.
        self._as_json = load_settings().log_format is LogFormat.JSON
        self._console = console or Console(stderr=True, highlight=False)
        self._clock = clock
        self._progress = _Bar(
            SpinnerColumn(),
            TextColumn("{task.description}", table_column=Column(no_wrap=True)),
            BarColumn(bar_width=12),
            MofNCompleteColumn(table_column=Column(no_wrap=True)),
            _Detail(self.detail),
            TimeElapsedColumn(table_column=Column(no_wrap=True)),
            console=self._console,
            disable=self._as_json or not self._console.is_terminal,
            refresh_per_second=4,
            transient=True,
            expand=True,
        )
        self._task = self._progress.add_task("", total=None)
        self.pulls: list[Pull] = []
        self._planned: int | None = None
        self._done = 0
        self._session = ""
        self._at = ""
        self._requests_to_go = 0
        self._waits: dict[str, tuple[float, str]] = {}
        self._left: tuple[float, str] = (-math.inf, "")
        self._said = -math.inf
        self._began = time.time()
        self._logger = logging.getLogger(PACKAGE)

    def __enter__(self) -> Self:
        log_as(json=self._as_json)
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

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Draw nothing within the block, in which the user is asked something."""
        self._progress.stop()
        try:
            yield
        finally:
            self._progress.start()

    @property
    def seconds(self) -> float:
        """Seconds since it was created."""
        return time.time() - self._began

    def planned(self, work: Sequence[Work]) -> None:
        """The pulls of this load, by session, are known."""
        names = [name for one in work for name in one.endpoints]
        self._planned = len(names)
        self._requests_to_go = requests_of(work)
        if not names:
            self._say("up to date: nothing to load")
            return
        self._say(
            f"{counted(len(work), 'session')}, {counted(len(names), 'pull')}, about {counted(self._requests_to_go, 'request')}"
        )
        self._progress.update(self._task, total=len(names), completed=0)

    def session_started(self, one: Work) -> None:
        """The run of a session begins."""
        self._session = one.partition.label
        self._progress.update(self._task, description=self._session)

    def stage(self, name: str) -> None:
        """A stage that is not a session begins: the calendar, dbt, publishing, pages."""
        self._session, self._at = "", ""
        self._waits.clear()
        self._say(name)
        self._progress.update(self._task, description=name, total=None, completed=0)

    def emit(self, record: logging.LogRecord) -> None:
        """Show a log record of the package: a pull, a request, a wait, a warning."""
        event = getattr(record, "event", None)
        if event == "pull":
            self._pull(vars(record)["pull"])
        elif event == "request":
            self._requests_to_go = max(0, self._requests_to_go - 1)
            self._waits.pop(vars(record)["url"], None)
        elif event in ("wait", "retry"):
            self._wait(event, record)
        elif event == "stage":
            self.stage(record.getMessage())
        elif event == "dbt":
            self._dbt(record.getMessage())
        elif event == "data_tests":
            self._data_tests(record)
        elif record.levelno >= logging.WARNING:
            self._say(record.getMessage())

    def detail(self) -> str:
        """The current step: a wait with its countdown, or the endpoint or dbt model; and what remains."""
        now = self._clock()
        # A copy: other threads add and remove waits at the same time.
        waits = [(until, why) for until, why in tuple(self._waits.values()) if until > now]
        if waits:
            until, why = min(waits)
            return " · ".join(filter(None, (f"{why} in {math.ceil(until - now)} s", self._to_go(now))))
        return " · ".join(filter(None, (self._at, self._to_go(now))))

    def describe(self) -> str:
        """What is complete, for the last lines of an interrupted command."""
        parts = []
        if self._planned:
            parts.append(f"{self._done} of {counted(self._planned, 'pull')} complete and saved")
        elif self.pulls:
            parts.append("completed pulls of the calendar are saved")
        gold = load_settings().gold
        if not gold.exists():
            parts.append("gold is not published yet")
        elif gold.stat().st_mtime >= self._began:
            parts.append("gold was published")
        else:
            parts.append("published gold is unchanged")
        return ", ".join(parts)

    def _wait(self, event: str, record: logging.LogRecord) -> None:
        seconds = float(getattr(record, "seconds", 0.0))
        why = "rate limit: next request" if event == "wait" else f"{vars(record)['cause']}: retry"
        self._waits[vars(record)["url"]] = self._clock() + seconds, why
        if seconds >= PROGRESS_INTERVAL_S and not self._console.is_terminal:
            self._say_sometimes(f"{why} in {seconds:.0f} s")

    def _pull(self, done: Pull) -> None:
        self.pulls.append(done)
        waited = f" ({done.waited_s:.0f} s waiting for the rate limit)" if done.waited_s >= 1 else ""
        note = (
            f" ({done.error})"
            if done.error
            else f" ({done.quarantined} quarantined)"
            if done.quarantined
            else ""
        )
        line = f"{done.outcome}, {counted(done.rows, 'row')}"
        if not self._session:
            self._say(f"{done.endpoint} {done.scope}: {line}{note}")
            return
        self._done += 1
        place = f"{self._done}/{self._planned} " if self._planned else ""
        self._say(f"{place}{self._session} {done.endpoint}: {line}, {done.seconds:.1f} s{waited}{note}")
        self._at = done.endpoint
        self._progress.update(self._task, completed=self._done)

    def _dbt(self, line: str) -> None:
        node = _DBT_NODE.search(line)
        if node is None:
            return
        number, total, verb, what = int(node[1]), int(node[2]), node[3], node[4]
        self._at = what
        self._progress.update(self._task, total=total, completed=number - (verb == "START"))
        # Failed checks are listed once, at the end.
        if not self._console.is_terminal:
            self._say_sometimes(f"dbt: {number} of {total}")

    def _data_tests(self, record: logging.LogRecord) -> None:
        """Show which table is tested; number and total are those of the tables."""
        number, total = vars(record)["number"], vars(record)["total"]
        self._at = record.getMessage()
        self._progress.update(self._task, total=total, completed=number - 1)
        if not self._console.is_terminal:
            self._say_sometimes(f"data tests: table {number} of {total}")

    def _to_go(self, now: float) -> str:
        """Requests left in this minute, and the remaining time; read at most once per second."""
        if not self._session:
            return ""
        if now - self._left[0] >= 1:
            self._left = now, self._look_up()
        return self._left[1]

    def _look_up(self) -> str:
        from f1_lakehouse.lakehouse import current_lake

        limiter = current_lake().client.http.limiter
        try:
            left = limiter.remaining().get(60.0)
        except SourceError:
            return ""  # the client reports this error itself
        if left is None:
            return ""
        beyond = max(0, self._requests_to_go - left)
        per_minute = next(window.requests for window in limiter.windows if window.seconds == 60.0)
        minutes = beyond / per_minute
        to_go = f"{minutes:.0f} min to go" if minutes >= 1 else "less than 1 min to go"
        return f"{counted(left, 'request')} left in this minute · {to_go}" if left else to_go

    def _say_sometimes(self, text: str) -> None:
        """Print a line instead of the bar, at most one per `PROGRESS_INTERVAL_S`."""
        now = self._clock()
        if now - self._said >= PROGRESS_INTERVAL_S:
            self._said = now
            self._say(text)

    def _say(self, text: str) -> None:
        if self._as_json:
            return
        if self._console.is_terminal:
            # Above the bar, without line breaks: a terminal that is widened later then shows the full line.
            self._progress.console.print(text, markup=False, soft_wrap=True)
        else:
            print(text, file=sys.stderr, flush=True)
