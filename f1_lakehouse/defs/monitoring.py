"""Dagster's runs as records of the run log, and the sensor that monitors the lake. What follows from them is in monitor.py."""

import socket
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import orjson

from f1_lakehouse.counts import counted
from f1_lakehouse.defs.checks import freshness_evaluation
from f1_lakehouse.defs.resources import LakeResource
from f1_lakehouse.instance import run_tags
from f1_lakehouse.instance.dagster_instance import current_instance
from f1_lakehouse.instance.orphaned_runs import fail_orphaned_runs
from f1_lakehouse.instance.run_events import check_result, step_error
from f1_lakehouse.instance.run_metadata import DELTA_VERSIONS, FINGERPRINTS, ROW_COUNT
from f1_lakehouse.instance.run_tags import HOST_TAG, WHY_TAG, recorded
from f1_lakehouse.lakehouse import Lake, current_settings
from f1_lakehouse.monitor import MonitorResult, monitor_lake
from f1_lakehouse.observability.run_log import (
    COMMAND,
    CheckResult,
    RunLog,
    RunRecord,
    failing,
    one_line,
    user,
)

_OVER = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_LIVE = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
_TOLD = {
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.RUN_FAILURE,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
    dg.DagsterEventType.ASSET_MATERIALIZATION,
}
MARGIN = timedelta(days=1)
"""The time before the newest recorded run in which others are searched: runs do not end in the order in which they are recorded."""
MAX_RUNS_RECORDED = 100
"""Runs that are recorded in one tick; a lake with a year of runs from before the run log catches up over several ticks."""


def monitor_runs(found: dg.DagsterInstance, lake: Lake) -> MonitorResult:
    """Monitor the lake, with the runs that Dagster has."""
    live = [_run(record) for record in found.get_run_records(dg.RunsFilter(statuses=_LIVE))]
    return monitor_lake(lake, current_settings(), over=lambda runs: _runs_over(found, runs), running=live)


def _runs_over(found: dg.DagsterInstance, runs: RunLog) -> list[RunRecord]:
    """Return the finished runs that are not in the run log, oldest first."""
    known = runs.all()
    ids = {run.run_id for run in known}
    of_dagster = [run.ended_at for run in known if not run.job.startswith(COMMAND)]
    after = max(of_dagster) - MARGIN if of_dagster else None
    records = found.get_run_records(
        dg.RunsFilter(statuses=_OVER, updated_after=after), order_by="update_timestamp", ascending=True
    )
    new = [record for record in records if record.dagster_run.run_id not in ids][:MAX_RUNS_RECORDED]
    entered = list[RunRecord]()
    for record in new:
        entered.append(_with_events(_run(record), found, set(failing([*known, *entered]))))
    return entered


def _run(record: dg.RunRecord) -> RunRecord:
    """Return a run from Dagster's run storage; the end of an unfinished run is now."""
    run, tags = record.dagster_run, record.dagster_run.tags
    now = datetime.now(UTC).timestamp()
    ended = record.end_time or (record.update_timestamp.timestamp() if run.is_finished else now)
    started = record.start_time or record.create_timestamp.timestamp()
    noted = recorded(tags)
    seen_at = noted.get(run_tags.BRONZE_SEEN_AT)
    return RunRecord(
        run_id=run.run_id,
        job=run.job_name,
        partition=tags.get("dagster/partition") or _range(tags),
        why=tags.get(WHY_TAG),
        # A run of the daemon has neither tag: it has the host and user of the daemon.
        user=noted.get(run_tags.USER) or user(),
        host=tags.get(HOST_TAG) or socket.gethostname(),
        origin=_origin(tags, noted.get(run_tags.COMMAND)),
        started_at=datetime.fromtimestamp(min(started, ended), UTC),
        ended_at=datetime.fromtimestamp(ended, UTC),
        outcome=run.status.value.lower(),
        code_version=noted.get(run_tags.CODE),
        dbt_version=noted.get(run_tags.DBT),
        config=orjson.dumps(ops).decode() if (ops := run.run_config.get("ops")) else None,
        bronze_version=noted.get(run_tags.BRONZE_VERSION),
        seen_at=datetime.fromisoformat(seen_at) if seen_at else None,
    )


