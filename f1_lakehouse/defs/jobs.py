"""The three jobs: the calendar of a season, what a session has, and everything behind bronze."""

import dagster as dg

from f1_lakehouse.sources.openf1.endpoints import SEASON_ENDPOINTS

_calendar = dg.AssetSelection.assets(*(["bronze", endpoint.name] for endpoint in SEASON_ENDPOINTS))

# In-process: a process per step costs 7 s of CPU, more than the step itself (140 s instead of 8 s for one session).
calendar = dg.define_asset_job(
    "calendar",
    _calendar,
    executor_def=dg.in_process_executor,
    description="Meetings and sessions of a season",
)
ingest = dg.define_asset_job(
    "ingest",
    dg.AssetSelection.groups("bronze") - _calendar,
    executor_def=dg.in_process_executor,
    description="Everything OpenF1 has of a session",
)
transform = dg.define_asset_job(
    "transform",
    dg.AssetSelection.groups("silver", "gold", "snapshots", "published", "pages"),
    executor_def=dg.in_process_executor,
    description="Silver, gold, their checks, the published gold, and the pages made from it",
)
