"""Events of Dagster runs as the run log has them: the error of a step, the result of an asset check, the latest of each check.

Non-public API: `event_log_storage.get_latest_asset_check_execution_by_key`, which reads the latest evaluation of 200 checks with one
statement. There is no public way to read evaluations without their runs; with a version of Dagster that was not tested, the latest
runs are read event by event.
"""

from collections.abc import Iterable

import dagster as dg

from f1_lakehouse.counts import counted
from f1_lakehouse.observability.run_log import CheckResult, one_line
from f1_lakehouse.tested_versions import is_tested

MAX_RUNS_READ = 100
"""Runs whose events are read, newest first, without the non-public API."""


def step_error(event: dg.DagsterEvent) -> str:
    """Return why a step failed, without the stack."""
    data = event.step_failure_data
    if data.user_failure_data is not None and data.user_failure_data.description:
        return str(data.user_failure_data.description)
    error = data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return f"{event.step_key}: {error.message.strip() if error else 'failed'}"


def check_result(evaluation: dg.AssetCheckEvaluation) -> CheckResult:
    """Return an evaluation as the run log has it."""
    said, rows = evaluation.metadata.get("message"), evaluation.metadata.get("dagster_dbt/failed_row_count")
    message = evaluation.description
    if said:
        message = str(said.value)
    elif rows and not evaluation.passed:
        message = counted(int(str(rows.value)), "row")
    return CheckResult(
        asset=evaluation.asset_key.to_user_string(),
        check=evaluation.check_name,
        partition=evaluation.partition,
        passed=evaluation.passed,
        severity=evaluation.severity.value,
        message=one_line(message or ""),
    )


def latest_check_results(instance: dg.DagsterInstance, keys: Iterable[dg.AssetCheckKey]) -> list[CheckResult]:
    """Return the last result of each of these checks that was ever evaluated."""
    if not is_tested("dagster"):
        return _from_events(instance, set(keys))
    found = instance.event_log_storage.get_latest_asset_check_execution_by_key(list(keys))
    events = [one.event.dagster_event for one in found.values() if one.event is not None]
    return [
        check_result(event.asset_check_evaluation_data)
        for event in events
        if event is not None and event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION
    ]


def _from_events(instance: dg.DagsterInstance, keys: set[dg.AssetCheckKey]) -> list[CheckResult]:
    latest: dict[dg.AssetCheckKey, CheckResult] = {}
    for run in instance.get_runs(limit=MAX_RUNS_READ):
        entries = instance.all_logs(run.run_id, of_type={dg.DagsterEventType.ASSET_CHECK_EVALUATION})
        for entry in reversed(list(entries)):
            evaluation = entry.get_dagster_event().asset_check_evaluation_data
            key = dg.AssetCheckKey(evaluation.asset_key, evaluation.check_name)
            if key in keys and key not in latest:
                latest[key] = check_result(evaluation)
    return list(latest.values())
