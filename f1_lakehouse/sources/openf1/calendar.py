"""The calendar of sessions, and the one function that decides what must be asked of the API.

`due` is pure: it compares the calendar with the ledger of pulls at a given moment. The session-due sensor, the
weekly schedule and the command line are thin callers of it. Nothing here talks to the API or to storage.
"""

import unicodedata
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol

from f1_lakehouse.sources.openf1.endpoints import SESSION_ENDPOINTS, Availability, Endpoint

LIVE_MARGIN = timedelta(minutes=30)
"""The API restricts access from this long before a session until this long after it."""

CORRECTIONS: dict[str, timedelta] = {
    "+1h": timedelta(hours=1),
    "+1d": timedelta(days=1),
    "+3d": timedelta(days=3),
    "+8d": timedelta(days=8),
    "+30d": timedelta(days=30),
}
"""When after its end a session is pulled again: the API corrects rows silently for weeks."""

CONFIRM_AFTER = timedelta(hours=1)
"""How long after an empty answer where rows were the question is asked again."""

WATCHED = timedelta(days=35)
"""How far back the sensor and the schedule look: past the last correction. Older sessions come by a backfill."""

LONGEST, ASSUMED_LENGTH = timedelta(days=1), timedelta(hours=2)
"""No session lasts longer than a test day; one that seems to is taken to last as long as a race may."""

SLUG_LENGTH = 80
"""Characters of place and session in the name of a partition, which is also a name of files and tags."""

RETRY_FIRST, RETRY_LAST = timedelta(minutes=5), timedelta(hours=6)

CLOCK_TRUST = timedelta(days=1)
"""A pull that is dated further ahead of now than this was made while the clock was wrong."""


class Category(StrEnum):
    """What a session is, in the names that people use."""

    RACE = "Race"
    SPRINT = "Sprint"
    QUALIFYING = "Qualifying"
    SPRINT_QUALIFYING = "Sprint Qualifying"
    PRACTICE = "Practice"
    OTHER = "Other"


_BY_NAME = {
    "race": Category.RACE,
    "sprint": Category.SPRINT,
    "qualifying": Category.QUALIFYING,
    "sprint qualifying": Category.SPRINT_QUALIFYING,
    "sprint shootout": Category.SPRINT_QUALIFYING,
}
_AVAILABLE: dict[Availability, frozenset[Category]] = {
    Availability.EVERY_SESSION: frozenset(Category),
    Availability.RACES: frozenset({Category.RACE, Category.SPRINT}),
    Availability.QUALIFYINGS: frozenset({Category.QUALIFYING, Category.SPRINT_QUALIFYING}),
}
_GRID_OF = {Category.RACE: Category.QUALIFYING, Category.SPRINT: Category.SPRINT_QUALIFYING}


def category(session_name: str | None) -> Category:
    """The category of a session by its name; Sprint Shootout is Sprint Qualifying, test days are Practice."""
    name = (session_name or "").strip().lower()
    if name.startswith(("practice", "day ")):
        return Category.PRACTICE
    return _BY_NAME.get(name, Category.OTHER)


@dataclass(frozen=True, order=True)
class Session:
    """One session of the calendar, ordered by time. Times are UTC."""

    start: datetime
    end: datetime
    key: int
    meeting_key: int
    season: int
    name: str
    location: str
    category: Category
    is_cancelled: bool = False

    @property
    def partition(self) -> str:
        """The name of its partition, e.g. 2024-09-22-marina-bay-race-9606; the trailing number is its identity."""
        words = (
            unicodedata.normalize("NFKD", f"{self.location} {self.name}")
            .encode("ascii", "ignore")
            .decode()
            .lower()
        )
        slug = "-".join("".join(c if c.isalnum() else " " for c in words).split())[:SLUG_LENGTH]
        return f"{self.start:%Y-%m-%d}-{slug}-{self.key}"

    def is_finished(self, now: datetime) -> bool:
        """Whether its data can be asked for: over, and out of the live window."""
        return not self.is_cancelled and now >= self.end + LIVE_MARGIN

    def is_live(self, now: datetime) -> bool:
        """Whether the API is closed to the public because of it."""
        return not self.is_cancelled and self.start - LIVE_MARGIN <= now < self.end + LIVE_MARGIN

    def has(self, endpoint: Endpoint) -> bool:
        """Whether the endpoint can have rows of this session at all."""
        return self.category in _AVAILABLE[endpoint.availability]


def session_key_of(partition: str) -> int:
    """The session key in the name of a partition."""
    return int(partition.rsplit("-", 1)[1])


def session(row: dict[str, object], cancelled_meetings: Collection[int] = ()) -> Session | None:
    """A session from a row of the `sessions` endpoint; None if the row has no times, or no valid key.

    `cancelled_meetings` are the keys of meetings whose own row says that they are cancelled: so are their sessions, whatever
    the session's row says. The dbt model int_calendar decides by the same rule. An end that is not within a day of the start
    is not believed: the API would be live, or the session not over, for years.
    """
    start, end = row.get("date_start"), row.get("date_end")
    key = int(str(row["session_key"]))
    if not isinstance(start, datetime) or not isinstance(end, datetime) or key < 1:
        return None
    if not start < end <= start + LONGEST:
        end = start + ASSUMED_LENGTH
    return Session(
        start=start.astimezone(UTC),
        end=end.astimezone(UTC),
        key=key,
        meeting_key=int(str(row["meeting_key"])),
        season=int(str(row["year"])),
        name=str(row.get("session_name") or "Unknown"),
        location=str(row.get("location") or "unknown"),
        category=category(str(row.get("session_name") or "")),
        is_cancelled=bool(row.get("is_cancelled")) or int(str(row["meeting_key"])) in cancelled_meetings,
    )


