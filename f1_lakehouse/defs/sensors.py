"""What runs automatically: two sensors that compare states of the lake, and the weekly schedule.

The sensors use states, not events: an event can be lost, but a difference between the pull log and the calendar, or between bronze and
published gold, cannot. What is due is decided in sources/openf1/calendar.py.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg

from f1_lakehouse.defs.jobs import calendar, ingest, transform
from f1_lakehouse.defs.jolpica import ensure_rounds, history, history_rounds
from f1_lakehouse.defs.partitions import ensure_partitions
from f1_lakehouse.defs.resources import LakeResource
from f1_lakehouse.instance.orphaned_runs import fail_orphaned_runs
from f1_lakehouse.instance.run_tags import WHY_TAG
from f1_lakehouse.lakehouse import Lake
from f1_lakehouse.publishing.build_record import current_digest
from f1_lakehouse.publishing.publication import find_lag
from f1_lakehouse.sources.catalog import Scope
from f1_lakehouse.sources.jolpica.source import BY_NAME as HISTORY_NAMES
from f1_lakehouse.sources.jolpica.source import ENDPOINTS as HISTORY_ENDPOINTS
from f1_lakehouse.sources.jolpica.work import round_work, season_work
from f1_lakehouse.sources.openf1.calendar import session_key_of
from f1_lakehouse.sources.openf1.endpoints import SEASON_ENDPOINTS
from f1_lakehouse.sources.openf1.pull_policy import WATCHED, Due, due, season_due
from f1_lakehouse.sources.pull_history import last_answer

BUSY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


BURST = timedelta(minutes=10)
"""While more is due and the last pull is not older than this, gold waits: dbt runs once per burst of pulls, not per session."""


def calendar_requests(lake: Lake, now: datetime) -> list[dg.RunRequest]:
    """Request a run of `calendar` if the current season's calendar is older than a day."""
    season = now.year
    asked = [lake.bronze.pull_log.of(endpoint.name, season) for endpoint in SEASON_ENDPOINTS]
    if not any(season_due(now, season, pulls, patient=True) for pulls in asked):
        return []
    attempt = max(last_answer(pulls)[1] for pulls in asked)
    return [
        dg.RunRequest(
            job_name="calendar",
            partition_key=str(season),
            run_key=f"calendar/{season}/{now:%Y-%m-%d}/{attempt}",
            tags={WHY_TAG: "daily"},
        )
    ]


def ingest_requests(instance: dg.DagsterInstance, found: list[Due], now: datetime) -> list[dg.RunRequest]:
    """Request one run of `ingest` per due session, for the due endpoints only.

    The day is part of the run key: Dagster accepts a key once, even if its run fails, and a session may be due again.
    """
    partitions = ensure_partitions(instance, [one.session for one in found])
    return [
        dg.RunRequest(
            job_name="ingest",
            partition_key=partitions[one.session.key],
            asset_selection=[dg.AssetKey(["bronze", name]) for name in one.assets],
            run_key=f"{one.session.key}/{one.why}/{one.attempt}/{now:%Y-%m-%d}",
            tags={WHY_TAG: one.why},
        )
        for one in found
    ]


def history_requests(instance: dg.DagsterInstance, lake: Lake, now: datetime) -> Iterator[dg.RunRequest]:
    """Runs for what is due of Jolpica: the current season and its recent rounds, and corrections of what was loaded.

    Nothing while a run of Jolpica is at work: its requests are few, and the next tick sees what is left.
    """
    if "jolpica" not in lake.settings.sources:
        return
    jobs = ("history", "history_rounds")
    if any(run.job_name in jobs for run in instance.get_runs(filters=dg.RunsFilter(statuses=BUSY))):
        return
    wanted = {endpoint.name for endpoint in HISTORY_ENDPOINTS}
    loaded = {scope for name, scope in lake.bronze.pull_log.scopes() if name == "jolpica_races"}
    seasons = sorted({*loaded, now.year})
    races, pulls_of = lake.races(seasons), lake.bronze.pull_log.of
    work = season_work(races, pulls_of, seasons, wanted, now, patient=True, followed={now.year})
    work += round_work(races, pulls_of, [now.year], wanted, now, patient=True)
    names = ensure_rounds(
        instance, [one.partition.races[0] for one in work if one.partition.scope is Scope.ROUND]
    )
    for one in work:
        scope, key = one.partition.scope, one.partition.key
        yield dg.RunRequest(
            job_name="history_rounds" if scope is Scope.ROUND else "history",
            partition_key=None if scope is Scope.ALL else names.get(key, one.partition.label),
            asset_selection=[dg.AssetKey(["bronze", name]) for name in one.endpoints],
            run_key=f"jolpica/{key}/{one.why}/{one.attempt}/{now:%Y-%m-%d}",
            tags={WHY_TAG: one.why},
        )


