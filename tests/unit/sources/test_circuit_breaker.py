"""The circuit breaker, tested through the client of a scripted server."""

from typing import Any

import pytest
from pulls import DOWN, NONE, ROWS, Make, fail, get
from scripted_openf1 import Reply

from f1_lakehouse.sources.errors import OutageError, SourceError, TransientError


def test_outage_costs_a_few_requests_and_then_one_per_cool_down(openf1: Any, make: Make, clock: Any) -> None:
    openf1.script = [DOWN]
    client = make()
    assert [fail(client) for _ in range(100)] == [TransientError] + [OutageError] * 99
    assert len(openf1.requested) == 12
    clock.seconds += 61
    assert [fail(client) for _ in range(100)] == [OutageError] * 100
    assert len(openf1.requested) == 13
    clock.seconds += 61
    assert fail(client) is OutageError
    assert len(openf1.requested) == 14


def test_breaker_closes_when_its_probe_is_answered(openf1: Any, make: Make, clock: Any) -> None:
    openf1.script = [DOWN]
    client = make(breaker_after=3)
    fail(client)
    openf1.script = [ROWS]
    assert fail(client) is OutageError
    clock.seconds += 61
    assert get(client).status == 200
    openf1.script = [DOWN, DOWN, ROWS]
    assert get(client).status == 200


def test_while_one_request_probes_the_others_are_refused(openf1: Any, make: Make, clock: Any) -> None:
    openf1.script = [DOWN]
    client = make(breaker_after=2)
    fail(client)
    clock.seconds += 61
    meanwhile: list[type[SourceError]] = []

    def script(_: str) -> Reply:
        meanwhile.append(fail(client))
        return ROWS

    openf1.script = script
    assert get(client).status == 200
    assert meanwhile == [OutageError]


def test_only_failures_in_a_row_open_the_breaker(openf1: Any, make: Make) -> None:
    client = make(breaker_after=3)
    for _ in range(5):
        openf1.script = [DOWN, DOWN, NONE]
        get(client)


def test_message_of_an_outage_names_the_last_failure_and_the_wait(openf1: Any, make: Make) -> None:
    openf1.script = [DOWN]
    client = make(breaker_after=2)
    fail(client)
    with pytest.raises(OutageError, match=r"2 times in a row.*503.*another 60 s; run again later"):
        get(client)
