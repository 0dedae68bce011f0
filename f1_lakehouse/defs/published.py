"""Published gold as an asset, downstream of all gold models and in the same run.

A dbt test of error severity that fails makes the dbt step fail; then this asset is not materialized and published gold stays as it was.
How gold is published is in publishing/publish.py.
"""

import logging
from datetime import timedelta
from typing import Any

import dagster as dg

from f1_lakehouse.dbt.engine_choice import engine_of_build
from f1_lakehouse.defs.dbt import gold_models
from f1_lakehouse.defs.resources import OWNERS, LakeResource
from f1_lakehouse.instance.run_metadata import DELTA_VERSIONS, FINGERPRINTS
from f1_lakehouse.publishing.gold_file import PublishError
from f1_lakehouse.publishing.publish import publish
from f1_lakehouse.quality.freshness import FRESH_WITHIN

LONGEST_BREAK = timedelta(days=90)
"""At least the longest time without a session since 2023: 87 days, from the race of November 26, 2023 to the tests of February 21, 2024."""

log = logging.getLogger(__name__)


def published_gold_asset() -> dg.AssetsDefinition:
    """Return the asset. Made by a function because its upstream assets come from dbt's manifest."""

    @dg.asset(
        name="published_gold",
        deps=gold_models(),
        group_name="published",
        kinds={"duckdb", "deltalake"},
        pool="duckdb",
        owners=OWNERS,
        tags={"layer": "published"},
        # A policy measures only when gold was last published: it must not fail in a break. Whether gold has the newest session
        # of the calendar is the check newest_session_is_published, which the sensor `alerts` evaluates daily.
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=LONGEST_BREAK + FRESH_WITHIN),
        description="Gold for readers: gold.duckdb, replaced whole by rename, and a Delta copy of each table. Only a "
        "build that passed every test of error severity gets here.",
    )
    def published_gold(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult[Any]:
        opened = lake.open()
        log.info("publishing gold", extra={"event": "stage"})
        try:
            done = publish(opened.settings, engine_of_build(opened.settings))
        except PublishError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        tables = [dg.TableRecord({"table": name, "rows": count}) for name, count in done.rows.items()]
        return dg.MaterializeResult(
            metadata={
                "bronze_version": done.bronze_version,
                FINGERPRINTS: dg.MetadataValue.json(done.fingerprints),
                DELTA_VERSIONS: dg.MetadataValue.json(done.delta_versions),
                "file": dg.MetadataValue.path(str(opened.settings.gold)),
                "size_bytes": opened.settings.gold.stat().st_size,
                "tables": dg.MetadataValue.table(tables),
                "dagster/row_count": sum(done.rows.values()),
            }
        )

    return published_gold
