"""The circuit breaker: an outage of a source costs a few requests and not every one.

Belongs here: the state of the breaker. Does not belong here: which errors count as failures (http.py).
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from f1_lakehouse.sources.errors import OutageError, SourceError
from f1_lakehouse.sources.exchange import BreakerPolicy
from f1_lakehouse.sources.http_messages import RUN_LATER


class CircuitBreaker:
    """Counts failures in a row over all requests of a client; may be shared by threads.

    After `policy.failures` in a row for each request in progress the breaker is open: every request fails immediately with
    OutageError. After `policy.cooldown_s` one request tries whether the source works again. `title` names the source in
    messages, `monotonic` is the clock in seconds.
    """

    def __init__(self, title: str, policy: BreakerPolicy, monotonic: Callable[[], float]) -> None:
        self._title = title
        self._policy = policy
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._under_way = 0
        self._failures = 0
        self._last_failure = ""
        self._opened_at: float | None = None
        self._is_probing = False

    @contextmanager
    def request(self, url: str) -> Iterator[None]:
        """Hold a request, with all its attempts. Raises OutageError if none may be sent now."""
        with self._lock:
            self._under_way += 1
        is_probe = False
        try:
            is_probe = self._admit(url)
            yield
        finally:
            with self._lock:
                self._under_way -= 1
                if is_probe:
                    self._is_probing = False

    def record_failure(self, url: str, error: SourceError) -> None:
        """Count a failed attempt. Raises OutageError when the breaker opens, or is open already."""
        with self._lock:
            self._failures += 1
            self._last_failure = error.cause
            if self._opened_at is None and self._failures < self._policy.failures * self._under_way:
                return
            self._opened_at = self._monotonic()
            refusal = self._outage(url, self._opened_at)
        raise refusal from error

    def record_success(self) -> None:
        """The source has answered, whatever it said: close the breaker."""
        with self._lock:
            self._failures = 0
            self._opened_at = None

    def _admit(self, url: str) -> bool:
        """Whether this request is the probe. Raises OutageError if no request may be sent."""
        with self._lock:
            if self._opened_at is None:
                return False
            if not self._is_probing and self._monotonic() >= self._opened_at + self._policy.cooldown_s:
                self._is_probing = True
                return True
            refusal = self._outage(url, self._opened_at)
        raise refusal

    def _outage(self, url: str, opened_at: float) -> OutageError:
        left = max(0.0, opened_at + self._policy.cooldown_s - self._monotonic())
        return OutageError(
            f"{self._title} failed {self._failures} times in a row, the last time: {self._last_failure}",
            url,
            f"no request is sent for another {left:.0f} s; {RUN_LATER}",
        )
