"""The Dagster code location: everything below `defs/`, assembled. Nothing is defined here.

Dagster's own loader of a folder needs the project's pyproject.toml, which is not there when the package was installed.
"""

import dagster as dg

from f1_lakehouse.defs import bronze, checks, jobs, resources

from f1_lakehouse.defs import site as pages

from f1_lakehouse.defs import dbt as transform

from f1_lakehouse.defs import sensors as automation

from f1_lakehouse.defs import monitoring as observe

from f1_lakehouse.defs import maintenance as upkeep


@dg.definitions
def defs() -> dg.Definitions:
    """All assets, checks, jobs, schedules and sensors of the lakehouse."""
    modules = (bronze, checks, pages, upkeep)
    return dg.Definitions.merge(
        resources.defs(),
        transform.defs(),
        dg.Definitions(
            assets=dg.load_assets_from_modules(modules),
            asset_checks=dg.load_asset_checks_from_modules(modules),
            jobs=[jobs.calendar, jobs.ingest, jobs.transform, upkeep.upkeep],
            schedules=[automation.weekly, upkeep.weekly_upkeep],
            sensors=[automation.session_due, automation.gold_behind_bronze, observe.alerts],
        ),
    )
