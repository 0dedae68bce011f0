"""The Dagster code location: the definitions of all modules of `defs/`, assembled. Nothing is defined here.

Importing this module starts no process and reads no file: dbt's manifest is read when `defs` is called. Dagster's own loader of a folder
needs the project's pyproject.toml, which an installed package does not have.
"""

from collections.abc import Sequence

import dagster as dg

from f1_lakehouse.defs import (
    bronze,
    checks,
    dbt,
    feature_checks,
    jobs,
    maintenance,
    monitoring,
    published,
    sensors,
    site,
    strategy,
)
from f1_lakehouse.instance.dagster_instance import warn_of_other_instance
from f1_lakehouse.sources.registry import SOURCES
from f1_lakehouse.sources.source import Source


def build_definitions(sources: Sequence[Source]) -> dg.Definitions:
    """Return all assets, checks, jobs, schedules and sensors of a lakehouse with these sources."""
    modules = (checks, site, maintenance, strategy)
    return dg.Definitions.merge(
        bronze.bronze_definitions(sources),
        dbt.dbt_definitions(),
        dg.Definitions(
            assets=[*dg.load_assets_from_modules(modules), published.published_gold_asset()],
            asset_checks=[
                *dg.load_asset_checks_from_modules(modules),
                checks.silver_reconciles_with_bronze_check(),
                *feature_checks.training_checks(),
            ],
            jobs=[jobs.transform, maintenance.upkeep, strategy.train_job],
            schedules=[
                *(sensors.weekly_schedule(source) for source in sources if source.has_sessions),
                maintenance.weekly_upkeep,
                strategy.weekly_training,
            ],
            sensors=[
                sensors.session_due_sensor(sources),
                sensors.gold_behind_bronze,
                strategy.race_to_train,
                monitoring.alerts,
            ],
        ),
    )


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions with the sources of the registry."""
    warn_of_other_instance()
    return build_definitions(SOURCES)
