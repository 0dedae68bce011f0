"""OpenF1 over HTTP: one question, its retries, and the questions that one pull needs.

Belongs here: sending, classifying answers, retrying, tokens, the circuit breaker, and cutting what is too large.
Not here: when a request may be sent (limits.py), when a session is due (calendar.py), keeping answers and reading
rows out of them (lake/).

Whether something is tried again is decided in two places: `classify` says what an answer means, `_once_more` which
errors deserve another attempt.

What happens is logged at INFO, with the name of the event as `event` in the record's extra fields, so that a
command line can draw progress; `on_event(name, fields)` gets the same:

* `request`: url, status, bytes, seconds, waited (both for this attempt) – an answer came
* `wait`: url, seconds – the limits hold the next request back for at least that long; again when it is longer
* `retry`: url, seconds, attempt, cause – an attempt failed, the next one follows in so many seconds
* `cut`: url, parts – a request was too large and is asked in parts
"""

import contextlib
import logging
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests
import tenacity
from urllib3.exceptions import NewConnectionError

from f1_lakehouse import interrupts
from f1_lakehouse.settings import is_loopback
from f1_lakehouse.sources.openf1.endpoints import Endpoint, Scope
from f1_lakehouse.sources.openf1.errors import (
    LiveWindowError,
    OpenF1Error,
    OutageError,
    PermanentError,
    TooLargeError,
    TransientError,
    UnreachableError,
)
from f1_lakehouse.sources.openf1.request_plan import Filter, Learnt, Part, Pull, axis_of, known_parts, url
from f1_lakehouse.sources.rate_limiter import SLICE, RateLimits

logger = logging.getLogger(__name__)

# Seconds. A refusal for too many requests waits longer than a failure: its window may be a minute long.
BACKOFF = tenacity.wait_exponential(multiplier=1, max=59) + tenacity.wait_random(0, 1)
RATE_BACKOFF = tenacity.wait_exponential(multiplier=5, max=58) + tenacity.wait_random(0, 2)
LONGEST_RETRY_AFTER = 300.0  # a mistaken Retry-After of a day must not stop a load for a day
LONGEST_ANSWER = 600.0  # the read time-out is per chunk: a body that drips would never end
TOLD_AGAIN = 0.5  # a wait that turns out to be longer by more than so many seconds is told again
TOKEN_MARGIN = 60.0  # a token is renewed so many seconds before it ends
TOKEN_LIFE = 3600.0  # if the service does not say

_SET_URL = "check F1_OPENF1_URL (the service's is https://api.openf1.org/v1)"
_PROXY = "correct HTTPS_PROXY (or HTTP_PROXY, ALL_PROXY), or name the host of F1_OPENF1_URL in NO_PROXY"
_LATER = "run again later, what has arrived is kept"


class Outcome(StrEnum):
    """What an answer means that is not a failure."""

    ROWS = "rows"
    EMPTY = "empty"
    TOO_LARGE = "too large"


Read = Callable[[bytes], Any]
"""What makes of a body its content: raises ValueError unless it is whole. Content that is no list of rows is a JSON value."""


def classify(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    asked: str = "",
    now: datetime | None = None,
    read: Read = orjson.loads,
) -> tuple[Outcome, Any]:
    """What an answer of the data API means, and the content of its body if it has rows.

    `asked` is the URL, for messages; `now` (aware) is needed only to read a Retry-After that is a date. Raises
    TransientError (worth another attempt), PermanentError (not), LiveWindowError (after the session).

    A 200 is read as a whole: an answer that was cut behind an inner `]` looks whole at both ends, and once it is in
    the landing zone it would never be asked for again. Items of the list are not looked at: a row that cannot be
    used is quarantined, not retried.
    """
    if status == 200:
        return _classify_200(headers, body, asked, now, read)
    said = _said(body)
    cause = f"OpenF1 answered {status} {_phrase(status)}" + (f": {said}" if said else "")
    if status == 404:
        if _no_results(_json(body)):
            return Outcome.EMPTY, None
        raise PermanentError(cause, asked, _SET_URL)
    if status == 422:
        return Outcome.TOO_LARGE, None
    if status == 429:
        raise _too_many(cause, headers, asked, now)
    if status == 401:
        if "session in progress" in said.lower():
            raise LiveWindowError(
                "OpenF1 serves only paying users while a session is live",
                asked,
                "come back 30 minutes after the session's end, or set F1_OPENF1_USERNAME and F1_OPENF1_PASSWORD",
            )
        raise PermanentError(cause, asked, "check F1_OPENF1_USERNAME and F1_OPENF1_PASSWORD")
    if status == 408:
        raise TransientError(cause, asked, _LATER)
    if 300 <= status < 400:
        raise PermanentError(f"{cause}, a redirect to {headers.get('Location', 'nowhere')}", asked, _SET_URL)
    if status == 500 and _is_html(headers, body):
        raise PermanentError(cause, asked, "the service does not understand this query", once_more=True)
    if status >= 500:
        raise TransientError(cause, asked, _LATER, retry_after=_retry_after(headers, now))
    raise PermanentError(
        cause, asked, "this client and the service do not fit together; look for a newer version"
    )


