"""The Dagster code location: everything below `defs/`, assembled. Nothing is defined here.

Dagster's own loader of a folder needs the project's pyproject.toml, which is not there when the package was installed.
"""

import dagster as dg

from f1_lakehouse.defs import (
    bronze,
    checks,
    dbt,
    jobs,
    jolpica,
    maintenance,
    monitoring,
    resources,
    sensors,
    site,
)


@dg.definitions
def defs() -> dg.Definitions:
    """All assets, checks, jobs, schedules and sensors of the lakehouse."""
    modules = (bronze, jolpica, checks, site, maintenance)
    return dg.Definitions.merge(
        resources.defs(),
        dbt.defs(),
        dg.Definitions(
            assets=dg.load_assets_from_modules(modules),
            asset_checks=dg.load_asset_checks_from_modules(modules),
            jobs=[
                jobs.calendar,
                jobs.ingest,
                jobs.transform,
                jolpica.history,
                jolpica.history_rounds,
                maintenance.upkeep,
            ],
            schedules=[sensors.weekly, maintenance.weekly_upkeep],
            sensors=[sensors.session_due, sensors.gold_behind_bronze, monitoring.alerts],
        ),
    )
