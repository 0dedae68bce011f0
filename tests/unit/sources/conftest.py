"""Fixtures of these tests: a scripted OpenF1, a test clock, and a client that uses both."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from scripted_openf1 import FakeOpenF1, TestClock

from f1_lakehouse.settings import Settings
from f1_lakehouse.sources.client import SourceClient
from f1_lakehouse.sources.exchange import BreakerPolicy, Clock, Response, RetryPolicy
from f1_lakehouse.sources.http import TIMEOUT_S, HttpClient
from f1_lakehouse.sources.openf1.source import OPENF1
from f1_lakehouse.sources.rate_limiter import RateLimiter


@pytest.fixture
def openf1(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOpenF1]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = FakeOpenF1()
    yield server
    server.close()


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture
def limiter(tmp_path: Path, clock: TestClock) -> RateLimiter:
    """A rate limiter without windows; it still pauses."""
    return RateLimiter(tmp_path / "limits.sqlite", clock=clock, sleep=clock.sleep)


@pytest.fixture
def make(openf1: FakeOpenF1, limiter: RateLimiter, clock: TestClock) -> Callable[..., SourceClient]:
    """A function that returns a client of the scripted server, or of `base_url`."""

    def client(
        base_url: str = openf1.base_url,
        *,
        limiter: RateLimiter = limiter,
        attempts: int = 6,
        breaker_after: int = 12,
        concurrent: int = 1,
        sleep: Callable[[float], None] = clock.sleep,
        timeout: tuple[float, float] = TIMEOUT_S,
        may_send: Callable[[], None] = lambda: None,
        **settings: Any,
    ) -> SourceClient:
        source = replace(
            OPENF1,
            retry=RetryPolicy(attempts),
            breaker=BreakerPolicy(breaker_after),
            max_concurrent_requests=concurrent,
        )
        connection = source.connect(Settings.model_construct(openf1_url=base_url, **settings))
        times = Clock(clock, clock.now, sleep)
        http = HttpClient(source, connection, limiter, timeout=timeout, clock=times, may_send=may_send)
        return SourceClient(source, connection, http)

    return client


@pytest.fixture
def without_http(openf1: FakeOpenF1, clock: TestClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests call the script directly, for tests that send thousands."""

    def get(client: HttpClient, url: str, *_: object) -> Response:
        openf1.requested.append(url.removeprefix(openf1.base_url + "/"))
        reply = openf1.script(openf1.requested[-1])  # type: ignore[operator]
        content = json.loads(reply.raw) if reply.status == 200 else None
        return Response(url, reply.status, clock.now(), reply.raw, 0.0, 0.0, 1, content)

    monkeypatch.setattr(HttpClient, "get", get)
