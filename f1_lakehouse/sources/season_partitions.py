"""Partitions of a source that has only seasons, and resources without a season: the usual case for a new source.

Does not belong here: sessions and rounds, whose calendar is a source's own (`sources/<name>/`), and when one endpoint is
due (`Source.why_due`).
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from f1_lakehouse.sources.catalog import Endpoint, Partition, PastPull, Reason, Scope, SeasonPartition
from f1_lakehouse.sources.source import LakeView, UnknownPartitionError, Work

WHOLE = 0
"""The key of the partition of an endpoint that is pulled completely."""


@dataclass(frozen=True)
class WholePartition:
    """Everything that a source has of an endpoint, as the partition of a pull."""

    @property
    def key(self) -> int:
        """0."""
        return WHOLE

    @property
    def scope(self) -> Scope:
        """All."""
        return Scope.ALL

    @property
    def season(self) -> int:
        """0: the rows belong to no season."""
        return 0

    @property
    def label(self) -> str:
        """`all`."""
        return "all"

    @property
    def window(self) -> None:
        """Nothing is requested by time."""
        return None


@dataclass(frozen=True)
class SeasonPartitions:
    """See `source.Partitions`. The source follows the current season; older ones are due when a user names them.

    `name`: of the source. `why_due`: as in `Source`.
    """

    name: str
    endpoints: tuple[Endpoint, ...]
    why_due: Callable[[Endpoint, Any, datetime, Sequence[PastPull], bool], Reason | None]
    first_season: int

    @property
    def listed_by(self) -> None:
        """There are no sessions and rounds."""
        return None

    def named(self, view: LakeView, endpoint: Endpoint, name: str | None, now: datetime) -> Partition:
        """The season, or everything. Raises UnknownPartitionError for a season that the source does not have."""
        if endpoint.scope is Scope.ALL or name is None:
            return WholePartition()
        if not name.isdigit() or not self.first_season <= int(name) <= now.year + 1:
            raise UnknownPartitionError(
                f"{name}: {self.name} has seasons from {self.first_season} to {now.year}"
            )
        return self.of_season(view, int(name))

    def of_season(self, view: LakeView, season: int) -> Partition:
        """The partition of a season. A source whose requests depend on rows of the lake adds these here."""
        return SeasonPartition(season)

    def requests(self, endpoint: Endpoint, partition: Partition) -> int:
        """About how many requests a pull takes."""
        return 1

    def ended(self, view: LakeView, now: datetime) -> Sequence[Partition]:
        """Nothing."""
        return ()

    def not_applicable(self, endpoint: Endpoint, partition: Partition) -> str | None:
        """Every season has every endpoint."""
        return None

    def not_yet(self, partition: Partition, now: datetime) -> str | None:
        """A season can be pulled at any time."""
        return None

    def due(
        self,
        view: LakeView,
        now: datetime,
        *,
        scopes: Collection[Scope] = tuple(Scope),
        seasons: Sequence[int] | None = None,
        endpoints: Collection[str] | None = None,
        force: bool = False,
        patient: bool = False,
        every_round: bool = False,
        followed: Collection[int] | None = None,
    ) -> list[Work]:
        """First the endpoints without a season, then season by season."""
        of_seasons = [one for one in self.endpoints if one.scope is Scope.SEASON]
        if seasons is None:
            seasons = sorted({now.year, *(key for one in of_seasons for key in view.pulled(one.name))})
            followed = {now.year} if followed is None else followed
        # The second step of a load asks for rounds only: a season, whose circuits may be read from the lake, is not made for it.
        partitions: list[Partition] = [WholePartition()] if Scope.ALL in scopes else []
        if Scope.SEASON in scopes:
            partitions += [self.of_season(view, season) for season in seasons]
        found = []
        for partition in partitions:
            names: list[str] = []
            requests = 0
            reason = ("forced", 0)
            for endpoint in self._endpoints_of(partition, endpoints):
                pulls = view.pulls_of(endpoint.name, partition.key)
                if followed is not None and partition.season not in {WHOLE, *followed} and not pulls:
                    continue
                why = ("forced", 0) if force else self.why_due(endpoint, partition, now, pulls, patient)
                if why is not None:
                    reason = why if not names else reason
                    names.append(endpoint.name)
                    requests += self.requests(endpoint, partition)
            if names:
                found.append(Work(partition, tuple(names), *reason, requests=requests))
        return found

    def _endpoints_of(self, partition: Partition, wanted: Collection[str] | None) -> list[Endpoint]:
        """The wanted endpoints that can have rows of a partition."""
        return [
            one
            for one in self.endpoints
            if one.scope is partition.scope
            and (wanted is None or one.name in wanted)
            and self.not_applicable(one, partition) is None
        ]

    def unlisted_requests(self, view: LakeView, seasons: Sequence[int], endpoints: Collection[str]) -> int:
        """None: there are no rounds."""
        return 0

    def title(self, endpoint: Endpoint, key: int, season: int) -> tuple[str, str]:
        """The source and season, and the command that loads it."""
        season_option = f" --season {season}" if season else ""
        return f"{self.name} {season or 'all'}", f"f1 load{season_option} --source {self.name}"

    def covers(self, endpoint: Endpoint) -> str:
        """The seasons."""
        if endpoint.scope is Scope.ALL:
            return "A pull covers everything"
        return f"By season, since {self.first_season}"
