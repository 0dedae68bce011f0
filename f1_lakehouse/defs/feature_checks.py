"""Checks of the features, on published gold: training waits for them, publishing does not. The rules are in quality/feature_checks.py."""

from collections.abc import Callable
from functools import partial
from typing import Any

import dagster as dg
import duckdb

from f1_lakehouse.dbt.manifest import nodes
from f1_lakehouse.defs.resources import LakeResource
from f1_lakehouse.publishing.gold_file import connect_gold
from f1_lakehouse.quality import feature_checks
from f1_lakehouse.sources.source import Verdict

Rule = Callable[[duckdb.DuckDBPyConnection], Verdict]


def training_checks() -> list[dg.AssetChecksDefinition]:
    """Return the checks; none for a dbt project without the features.

    Made by a function because columns and roles come from dbt's manifest.
    """
    columns = next((node["columns"] for node in nodes("model") if node["name"] == "lap_features"), None)
    if columns is None:
        return []
    features = [name for name, column in columns.items() if _role(column) == "feature"]
    types = {name: str(column["data_type"]) for name, column in columns.items()}
    return [
        _check(
            "features_are_complete",
            "Each feature has a value in at least 95 % of the laps",
            partial(feature_checks.judge_completeness, features=features),
        ),
        _check(
            "features_are_in_order",
            "Laps end one after the other, and a session is in one split",
            feature_checks.judge_order,
        ),
        _check(
            "features_have_their_schema",
            "The table has the columns and types of its contract",
            partial(feature_checks.judge_schema, types=types),
        ),
        _check("features_are_in_range", "Values are plausible", feature_checks.judge_ranges),
        _check(
            "features_do_not_drift",
            "The means of the newest race are within the spread of the races before",
            partial(feature_checks.judge_drift, features=features),
        ),
    ]


def _role(column: dict[str, Any]) -> str | None:
    return {**column.get("meta", {}), **column.get("config", {}).get("meta", {})}.get("role")


def _check(name: str, description: str, rule: Rule) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        name=name,
        asset=dg.AssetKey("published_gold"),
        # Not blocking: an odd race must not keep gold from being published.
        blocking=False,
        description=f"Before training: {description[0].lower()}{description[1:]}",
    )
    def check(lake: LakeResource) -> dg.AssetCheckResult:
        with connect_gold(lake.open().settings) as con:
            verdict = rule(con)
        return dg.AssetCheckResult(
            passed=verdict.passed,
            severity=dg.AssetCheckSeverity.ERROR,
            metadata={"message": verdict.message, **verdict.numbers},
        )

    return check
