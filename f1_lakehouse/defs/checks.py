"""Checks that look at more than one layer. Those of a single pull stand with the bronze assets, dbt's with its models."""

from datetime import UTC, datetime
from functools import partial

import dagster as dg
import duckdb

from f1_lakehouse.defs.resources import LakeResource
from f1_lakehouse.defs.transform import silver_tables
from f1_lakehouse.lake.publish import last_build
from f1_lakehouse.lakes import Lake
from f1_lakehouse.openf1.endpoints import BY_NAME, Scope
from f1_lakehouse.quality.freshness import judge_freshness
from f1_lakehouse.quality.reconcile import reconcile

SHOWN = 50


def _keyed_rows(lake: Lake, endpoint: str, scope: int) -> int:
    """Rows of bronze's truth that have a driver, or a lap, where their key wants one."""
    rows = lake.bronze.rows(endpoint, scope)
    keys = [name for name in ("driver_number", "lap_number") if name in BY_NAME[endpoint].key]
    # Of race_control both may be null by right.
    for name in keys if endpoint != "race_control" else []:
        rows = rows.filter(rows[name].is_valid())
    return int(rows.num_rows)


@dg.asset_check(
    asset=dg.AssetKey("published_gold"),
    description="The newest session that ended more than 48 hours ago is in published gold",
)
def newest_session_is_published(lake: LakeResource) -> dg.AssetCheckResult:
    """A warning: data that is late is still right."""
    opened = lake.open()
    with duckdb.connect(str(opened.settings.gold), read_only=True) as con:
        published = con.execute(
            "select session_key from gold.gold.fact_results union select session_key from gold.gold.fact_laps"
        ).fetchall()
    verdict = judge_freshness(datetime.now(UTC), opened.calendar(), {key for (key,) in published})
    return dg.AssetCheckResult(
        passed=verdict.passed, severity=dg.AssetCheckSeverity.WARN, metadata={"message": verdict.message}
    )


@dg.asset_check(
    asset=dg.AssetKey(["gold", "fact_laps"]),
    # Every silver table is looked at, so all of them must be built first; publish waits for a blocking check.
    additional_deps=[dg.AssetKey(["silver", table]) for table in silver_tables().values()],
    blocking=True,
    pool="duckdb",
    description="Silver holds rows of exactly those sessions, and no more of them, that bronze's ledger says",
)
def silver_reconciles_with_bronze(lake: LakeResource) -> dg.AssetCheckResult:
    """An error: silver replaces whole sessions, so a difference means that the replacement went wrong."""
    opened = lake.open()
    build = last_build(opened.settings)
    found = []
    with duckdb.connect(str(opened.settings.warehouse), read_only=True) as con:
        for endpoint, table in silver_tables().items():
            column = "session_key" if BY_NAME[endpoint].scope is Scope.SESSION else "season"
            counts = con.execute(f'select {column}, count(*) from silver."{table}" group by 1').fetchall()
            found += reconcile(
                opened.bronze.ledger,
                endpoint,
                dict(counts),
                partial(_keyed_rows, opened, endpoint),
                build.seen_at if build else None,
            )
    records = [dg.TableRecord({**mismatch.__dict__}) for mismatch in found[:SHOWN]]
    return dg.AssetCheckResult(
        passed=not found,
        metadata={
            "mismatches": len(found),
            **({"sessions": dg.MetadataValue.table(records)} if records else {}),
        },
    )
