"""HTTP requests to a source: rate limits, retries, circuit breaker, events. Neutral to the source.

Belongs here: sending one request and its retries. Does not belong here: what a response means (`Source.classify`), which
requests a pull needs (`Source.planner`), when a request may be sent (rate_limiter.py).

Retries are decided in two places: `Source.classify` says what a response means, `_is_retryable` which errors deserve
another attempt.

Events are logged at INFO, with the name of the event as `event` in the record's extra fields, so that the command line can
draw progress:

* `request`: url, status, bytes, seconds, waited (both for this attempt) – a response arrived
* `wait`: url, seconds – the rate limits hold the next request back for at least that long; again when it is longer
* `retry`: url, seconds, attempt, cause – an attempt failed, the next one follows after this number of seconds
"""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests
import tenacity

from f1_lakehouse.settings import is_loopback
from f1_lakehouse.sources.circuit_breaker import CircuitBreaker
from f1_lakehouse.sources.errors import (
    ClosedError,
    PermanentError,
    SourceError,
    TransientError,
    UnreachableError,
)
from f1_lakehouse.sources.exchange import Clock, Connection, Read, Response, RetryPolicy
from f1_lakehouse.sources.http_messages import RUN_LATER, transport_error
from f1_lakehouse.sources.rate_limiter import MAX_SLEEP_S, RateLimiter
from f1_lakehouse.sources.source import Source

logger = logging.getLogger(__name__)

MAX_RESPONSE_S = 600.0
"""The read time-out is per chunk: without this limit a body that drips would never end."""

MIN_WAIT_CHANGE_S = 0.5
"""A wait that turns out to be longer by more than this is logged again."""

TIMEOUT_S = (10.0, 60.0)
"""To connect, and between two chunks of a body."""


class _CancelledError(Exception):
    """The caller no longer waits for the response."""


@dataclass
class _Request:
    """A request and its cost so far, over all attempts. `cancelled`: the caller no longer waits for the response."""

    url: str
    read: Read = orjson.loads
    cancelled: threading.Event = field(default_factory=threading.Event)
    waited: float = 0.0
    attempts: int = 0

    def raise_if_cancelled(self) -> None:
        if self.cancelled.is_set():
            raise _CancelledError(self.url)