def _classify_200(
    headers: Mapping[str, str], body: bytes, asked: str, now: datetime | None, read: Read
) -> tuple[Outcome, Any]:
    try:
        content = read(body)
    except ValueError:
        what = "an HTML page" if _is_html(headers, body) else f"{len(body)} bytes of broken JSON"
        raise TransientError(f"OpenF1 answered with {what} instead of rows", asked, _LATER) from None
    if isinstance(content, Sequence) and not isinstance(content, str):
        return (Outcome.ROWS, content) if content else (Outcome.EMPTY, None)
    if _no_results(content):
        return Outcome.EMPTY, None
    said = _said(body)
    if re.search(r"rate (limit )?exceeded|too many requests", said, re.IGNORECASE):
        raise _too_many(f"OpenF1 answered: {said}", headers, asked, now)
    raise PermanentError(f"OpenF1 answered with something that is no list of rows: {said}", asked, _SET_URL)


def _too_many(cause: str, headers: Mapping[str, str], asked: str, now: datetime | None) -> TransientError:
    cure = (
        "lower F1_OPENF1_REQUESTS_PER_MINUTE if nothing else on this network asks OpenF1, or run again later"
    )
    return TransientError(cause, asked, cure, retry_after=_retry_after(headers, now), rate_limited=True)


def _retry_after(headers: Mapping[str, str], now: datetime | None) -> float | None:
    """The seconds that the service asks to wait, within reason; None if it does not say or is not understood."""
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", value):
        seconds = float(value)
    else:
        try:
            when = parsedate_to_datetime(value)
        except ValueError:
            return None
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        seconds = (when - (now or datetime.now(UTC))).total_seconds()
    return min(max(0.0, seconds), LONGEST_RETRY_AFTER)


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _no_results(content: Any) -> bool:
    return isinstance(content, dict) and str(content.get("detail", "")).lower().startswith("no results found")


def _is_html(headers: Mapping[str, str], body: bytes) -> bool:
    return "html" in headers.get("Content-Type", "").lower() or body.lstrip()[:1] == b"<"


def _said(body: bytes) -> str:
    """The service's own words, if they are words: short, one line, no markup."""
    content = _json(body) if len(body) < 10_000 else None
    if isinstance(content, dict):
        content = content.get("detail", content.get("error", ""))
    if not isinstance(content, str):
        content = "" if body.lstrip()[:1] in (b"<", b"[", b"{") else body[:200].decode("utf-8", "replace")
    return " ".join(content.split())[:200]


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "(unknown status)"


@dataclass(frozen=True)
class Answer:
    """One answer that is not a failure: 200 with rows, an empty one, or 422.

    `body` is as it came, after the transfer's own compression, `content` what was read out of it; None without rows.
    `at`: when it had arrived (aware, UTC). `seconds`: from sending to the last byte, last attempt only. `waited`:
    seconds spent on limits and back-off, all attempts.
    """

    url: str
    status: int
    at: datetime
    body: bytes
    seconds: float
    waited: float
    attempts: int
    content: Any = field(default=None, repr=False, compare=False)

    @property
    def is_too_large(self) -> bool:
        """Whether the service refused because of size; other answers hold the rows in parts."""
        return self.status == 422

    @property
    def is_empty(self) -> bool:
        """Whether the service said that there are no rows, in whichever of its ways."""
        return self.content is None and self.status in (200, 404)


class _GivenUpError(Exception):
    """Nobody waits for the answer any more."""


