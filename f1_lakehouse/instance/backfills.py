"""Backfills that have not ended: their runs are started one after another, with pauses in which no run is active.

Non-public API: `BulkActionStatus`, and the fields of a backfill. With a version of Dagster that was not tested no backfill is found,
and a transform may start in a pause of one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg

from f1_lakehouse.tested_versions import is_tested


@dataclass(frozen=True)
class ActiveBackfill:
    """A backfill: its id, and the assets or the job that it covers."""

    backfill_id: str
    assets: frozenset[dg.AssetKey]
    job: str | None


def active_backfills(instance: dg.DagsterInstance) -> Iterator[ActiveBackfill]:
    """Yield the backfills that have not ended."""
    if not is_tested("dagster"):
        return
    from dagster._core.execution.backfill import BulkActionStatus

    for found in instance.get_backfills(status=BulkActionStatus.REQUESTED):
        name = found.partition_set_name
        job = name.removesuffix("_partition_set") if name else None
        yield ActiveBackfill(found.backfill_id, frozenset(found.asset_selection or ()), job)
