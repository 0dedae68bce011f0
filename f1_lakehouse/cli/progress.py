"""Progress of what takes long, on stderr: drawn with rich on a terminal, else a line now and then, or as JSON.

Of a load: which session, which endpoint, rows, requests left in the minute, time to go; it listens to the log records of the
client and of the pulls. Nothing is decided here.
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

from f1_lakehouse.observability.log_output import PACKAGE, log_as, tell
from f1_lakehouse.settings import LogFormat, load_settings
from f1_lakehouse.sources.errors import SourceError
from f1_lakehouse.sources.openf1.pull_policy import Due
from f1_lakehouse.sources.registry import BY_NAME
from f1_lakehouse.storage.pull_log import Pull

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


class _Detail(ProgressColumn):
    """What a load is at, asked for at each drawing: a countdown goes on between two log records."""

    def __init__(self, detail: Callable[[], str]) -> None:
        self._detail = detail
        super().__init__(Column(no_wrap=True, overflow="ellipsis", ratio=1))

    def render(self, task: Task) -> Text:
        """The text."""
        return Text(self._detail())


class _Bar(Progress):
    """A bar that leaves room for ^C: in the last columns the terminal would break the line, and the bar be drawn twice."""

    def __init__(self, *columns: ProgressColumn, console: Console, **rest: Any) -> None:
        self._terminal = console  # asked for before there is a `console`
        super().__init__(*columns, console=console, **rest)

    def get_renderable(self) -> RenderableType:
        """What is drawn."""
        return Constrain(super().get_renderable(), max(1, self._terminal.width - len("^C") - 1))


class LoadProgress(logging.Handler):
    """A `Listener` of runs/load.py that is also a handler of the package's log records.

    `pulls`: those that were done while it listened.
    """

    def __init__(self, console: Console | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(logging.INFO)
        # As JSON the records themselves are told (observability/log_output.py), and nothing is drawn.
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

    @property
    def seconds(self) -> float:
        """How long it has been listening."""
        return time.time() - self._began

    def planned(self, work: Sequence[Due]) -> None:
        """What will be asked, session by session."""
        names = [name for one in work for name in one.endpoints]
        self._planned = len(names)
        self._requests_to_go = sum(CARS if BY_NAME[name].by_driver else 1 for name in names)
        if not names:
            self._say("nothing is due: all that was asked for is here")
            return
        self._say(f"{len(work)} sessions, {len(names)} pulls, about {self._requests_to_go} requests")
        self._progress.update(self._task, total=len(names), completed=0)

    def session_started(self, one: Due) -> None:
        """A session's run begins."""
        self._session = one.session.partition
        self._progress.update(self._task, description=self._session)

    def stage(self, name: str) -> None:
        """Something other than a session begins."""
        self._session, self._at = "", ""
        self._waits.clear()
        self._say(name)
        self._progress.update(self._task, description=name, total=None, completed=0)

    def emit(self, record: logging.LogRecord) -> None:
        """A log record of the package: a pull that is done, a request, a wait, a warning."""
        event = getattr(record, "event", None)
        if event == "pull":
            self._pull(record.pull)  # type: ignore[attr-defined]
        elif event == "request":
            self._requests_to_go = max(0, self._requests_to_go - 1)
            self._waits.pop(record.url, None)  # type: ignore[attr-defined]
        elif event in ("wait", "retry"):
            self._wait(event, record)
        elif event == "stage":
            self.stage(record.getMessage())
        elif event == "dbt":
            self._dbt(record.getMessage())
        elif record.levelno >= logging.WARNING:
            self._say(record.getMessage())

    def detail(self) -> str:
        """What the load is at right now: a wait with its countdown, or the endpoint or model; and how far it is."""
        now = self._clock()
        # A copy: other threads begin and end their waits meanwhile.
        waits = [(until, why) for until, why in tuple(self._waits.values()) if until > now]
        if waits:
            until, why = min(waits)
            return " · ".join(filter(None, (f"{why} in {math.ceil(until - now)} s", self._to_go(now))))
        return " · ".join(filter(None, (self._at, self._to_go(now))))

    def describe(self) -> str:
        """What is complete, for the last lines of an interrupted command."""
        parts = []
        if self._planned:
            parts.append(f"{self._done} of {self._planned} pulls are complete and kept")
        elif self.pulls:
            parts.append("what was pulled of the calendar is kept")
        gold = load_settings().gold
        if not gold.exists():
            parts.append("gold is not published yet")
        elif gold.stat().st_mtime >= self._began:
            parts.append("gold is published anew")
        else:
            parts.append("published gold is unchanged")
        return ", ".join(parts)

    def _wait(self, event: str, record: logging.LogRecord) -> None:
        seconds = float(getattr(record, "seconds", 0.0))
        why = "rate limit: next request" if event == "wait" else f"{record.cause}: retry"  # type: ignore[attr-defined]
        self._waits[record.url] = self._clock() + seconds, why  # type: ignore[attr-defined]
        if seconds >= EVERY and not self._console.is_terminal:
            self._now_and_then(f"{why} in {seconds:.0f} s")

    def _pull(self, done: Pull) -> None:
        self.pulls.append(done)
        waited = f", {done.waited_s:.0f} s of them waiting for the rate limit" if done.waited_s >= 1 else ""
        note = (
            f" ({done.error})"
            if done.error
            else f" ({done.quarantined} set aside)"
            if done.quarantined
            else ""
        )
        line = f"{done.outcome}, {done.rows:,} rows"
        if not self._session:
            self._say(f"{done.endpoint} {done.scope}: {line}{note}")
            return
        self._done += 1
        counted = f"{self._done}/{self._planned} " if self._planned else ""
        self._say(f"{counted}{self._session} {done.endpoint}: {line}, {done.seconds:.1f} s{waited}{note}")
        self._at = done.endpoint
        self._progress.update(self._task, completed=self._done)

    def _dbt(self, line: str) -> None:
        node = _DBT_NODE.search(line)
        if node is None:
            return
        number, total, verb, what = int(node[1]), int(node[2]), node[3], node[4]
        self._at = what
        self._progress.update(self._task, total=total, completed=number - (verb == "START"))
        # Which checks failed is said once, at the end.
        if not self._console.is_terminal:
            self._now_and_then(f"dbt: {number} of {total}")

    def _to_go(self, now: float) -> str:
        """How many requests are left in the minute, and how long the rest takes; looked up once a second."""
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
            return ""  # the client says so itself
        if left is None:
            return ""
        beyond = max(0, self._requests_to_go - left)
        per_minute = next(window.requests for window in limiter.windows if window.seconds == 60.0)
        minutes = beyond / per_minute
        to_go = f"{minutes:.0f} min to go" if minutes >= 1 else "less than 1 min to go"
        return f"{left} requests left in this minute · {to_go}" if left else to_go

    def _now_and_then(self, text: str) -> None:
        """A line where no bar can be drawn, at most one in `EVERY` seconds."""
        now = self._clock()
        if now - self._said >= EVERY:
            self._said = now
            self._say(text)

    def _say(self, text: str) -> None:
        if self._as_json:
            return
        if self._console.is_terminal:
            # Above the bar, and not broken: a terminal that is made wider shows the line whole.
            self._progress.console.print(text, markup=False, soft_wrap=True)
        else:
            print(text, file=sys.stderr, flush=True)
