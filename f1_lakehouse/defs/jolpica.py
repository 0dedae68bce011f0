"""Bronze assets of Jolpica: resources pulled completely, by season and by round, with their checks.

Belongs here: assets, partitions and jobs of the source. How a pull works is in f1_lakehouse/ingest.py, when one is due in
sources/jolpica/pull_policy.py.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import dagster as dg

from f1_lakehouse.defs.bronze import CHECKS, Event, evaluation, pull_asset, pull_checks, pull_metadata
from f1_lakehouse.ingest import pull
from f1_lakehouse.lakehouse import Lake
from f1_lakehouse.quality.history_counts import judge_history, judge_results
from f1_lakehouse.sources.catalog import Endpoint, Scope
from f1_lakehouse.sources.jolpica.calendar import JolpicaPartition, Race, partition_of
from f1_lakehouse.sources.jolpica.endpoints import BY_TABLE
from f1_lakehouse.sources.jolpica.pages import exists
from f1_lakehouse.sources.jolpica.partitions import FIRST_SEASON, WHOLE, partition_of_name
from f1_lakehouse.sources.jolpica.pull_policy import why_due
from f1_lakehouse.sources.jolpica.source import ENDPOINTS
from f1_lakehouse.storage.pull_log import Pull

history_seasons = dg.TimeWindowPartitionsDefinition(
    cron_schedule="0 0 1 1 *", start=str(FIRST_SEASON), fmt="%Y", end_offset=1
)
rounds = dg.DynamicPartitionsDefinition(name="rounds")
_PARTITIONS: dict[Scope, dg.PartitionsDefinition | None] = {
    Scope.ALL: None,
    Scope.SEASON: history_seasons,
    Scope.ROUND: rounds,
}
RESULTS = "jolpica_results"
_COVERS = {Scope.ALL: "a pull covers everything", Scope.SEASON: "by season", Scope.ROUND: "by round"}


def ensure_rounds(instance: dg.DagsterInstance, found: Iterable[Race]) -> dict[int, str]:
    """The name of each round's partition by its key; added where it is missing.

    A race that was renamed keeps the partition that it has: the number at its end is its identity.
    """
    names = {partition_of_name(name): name for name in instance.get_dynamic_partitions("rounds")}
    wanted = {one.partition: partition_of(one.partition, [one]).label for one in sorted(found)}
    if new := [name for key, name in wanted.items() if key not in names]:
        instance.add_dynamic_partitions("rounds", new)
    return {key: names.get(key, name) for key, name in wanted.items()}


def _checks_of(endpoint: Endpoint) -> dict[str, str]:
    """The checks of an asset, by name."""
    if endpoint.name != RESULTS:
        return CHECKS
    return {**CHECKS, "freshness": "Every race that ended more than 48 hours ago has results"}


def jolpica_asset(endpoint: Endpoint) -> dg.AssetsDefinition:
    """The asset of one resource."""
    return pull_asset(
        endpoint,
        _pull_partition,
        group="bronze_jolpica",
        pool="jolpica",
        partitions=_PARTITIONS[endpoint.scope],
        checks=_checks_of(endpoint),
        available=f"{_COVERS[endpoint.scope].capitalize()}, since {BY_TABLE[endpoint.name].first_season}",
        tags={"source": "jolpica"},
        after=_add_ended_rounds if endpoint.name == "jolpica_races" else None,
    )


def _add_ended_rounds(context: dg.AssetExecutionContext, lake: Lake) -> None:
    """Make the rounds that have ended partitions, so that the UI can backfill their laps and pit stops."""
    now = datetime.now(UTC)
    ensure_rounds(context.instance, [one for one in lake.races() if one.end <= now])


def partition_in(lake: Lake, endpoint: Endpoint, name: str | None) -> JolpicaPartition:
    """The partition of that name, as a command or backfill asks for it: due if it was never pulled."""
    if endpoint.scope is Scope.ALL:
        season = datetime.now(UTC).year
        return partition_of(WHOLE, lake.races([season]), followed=True)
    assert name is not None
    key = partition_of_name(name) if endpoint.scope is Scope.ROUND else int(name)
    season = key // 100 if endpoint.scope is Scope.ROUND else key
    return partition_of(key, lake.races([season]), followed=True)


def _pull_partition(
    lake: Lake,
    endpoint: Endpoint,
    key: dg.AssetKey,
    name: str | None,
    *,
    why: str,
    run_id: str,
    force: bool,
) -> Iterator[Event]:
    partition = partition_in(lake, endpoint, name)
    if not exists(BY_TABLE[endpoint.name], partition.key):
        first = BY_TABLE[endpoint.name].first_season
        yield dg.AssetMaterialization(
            key, partition=name, metadata={"outcome": "not applicable", "dagster/row_count": 0}
        )
        # A planned check that is not evaluated would stay planned indefinitely.
        verdict = judge_history(endpoint, partition, None, f"there is no {endpoint.path} before {first}")
        yield from (evaluation(key, name, check, verdict) for check in CHECKS)
        return
    pulls = lake.bronze.pull_log.of(endpoint.name, partition.key)
    wanted = force or why_due(endpoint, partition, datetime.now(UTC), pulls, False) is not None
    if not wanted and not pulls:
        raise dg.Failure(f"{partition.label} is not over yet, or its race is not known", allow_retries=False)
    done: Pull = pull(lake, endpoint, partition, why=why, run_id=run_id, force=force) if wanted else pulls[-1]
    yield dg.AssetMaterialization(
        key, partition=name, metadata=pull_metadata(lake, endpoint, done, asked=wanted)
    )
    current = lake.bronze.pull_log.current_pull(endpoint.name, partition.key)
    rows = current.rows if current else 0
    # The races of the season may have been pulled by this very run.
    verdict = judge_history(endpoint, partition_in(lake, endpoint, name), rows)
    yield evaluation(key, name, "row_count", verdict)
    if endpoint.name == RESULTS:
        rounds = set(lake.bronze.rows(RESULTS, partition.key, ["round"])["round"].to_pylist())
        races = partition_in(lake, endpoint, name).races
        yield evaluation(key, name, "freshness", judge_results(races, rounds, datetime.now(UTC)))
    yield from pull_checks(lake, endpoint, key, name, done)


jolpica_assets = [jolpica_asset(endpoint) for endpoint in ENDPOINTS]
_rounds = dg.AssetSelection.assets(
    *(["bronze", endpoint.name] for endpoint in ENDPOINTS if endpoint.scope is Scope.ROUND)
)

history = dg.define_asset_job(
    "history",
    dg.AssetSelection.groups("bronze_jolpica") - _rounds,
    executor_def=dg.in_process_executor,
    description="What Jolpica has of a season, and its resources without a season",
)
history_rounds = dg.define_asset_job(
    "history_rounds",
    _rounds,
    executor_def=dg.in_process_executor,
    description="Lap times and pit stops of a race, from Jolpica",
)