@dataclass
class _Question:
    """What one question has cost so far, over all its attempts; `given_up`: nobody waits for the answer any more."""

    url: str
    read: Read = orjson.loads
    given_up: threading.Event = field(default_factory=threading.Event)
    waited: float = 0.0
    attempts: int = 0

    def still_asked(self) -> None:
        if self.given_up.is_set():
            raise _GivenUpError(self.url)


class Client:
    """Asks OpenF1. Every request, tokens and retries included, passes the limits.

    `base_url`: up to and with `/v1`. `timeout`: seconds to connect, and between two chunks of an answer.
    `attempts`: the most for one question. `at_once`: how many questions of one pull may be under way together.
    After `breaker_after` transient failures in a row for each question that is under way, over all questions, nothing is sent for `breaker_cooldown` seconds and every question fails at once with OutageError; then one
    request tries whether the service is back. `may_send` is asked before each request, with the number of those sent
    so far, and raises an OpenF1Error if it is one too many. `clock` (monotonic seconds), `now` (aware) and `sleep` are for tests.

    May be shared by threads. `requests`, `retries`, `bytes` and `seconds_waited` count what was done so far.
    Raises PermanentError for a base URL or credentials that cannot work.
    """

    def __init__(
        self,
        base_url: str,
        limits: RateLimits,
        *,
        username: str | None = None,
        password: str | None = None,
        timeout: tuple[float, float] = (10.0, 60.0),
        attempts: int = 6,
        at_once: int = 1,
        breaker_after: int = 12,
        breaker_cooldown: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
        on_event: Callable[[str, Mapping[str, Any]], None] | None = None,
        may_send: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._origin = _origin(base_url)
        if bool(username) != bool(password):
            raise PermanentError(
                "only one of F1_OPENF1_USERNAME and F1_OPENF1_PASSWORD is set",
                cure="set both, or none of them",
            )
        self.base_url = base_url.rstrip("/")
        self.requests = 0
        self.retries = 0
        self.bytes = 0
        self.seconds_waited = 0.0
        self._has_answered = False
        self._limits = limits
        self._username = username
        self._password = password
        self._timeout = timeout
        self._attempts = attempts
        self._at_once = at_once
        self._breaker_after = breaker_after
        self._breaker_cooldown = breaker_cooldown
        self._clock = clock
        self._now = now
        self._sleep = sleep
        self._on_event = on_event
        self._may_send = may_send
        # This machine is never asked through a proxy, whatever the environment says.
        host = urlsplit(base_url).hostname or ""
        self._proxies = {"no_proxy": host} if is_loopback(host) else {}
        self._session = requests.Session()
        self._session.headers["User-Agent"] = "f1-lakehouse"
        self._lock = threading.Lock()
        self._asking = 0
        self._failures = 0
        self._last_failure = ""
        self._opened: float | None = None
        self._probing = False
        self._token_lock = threading.Lock()
        self._token: str | None = None
        self._token_until = 0.0
        self._learnt = Learnt()

    def __repr__(self) -> str:
        return f"Client({self.base_url!r})"

    def get(self, endpoint: str, *filters: Filter) -> Answer:
        """The answer to one question: with rows or empty (see `Answer.is_empty`).

        Raises PermanentError, LiveWindowError, TooLargeError; TransientError when all attempts failed; OutageError
        when the service has been failing for long.
        """
        answer = self._ask(url(self.base_url, endpoint, filters))
        if answer.is_too_large:
            raise TooLargeError("OpenF1 finds the result too large", answer.url, "add filters")
        return answer

    def answers(
        self,
        endpoint: Endpoint,
        *,
        session_key: int | None = None,
        season: int | None = None,
        drivers: Sequence[int] = (),
        window: tuple[datetime, datetime] | None = None,
        known: Mapping[str, int] | None = None,
        read: Read = orjson.loads,
    ) -> Iterator[Answer]:
        """Every answer that one pull needs, in as few requests as it takes, as they come.

        The first driver is asked for alone, and shows how large answers are. If he has no rows, the session is asked for as a
        whole: when it has none either, that was all. From then on `at_once` questions are under
        way, those of what has no drivers one by one. When one fails for good no more are asked, but those under way are
        yielded before the error is raised.

        A session endpoint needs `session_key`, a season endpoint `season`. `drivers`: who took part; required for
        telemetry. `window`: the session's start and end (aware); needed to cut by time, and only its middle
        matters, for the first part has no lower and the last no upper bound.

        What is answered with 422 is yielded too (`Answer.is_too_large`), so that it can be kept, and is then asked
        in parts: by driver, where every row has one and `drivers` are given, then by halving time (`date`) or,
        where rows have no such column, lap numbers. How a driver's rows had to be cut is remembered for the next
        driver and for the next session of the same length. Rows without a date are not in any part of time, nor
        are rows of drivers who are not listed in any part by driver.

        `known`: what an interrupted pull has already, URL to status. It is not asked or yielded again, a 422 in it
        is cut at once, and the rest is asked in parts that overlap none of it, even if another process with other
        memories, drivers or window made them.

        `read` makes of each body the `content` of its answer, once.

        Raises as `get` does; TooLargeError when a part of 1 s or one lap is still too large, or cannot be cut.
        """
        by_season = endpoint.scope is Scope.SEASON
        key, other = (season, session_key) if by_season else (session_key, season)
        if key is None or other is not None:
            raise ValueError(f"{endpoint.name} is asked by {endpoint.scope.value}")
        root = url(self.base_url, endpoint.name, [Filter("year" if by_season else "session_key", "=", key)])
        if endpoint.by_driver and not drivers:
            cure = "load the session's drivers first"
            raise PermanentError(f"{endpoint.name} is asked driver by driver and none is given", root, cure)
        driver = endpoint.column("driver_number")
        pull = Pull(
            root=root,
            drivers=tuple(dict.fromkeys(drivers)) if driver is not None and driver.required else (),
            axis=axis_of(endpoint, window),
            kind=(endpoint.name, int((window[1] - window[0]).total_seconds()) if window else None),
            known=known_parts(root, known or {}),
        )
        yield from (
            self._driver_by_driver(pull, read) if endpoint.by_driver else self._answers(pull, [Part()], read)
        )

    def _driver_by_driver(self, pull: Pull, read: Read) -> Iterator[Answer]:
        """Of the first driver alone; where he has no rows, whether anybody has; then of the others."""
        if pull.known.get(Part()) in (200, 404):
            return  # the session was asked for as a whole, and that was all of it
        first, *others = pull.by_driver(Part())
        has_rows = any(status != 404 for status in pull.known.values())
        for answer in self._answers(pull, [first], read):
            has_rows = has_rows or not answer.is_empty
            yield answer
        if others and not has_rows:
            # A session that was never published would be asked for driver by driver. If there is something, it is refused as
            # too large, or is all that there is.
            answer = self._ask(pull.url(Part()), read)
            yield answer
            if not answer.is_too_large:
                return
        yield from self._answers(pull, others, read, first.driver)

    def _answers(
        self, pull: Pull, parts: Iterable[Part], read: Read, first: int | None = None
    ) -> Iterator[Answer]:
        waiting, asked = deque(parts), dict[Future[Answer], Part]()
        failure, given_up = None, threading.Event()
        threads = ThreadPoolExecutor(self._at_once, thread_name_prefix="openf1")

        def shown(driver: int | None) -> bool:
            """Whether this driver's answers are all there: how they had to be cut is known to those of the others."""
            return driver is not None and all(p.driver != driver for p in (*waiting, *asked.values()))

        try:
            while True:
                try:
                    while failure is None and (not asked or shown(first)) and len(asked) < self._at_once:
                        part = self._next(pull, waiting)
                        if part is None:
                            break
                        first = part.driver if first is None else first
                        asked[threads.submit(self._ask, pull.url(part), read, given_up)] = part
                    if not asked:
                        break
                    future = wait(asked, return_when=FIRST_COMPLETED).done.pop()
                    part = asked.pop(future)
                    answer = future.result()
                    yield answer
                    if answer.is_too_large:
                        waiting.extendleft(reversed(self._cut(pull, part)))
                except OpenF1Error as error:
                    failure = failure or error
        finally:
            given_up.set()
            # A command that was interrupted ends with its threads; a slow answer may take a minute.
            threads.shutdown(wait=not interrupts.is_requested(), cancel_futures=True)
        if failure is not None:
            raise failure

    def _next(self, pull: Pull, waiting: deque[Part]) -> Part | None:
        """The next part to ask for; what is known is passed over, and what need not be asked first is cut."""
        while waiting:
            part = waiting.popleft()
            status = pull.known.get(part)
            if status in (200, 404):
                continue
            planned = pull.planned(part, self._learnt)
            if planned is None and status != 422:
                return part
            waiting.extendleft(reversed(self._cut(pull, part, planned)))
        return None

    def _cut(self, pull: Pull, part: Part, planned: Sequence[Part] | None = None) -> Sequence[Part]:
        parts = planned or pull.cut(part)
        self._learnt.learn(pull, part, parts)
        asked = pull.url(part)
        self._event(
            "cut", "%s is too large, asking in %d parts", asked, len(parts), url=asked, parts=len(parts)
        )
        return parts

    # One question

    def _ask(self, asked: str, read: Read = orjson.loads, given_up: threading.Event | None = None) -> Answer:
        question = _Question(asked, read, given_up or threading.Event())
        with self._lock:
            self._asking += 1
        try:
            return self._ask_again_and_again(question)
        finally:
            with self._lock:
                self._asking -= 1

    def _ask_again_and_again(self, question: _Question) -> Answer:
        asked = question.url
        probe = self._admit(asked)

        def before_sleep(state: tenacity.RetryCallState) -> None:
            error = _error(state)
            seconds = state.next_action.sleep if state.next_action else 0.0
            question.waited += seconds
            with self._lock:
                self.retries += 1
                self.seconds_waited += seconds
            if isinstance(error, TransientError) and error.rate_limited:
                self._limits.pause(seconds)  # the other processes are over the limit as much as this one
            cause = error.cause if isinstance(error, OpenF1Error) else str(error)
            fields = {"url": asked, "seconds": seconds, "attempt": state.attempt_number, "cause": cause}
            self._event("retry", "%s; again in %.0f s", cause, seconds, **fields)

        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self._attempts),
            retry=lambda state: _once_more(state, self._has_answered),
            wait=_seconds_before,
            sleep=partial(self._wait, question),
            before_sleep=before_sleep,
            reraise=True,
        )
        try:
            return retrying(self._attempt, question)
        finally:
            if probe:
                with self._lock:
                    self._probing = False

    def _wait(self, question: _Question, seconds: float) -> None:
        """Sleep, but no longer than somebody waits for the answer."""
        while seconds > 0:
            question.still_asked()
            self._sleep(min(seconds, SLICE))
            seconds -= SLICE

    def _attempt(self, question: _Question) -> Answer:
        """One attempt, counted by the breaker; with a token that was refused, a second request with a new one."""
        question.attempts += 1
        try:
            token = self._current_token(question)
            answer, headers = self._send(question, "GET", question.url, token=token)
            if answer.status == 401 and token is not None:
                token = self._current_token(question, refused=token)
                answer, headers = self._send(question, "GET", question.url, token=token)
            _, content = classify(
                answer.status, headers, answer.body, question.url, self._now(), question.read
            )
        except OpenF1Error as error:
            if isinstance(error, TransientError) or (isinstance(error, PermanentError) and error.once_more):
                self._failed(question.url, error)
            elif isinstance(error, PermanentError | LiveWindowError):
                self._works()
            raise
        self._works()
        return replace(answer, content=content)

    def _send(
        self,
        question: _Question,
        method: str,
        asked: str,
        *,
        token: str | None = None,
        form: Mapping[str, str] | None = None,
    ) -> tuple[Answer, Mapping[str, str]]:
        question.still_asked()
        with self._lock:
            self._may_send(self.requests)
            self.requests += 1
        told_until: float | None = None

        def on_wait(seconds: float) -> None:
            nonlocal told_until
            question.still_asked()
            # Called twice a second. What is left is a lower bound: it is told again when it turns out to be longer.
            until = self._clock() + seconds
            if told_until is None or until > told_until + TOLD_AGAIN:
                told_until = until
                self._event(
                    "wait", "waiting %.1f s for the request limits", seconds, url=asked, seconds=seconds
                )

        with self._limits.request(on_wait) as slot:
            began = self._clock()
            with self._lock:
                self.seconds_waited += slot.waited
            question.waited += slot.waited
            try:
                # No redirects: each would be a request that nobody counted.
                response = self._session.request(
                    method,
                    asked,
                    data=form,
                    auth=_Bearer(token),
                    timeout=self._timeout,
                    stream=True,
                    allow_redirects=False,
                    proxies=self._proxies,
                )
                with contextlib.closing(response):
                    slot.answered()
                    if response.status_code == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
                        raise requests.exceptions.ProxyError("407")
                    body = self._read(response, question, asked, began)
            except requests.RequestException as error:
                # Without its cause: a failed request carries its form, and with it the password.
                raise _failure(error, asked, self._proxies) from None
        seconds = self._clock() - began
        with self._lock:
            self.bytes += len(body)
            self._has_answered = True
        answer = Answer(
            asked, response.status_code, self._now(), body, seconds, question.waited, question.attempts
        )
        fields = {
            "url": asked,
            "status": answer.status,
            "bytes": len(body),
            "seconds": seconds,
            "waited": slot.waited,
        }
        self._event(
            "request", "%d, %d bytes in %.1f s: %s", answer.status, len(body), seconds, asked, **fields
        )
        return answer, response.headers

    def _read(self, response: requests.Response, question: _Question, asked: str, began: float) -> bytes:
        chunks = []
        for chunk in response.iter_content(1 << 18):
            chunks.append(chunk)
            question.still_asked()
            if self._clock() - began > LONGEST_ANSWER:
                raise TransientError(
                    f"the answer of OpenF1 took more than {LONGEST_ANSWER:.0f} s", asked, _LATER
                )
        return b"".join(chunks)

    def _event(self, name: str, message: str, *args: object, **fields: object) -> None:
        logger.info(message, *args, extra={"event": name, **fields})
        if self._on_event is not None:
            self._on_event(name, fields)

    # The circuit breaker

    def _admit(self, asked: str) -> bool:
        """Whether this question is the one that tries if the service is back. Raises OutageError if none may."""
        with self._lock:
            if self._opened is None:
                return False
            if not self._probing and self._clock() >= self._opened + self._breaker_cooldown:
                self._probing = True
                return True
            refusal = self._outage(asked, self._opened)
        raise refusal

    def _failed(self, asked: str, error: OpenF1Error) -> None:
        """Count a failed attempt; raises OutageError when it was one too many."""
        with self._lock:
            self._failures += 1
            self._last_failure = error.cause
            if self._opened is None and self._failures < self._breaker_after * self._asking:
                return
            self._opened = self._clock()
            refusal = self._outage(asked, self._opened)
        raise refusal from error

    def _works(self) -> None:
        """The service has answered: whatever it said, it is there."""
        with self._lock:
            self._failures = 0
            self._opened = None

    def _outage(self, asked: str, opened: float) -> OutageError:
        left = max(0.0, opened + self._breaker_cooldown - self._clock())
        return OutageError(
            f"OpenF1 failed {self._failures} times in a row, the last time: {self._last_failure}",
            asked,
            f"left alone for another {left:.0f} s; {_LATER}",
        )

    # The token

    def _current_token(self, question: _Question, refused: str | None = None) -> str | None:
        """A token that is valid for a while and is not the `refused` one; None without credentials."""
        if self._username is None or self._password is None:
            return None
        with self._token_lock:
            if self._token is None or self._token == refused or self._clock() >= self._token_until:
                self._token = None
                self._token, life = self._new_token(question, self._username, self._password)
                self._token_until = self._clock() + life - TOKEN_MARGIN
            return self._token

    def _new_token(self, question: _Question, username: str, password: str) -> tuple[str, float]:
        """A new token and its life in seconds. The service's words stay out of messages here: a gateway may echo."""
        asked = f"{self._origin}/token"
        answer, headers = self._send(
            question, "POST", asked, form={"username": username, "password": password}
        )
        if answer.status == 429 or answer.status == 408 or answer.status >= 500:
            raise TransientError(
                f"OpenF1 gave no token, but {answer.status} {_phrase(answer.status)}",
                asked,
                _LATER,
                retry_after=_retry_after(headers, self._now()),
                rate_limited=answer.status == 429,
            )
        content = _json(answer.body)
        token = content.get("access_token") if isinstance(content, dict) else None
        if answer.status != 200 or not isinstance(token, str) or not token:
            raise PermanentError(
                f"OpenF1 gave no token, but {answer.status} {_phrase(answer.status)}",
                asked,
                "check F1_OPENF1_USERNAME and F1_OPENF1_PASSWORD",
            )
        try:
            life = float(content["expires_in"])  # the service sends it as a string
        except (KeyError, TypeError, ValueError):
            life = TOKEN_LIFE
        return token, life