class HttpClient:
    """Sends requests to one source. Every request, tokens and retries included, passes the rate limiter.

    `timeout`: seconds to connect, and between two chunks of a body. `may_send` is called before each request and raises a
    SourceError if none may be sent. May be shared by threads. `requests`, `retries`, `bytes` and `seconds_waited` count what
    was done so far.

    Raises PermanentError for a base URL that cannot work.
    """

    def __init__(
        self,
        source: Source,
        connection: Connection,
        limiter: RateLimiter,
        *,
        timeout: tuple[float, float] = TIMEOUT_S,
        clock: Clock | None = None,
        may_send: Callable[[], None] = lambda: None,
    ) -> None:
        check_base_url(source, connection.base_url)
        self.requests = 0
        self.retries = 0
        self.bytes = 0
        self.seconds_waited = 0.0
        self._source = source
        self._authentication = connection.authentication
        self.limiter = limiter
        self._timeout = timeout
        self._clock = clock or Clock()
        self._may_send = may_send
        self._breaker = CircuitBreaker(source.title, source.breaker, self._clock.monotonic)
        self._has_answered = False
        self._must_not_wait = False
        self._gave_up: SourceError | None = None
        # This machine is never reached through a proxy, whatever the environment says.
        host = urlsplit(connection.base_url).hostname or ""
        self._proxies = {"no_proxy": host} if is_loopback(host) else {}
        self._session = requests.Session()
        self._session.headers["User-Agent"] = "f1-lakehouse"
        self._lock = threading.Lock()

    def get(self, url: str, read: Read = orjson.loads, cancelled: threading.Event | None = None) -> Response:
        """The response to one request: rows, empty, or too large (see `Response`).

        `cancelled`: set it when nothing waits for the response any more. Raises PermanentError or an error of the source;
        TransientError when all attempts failed; OutageError while the circuit breaker is open.
        """
        request = _Request(url, read, cancelled or threading.Event())
        if self._gave_up is not None:
            raise self._gave_up
        policy = self._source.retry
        with self._breaker.request(url):
            retrying = tenacity.Retrying(
                stop=tenacity.stop_after_attempt(1 if self._must_not_wait else policy.max_attempts),
                retry=lambda state: _is_retryable(state, self._has_answered),
                wait=partial(_seconds_before_retry, policy),
                sleep=partial(self._sleep, request),
                before_sleep=partial(self._before_retry, request),
                reraise=True,
            )
            try:
                return retrying(self._attempt, request)
            except SourceError as error:
                if self._must_not_wait:
                    self._gave_up = error
                raise

    @contextmanager
    def giving_up_early(self) -> Iterator[None]:
        """Within the block, retry no request, and send none after the first that failed: each later one fails with that error.

        For work that must not delay other work. A refusal for too many requests would otherwise hold up every request.
        """
        self._must_not_wait = True
        try:
            yield
        finally:
            self._must_not_wait, self._gave_up = False, None

    def _before_retry(self, request: _Request, state: tenacity.RetryCallState) -> None:
        error = _error_of(state)
        seconds = state.next_action.sleep if state.next_action else 0.0
        request.waited += seconds
        with self._lock:
            self.retries += 1
            self.seconds_waited += seconds
        if isinstance(error, TransientError) and error.rate_limited:
            self.limiter.pause(seconds)  # the other processes exceed the limit as much as this one
        cause = error.cause if isinstance(error, SourceError) else str(error)
        fields = {"url": request.url, "seconds": seconds, "attempt": state.attempt_number, "cause": cause}
        log_event("retry", "%s; retrying in %.0f s", cause, seconds, **fields)

    def _sleep(self, request: _Request, seconds: float) -> None:
        """Sleep in short steps, until the request is cancelled."""
        while seconds > 0:
            request.raise_if_cancelled()
            self._clock.sleep(min(seconds, MAX_SLEEP_S))
            seconds -= MAX_SLEEP_S

    def _attempt(self, request: _Request) -> Response:
        """One attempt, counted by the breaker; after a refused token, a second request with a new token."""
        request.attempts += 1
        try:
            token = self._token(request)
            response, headers = self._send(request, "GET", request.url, token=token)
            if response.status == 401 and token is not None:
                token = self._token(request, refused=token)
                response, headers = self._send(request, "GET", request.url, token=token)
            _, content = self._source.classify(
                response.status, headers, response.body, request.url, self._clock.now(), request.read
            )
        except SourceError as error:
            self._record(request.url, error)
            raise
        self._breaker.record_success()
        return replace(response, content=content)

    def _record(self, url: str, error: SourceError) -> None:
        """Tell the breaker about an error: whether the source fails, works, or was not reached."""
        if isinstance(error, TransientError) or (isinstance(error, PermanentError) and error.retry_once):
            self._breaker.record_failure(url, error)
        elif isinstance(error, PermanentError | ClosedError):
            self._breaker.record_success()

    def _token(self, request: _Request, refused: str | None = None) -> str | None:
        if self._authentication is None:
            return None
        return self._authentication.token(partial(self._send_form, request), self._clock, refused)

    def _send_form(
        self, request: _Request, url: str, form: Mapping[str, str]
    ) -> tuple[Response, Mapping[str, str]]:
        return self._send(request, "POST", url, form=form)

    def _send(
        self,
        request: _Request,
        method: str,
        url: str,
        *,
        token: str | None = None,
        form: Mapping[str, str] | None = None,
    ) -> tuple[Response, Mapping[str, str]]:
        request.raise_if_cancelled()
        with self._lock:
            self._may_send()
            self.requests += 1
        with self.limiter.request(self._wait_logger(request, url)) as slot:
            began = self._clock.monotonic()
            with self._lock:
                self.seconds_waited += slot.waited
            request.waited += slot.waited
            try:
                # No redirects: each would be a request that is not counted.
                received = self._session.request(
                    method,
                    url,
                    data=form,
                    auth=_Bearer(token),
                    timeout=self._timeout,
                    stream=True,
                    allow_redirects=False,
                    proxies=self._proxies,
                )
                with contextlib.closing(received):
                    slot.answered()
                    if received.status_code == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
                        raise requests.exceptions.ProxyError("407")
                    body = self._read_body(received, request, url, began)
            except requests.RequestException as error:
                # Without its cause: a failed request carries its form, and with it the password.
                raise transport_error(error, url, self._source, self._proxies) from None
        seconds = self._clock.monotonic() - began
        with self._lock:
            self.bytes += len(body)
            self._has_answered = True
        status, size = received.status_code, len(body)
        fields = {"url": url, "status": status, "bytes": size, "seconds": seconds, "waited": slot.waited}
        log_event("request", "%d, %d bytes in %.1f s: %s", status, size, seconds, url, **fields)
        response = Response(url, status, self._clock.now(), body, seconds, request.waited, request.attempts)
        return response, received.headers

    def _wait_logger(self, request: _Request, url: str) -> Callable[[float], None]:
        """Logs how long the rate limits hold a request back; called twice a second with the seconds that remain."""
        logged_until: float | None = None

        def on_wait(seconds: float) -> None:
            nonlocal logged_until
            request.raise_if_cancelled()
            # The seconds are a lower bound: logged again when the wait turns out to be longer.
            until = self._clock.monotonic() + seconds
            if logged_until is None or until > logged_until + MIN_WAIT_CHANGE_S:
                logged_until = until
                log_event("wait", "waiting %.1f s for the request limits", seconds, url=url, seconds=seconds)

        return on_wait

    def _read_body(self, received: requests.Response, request: _Request, url: str, began: float) -> bytes:
        chunks = []
        for chunk in received.iter_content(1 << 18):
            chunks.append(chunk)
            request.raise_if_cancelled()
            if self._clock.monotonic() - began > MAX_RESPONSE_S:
                cause = f"the response of {self._source.title} took more than {MAX_RESPONSE_S:.0f} s"
                raise TransientError(cause, url, RUN_LATER)
        return b"".join(chunks)