def grid_session(of: Session, calendar: Iterable[Session]) -> Session | None:
    """The (sprint) qualifying session that set the grid of a race or sprint: same meeting, same kind."""
    wanted = _GRID_OF.get(of.category)
    found = [
        s for s in calendar if s.meeting_key == of.meeting_key and s.category is wanted and not s.is_cancelled
    ]
    return max(found, default=None)


class Asked(Protocol):
    """What `due` needs to know of a past pull; lake.pulls.Pull is one."""

    @property
    def started_at(self) -> datetime:
        """When it was begun, by the clock of then."""

    @property
    def at(self) -> datetime:
        """When it was committed; never before the pull of the same question that came before it."""

    @property
    def outcome(self) -> str:
        """What came of it."""

    @property
    def is_answer(self) -> bool:
        """Whether the question was answered."""


PullsOf = Callable[[str, int], Sequence[Asked]]


@dataclass(frozen=True)
class Due:
    """Endpoints of one session that must be asked, and why. `attempt` counts failures since the last answer."""

    session: Session
    endpoints: tuple[str, ...]
    why: str
    attempt: int = 0

    @property
    def assets(self) -> tuple[str, ...]:
        """What a run for it should cover: with a session's first drivers also the endpoints that it cannot have.

        They cost no request, and are recorded as not applicable instead of missing.
        """
        if self.why != "first pull" or "drivers" not in self.endpoints:
            return self.endpoints
        beyond = (endpoint.name for endpoint in SESSION_ENDPOINTS if not self.session.has(endpoint))
        return (*self.endpoints, *beyond)


def why_due(
    end: datetime, now: datetime, pulls: Sequence[Asked], *, patient: bool = True
) -> tuple[str, int] | None:
    """Why one endpoint of a finished session must be asked now, and how often that has failed since the last answer.

    Args:
        end: when the session ended.
        now: the moment of the decision.
        pulls: what was asked so far, oldest first.
        patient: after a failure, wait (5 minutes, doubling, at most 6 hours) before it is due again; a person who
            asks by hand is not made to wait.

    Returns:
        None when nothing is due.
    """
    last, failures = last_answer(pulls)
    if patient and _must_wait(now, pulls, failures):
        return None
    if last is None:
        return ("failed" if failures else "first pull", failures)
    if last.outcome == "restored":
        return ("restored", failures)
    asked_at = _asked_at(last, now)
    if last.outcome == "empty_unconfirmed" and now >= asked_at + CONFIRM_AFTER:
        return ("confirm empty", failures)
    for why, after in reversed(CORRECTIONS.items()):
        if asked_at < end + after <= now:
            return (why, failures)
    return None


def last_answer(pulls: Sequence[Asked]) -> tuple[Asked | None, int]:
    """The newest pull that was answered, and how many have failed since."""
    for failures, pull in enumerate(reversed(pulls)):
        if pull.is_answer:
            return pull, failures
    return None, len(pulls)


def _must_wait(now: datetime, pulls: Sequence[Asked], failures: int) -> bool:
    """Whether the last failure is too recent to ask again: 5 minutes, doubling, at most 6 hours."""
    if not failures:
        return False
    return now < _asked_at(pulls[-1], now) + min(RETRY_FIRST * 2 ** min(failures - 1, 10), RETRY_LAST)


def _asked_at(pull: Asked, now: datetime) -> datetime:
    """When a pull was asked, as far as its clock can be believed; long ago if it cannot.

    Entries keep their order when the clock is set back, so after one that was made with the clock years ahead every
    `at` is years ahead too. Were they believed, no correction would be due for years.
    """
    at = pull.at if pull.at - now <= CLOCK_TRUST else pull.started_at
    return at if at - now <= CLOCK_TRUST else datetime.min.replace(tzinfo=UTC)


def due(
    now: datetime,
    calendar: Iterable[Session],
    pulls_of: PullsOf,
    *,
    endpoints: Collection[str] | None = None,
    force: bool = False,
    patient: bool = True,
    watched: timedelta | None = None,
) -> list[Due]:
    """Everything that must be asked of the API now, oldest session first; one entry a session and reason.

    Args:
        now: UTC.
        calendar: the sessions to look at.
        pulls_of: (endpoint, session key) → its pulls, oldest first.
        endpoints: only these; all by default.
        force: ask again whatever is there.
        patient: see `why_due`.
        watched: leave out sessions that ended longer ago than this.

    Sessions that are cancelled, unfinished or in the live window are never due; an endpoint that a session cannot
    have is never due.
    """
    found: list[Due] = []
    for one in sorted(calendar):
        if not one.is_finished(now) or (watched is not None and now - one.end > watched):
            continue
        reasons: dict[tuple[str, int], list[str]] = {}
        for endpoint in SESSION_ENDPOINTS:
            if not one.has(endpoint) or (endpoints is not None and endpoint.name not in endpoints):
                continue
            if force:
                reason: tuple[str, int] | None = ("forced", 0)
            else:
                reason = why_due(one.end, now, pulls_of(endpoint.name, one.key), patient=patient)
            if reason:
                reasons.setdefault(reason, []).append(endpoint.name)
        found += [Due(one, tuple(names), why, attempt) for (why, attempt), names in reasons.items()]
    return found


def season_due(now: datetime, season: int, pulls: Sequence[Asked], *, patient: bool = False) -> bool:
    """Whether the calendar of a season must be asked: the current and coming ones daily, past ones once.

    `patient` as in `why_due`.
    """
    last, failures = last_answer(pulls)
    if patient and _must_wait(now, pulls, failures):
        return False
    if last is None or last.outcome == "restored":
        return True
    # A season of the past is final once it was asked after its end.
    asked = _asked_at(last, now)
    return asked.year <= season and now - asked >= timedelta(days=1)
