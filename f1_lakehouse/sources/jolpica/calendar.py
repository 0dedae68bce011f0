"""Races as Jolpica's calendar has them, and partitions of pulls with the races that they hold.

Belongs here: what a race is, and which races a pull covers. Does not belong here: the numbers of partitions
(partitions.py) and when a pull is due (pull_policy.py).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from f1_lakehouse.sources.catalog import Scope
from f1_lakehouse.sources.jolpica.partitions import (
    WHOLE,
    partition_name,
    round_partition,
    scope_of,
    season_of,
)

RACE_LENGTH = timedelta(hours=3)
"""From the start of a race to its end, generously."""


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


@dataclass(frozen=True)
class JolpicaPartition:
    """What one pull of Jolpica covers; see `catalog.Partition`.

    `races`: those whose results it holds, as far as the calendar is known. `followed`: whether it is due if it was never
    pulled.
    """

    key: int
    races: tuple[Race, ...] = ()
    followed: bool = False

    @property
    def scope(self) -> Scope:
        """All, season or round."""
        return scope_of(self.key)

    @property
    def season(self) -> int:
        """The season; 0 for a resource without a season."""
        return season_of(self.key)

    @property
    def label(self) -> str:
        """`all`, the season, or the name of the round's partition, e.g. 2024-08-monaco-grand-prix-202408."""
        if self.key == WHOLE:
            return "all"
        if self.scope is Scope.SEASON:
            return str(self.key)
        return partition_name(self.key, self.races[0].name if self.races else "")

    @property
    def window(self) -> None:
        """Nothing is requested by time."""
        return None


def partition_of(key: int, races: Iterable[Race] = (), *, followed: bool = False) -> JolpicaPartition:
    """The partition of a key, with those of the races that it holds; all of them for a resource without a season."""
    scope = scope_of(key)
    held = [
        one
        for one in races
        if scope is Scope.ALL
        or (scope is Scope.SEASON and one.season == key)
        or (scope is Scope.ROUND and one.partition == key)
    ]
    return JolpicaPartition(key, tuple(sorted(held)), followed)
