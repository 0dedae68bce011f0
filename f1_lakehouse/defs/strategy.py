"""The models of the pit wall as assets, in a job of their own, and when they are trained: weekly, and after a new race.

Never part of the transform: a training that fails leaves gold and the models in use as they were. What a training does is in
strategy/training.py; it needs the extra `strategy`, without which the sensor requests nothing.
"""

import logging
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import dagster as dg

from f1_lakehouse.counts import counted
from f1_lakehouse.defs.resources import OWNERS, LakeResource
from f1_lakehouse.defs.sensors import BUSY
from f1_lakehouse.errors import F1LakehouseError
from f1_lakehouse.instance.run_tags import WHY_TAG
from f1_lakehouse.publishing.publication import publication
from f1_lakehouse.settings import Settings
from f1_lakehouse.strategy.reading import newest_race
from f1_lakehouse.strategy.versions import MODELS, Versions

TABLES = {
    "pit_wall": "What a stop at the end of each lap of each race would bring, by models trained on earlier races only.",
    "strategy_scorecard": "What each forecast was worth on races that it had not seen, next to the obvious baseline.",
}
EXTRA_MISSING = "the models need scikit-learn and LightGBM; pip install 'f1-lakehouse[strategy]'"

log = logging.getLogger(__name__)


def has_extra() -> bool:
    """Return whether the extra `strategy` is installed."""
    return find_spec("lightgbm") is not None and find_spec("sklearn") is not None


def _spec(name: str, description: str) -> dg.AssetSpec:
    return dg.AssetSpec(
        ["strategy", name],
        deps=[dg.AssetKey("published_gold")],
        group_name="strategy",
        kinds={"python", "scikitlearn"},
        owners=OWNERS,
        tags={"layer": "strategy"},
        description=description,
    )


@dg.multi_asset(
    name="strategy",
    specs=[_spec(name, text) for name, text in {**MODELS, **TABLES}.items()],
    pool="training",
)
def strategy_models(
    context: dg.AssetExecutionContext, lake: LakeResource
) -> Iterator[dg.MaterializeResult[Any]]:
    """Train, score and publish every model; only versions that are not there yet are fitted."""
    if not has_extra():
        raise dg.Failure(EXTRA_MISSING, allow_retries=False)
    from f1_lakehouse.strategy.training import train

    log.info("training models", extra={"event": "stage"})
    try:
        done = train(lake.open().settings)
    except F1LakehouseError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    scores = {line["claim"]: line for line in done.lines if line["season"] == "all"}
    for name in MODELS:
        line = scores.get(name)
        metadata: dict[str, Any] = {
            "version": done.versions.get(name, "too little history"),
            "versions_fitted": done.fitted[name],
        }
        if line is not None:
            metadata |= {
                key: line[key]
                for key in ("metric", "races", "n", "baseline", "model", "difference", "verdict")
            }
        yield dg.MaterializeResult(asset_key=["strategy", name], metadata=metadata)
    for table in TABLES:
        yield dg.MaterializeResult(
            asset_key=["strategy", table], metadata={"dagster/row_count": done.rows.get(table, 0)}
        )


train_job = dg.define_asset_job(
    "train",
    dg.AssetSelection.groups("strategy"),
    executor_def=dg.in_process_executor,
    description="The models of the pit wall, their score, and the pit wall of every race",
)
weekly_training = dg.ScheduleDefinition(
    name="weekly_training",
    job=train_job,
    cron_schedule="0 9 * * 1",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING if has_extra() else dg.DefaultScheduleStatus.STOPPED,
    description="Monday 09:00 UTC, three hours after the weekly load",
)


def why_train(settings: Settings) -> str | None:
    """Return why the models are due: a race that none of them has seen; None if they are up to date."""
    race = newest_race(settings)
    if race is None:
        return None
    used = Versions(settings.models)
    in_use = used.in_use().items()
    seen = {one["split"]["last_race"] for one in used.versions() if (one["name"], one["version"]) in in_use}
    return None if seen and max(seen) >= race else f"race of {race}"


@dg.sensor(
    job=train_job,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Requests a training when published gold has a race that no model in use has seen",
)
def race_to_train(context: dg.SensorEvaluationContext, lake: LakeResource) -> dg.RunRequest | dg.SkipReason:
    """Compare the newest race of published gold with the last race of the models in use."""
    if not has_extra():
        return dg.SkipReason(EXTRA_MISSING)
    settings = lake.open().settings
    published = publication(settings)
    why = why_train(settings) if published is not None else None
    if why is None or published is None:
        return dg.SkipReason("the models have seen every race")
    busy = context.instance.get_runs(filters=dg.RunsFilter(statuses=BUSY))
    if busy:
        return dg.SkipReason(f"waiting for {counted(len(busy), 'run')}")
    # One attempt per race and publication: a training that fails is requested again when gold has changed.
    return dg.RunRequest(run_key=f"train/{why}/{published.bronze_version}", tags={WHY_TAG: why})
