"""Concurrent requests of one pull."""

import threading
from collections import Counter
from typing import Any

import pytest
from pulls import DOWN, DRIVERS, ROWS, START, Make, ServedRows, pull, responses
from scripted_openf1 import Reply

from f1_lakehouse.budget import Budget
from f1_lakehouse.settings import Settings
from f1_lakehouse.sources.errors import BudgetError, PermanentError
from f1_lakehouse.sources.exchange import Response


class Barrier:
    """Responds only when `size` requests are in progress; requests of `lost` drivers fail permanently."""

    def __init__(self, size: int, lost: tuple[int, ...] = ()) -> None:
        self.size, self.lost = size, lost
        self.under_way = self.most = 0
        self.changed = threading.Condition()

    def __call__(self, requested: str) -> Reply:
        driver = int(requested.rsplit("=", 1)[1])
        with self.changed:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            self.changed.notify_all()
            if driver != DRIVERS[0]:  # the first request is sent alone
                self.changed.wait_for(lambda: self.most >= self.size, timeout=20)
            self.under_way -= 1
        if driver in self.lost:
            return Reply(400, {"detail": "no"})
        return Reply(body=[{"driver_number": driver, "date": START.isoformat()}])


def test_requests_of_a_pull_are_concurrent_up_to_the_maximum(openf1: Any, make: Make) -> None:
    drivers = (*DRIVERS, *range(50, 60))
    openf1.script = crowd = Barrier(3)
    answers = pull(make(concurrent=3), drivers=drivers)
    assert crowd.most == 3
    assert len(openf1.requested) == len(set(openf1.requested)) == len(answers) == len(drivers)


def test_permanent_failure_ends_the_pull_and_keeps_responses_in_progress(openf1: Any, make: Make) -> None:
    openf1.script = Barrier(3, lost=(DRIVERS[1],))
    answers = list[Response]()
    asking = responses(make(concurrent=3), drivers=(*DRIVERS, *range(50, 70)))
    with pytest.raises(PermanentError, match="400"):
        answers.extend(asking)
    assert len(openf1.requested) == len(answers) + 1 < 23


def test_concurrent_requests_do_not_exceed_the_budget(openf1: Any, make: Make) -> None:
    budget = Budget(Settings.model_construct(budget_requests=3))
    openf1.script = ServedRows(list(range(10)), 10)
    with pytest.raises(BudgetError):
        pull(make(concurrent=3, may_send=budget.spend_request), drivers=range(1, 20))
    assert len(openf1.requested) == 3


def test_cancelled_pull_does_not_wait_for_retries(openf1: Any, make: Make) -> None:
    """Each is retried after 300 s, which are 600 sleeps."""
    naps = list[float]()

    def short_sleep(seconds: float) -> None:
        naps.append(seconds)
        threading.Event().wait(0.001)

    later = Reply(503, b"", {"Retry-After": "300"})
    openf1.script = lambda requested: ROWS if requested.endswith(("=1", "=2")) else later
    answers = responses(make(concurrent=3, sleep=short_sleep), drivers=range(1, 9))
    assert [next(answers).status, next(answers).status] == [200, 200]
    answers.close()
    assert len(naps) < 600
    assert len(openf1.requested) <= 5


def test_breaker_counts_failures_per_request_in_progress(openf1: Any, make: Make) -> None:
    """Three requests with five consecutive refusals each: fewer than the breaker's limit."""
    met = Counter[str]()
    together = threading.Barrier(3)

    def script(requested: str) -> Reply:
        if requested.endswith("=1"):
            return ROWS
        together.wait(timeout=20)
        met[requested] += 1
        return ROWS if met[requested] > 5 else DOWN

    openf1.script = script
    assert len(pull(make(concurrent=3, breaker_after=6), drivers=(1, 2, 3, 4))) == 4
