"""The partitions of Jolpica in a lake, and what of them is due: what Dagster, the command line and the status work with.

Belongs here: reading the races of the lake. Does not belong here: what is due given the races (work.py), when one pull is due
(pull_policy.py).
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from f1_lakehouse.sources.catalog import Endpoint, Partition, Scope
from f1_lakehouse.sources.jolpica.calendar import JolpicaPartition, Race, partition_of, race
from f1_lakehouse.sources.jolpica.endpoints import BY_TABLE
from f1_lakehouse.sources.jolpica.pages import exists
from f1_lakehouse.sources.jolpica.partitions import FIRST_SEASON, WHOLE, partition_of_name, round_partition
from f1_lakehouse.sources.jolpica.row_counts import judge_results
from f1_lakehouse.sources.jolpica.tables import BY_NAME, ENDPOINTS
from f1_lakehouse.sources.jolpica.work import expected_requests, round_work, season_work
from f1_lakehouse.sources.source import LakeView, UnknownPartitionError, Verdict, Work

RACES = "jolpica_races"
RESULTS = "jolpica_results"
ASSUMED_ROUNDS = 20
"""Rounds of a season whose races are not known yet."""
_COVERS = {Scope.ALL: "A pull covers everything", Scope.SEASON: "By season", Scope.ROUND: "By round"}


def races_in(view: LakeView, seasons: Collection[int] | None = None) -> list[Race]:
    """The races in the lake, in date order; of these seasons or of all."""
    rows = view.current_rows(RACES, view.pulled(RACES) if seasons is None else seasons)
    return sorted((one for row in rows if (one := race(row)) is not None), key=lambda one: one.end)


def judge_results_of(view: LakeView, partition: Partition, now: datetime) -> Verdict:
    """Whether each race of a season has results; see `judge_results`."""
    assert isinstance(partition, JolpicaPartition)
    rounds = {row["round"] for row in view.current_rows(RESULTS, [partition.key])}
    return judge_results(partition.races, rounds, now)


class JolpicaPartitions:
    """See `source.Partitions`: everything, seasons, and rounds, which `jolpica_races` lists."""

    first_season = FIRST_SEASON
    listed_by = RACES

    def named(self, view: LakeView, endpoint: Endpoint, name: str | None, now: datetime) -> JolpicaPartition:
        """The partition of that name: due if it was never pulled. Raises UnknownPartitionError."""
        if endpoint.scope is Scope.ALL or name is None:
            return partition_of(WHOLE, races_in(view, [now.year]), followed=True)
        try:
            key = partition_of_name(name) if endpoint.scope is Scope.ROUND else int(name)
        except ValueError as error:
            raise UnknownPartitionError(f"{name}: {error}") from None
        season = key // 100 if endpoint.scope is Scope.ROUND else key
        return partition_of(key, races_in(view, [season]), followed=True)

    def ended(self, view: LakeView, now: datetime) -> Sequence[JolpicaPartition]:
        """The rounds whose race has ended."""
        races = [one for one in races_in(view) if one.end <= now]
        return [partition_of(one.partition, [one]) for one in sorted(races)]

    def not_applicable(self, endpoint: Endpoint, partition: Partition) -> str | None:
        """What did not exist in that season: no sprint before 2021."""
        resource = BY_TABLE[endpoint.name]
        if exists(resource, partition.key):
            return None
        return f"there is no {endpoint.path} before {resource.first_season}"

    def not_yet(self, partition: Partition, now: datetime) -> str | None:
        """A round has laps after its race."""
        assert isinstance(partition, JolpicaPartition)
        if partition.scope is Scope.ROUND and not any(one.end <= now for one in partition.races):
            return f"{partition.label} is not over yet, or its race is not known"
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
        """See `source.Partitions.due`. By default: the current season, its recent rounds, and corrections of loaded seasons."""
        rounds_of = [now.year] if seasons is None else seasons
        if seasons is None:
            seasons = sorted({*view.pulled(RACES), now.year})
            followed = {now.year} if followed is None else followed
        wanted = BY_NAME if endpoints is None else endpoints
        races = races_in(view, {*seasons, now.year})
        work: list[Work] = []
        if Scope.SEASON in scopes:
            work += season_work(
                races, view.pulls_of, seasons, wanted, now, force=force, patient=patient, followed=followed
            )
        if Scope.ROUND in scopes:
            work += round_work(
                races,
                view.pulls_of,
                rounds_of,
                wanted,
                now,
                lap_times=every_round,
                force=force,
                patient=patient,
            )
        return work

    def unlisted_requests(self, view: LakeView, seasons: Sequence[int], endpoints: Collection[str]) -> int:
        """Laps and pit stops of `ASSUMED_ROUNDS` races per season."""
        names = [one.name for one in ENDPOINTS if one.scope is Scope.ROUND and one.name in endpoints]
        requests = 0
        for season in set(seasons) - {one.season for one in races_in(view, seasons)}:
            first = round_partition(season, 1)
            existing = [name for name in names if exists(BY_TABLE[name], first)]
            requests += ASSUMED_ROUNDS * expected_requests(existing)
        return requests

    def title(self, endpoint: Endpoint, key: int, season: int) -> tuple[str, str]:
        """For example `Jolpica 2024 round 5`, and the command that loads it."""
        if not season:
            return "Jolpica", "f1 load --source jolpica"
        command = f"f1 load --season {season} --source jolpica"
        if key == season:
            return f"Jolpica {season}", command
        return f"Jolpica {season} round {key % 100}", f"{command} --lap-times"

    def covers(self, endpoint: Endpoint) -> str:
        """The seasons that have rows."""
        return f"{_COVERS[endpoint.scope]}, since {BY_TABLE[endpoint.name].first_season}"