def _due(lake: Lake, now: datetime) -> list[Due]:
    sessions_known = lake.calendar()
    if any(one.is_live(now) for one in sessions_known) and not lake.settings.openf1_username:
        return []
    return due(now, sessions_known, lake.bronze.pull_log.of, watched=WATCHED)


def _idle(instance: dg.DagsterInstance, found: list[Due]) -> list[Due]:
    """Return those whose session has no queued or running run."""
    busy = {
        session_key_of(partition)
        for run in instance.get_runs(filters=dg.RunsFilter(statuses=BUSY))
        if run.job_name == "ingest" and (partition := run.tags.get("dagster/partition"))
    }
    return [one for one in found if one.session.key not in busy]


@dg.sensor(
    jobs=[calendar, ingest, history, history_rounds],
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks for every session that is over and not yet here, that failed, or whose correction is due",
)
def session_due(context: dg.SensorEvaluationContext, lake: LakeResource) -> dg.SensorResult | dg.SkipReason:
    """Compare the calendar with the pull log, which is the cursor."""
    fail_orphaned_runs(context.instance)
    opened, now = lake.open(), datetime.now(UTC)
    found = _idle(context.instance, _due(opened, now))
    requests = [
        *calendar_requests(opened, now),
        *ingest_requests(context.instance, found, now),
        *history_requests(context.instance, opened, now),
    ]
    if not requests:
        return dg.SkipReason("nothing is due")
    return dg.SensorResult(run_requests=requests)


@dg.sensor(
    job=transform,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks for a transform when published gold is not what bronze and this version of the code make of it",
)
def gold_behind_bronze(
    context: dg.SensorEvaluationContext, lake: LakeResource
) -> dg.RunRequest | dg.SkipReason:
    """Compare the publication with bronze and the code; wait while something runs, so that dbt runs once per burst."""
    fail_orphaned_runs(context.instance)
    opened = lake.open()
    have = opened.bronze.pull_log.version()
    if opened.bronze.pull_log.is_empty:
        return dg.SkipReason("bronze is empty")
    lag = find_lag(opened.settings, have)
    if lag is None:
        return dg.SkipReason(f"gold is at bronze version {have}")
    busy = context.instance.get_runs(filters=dg.RunsFilter(statuses=BUSY))
    if busy:
        return dg.SkipReason(f"waiting for {len(busy)} runs")
    now = datetime.now(UTC)
    waiting = _due(opened, now)
    last = opened.bronze.pull_log.all()[-1]
    if last.endpoint in HISTORY_NAMES and now - last.at < BURST:
        return dg.SkipReason("Jolpica was pulled a moment ago: more seasons may follow")
    if waiting and now - last.at < BURST:
        return dg.SkipReason(f"{len(waiting)} more questions are due first")
    return dg.RunRequest(run_key=f"bronze-{have}/{current_digest()}/{now:%Y-%m-%dT%H}", tags={WHY_TAG: lag})


@dg.schedule(
    name="weekly",
    job=ingest,
    cron_schedule="0 6 * * 1",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Monday 06:00 UTC: everything of the last weeks that is due, whatever the sensor missed",
)
def weekly(context: dg.ScheduleEvaluationContext, lake: LakeResource) -> list[dg.RunRequest] | dg.SkipReason:
    """Request all that is due; the sensor gold_behind_bronze does the rest."""
    now = context.scheduled_execution_time.astimezone(UTC)
    found = _due(lake.open(), now)
    if not found:
        return dg.SkipReason("nothing is due")
    return ingest_requests(context.instance, found, now)
