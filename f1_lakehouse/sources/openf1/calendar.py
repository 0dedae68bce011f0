"""The calendar of sessions: what a session is, and which endpoints it can have.

Pure: nothing here sends requests or reads storage. Does not belong here: when a session must be pulled (pull_policy.py).
"""

import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from f1_lakehouse.sources.catalog import Availability, Endpoint, Scope

LIVE_MARGIN = timedelta(minutes=30)
"""The API restricts access from this long before a session until this long after it."""

MAX_SESSION_LENGTH, ASSUMED_SESSION_LENGTH = timedelta(days=1), timedelta(hours=2)
"""No session is longer than a test day; one that appears to be is assumed to last as long as a race may."""

MAX_SLUG_LENGTH = 80
"""Characters of location and session in the name of a partition, which is also used in names of files and tags."""


class Category(StrEnum):
    """The category of a session, by its usual name."""

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
        slug = "-".join("".join(c if c.isalnum() else " " for c in words).split())[:MAX_SLUG_LENGTH]
        return f"{self.start:%Y-%m-%d}-{slug}-{self.key}"

    @property
    def scope(self) -> Scope:
        """A session."""
        return Scope.SESSION

    @property
    def label(self) -> str:
        """The name of its partition."""
        return self.partition

    @property
    def window(self) -> tuple[datetime, datetime]:
        """Scheduled start and end."""
        return self.start, self.end

    def is_finished(self, now: datetime) -> bool:
        """Whether its data can be requested: over, and out of the live window."""
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
    the session's row says. The dbt model int_calendar uses the same rule. An end that is not within a day of the start is
    ignored: otherwise the API would be live, or the session not over, for years.
    """
    start, end = row.get("date_start"), row.get("date_end")
    key = int(str(row["session_key"]))
    if not isinstance(start, datetime) or not isinstance(end, datetime) or key < 1:
        return None
    if not start < end <= start + MAX_SESSION_LENGTH:
        end = start + ASSUMED_SESSION_LENGTH
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
