"""The run log and the alerts sensor on a real instance: each succeeded, failed or killed run is logged once."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from f1_lakehouse import lakehouse
from f1_lakehouse.defs.maintenance import purge
from f1_lakehouse.defs.monitoring import alerts, monitor_runs
from f1_lakehouse.defs.resources import LakeResource
from f1_lakehouse.instance.run_tags import STARTED_TAG, command_tags, recorded
from f1_lakehouse.observability.health import ConditionKind
from f1_lakehouse.observability.run_log import code_version, command, user
from f1_lakehouse.runs.repository import repository
from f1_lakehouse.simulator.server import Answer


@pytest.fixture
def race(served_lake):
    assert served_lake.run("calendar", partition_key=str(served_lake.season)).success
    one = max(served_lake.lake.calendar())
    served_lake.instance.add_dynamic_partitions("sessions", [one.partition])
    return one


def ingest(served_lake, race, *endpoints):
    assets = [dg.AssetKey(["bronze", name]) for name in endpoints]
    return served_lake.run(
        "ingest", partition_key=race.partition, asset_selection=assets, tags={"f1/why": "first pull"}
    )


def replace_response(served_lake, endpoint, answer):
    """Replace the server's response for an endpoint; return a function that restores it."""
    real = served_lake.server.answer

    def answered(method, target, *rest):
        return answer if f"/{endpoint}" in target else real(method, target, *rest)

    served_lake.server.answer = answered
    return lambda: setattr(served_lake.server, "answer", real)


def test_each_run_is_logged_once_with_its_cost_and_outcome(served_lake, race):
    done = ingest(served_lake, race, "drivers", "laps")
    monitor_runs(served_lake.instance, served_lake.lake)
    assert not monitor_runs(served_lake.instance, served_lake.lake).entered
    first, entry = served_lake.lake.runs.all()
    assert (first.job, first.partition, first.pulls) == ("calendar", "2024", 2)
    assert entry.run_id == done.run_id
    assert (entry.job, entry.partition, entry.why) == ("ingest", race.partition, "first pull")
    assert (entry.outcome, entry.errors) == ("success", [])
    assert (entry.pulls, entry.requests, entry.sessions, entry.failed_pulls) == (2, 2, 1, 0)
    assert (
        entry.rows
        == sum(p.rows for p in served_lake.lake.bronze.pull_log.all() if p.run_id == done.run_id)
        > 0
    )
    assert entry.checks_passed == len(done.get_asset_check_evaluations()) > 0
    assert entry.code_version


def test_failed_run_is_logged_with_its_reason_and_notified(served_lake, race):
    replace_response(served_lake, "laps", Answer(400, "text/plain", b"no"))
    ingest(served_lake, race, "drivers", "laps")
    looked = monitor_runs(served_lake.instance, served_lake.lake)
    entry = served_lake.lake.runs.all()[-1]
    assert (entry.outcome, entry.failed_pulls) == ("failure", 1)
    [error] = entry.errors
    assert error.startswith(f"laps: {race.partition}: OpenF1 answered 400")
    [one] = [one for one in looked.conditions if one.kind is ConditionKind.LOAD_FAILED]
    assert one.subject == race.partition


def test_killed_run_is_logged_by_the_next_sensor_tick(served_lake, race):
    job = repository(with_dbt=True).get_job("ingest")
    tags = {**command_tags(), STARTED_TAG: "1", "dagster/partition": race.partition}
    killed = served_lake.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=tags)
    summary = tick(served_lake)
    assert f"load failed: {race.partition}" in summary
    entry = served_lake.lake.runs.all()[-1]
    assert (entry.run_id, entry.outcome) == (killed.run_id, "failure")
    assert entry.errors == ["The process of this run is gone."]
    assert (entry.user, entry.origin) == (user(), command())


def test_run_log_contains_the_trigger_of_a_run(served_lake, race):
    job = repository(with_dbt=True).get_job("calendar")
    run_tags = {
        "schedule weekly": {"dagster/schedule_name": "weekly"},
        "sensor session_due": {"dagster/sensor_name": "session_due"},
        "backfill abc": {"dagster/backfill": "abc"},
        "Dagster's UI or API": {},
    }
    origins = {
        served_lake.instance.create_run_for_job(
            job, status=dg.DagsterRunStatus.SUCCESS, tags=tags
        ).run_id: origin
        for origin, tags in run_tags.items()
    }
    monitor_runs(served_lake.instance, served_lake.lake)
    entered = {run.run_id: run.origin for run in served_lake.lake.runs.all()}
    assert origins.items() <= entered.items()


def test_check_is_logged_only_when_its_status_changes(served_lake, race):
    cure = replace_response(served_lake, "laps", Answer(200, "application/json", b"[]"))
    ingest(served_lake, race, "drivers", "laps")
    looked = monitor_runs(served_lake.instance, served_lake.lake)
    assert [one.subject for one in looked.conditions if one.kind is ConditionKind.CHECK_FAILED] == [
        f"bronze/laps row_count {race.partition}"
    ]
    cure()
    for _ in range(2):
        config = {"ops": {"bronze_laps": {"config": {"force": True}}}}
        assets = [dg.AssetKey(["bronze", "laps"])]
        served_lake.run("ingest", partition_key=race.partition, asset_selection=assets, run_config=config)
        looked = monitor_runs(served_lake.instance, served_lake.lake)
    assert not [one for one in looked.conditions if one.kind is ConditionKind.CHECK_FAILED]
    assert [[check.passed for check in run.checks] for run in served_lake.lake.runs.all()] == [
        [],
        [False],
        [True],
        [],
    ]


