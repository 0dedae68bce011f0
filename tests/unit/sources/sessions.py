"""Sessions and earlier pulls for the tests of the calendar and the pull policy."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from f1_lakehouse.sources.catalog import Availability
from f1_lakehouse.sources.openf1.calendar import Category, Session, category
from f1_lakehouse.sources.openf1.endpoints import SESSION_ENDPOINTS

START = datetime(2024, 9, 22, 12, 0, tzinfo=UTC)
END = datetime(2024, 9, 22, 14, 0, tzinfo=UTC)
TICK = timedelta(microseconds=1)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
RACE = Session(START, END, 9606, 1246, 2024, "Race", "Marina Bay", Category.RACE)
EVERY = {e.name for e in SESSION_ENDPOINTS if e.availability is Availability.EVERY_SESSION}
RACES = {e.name for e in SESSION_ENDPOINTS if e.availability is Availability.RACES}
QUALIFYINGS = {e.name for e in SESSION_ENDPOINTS if e.availability is Availability.QUALIFYINGS}


@dataclass(frozen=True)
class RecordedPull:
    """The columns of the pull log that the pull policy reads."""

    at: datetime
    outcome: str = "appended"
    begun: datetime | None = None

    @property
    def started_at(self) -> datetime:
        return self.begun or self.at

    @property
    def is_answer(self) -> bool:
        return self.outcome != "failed"


def session_named(name: str, key: int = 1, day: int = 0, meeting: int = 1246, **rest: Any) -> Session:
    """Return a session with this name, `day` days after the race."""
    move = timedelta(days=day)
    return Session(START + move, END + move, key, meeting, 2024, name, "Marina Bay", category(name), **rest)


def never_pulled(_: str, __: int) -> Sequence[RecordedPull]:
    """The pull log of an empty lake."""
    return []
