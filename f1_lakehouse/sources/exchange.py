"""The types of an HTTP exchange and of the requests of one pull.

Belongs here: types that the HTTP client, the sources and ingest share. Does not belong here: behaviour (http.py,
rate_limiter.py, circuit_breaker.py) and what a source serves (catalog.py).
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Protocol


class ResponseKind(StrEnum):
    """What a response that is not a failure means."""

    ROWS = "rows"
    EMPTY = "empty"
    TOO_LARGE = "too large"


Read = Callable[[bytes], Any]
"""Decodes a body. Raises ValueError for a body that is incomplete. A body that is not a list of rows becomes a JSON value."""


class Classify(Protocol):
    """What a response means, and its decoded content if it has rows.

    `url` is used in messages; `now` (aware) is needed only to read a Retry-After that is a date. Raises TransientError
    (deserves another attempt), PermanentError (does not), or an error of the source.
    """

    def __call__(
        self,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
        url: str = "",
        now: datetime | None = None,
        read: Read = ...,
    ) -> tuple[ResponseKind, Any]: ...


@dataclass(frozen=True)
class Response:
    """One response that is not a failure: 200 with rows, an empty one, or 422.

    `body` is as received, after decompression of the transfer, `content` what was decoded from it; None without rows.
    `at`: when it had arrived (aware, UTC). `seconds`: from sending to the last byte, last attempt only. `waited`:
    seconds spent on rate limits and back-off, all attempts.
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
        """Whether the source refused because of size; other responses hold the rows in parts."""
        return self.status == 422

    @property
    def is_empty(self) -> bool:
        """Whether the source says that there are no rows, in any of its forms."""
        return self.content is None and self.status in (200, 404)


@dataclass(frozen=True)
class LandedResponse:
    """A response of an interrupted pull that is in the landing zone already. `body` reads it when it is called."""

    url: str
    status: int
    body: Callable[[], bytes] = field(repr=False, compare=False, default=bytes)


class RequestPlan(Protocol):
    """The requests of one pull, decided as the responses arrive. Used by one thread."""

    def next_url(self) -> str | None:
        """The next URL to request now.

        None: the plan must see the response to a request in progress first, or, if none is in progress, all requests were made.
        Raises a SourceError if the pull cannot be completed.
        """

    def receive(self, response: Response) -> None:
        """Take a response into account. It has landed already; raises a SourceError if the pull cannot be completed."""

    def check_complete(self) -> None:
        """Raise InconsistentResponsesError unless the responses, landed ones included, are one complete pull."""


@dataclass(frozen=True)
class Window:
    """A rate window: at most `requests` in any `seconds`."""

    requests: int
    seconds: float


@dataclass(frozen=True)
class RetryPolicy:
    """How a request is retried. Back-off doubles from `first_wait_s` to at most `longest_wait_s`, plus jitter.

    A refusal for too many requests waits longer than a failure: its rate window may be a minute or an hour long.
    """

    max_attempts: int = 6
    first_wait_s: float = 1.0
    longest_wait_s: float = 59.0
    jitter_s: float = 1.0
    first_wait_rate_limited_s: float = 5.0
    longest_wait_rate_limited_s: float = 58.0
    jitter_rate_limited_s: float = 2.0


@dataclass(frozen=True)
class BreakerPolicy:
    """After `failures` transient failures in a row for each request in progress, nothing is sent for `cooldown_s` seconds."""

    failures: int = 12
    cooldown_s: float = 60.0


@dataclass(frozen=True)
class Clock:
    """The time functions of a client: `monotonic` seconds, `now` (aware, UTC) and `sleep`. Tests replace them."""

    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], None] = time.sleep


class SendForm(Protocol):
    """Sends a form within the rate limits and returns the response and its headers, whatever the status."""

    def __call__(self, url: str, form: Mapping[str, str]) -> tuple[Response, Mapping[str, str]]: ...


class Authentication(Protocol):
    """Supplies the bearer token of a source. May be shared by threads."""

    def token(self, send: SendForm, clock: Clock, refused: str | None = None) -> str:
        """A token that is valid for a while and is not the `refused` one. Raises a SourceError."""


@dataclass(frozen=True)
class Connection:
    """How a source is reached with the settings of a lake. `windows`: all must hold for every request."""

    base_url: str
    windows: tuple[Window, ...] = ()
    authentication: Authentication | None = None
