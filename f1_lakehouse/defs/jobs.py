"""The jobs: those of each source, which pull its endpoints into bronze, and everything behind bronze."""

from functools import cache
from typing import Any

import dagster as dg

from f1_lakehouse.sources.source import Source


@cache
def source_jobs(source: Source) -> tuple[Any, ...]:
    """Return the jobs of a source, as `define_asset_job` makes them.

    In-process: a process per step costs 7 s of CPU, more than the step itself (140 s instead of 8 s for one session).
    """
    return tuple(
        dg.define_asset_job(
            job.name,
            dg.AssetSelection.assets(*(["bronze", endpoint.name] for endpoint in source.endpoints_of(job))),
            executor_def=dg.in_process_executor,
            description=job.description,
        )
        for job in source.jobs
    )


transform = dg.define_asset_job(
    "transform",
    dg.AssetSelection.groups("silver", "gold", "snapshots", "published", "pages"),
    executor_def=dg.in_process_executor,
    description="Silver, gold, their checks, the published gold, and the pages made from it",
)
