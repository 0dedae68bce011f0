"""The lake's weekly housekeeping as an asset: many small files made few, files that nothing needs removed.

What is done, and why it disturbs nobody, is in lake/maintenance.py; by hand it is `f1 optimize` and `f1 vacuum`.
"""

from dataclasses import asdict
from typing import Any

import dagster as dg

from f1_lakehouse.defs.resources import LakeResource
from f1_lakehouse.lake.maintenance import Upkeep, optimize, vacuum


@dg.asset(
    group_name="upkeep",
    kinds={"python", "deltalake"},
    owners=["team:data-platform"],
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


def _record(one: Upkeep, removed: int) -> dg.TableRecord:
    return dg.TableRecord({**asdict(one), "removed": removed})


upkeep = dg.define_asset_job(
    "upkeep",
    dg.AssetSelection.assets("bronze_upkeep"),
    executor_def=dg.in_process_executor,
    description="Housekeeping of bronze",
)
weekly_upkeep = dg.ScheduleDefinition(
    name="weekly_upkeep",
    job=upkeep,
    cron_schedule="0 4 * * 1",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Monday 04:00 UTC, two hours before the weekly load",
)