class _Bearer(requests.auth.AuthBase):
    """Set even without a token: otherwise a .netrc of the user would send credentials that are not meant for the source."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def log_event(name: str, message: str, *args: object, **fields: Any) -> None:
    """Log an event at INFO, with its name and fields as extra fields of the record."""
    logger.info(message, *args, extra={"event": name, **fields})


def check_base_url(source: Source, base_url: str) -> None:
    """Raise PermanentError for a base URL that cannot work or that would put a secret into the tables."""
    parts = urlsplit(base_url)
    setting = source.url_setting
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise PermanentError(f"{setting} is not an http or https URL", cure=source.check_url)
    if "@" in parts.netloc:  # it would be written to every row's _source_url
        cure = f"put them into {source.credential_settings}" if source.credential_settings else "remove them"
        raise PermanentError(f"{setting} holds credentials", cure=cure)
    if parts.query or parts.fragment:
        raise PermanentError(f"{setting} has a query or a fragment", cure=source.check_url)


def _error_of(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _is_retryable(state: tenacity.RetryCallState, has_answered: bool) -> bool:
    """Whether an error deserves another attempt: every transient failure does, and a 500 once.

    A host that cannot be connected to and has never answered this client is more likely misnamed than down: it is requested
    once more, and then the error is raised.
    """
    error = _error_of(state)
    if isinstance(error, PermanentError):
        return error.retry_once and state.attempt_number < 2
    if isinstance(error, UnreachableError) and not has_answered:
        return state.attempt_number < 2
    return isinstance(error, TransientError)


def _seconds_before_retry(policy: RetryPolicy, state: tenacity.RetryCallState) -> float:
    """The wait before the next attempt: what the source asks for, else exponential back-off with jitter."""
    error = _error_of(state)
    first, longest, jitter = policy.first_wait_s, policy.longest_wait_s, policy.jitter_s
    if isinstance(error, TransientError):
        if error.retry_after is not None:
            return error.retry_after
        if error.rate_limited:
            first, longest = policy.first_wait_rate_limited_s, policy.longest_wait_rate_limited_s
            jitter = policy.jitter_rate_limited_s
    backoff = tenacity.wait_exponential(multiplier=first, max=longest) + tenacity.wait_random(0, jitter)
    return backoff(state)