def test_hanging_run_is_notified_while_it_runs(served_lake, race):
    job = repository(with_dbt=True).get_job("ingest")
    hanging = served_lake.instance.create_run_for_job(job, tags=command_tags())
    an_hour_ago = (datetime.now(UTC) - timedelta(hours=1)).timestamp()
    began = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, "ingest")
    served_lake.instance.handle_new_event(
        dg.EventLogEntry(None, 20, "", hanging.run_id, an_hour_ago, job_name="ingest", dagster_event=began)
    )
    assert "slow run: ingest" in tick(served_lake)
    assert served_lake.lake.runs.all()[-1].run_id != hanging.run_id


def test_run_of_an_earlier_version_keeps_what_its_tags_say():
    earlier = {"f1/user": "ann", "f1/code": "0.1.0", "f1/bronze_version": "3", "f1/why": "first pull"}
    assert recorded(earlier) == {"user": "ann", "code": "0.1.0", "bronze_version": "3"}
    assert recorded(command_tags()) == {"user": user(), "command": command(), "code": code_version()}


def test_freshness_is_evaluated_daily_without_a_run(served_lake, race):
    first = evaluate(served_lake, cursor=None)
    [event] = first.asset_events
    assert (event.asset_check_key.to_user_string(), event.passed) == (
        "published_gold:newest_session_is_published",
        False,
    )
    assert event.metadata["sessions_behind"].value > 0
    assert evaluate(served_lake, cursor=first.cursor).asset_events == []
    assert len(evaluate(served_lake, cursor="2020-01-01 failed").asset_events) == 1


def evaluate(served_lake, cursor):
    context = dg.build_sensor_context(
        instance=served_lake.instance,
        cursor=cursor,
        repository_def=repository(with_dbt=True),
        resources={"lake": LakeResource()},
    )
    return alerts.evaluate_tick(context)


def tick(served_lake):
    return evaluate(served_lake, cursor=None).skip_message


def test_alerts_sensor_reports_conditions_and_writes_metrics(served_lake, race):
    assert tick(served_lake) == "1 run entered"
    assert tick(served_lake) == "nothing is wrong"
    assert (
        'f1_runs_total{job="calendar",outcome="success"} 1.0'
        in Path(served_lake.root / "metrics/f1.prom").read_text()
    )


def test_load_without_a_daemon_logs_its_runs_and_notifies_a_receiver(
    served_lake, monkeypatch, capsys, receiver
):
    monkeypatch.setenv("F1_ALERT_URLS", f"json://127.0.0.1:{receiver.port}/s3cr3t")
    replace_response(served_lake, "laps", Answer(400, "text/plain", b"no"))
    from f1_lakehouse.cli import app

    race = str(served_lake.season) + "015"
    with pytest.raises(SystemExit) as ended:
        app.main(["load", "--session", race, "--endpoint", "laps", "drivers", "--no-transform"])
    assert ended.value.code == 1
    [body] = receiver.bodies
    assert "Load failed" in json.loads(body)["message"]
    assert race in json.loads(body)["message"]
    out, err = capsys.readouterr()
    assert "s3cr3t" not in out + err
    lake = served_lake.lake
    assert {(run.job, run.outcome) for run in lake.runs.all()} == {
        ("calendar", "success"),
        ("ingest", "failure"),
    }
    assert {(run.origin, run.code_version) for run in lake.runs.all()} == {(command(), code_version())}


def test_load_stops_at_its_budget_and_is_resumed_by_the_next(served_lake, monkeypatch, capsys):
    monkeypatch.setenv("F1_BUDGET_REQUESTS", "5")
    monkeypatch.setenv("F1_LOG_FORMAT", "json")
    from f1_lakehouse.cli import app

    def load():
        lakehouse.open_once.cache_clear()
        with pytest.raises(SystemExit) as ended:
            app.main(
                [
                    "load",
                    "--session",
                    f"{served_lake.season}014",
                    f"{served_lake.season}015",
                    "--no-telemetry",
                    "--no-transform",
                ]
            )
        return ended.value.code, capsys.readouterr().err

    code, err = load()
    assert code == 1
    assert len(served_lake.server.requests) == 5
    *records, spent, end = [json.loads(line) for line in err.splitlines()]
    assert {spent["level"], end["level"]} == {"error"}
    assert spent["message"] == (
        "failed: the budget of 5 requests per run is spent (F1_BUDGET_REQUESTS); completed requests are saved, "
        "run the same command to resume"
    )
    assert {one["level"] for one in records} == {"info"}
    assert sum(one.get("event") == "request" for one in records) == 5
    monkeypatch.delenv("F1_BUDGET_REQUESTS")
    code, _ = load()
    assert code == 0
    requested = [request.target for request in served_lake.server.requests]
    assert len(requested) == len(set(requested)) > 20


def test_old_runs_are_removed_from_dagster_except_those_of_current_states(served_lake, race):
    ingest(served_lake, race, "drivers")
    job = repository(with_dbt=True).get_job("transform")
    builds = [
        served_lake.instance.create_run_for_job(
            job, status=dg.DagsterRunStatus.SUCCESS, tags={"f1/why": str(n)}
        )
        for n in range(3)
    ]
    unknown = served_lake.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    monitor_runs(served_lake.instance, served_lake.lake)
    served_lake.instance.report_run_failed(unknown)
    known = served_lake.lake.runs.all()
    assert purge(served_lake.instance, known, datetime.now(UTC) - timedelta(days=1)) == []
    gone = purge(served_lake.instance, known, datetime.now(UTC) + timedelta(days=1))
    last = next(run.run_id for run in reversed(known) if run.job == "transform")
    assert set(gone) == {run.run_id for run in builds} - {last}
    left = {run.run_id for run in served_lake.instance.get_runs()}
    assert {last, unknown.run_id, *(run.run_id for run in known if run.partition)} <= left
    assert not left & set(gone)
