"""What runs automatically: two sensors that compare states of the lake, and the weekly schedule.

The sensors use states, not events: an event can be lost, but a difference between the pull log and the calendar, or between bronze and
published gold, cannot. What is due is decided by each source (`Source.partitions`).
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from f1_lakehouse.counts import counted
from f1_lakehouse.dbt.manifest import tables_read
from f1_lakehouse.defs.jobs import source_jobs, transform
from f1_lakehouse.defs.partitions import ensure_partitions, key_of_partition
from f1_lakehouse.defs.resources import LakeResource
from f1_lakehouse.ingest import is_loading
from f1_lakehouse.instance.backfills import active_backfills
from f1_lakehouse.instance.orphaned_runs import fail_orphaned_runs
from f1_lakehouse.instance.run_tags import WHY_TAG
from f1_lakehouse.lakehouse import Lake
from f1_lakehouse.publishing.build_record import current_digest
from f1_lakehouse.publishing.gold_file import PublishError
from f1_lakehouse.publishing.publication import BRONZE_HAS_CHANGED, find_lag, publication
from f1_lakehouse.sources.catalog import Scope
from f1_lakehouse.sources.source import Source, Work

BUSY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


BURST = timedelta(minutes=10)
"""While more is due and the last pull is not older than this, gold waits: dbt runs once per burst of pulls, not per session."""


def requests_of(
    source: Source, instance: dg.DagsterInstance, found: list[Work], now: datetime
) -> Iterator[dg.RunRequest]:
    """Request one run per partition that is due, for its due endpoints only.

    The day is part of the run key: Dagster accepts a key once, even if its run fails, and a partition may be due again.
    """
    listed = [one.partition for one in found if one.partition.scope not in (Scope.ALL, Scope.SEASON)]
    names = ensure_partitions(instance, source, listed)
    for one in found:
        scope, key = one.partition.scope, one.partition.key
        job = source.job_of(scope)
        name = one.partition.label if scope is Scope.SEASON else names.get(key)
        yield dg.RunRequest(
            job_name=job.name,
            partition_key=name,
            asset_selection=[dg.AssetKey(["bronze", name]) for name in (*one.endpoints, *one.beyond)],
            run_key=f"{job.name}/{key}/{one.why}/{one.attempt}/{now:%Y-%m-%d}",
            tags={WHY_TAG: one.why},
        )


def due_now(lake: Lake, now: datetime) -> Iterator[tuple[Source, list[Work]]]:
    """Yield what is due of each source that the lake follows."""
    for source in lake.followed:
        yield source, source.partitions.due(lake, now, patient=True)


def idle(instance: dg.DagsterInstance, source: Source, found: list[Work]) -> list[Work]:
    """Return the work whose partition has no queued or running run; none of a sequential source that has any run."""
    jobs = {job.name for job in source.jobs}
    runs = [run for run in instance.get_runs(filters=dg.RunsFilter(statuses=BUSY)) if run.job_name in jobs]
    if runs and source.is_sequential:
        return []
    names = ((run.job_name, run.tags.get("dagster/partition")) for run in runs)
    busy = {(job, key_of_partition(name)) for job, name in names if name}
    return [one for one in found if (source.job_of(one.partition.scope).name, one.partition.key) not in busy]


def session_due_sensor(sources: Sequence[Source]) -> dg.SensorDefinition:
    """Return the sensor that requests what is due of these sources."""

    @dg.sensor(
        name="session_due",
        jobs=[job for source in sources for job in source_jobs(source)],
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks for every session that is over and not yet here, that failed, or whose correction is due",
    )
    def session_due(
        context: dg.SensorEvaluationContext, lake: LakeResource
    ) -> dg.SensorResult | dg.SkipReason:
        """Compare the calendar with the pull log, which is the cursor."""
        fail_orphaned_runs(context.instance)
        opened, now = lake.open(), datetime.now(UTC)
        requests = [
            request
            for source, found in due_now(opened, now)
            for request in requests_of(source, context.instance, idle(context.instance, source, found), now)
        ]
        if not requests:
            return dg.SkipReason("nothing is due")
        return dg.SensorResult(run_requests=requests)

    return session_due


def changed_sources(lake: Lake) -> list[Source]:
    """Return the sources with pulls that are not in the publication, of tables that dbt reads; all if nothing is known of it."""
    try:
        published = publication(lake.settings)
    except PublishError:
        published = None
    seen_at = published.seen_at if published is not None else None
    read = tables_read()
    changed = {
        pull.endpoint
        for pull in lake.bronze.pull_log.all()
        if (seen_at is None or pull.at > seen_at) and pull.endpoint in read
    }
    return [source for source in lake.sources if changed & set(source.by_name)]


def at_work(instance: dg.DagsterInstance, lake: Lake, awaited: Sequence[Source]) -> str | None:
    """Return what will soon change the tables of these sources, or gold; None if nothing does.

    Runs, backfills and loads of a command count until they have ended, with every pause in them.
    """
    others = {job.name for source in lake.sources for job in source.jobs if source not in awaited}
    busy = instance.get_runs(filters=dg.RunsFilter(statuses=BUSY))
    if runs := [run for run in busy if run.job_name not in others]:
        return counted(len(runs), "run")
    tables = {dg.AssetKey(["bronze", name]) for source in awaited for name in source.by_name}
    jobs = {job.name for source in awaited for job in source.jobs}
    for backfill in active_backfills(instance):
        if tables & backfill.assets or backfill.job in jobs:
            return f"the backfill {backfill.backfill_id}"
    loading = [source.title for source in awaited if is_loading(lake.settings.root, source.name)]
    return f"a load from {', '.join(loading)}" if loading else None


@dg.sensor(
    job=transform,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks for a transform when published gold is not what bronze and this version of the code make of it",
)
def gold_behind_bronze(
    context: dg.SensorEvaluationContext, lake: LakeResource
) -> dg.RunRequest | dg.SkipReason:
    """Compare the publication with bronze and the code; wait while something runs, so that dbt runs once per burst.

    A history load takes hours: its pulls wait for its end, pulled sessions do not.
    """
    fail_orphaned_runs(context.instance)
    opened = lake.open()
    have = opened.bronze.pull_log.version()
    if opened.bronze.pull_log.is_empty:
        return dg.SkipReason("bronze is empty")
    lag = find_lag(opened.settings, have)
    if lag is None:
        return dg.SkipReason(f"gold is at bronze version {have}")
    changed = changed_sources(opened)
    if not changed and lag == BRONZE_HAS_CHANGED:
        return dg.SkipReason("gold has everything that it reads")
    awaited = [source for source in changed if not source.is_sequential] or changed
    if (working := at_work(context.instance, opened, awaited)) is not None:
        return dg.SkipReason(f"waiting for {working}")
    now = datetime.now(UTC)
    # The calendar is pulled daily and changes few rows: sessions do not wait for it.
    waiting = sum(
        not source.has_sessions or one.partition.scope is Scope.SESSION
        for source, found in due_now(opened, now)
        if source in awaited
        for one in found
    )
    newest = max(
        (pull.at for pull in opened.bronze.pull_log.all() if opened.source_of(pull.endpoint) in awaited),
        default=None,
    )
    if waiting and newest is not None and now - newest < BURST:
        return dg.SkipReason(f"{waiting} more questions are due first")
    return dg.RunRequest(
        run_key=f"bronze-{have}/{current_digest()}/{now:%Y-%m-%dT%H}",
        run_config={"ops": {"dbt_build": {"config": {"only_changed": True}}}},
        tags={WHY_TAG: lag},
    )


def weekly_schedule(source: Source) -> dg.ScheduleDefinition:
    """Return the schedule of the source that has sessions."""
    job = source.job_of(Scope.SESSION)

    @dg.schedule(
        name="weekly",
        job=next(one for one in source_jobs(source) if one.name == job.name),
        cron_schedule="0 6 * * 1",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Monday 06:00 UTC: everything of the last weeks that is due, whatever the sensor missed",
    )
    def weekly(
        context: dg.ScheduleEvaluationContext, lake: LakeResource
    ) -> list[dg.RunRequest] | dg.SkipReason:
        """Request all that is due; the sensor gold_behind_bronze does the rest."""
        now, opened = context.scheduled_execution_time.astimezone(UTC), lake.open()
        found = source.partitions.due(opened, now, scopes={Scope.SESSION}, patient=True)
        if not found or source not in opened.followed:
            return dg.SkipReason("nothing is due")
        return list(requests_of(source, context.instance, found, now))

    return weekly