class _Bearer(requests.auth.AuthBase):
    """Given even without a token: otherwise a .netrc of the user would send credentials that are not meant."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _origin(base_url: str) -> str:
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise PermanentError("F1_OPENF1_URL is not an http or https URL", cure=_SET_URL)
    if "@" in parts.netloc:  # it would be written to every row's _source_url
        raise PermanentError(
            "F1_OPENF1_URL holds credentials", cure="put them into F1_OPENF1_USERNAME and F1_OPENF1_PASSWORD"
        )
    if parts.query or parts.fragment:
        raise PermanentError("F1_OPENF1_URL has a query or a fragment", cure=_SET_URL)
    return f"{parts.scheme}://{parts.netloc}"


def _failure(error: requests.RequestException, asked: str, proxies: Mapping[str, str]) -> OpenF1Error:
    """A request that got no answer, or only a part of one."""
    proxy = _proxy(asked, proxies)
    through = f" through the proxy {proxy}" if proxy else ""
    if isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return PermanentError(
            f"the certificate of OpenF1 cannot be verified{through}",
            asked,
            "if a proxy of your network re-signs traffic, name its certificate in REQUESTS_CA_BUNDLE",
        )
    # The URL itself was looked at before: what is malformed is the proxy's, or there is nothing that speaks its protocol.
    if proxy and isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        return PermanentError(f"the proxy {proxy} cannot be used", asked, _PROXY)
    if isinstance(error, requests.exceptions.ProxyError):
        refused = " refuses: it wants a user name and a password" if "407" in str(error) else " failed"
        return UnreachableError(f"the proxy {proxy}{refused}", asked, _PROXY)
    if isinstance(error, requests.ConnectTimeout):
        return TransientError(f"OpenF1 did not accept a connection in time{through}", asked, _LATER)
    if isinstance(error, requests.Timeout) or "timed out" in str(error):
        return TransientError(f"OpenF1 did not answer in time{through}", asked, _LATER)
    if isinstance(error, requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError):
        return TransientError(f"the answer of OpenF1 broke off{through}", asked, _LATER)
    if isinstance(error, requests.ConnectionError):
        reason = getattr(error.args[0] if error.args else None, "reason", None)
        kind = UnreachableError if isinstance(reason, NewConnectionError) else TransientError
        return kind(
            f"no connection to OpenF1{through}", asked, "check the network and F1_OPENF1_URL, then run again"
        )
    return PermanentError(f"the request could not be sent ({type(error).__name__}){through}", asked, _SET_URL)


def _proxy(asked: str, proxies: Mapping[str, str]) -> str:
    """The proxy that the environment names for a URL, without its user and password; nothing if there is none."""
    found = requests.utils.get_environ_proxies(asked, no_proxy=proxies.get("no_proxy"))
    proxy = requests.utils.select_proxy(asked, found)
    if not proxy:
        return ""
    scheme, _, rest = proxy.rpartition("://")
    # Everything up to the last @ may be a part of the password.
    return f"{scheme}://{rest.rpartition('@')[2]}" if scheme else rest.rpartition("@")[2]


def _error(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _once_more(state: tenacity.RetryCallState, has_answered: bool) -> bool:
    """Where a retry is decided: every transient failure, and a 500 once.

    A host that cannot be connected to and has never answered this client is more likely misnamed than down: once
    more, and then the person who is waiting is told.
    """
    error = _error(state)
    if isinstance(error, PermanentError):
        return error.once_more and state.attempt_number < 2
    if isinstance(error, UnreachableError) and not has_answered:
        return state.attempt_number < 2
    return isinstance(error, TransientError)


def _seconds_before(state: tenacity.RetryCallState) -> float:
    """How long to wait before the next attempt: as the service asks, else exponentially longer, with jitter."""
    error = _error(state)
    if isinstance(error, TransientError):
        if error.retry_after is not None:
            return error.retry_after
        if error.rate_limited:
            return RATE_BACKOFF(state)
    return BACKOFF(state)
