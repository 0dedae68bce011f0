"""What earlier pulls of one endpoint and partition say: the last answer, failures since, and back-off.

Belongs here: rules that hold for every source. Does not belong here: when a source corrects its rows (the pull policy in
`sources/<name>/`). Pure: no clock, no storage.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from f1_lakehouse.sources.catalog import PastPull, Reason

FIRST_RETRY_AFTER, LONGEST_RETRY_AFTER = timedelta(minutes=5), timedelta(hours=6)

MAX_CLOCK_ERROR = timedelta(days=1)
"""A pull that is dated further ahead of now than this was made while the clock was wrong."""


def last_answer(pulls: Sequence[PastPull]) -> tuple[PastPull | None, int]:
    """The newest pull that was answered, and how many have failed since."""
    for failures, pull in enumerate(reversed(pulls)):
        if pull.is_answer:
            return pull, failures
    return None, len(pulls)


def reason_without_answer(last: PastPull | None, failures: int) -> Reason | None:
    """Why a partition must be pulled whatever the policy of its source: it has no answer, or its rows were restored."""
    if last is None:
        return ("failed" if failures else "first pull", failures)
    return ("restored", failures) if last.outcome == "restored" else None


def is_backing_off(now: datetime, pulls: Sequence[PastPull], failures: int) -> bool:
    """Whether the last failure is too recent for another attempt: 5 minutes, doubling, at most 6 hours."""
    if not failures:
        return False
    wait = min(FIRST_RETRY_AFTER * 2 ** min(failures - 1, 10), LONGEST_RETRY_AFTER)
    return now < pulled_at(pulls[-1], now) + wait


def pulled_at(pull: PastPull, now: datetime) -> datetime:
    """When a pull was made, as far as its clock can be trusted; the earliest possible time if it cannot.

    Rows of the pull log keep their order when the clock is turned back, so after a pull that was made with the clock years
    ahead every `at` is years ahead too. If these were trusted, no correction would be due for years.
    """
    at = pull.at if pull.at - now <= MAX_CLOCK_ERROR else pull.started_at
    return at if at - now <= MAX_CLOCK_ERROR else datetime.min.replace(tzinfo=UTC)
