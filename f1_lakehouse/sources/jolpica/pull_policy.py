"""When a pull of Jolpica is due, and why.

The results of a race are typed in by volunteers within hours and corrected for weeks: the resources of a season are
pulled again 1, 3, 8 and 30 days after each race, and once a year afterwards. A response without rows is not an answer
before one day after the race. What was never loaded is not due automatically, unless its season is followed (the daemon
follows the current one, a command those that it names).

Pure: nothing here talks to the API or to storage. Pages are in pages.py.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from f1_lakehouse.sources.catalog import Endpoint, PastPull, Reason, Scope
from f1_lakehouse.sources.jolpica.calendar import JolpicaPartition, Race
from f1_lakehouse.sources.pull_history import is_backing_off, last_answer, pulled_at, reason_without_answer

CORRECTIONS: dict[str, timedelta] = {
    "+1d": timedelta(days=1),
    "+3d": timedelta(days=3),
    "+8d": timedelta(days=8),
    "+30d": timedelta(days=30),
}
"""When after a race its season and its round are pulled again."""
WHOLE_CORRECTIONS: dict[str, timedelta] = {"+1d": CORRECTIONS["+1d"]}
"""A driver or circuit is new with a race or not at all, so resources without a season are pulled once after it."""
YEARLY = timedelta(days=365)
CALENDAR = timedelta(days=7)
"""How often the races of the current season are pulled between two races: dates move."""
RECENT = timedelta(days=30)
"""Laps and pit stops of a round are loaded without being asked for until its race is this old."""
RETRY_EMPTY = timedelta(hours=1)
CONFIRM_AFTER = timedelta(hours=1)


def why_due(
    endpoint: Endpoint,
    partition: JolpicaPartition,
    now: datetime,
    pulls: Sequence[PastPull],
    patient: bool = True,
) -> Reason | None:
    """Why a partition must be pulled now, and how many pulls have failed since the last answer; None if it is not due.

    Args:
        endpoint: which.
        partition: what is pulled, with the races that it holds.
        now: UTC.
        pulls: the partition's pulls, oldest first.
        patient: after a failure wait (5 minutes, doubling, at most 6 hours) before it is due again, and an hour after
            a response that is too early to be an answer; a command does not wait.
    """
    last, failures = last_answer(pulls)
    if patient and is_backing_off(now, pulls, failures):
        return None
    ended = sorted(one.end for one in partition.races if one.end <= now)
    if last is None:
        if endpoint.scope is Scope.ROUND and not ended:
            return None
        return reason_without_answer(last, failures) if partition.followed or failures else None
    if last.outcome == "restored":
        return reason_without_answer(last, failures)
    last_pulled_at = pulled_at(last, now)
    if last.outcome == "empty_unconfirmed" and now >= last_pulled_at + CONFIRM_AFTER:
        return ("confirm empty", failures)
    if _is_too_early(endpoint, last, last_pulled_at, ended) and not (
        patient and now < last_pulled_at + RETRY_EMPTY
    ):
        return ("no rows yet", failures)
    corrections = WHOLE_CORRECTIONS if endpoint.scope is Scope.ALL else CORRECTIONS
    for why, after in reversed(corrections.items()):
        if any(last_pulled_at < end + after <= now for end in ended):
            return (why, failures)
    if (
        endpoint.name == "jolpica_races"
        and any(one.end > now for one in partition.races)
        and now >= last_pulled_at + CALENDAR
    ):
        return ("calendar", failures)
    if now >= last_pulled_at + YEARLY:
        return ("yearly", failures)
    return None


def is_recent(one: Race, now: datetime) -> bool:
    """Whether the laps and pit stops of a race are loaded without being asked for."""
    return one.end <= now <= one.end + RECENT


def _is_too_early(
    endpoint: Endpoint, last: PastPull, last_pulled_at: datetime, ended: Sequence[datetime]
) -> bool:
    """Whether a response without rows came within a day of the race: it is not an answer, the rows are still typed in."""
    if last.rows or endpoint.scope is not Scope.ROUND:
        return False
    return any(last_pulled_at < end + CORRECTIONS["+1d"] for end in ended)
