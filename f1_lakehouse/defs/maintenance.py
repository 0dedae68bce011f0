"""Weekly maintenance of the lake as assets: small files are compacted, files that no retained version needs are removed.

The operations, and why they do not block readers, are in operations/maintenance.py; the commands are `f1 optimize` and `f1 vacuum`.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from f1_lakehouse.defs.resources import OWNERS, LakeResource
from f1_lakehouse.observability.run_log import RunRecord
from f1_lakehouse.operations.maintenance import Upkeep, optimize, vacuum


@dg.asset(
    group_name="upkeep",
    kinds={"python", "deltalake"},
    owners=OWNERS,
    tags={"layer": "bronze"},
    description="Small bronze tables compacted (telemetry stays as written, which reads fastest), and files that no version of "
    "the last 7 days needs removed. Rows and history of that week stay as they are.",
)
def bronze_upkeep(lake: LakeResource) -> dg.MaterializeResult[Any]:
    """Optimize, then vacuum, every bronze table."""
    bronze = lake.open().bronze
    compacted, vacuumed = optimize(bronze), vacuum(bronze, dry_run=False)
    removed = {one.table: one.removed for one in vacuumed}
    return dg.MaterializeResult(
        metadata={
            "files_before": sum(one.files_before for one in compacted),
            "files_after": sum(one.files_after for one in compacted),
            "files_removed": sum(removed.values()),
            "tables": dg.MetadataValue.table([_record(one, removed.get(one.table, 0)) for one in compacted]),
        }
    )


@dg.asset(
    group_name="upkeep",
    kinds={"python"},
    owners=OWNERS,
    tags={"layer": "record"},
    description="What Dagster keeps of old runs without partitions, and old lineage files, removed (F1_RETENTION_DAYS). "
    "The record of runs, and the runs that the state of a partition rests on, stay.",
)
def records_upkeep(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult[Any]:
    """Remove records that are older than the retention."""
    opened = lake.open()
    before = datetime.now(UTC) - timedelta(days=opened.settings.retention_days)
    runs = purge(context.instance, opened.runs.all(), before)
    files = [path for path in opened.settings.lineage.glob("*.jsonl") if path.stem < f"{before:%Y-%m-%d}"]
    for path in files:
        path.unlink()
    return dg.MaterializeResult(metadata={"runs_removed": len(runs), "lineage_files_removed": len(files)})


def purge(instance: dg.DagsterInstance, known: Sequence[RunRecord], before: datetime) -> list[str]:
    """Delete Dagster's runs that ended before a moment and are not needed. Returns their ids.

    Kept are runs of partitions, from which Dagster derives which are materialized, runs that are not in the run log, and the last run of
    each job, from which it derives the state of checks and assets.
    """
    last = {run.job: run.run_id for run in known}
    spared = {run.run_id for run in known if not run.partition and run.ended_at < before} - set(last.values())
    there = instance.get_runs(dg.RunsFilter(run_ids=sorted(spared))) if spared else []
    for run in there:
        instance.delete_run(run.run_id)
    return [run.run_id for run in there]


def _record(one: Upkeep, removed: int) -> dg.TableRecord:
    return dg.TableRecord({**asdict(one), "removed": removed})


upkeep = dg.define_asset_job(
    "upkeep",
    dg.AssetSelection.groups("upkeep"),
    executor_def=dg.in_process_executor,
    description="Housekeeping of bronze and of what is kept of runs",
)
weekly_upkeep = dg.ScheduleDefinition(
    name="weekly_upkeep",
    job=upkeep,
    cron_schedule="0 4 * * 1",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Monday 04:00 UTC, two hours before the weekly load",
)
