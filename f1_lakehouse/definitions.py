"""The Dagster code location: the definitions of all modules of `defs/`, assembled. Nothing is defined here.

Importing this module starts no process and reads no file: dbt's manifest is read when `defs` is called. Dagster's own loader of a folder
needs the project's pyproject.toml, which an installed package does not have.
"""

import dagster as dg

from f1_lakehouse.defs import (
    bronze,
    checks,
    dbt,
    feature_checks,
    jobs,
    jolpica,
    maintenance,
    monitoring,
    published,
    resources,
    sensors,
    site,
    strategy,
)


@dg.definitions
def defs() -> dg.Definitions:
    """Return all assets, checks, jobs, schedules and sensors of the lakehouse."""
    modules = (bronze, jolpica, checks, site, maintenance, strategy)
    return dg.Definitions.merge(
        resources.defs(),
        dbt.dbt_definitions(),
        dg.Definitions(
            assets=[*dg.load_assets_from_modules(modules), published.published_gold_asset()],
            asset_checks=[
                *dg.load_asset_checks_from_modules(modules),
                checks.silver_reconciles_with_bronze_check(),
                *feature_checks.training_checks(),
            ],
            jobs=[
                jobs.calendar,
                jobs.ingest,
                jobs.transform,
                jolpica.history,
                jolpica.history_rounds,
                maintenance.upkeep,
                strategy.train_job,
            ],
            schedules=[sensors.weekly, maintenance.weekly_upkeep, strategy.weekly_training],
            sensors=[
                sensors.session_due,
                sensors.gold_behind_bronze,
                strategy.race_to_train,
                monitoring.alerts,
            ],
        ),
    )
