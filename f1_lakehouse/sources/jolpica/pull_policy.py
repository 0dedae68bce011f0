"""When a pull of Jolpica is due, and why.

The results of a race are typed in by volunteers within hours and corrected for weeks: the resources of a season are
pulled again 1, 3, 8 and 30 days after each race, and once a year afterwards. A response without rows is not an answer
before one day after the race. What was never loaded is not due by itself, unless its season is followed (the daemon
follows the current one, a command those that it names).

Pure: nothing here talks to the API or to storage. Pages are in pages.py.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from f1_lakehouse.sources.jolpica.endpoints import Resource
from f1_lakehouse.sources.jolpica.partitions import Unit, round_partition

CORRECTIONS: dict[str, timedelta] = {
    "+1d": timedelta(days=1),
    "+3d": timedelta(days=3),
    "+8d": timedelta(days=8),
    "+30d": timedelta(days=30),
}
"""When after a race its season and its round are pulled again."""
WHOLE_CORRECTIONS: dict[str, timedelta] = {"+1d": CORRECTIONS["+1d"]}
"""A driver or circuit is new with a race or not at all, so whole resources are pulled once after it."""
YEARLY = timedelta(days=365)
CALENDAR = timedelta(days=7)
"""How often the races of the current season are pulled between two races: dates move."""
RECENT = timedelta(days=30)
"""Laps and pit stops of a round are loaded without being asked for until its race is this old."""
RACE_LENGTH = timedelta(hours=3)
"""From the start of a race to its end, generously."""
RETRY_EMPTY = timedelta(hours=1)
CONFIRM_AFTER = timedelta(hours=1)
RETRY_FIRST, RETRY_LAST = timedelta(minutes=5), timedelta(hours=6)
CLOCK_TRUST = timedelta(days=1)
"""A pull that is dated further ahead of now than this was made while the clock was wrong."""


class Pulled(Protocol):
    """What the policy needs to know of a past pull; storage.pull_log.Pull is one."""

    @property
    def started_at(self) -> datetime:
        """When it was begun."""

    @property
    def at(self) -> datetime:
        """When it was committed; never before the pull of the same partition that came before it."""

    @property
    def outcome(self) -> str:
        """What came of it."""

    @property
    def rows(self) -> int:
        """How many rows it brought."""

    @property
    def is_answer(self) -> bool:
        """Whether it got a usable response."""


@dataclass(frozen=True, order=True)
class Race:
    """One race of the calendar. `end` is UTC, estimated where no time of day is known."""

    season: int
    round: int
    end: datetime
    name: str = ""

    @property
    def partition(self) -> int:
        """The partition of its round."""
        return round_partition(self.season, self.round)


def race(row: Mapping[str, object]) -> Race | None:
    """A race from a row of `jolpica_races`; None if it has no date. Without a start it ends with its day."""
    start, day = row.get("race_start"), row.get("race_date")
    if isinstance(start, datetime):
        end = start.astimezone(UTC) + RACE_LENGTH
    else:
        try:
            end = datetime.fromisoformat(str(day)[:10]).replace(tzinfo=UTC) + timedelta(days=1)
        except ValueError:
            return None
    return Race(int(str(row["season"])), int(str(row["round"])), end, str(row.get("race_name") or ""))


def why_due(
    resource: Resource,
    races: Iterable[Race],
    now: datetime,
    pulls: Sequence[Pulled],
    *,
    followed: bool,
    patient: bool = True,
) -> tuple[str, int] | None:
    """Why a partition must be pulled now, and how many pulls have failed since the last answer; None if it is not due.

    Args:
        resource: which.
        races: those whose results the partition holds: of the season, of the round, or for a whole resource those of
            the current season.
        now: UTC.
        pulls: the partition's pulls, oldest first.
        followed: whether the partition is due if it was never pulled.
        patient: after a failure wait (5 minutes, doubling, at most 6 hours) before it is due again, and an hour after
            a response that is too early to be an answer; a command does not wait.
    """
    last, failures = _last_answer(pulls)
    if patient and _must_wait(now, pulls, failures):
        return None
    ended = sorted(one.end for one in races if one.end <= now)
    if last is None:
        if resource.unit is Unit.ROUND and not ended:
            return None
        return ("failed" if failures else "first pull", failures) if followed or failures else None
    if last.outcome == "restored":
        return ("restored", failures)
    pulled_at = _pulled_at(last, now)
    if last.outcome == "empty_unconfirmed" and now >= pulled_at + CONFIRM_AFTER:
        return ("confirm empty", failures)
    if _is_too_early(resource, last, pulled_at, ended) and not (patient and now < pulled_at + RETRY_EMPTY):
        return ("no rows yet", failures)
    corrections = WHOLE_CORRECTIONS if resource.unit is Unit.WHOLE else CORRECTIONS
    for why, after in reversed(corrections.items()):
        if any(pulled_at < end + after <= now for end in ended):
            return (why, failures)
    if resource.name == "races" and any(one.end > now for one in races) and now >= pulled_at + CALENDAR:
        return ("calendar", failures)
    if now >= pulled_at + YEARLY:
        return ("yearly", failures)
    return None


def is_recent(one: Race, now: datetime) -> bool:
    """Whether the laps and pit stops of a race are loaded without being asked for."""
    return one.end <= now <= one.end + RECENT


def _is_too_early(resource: Resource, last: Pulled, pulled_at: datetime, ended: Sequence[datetime]) -> bool:
    """Whether a response without rows came within a day of the race: it is not an answer, the rows are still typed in."""
    if last.rows or resource.unit is not Unit.ROUND:
        return False
    return any(pulled_at < end + CORRECTIONS["+1d"] for end in ended)


def _last_answer(pulls: Sequence[Pulled]) -> tuple[Pulled | None, int]:
    for failures, pull in enumerate(reversed(pulls)):
        if pull.is_answer:
            return pull, failures
    return None, len(pulls)


def _must_wait(now: datetime, pulls: Sequence[Pulled], failures: int) -> bool:
    if not failures:
        return False
    wait = min(RETRY_FIRST * 2 ** min(failures - 1, 10), RETRY_LAST)
    return now < _pulled_at(pulls[-1], now) + wait


def _pulled_at(pull: Pulled, now: datetime) -> datetime:
    """When a pull was made, as far as its clock can be believed; long ago if it cannot."""
    at = pull.at if pull.at - now <= CLOCK_TRUST else pull.started_at
    return at if at - now <= CLOCK_TRUST else datetime.min.replace(tzinfo=UTC)
