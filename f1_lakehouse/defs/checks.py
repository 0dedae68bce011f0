"""Checks across layers. Checks of a single pull are in bronze.py, those of a dbt model next to the model."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import dagster as dg

from f1_lakehouse.counts import counted
from f1_lakehouse.dbt.engine_choice import engine_of_build
from f1_lakehouse.dbt.manifest import silver_tables
from f1_lakehouse.defs.resources import LakeResource, record_table
from f1_lakehouse.lakehouse import Lake
from f1_lakehouse.observability.service_levels import ANSWER_WITHIN, answer_times, slow_runs
from f1_lakehouse.publishing.build_record import last_build
from f1_lakehouse.publishing.gold_file import connect_gold, gold_schema
from f1_lakehouse.publishing.publication import published_sessions
from f1_lakehouse.quality.freshness import judge_freshness
from f1_lakehouse.quality.reconciliation import Mismatch, reconcile
from f1_lakehouse.sources.catalog import Scope
from f1_lakehouse.sources.source import Verdict

MAX_ROWS_SHOWN = 50
"""Rows that a check shows."""
PARTITION_COLUMNS = {Scope.SESSION: "session_key", Scope.ROUND: "round_key"}
"""The column of a silver table with the key of the partition; `season` for the other scopes (0 for rows without a season)."""


def _keyed_rows(lake: Lake, endpoint: str, scope: int) -> int:
    """Return the number of rows of the current pull that have a driver and a lap number, if these are part of their key."""
    rows = lake.bronze.rows(endpoint, scope)
    keys = [name for name in ("driver_number", "lap_number") if name in lake.bronze.endpoints[endpoint].key]
    # In race_control both may be null.
    for name in keys if endpoint != "race_control" else []:
        rows = rows.filter(rows[name].is_valid())
    return int(rows.num_rows)


@dg.asset_check(
    asset=dg.AssetKey("published_gold"),
    description="The newest session that ended more than 48 hours ago is in published gold",
)
def newest_session_is_published(lake: LakeResource) -> dg.AssetCheckResult:
    """A warning: late data is still correct."""
    verdict = _freshness(lake.open(), datetime.now(UTC))
    return _warning(verdict.passed, verdict.message, verdict.numbers)


def freshness_evaluation(opened: Lake, now: datetime) -> dg.AssetCheckEvaluation:
    """Return the same check without a run, for the sensor that monitors the lake: gold also becomes stale while nothing runs."""
    verdict = _freshness(opened, now)
    [key] = newest_session_is_published.check_keys
    return dg.AssetCheckEvaluation(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=verdict.passed,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"message": verdict.message, **verdict.numbers},
    )


def _freshness(opened: Lake, now: datetime) -> Verdict:
    return judge_freshness(now, opened.calendar(), published_sessions(opened.settings))


@dg.asset_check(
    asset=dg.AssetKey("published_gold"),
    description="No load of a session and no transform of the last week took longer than 30 minutes",
)
def runs_take_no_longer_than_they_should(lake: LakeResource) -> dg.AssetCheckResult:
    """A warning, from the run log."""
    slow = slow_runs(lake.open().runs.all(), datetime.now(UTC))
    rows = [
        {
            "job": run.job,
            "partition": run.partition,
            "minutes": round((run.ended_at - run.started_at) / timedelta(minutes=1), 1),
            "waited_for_rate_limit_s": run.waited_s,
            "run_id": run.run_id,
        }
        for run in slow
    ]
    longest = max((run.ended_at - run.started_at for run in slow), default=timedelta(0)) / timedelta(
        minutes=1
    )
    return _warning(
        not slow,
        f"{counted(len(slow), 'run')} took longer",
        {"slow_runs": len(slow), "longest_minutes": round(longest, 1)},
        runs=rows,
    )


@dg.asset_check(
    asset=dg.AssetKey("published_gold"),
    description="Published gold gives the newest session's rows of any table within half a second",
)
def gold_answers_at_once(lake: LakeResource) -> dg.AssetCheckResult:
    """A warning: a slow read is still correct."""
    with connect_gold(lake.open().settings) as con:
        took = answer_times(con, gold_schema(con))
    slow = [name for name, seconds in took.items() if seconds > ANSWER_WITHIN.total_seconds()]
    rows = [{"table": name, "ms": round(1000 * seconds, 1)} for name, seconds in took.items()]
    numbers = {"slow_tables": len(slow), "slowest_ms": round(1000 * max(took.values(), default=0.0), 1)}
    message = f"too slow: {', '.join(slow)}" if slow else "all answer in time"
    return _warning(not slow, message, numbers, tables=rows)


def _warning(
    passed: bool, message: str, numbers: Mapping[str, float], **rows: list[dict[str, Any]]
) -> dg.AssetCheckResult:
    tables = {name: record_table(found[:MAX_ROWS_SHOWN]) for name, found in rows.items() if found}
    return dg.AssetCheckResult(
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"message": message, **numbers, **tables},
    )


def silver_reconciles_with_bronze_check() -> dg.AssetChecksDefinition:
    """Return the check. Made by a function because the silver tables come from dbt's manifest."""

    @dg.asset_check(
        name="silver_reconciles_with_bronze",
        asset=dg.AssetKey(["gold", "fact_laps"]),
        # Every silver table must be built before the check. Publish waits for a blocking check.
        additional_deps=[dg.AssetKey(["silver", table]) for table in silver_tables().values()],
        blocking=True,
        pool="duckdb",
        description="Silver has rows of exactly the sessions whose current pull has rows, and not more rows than the pull",
    )
    def silver_reconciles_with_bronze(lake: LakeResource) -> dg.AssetCheckResult:
        """An error: silver replaces complete sessions, so a difference is a fault of the replacement."""
        found = _mismatches(lake.open())
        shown = [{**mismatch.__dict__} for mismatch in found[:MAX_ROWS_SHOWN]]
        return dg.AssetCheckResult(
            passed=not found,
            metadata={"mismatches": len(found), **({"sessions": record_table(shown)} if shown else {})},
        )

    return silver_reconciles_with_bronze


def _mismatches(opened: Lake) -> list[Mismatch]:
    build = last_build(opened.settings)
    found = []
    with engine_of_build(opened.settings).connect() as con:
        for endpoint, table in silver_tables().items():
            column = PARTITION_COLUMNS.get(opened.bronze.endpoints[endpoint].scope, "season")
            counts = con.execute(f'select {column}, count(*) from silver."{table}" group by 1').fetchall()
            found += reconcile(
                opened.bronze.pull_log,
                endpoint,
                dict(counts),
                partial(_keyed_rows, opened, endpoint),
                build.seen_at if build else None,
            )
    return found
