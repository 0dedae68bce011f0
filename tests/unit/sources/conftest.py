"""Fixtures of these tests: a scripted OpenF1, a clock of our own, and a client of both."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from scripted_openf1 import Clock, FakeOpenF1

from f1_lakehouse.sources.openf1.client import Client
from f1_lakehouse.sources.rate_limiter import RateLimits


@pytest.fixture
def openf1(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOpenF1]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = FakeOpenF1()
    yield server
    server.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limits(tmp_path: Path, clock: Clock) -> RateLimits:
    """Limits that are switched off, pauses excepted."""
    return RateLimits(tmp_path / "limits.sqlite", 0, 0, clock=clock, sleep=clock.sleep)


@pytest.fixture
def make(openf1: FakeOpenF1, limits: RateLimits, clock: Clock) -> Callable[..., Client]:
    """A client of the scripted server; keywords as for Client."""

    def client(**rest: Any) -> Client:
        rest = {"limits": limits, "clock": clock, "now": clock.now, "sleep": clock.sleep} | rest
        return Client(openf1.base_url, **rest)

    return client