def _range(tags: Mapping[str, str]) -> str | None:
    first, last = (tags.get(f"dagster/asset_partition_range_{end}") for end in ("start", "end"))
    return f"{first} … {last}" if first else None


def _origin(tags: Mapping[str, str], command: str | None) -> str:
    """Return what started the run: the command line (`command`), a schedule, a sensor or a backfill."""
    for tag, word in (("schedule_name", "schedule"), ("sensor_name", "sensor"), ("backfill", "backfill")):
        if name := tags.get(f"dagster/{tag}"):
            return f"{word} {name}"
    return command or "Dagster's UI or API"


def _with_events(
    run: RunRecord, found: dg.DagsterInstance, broken: set[tuple[str, str, str | None]]
) -> RunRecord:
    """Return the run with its errors, its checks and what it published, from its events."""
    steps, whole, checks = list[str](), list[str](), list[CheckResult]()
    tables: dict[str, Any] = {}
    published: Mapping[str, dg.MetadataValue[Any]] = {}
    for entry in found.all_logs(run.run_id, of_type=_TOLD):
        event = entry.get_dagster_event()
        if event.is_step_failure:
            steps.append(one_line(step_error(event)))
        elif event.event_type is dg.DagsterEventType.RUN_FAILURE:
            whole.append(one_line(event.message or "failed"))
        elif event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            checks.append(check_result(event.asset_check_evaluation_data))
        elif event.asset_key is not None:
            metadata = event.step_materialization_data.materialization.metadata
            if event.asset_key == dg.AssetKey("published_gold"):
                published = metadata
            elif event.asset_key.path[0] in ("silver", "gold", "snapshots") and ROW_COUNT in metadata:
                tables[event.asset_key.to_user_string()] = metadata[ROW_COUNT].value
    return RunRecord(
        **{
            **run.__dict__,
            "errors": steps or whole,
            "gold": _json(published.get(FINGERPRINTS)),
            "tables": orjson.dumps(tables).decode() if tables else None,
            "delta_versions": _json(published.get(DELTA_VERSIONS)),
            "checks_passed": sum(check.passed for check in checks),
            "checks_failed": sum(not check.passed for check in checks),
            # A check that passes again and again is not recorded.
            "checks": [check for check in checks if not check.passed or check.key in broken],
        }
    )


def _json(said: dg.MetadataValue[Any] | None) -> str | None:
    return orjson.dumps(said.value).decode() if said else None


def monitor_after_command(lake: Lake) -> MonitorResult:
    """Monitor the lake from a process that has run jobs itself: what the daemon's sensor does, where there is no daemon."""
    return monitor_runs(current_instance(), lake)


@dg.sensor(
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Adds finished runs to the run log, sends an alert when a problem begins and when it ends, and evaluates the "
    "freshness of published gold against the calendar, daily and when it changes",
)
def alerts(context: dg.SensorEvaluationContext, lake: LakeResource) -> dg.SensorResult:
    """Compare the conditions with the alerts that were sent; request no run. The cursor is the last freshness evaluation."""
    fail_orphaned_runs(context.instance)
    opened, now = lake.open(), datetime.now(UTC)
    done = monitor_runs(context.instance, opened)
    fresh = freshness_evaluation(opened, now)
    evaluated = f"{now:%Y-%m-%d} {'passed' if fresh.passed else 'failed'}"
    parts = [
        f"{counted(len(done.entered), 'run')} entered",
        *(f"{one.kind}: {one.subject}" for one in done.conditions),
        *done.problems,
    ]
    return dg.SensorResult(
        skip_reason="; ".join(parts if len(parts) > 1 or done.entered else ["nothing is wrong"]),
        cursor=evaluated,
        asset_events=[] if context.cursor == evaluated else [fresh],
    )
