"""Sensors and the schedule on a real instance, at times set by the tests."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from f1_lakehouse.defs import sensors as automation
from f1_lakehouse.defs.partitions import ensure_partitions
from f1_lakehouse.defs.resources import LakeResource
from f1_lakehouse.defs.sensors import gold_behind_bronze, session_due_sensor, weekly_schedule
from f1_lakehouse.instance.orphaned_runs import fail_orphaned_runs
from f1_lakehouse.instance.run_tags import RECORD_TAG, STARTED_TAG, command_tags, process_tags
from f1_lakehouse.processes import process_started
from f1_lakehouse.publishing.build_record import current_digest
from f1_lakehouse.publishing.publication import Publication
from f1_lakehouse.runs.repository import repository
from f1_lakehouse.sources.http import HttpClient
from f1_lakehouse.sources.openf1.source import OPENF1
from f1_lakehouse.sources.registry import SOURCES

session_due, weekly = session_due_sensor(SOURCES), weekly_schedule(OPENF1)


class Clock(datetime):
    """A datetime whose now() returns a fixed time."""

    at = datetime(2024, 1, 1, tzinfo=UTC)

    @classmethod
    def now(cls, tz=None):
        return cls.at


@pytest.fixture
def at(monkeypatch):
    """Return a function that sets the current time of the sensors."""

    def set_to(moment):
        Clock.at = moment
        monkeypatch.setattr(automation, "datetime", Clock)

    return set_to


@pytest.fixture
def sessions(served_lake):
    assert served_lake.run("calendar", partition_key=str(served_lake.season)).success
    return served_lake.lake.calendar()


def tick(sensor, served_lake):
    context = dg.build_sensor_context(
        instance=served_lake.instance,
        repository_def=repository(with_dbt=True),
        resources={"lake": LakeResource()},
    )
    # The daemon's code server passes the instance to partitions in the same way.
    with dg.partition_loading_context(dynamic_partitions_store=served_lake.instance):
        return sensor.evaluate_tick(context)


def test_ended_session_is_requested_with_all_applicable_endpoints(served_lake, sessions, at):
    first = sessions[0]
    at(first.end + timedelta(minutes=31))
    data = tick(session_due, served_lake)
    [request] = [r for r in data.run_requests if r.job_name == "ingest"]
    assert request.partition_key == first.partition
    assert {k.path[-1] for k in request.asset_selection} >= {"drivers", "laps", "session_result", "car_data"}
    not_applicable = {"intervals", "overtakes", "starting_grid", "championship_drivers", "championship_teams"}
    assert {k.path[-1] for k in request.asset_selection} >= not_applicable
    assert request.tags["f1/why"] == "first pull"


def test_nothing_is_requested_while_a_session_is_live(served_lake, sessions, at):
    at(sessions[1].start)
    assert [r for r in tick(session_due, served_lake).run_requests or [] if r.job_name == "ingest"] == []


def test_session_with_an_active_run_is_not_requested_again(served_lake, sessions, at):
    first = sessions[0]
    at(first.end + timedelta(minutes=31))
    served_lake.instance.add_dynamic_partitions("sessions", [first.partition])
    job = repository(with_dbt=True).get_job("ingest")
    served_lake.instance.create_run_for_job(
        job, status=dg.DagsterRunStatus.STARTED, tags={"dagster/partition": first.partition}
    )
    assert [r for r in tick(session_due, served_lake).run_requests or [] if r.job_name == "ingest"] == []


def test_calendar_of_the_current_season_is_requested_daily(served_lake, sessions, at):
    at(datetime.now(UTC))
    current = [r for r in tick(session_due, served_lake).run_requests if r.job_name == "calendar"]
    assert [r.partition_key for r in current] == [str(datetime.now(UTC).year)]


def test_transform_is_requested_when_bronze_changed_and_nothing_runs(served_lake, sessions, monkeypatch):
    request = tick(gold_behind_bronze, served_lake).run_requests
    assert len(request) == 1
    assert request[0].run_config == {"ops": {"dbt_build": {"config": {"only_changed": True}}}}
    version = served_lake.lake.bronze.pull_log.version()
    for digest, requests in ((current_digest(), 0), ("1-another", 1), (None, 1)):
        published = Publication(version, datetime.now(UTC), "0", {}, digest)
        monkeypatch.setattr("f1_lakehouse.publishing.publication.publication", lambda settings: published)  # noqa: B023
        assert len(tick(gold_behind_bronze, served_lake).run_requests or ()) == requests
    published = Publication("an older version", datetime.now(UTC), "0", {}, current_digest())
    monkeypatch.setattr("f1_lakehouse.publishing.publication.publication", lambda settings: published)
    assert len(tick(gold_behind_bronze, served_lake).run_requests) == 1
    monkeypatch.setattr(automation, "tables_read", set)
    assert tick(gold_behind_bronze, served_lake).skip_message == "gold has everything that it reads"


def test_transform_waits_while_another_run_is_active(served_lake, sessions):
    job = repository(with_dbt=True).get_job("calendar")
    run = served_lake.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    data = tick(gold_behind_bronze, served_lake)
    assert not data.run_requests
    assert "waiting" in data.skip_message
    served_lake.instance.report_run_canceled(run)
    assert len(tick(gold_behind_bronze, served_lake).run_requests) == 1


def test_run_without_a_process_is_failed_and_not_active(served_lake, sessions):
    job = repository(with_dbt=True).get_job("calendar")
    tags = {**command_tags(), STARTED_TAG: "1"}
    dead = served_lake.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=tags)
    alive = served_lake.instance.create_run_for_job(
        job, status=dg.DagsterRunStatus.STARTED, tags=command_tags()
    )
    assert fail_orphaned_runs(served_lake.instance) == [dead.run_id]
    assert served_lake.instance.get_run_by_id(dead.run_id).status is dg.DagsterRunStatus.FAILURE
    assert served_lake.instance.get_run_by_id(alive.run_id).status is dg.DagsterRunStatus.STARTED


def test_pool_slot_is_freed_after_any_end_of_its_run(served_lake, sessions):
    job = repository(with_dbt=True).get_job("calendar")
    storage = served_lake.instance.event_log_storage
    storage.set_concurrency_slots("openf1", 1)
    killed = served_lake.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert storage.claim_concurrency_slot("openf1", killed.run_id, "bronze_laps").is_claimed
    fail_orphaned_runs(served_lake.instance)
    assert storage.get_concurrency_info("openf1").active_run_ids == {killed.run_id}
    served_lake.instance.report_run_failed(killed)
    fail_orphaned_runs(served_lake.instance)
    assert storage.get_concurrency_info("openf1").active_run_ids == set()


def test_daemon_run_is_tagged_with_its_process(served_lake, sessions):
    [run] = served_lake.instance.get_runs()
    assert {name: run.tags.get(name) for name in process_tags()} == process_tags()
    assert RECORD_TAG not in run.tags


def test_process_is_distinguished_from_a_later_one_with_the_same_id():
    assert process_started(os.getpid()) == process_started(os.getpid()) is not None


def test_weekly_schedule_requests_what_the_sensor_missed(served_lake, sessions):
    monday = sessions[-1].end.replace(hour=6, minute=0, second=0, microsecond=0)
    monday += timedelta(days=(7 - monday.weekday()) % 7 or 7)
    context = dg.build_schedule_context(
        instance=served_lake.instance,
        repository_def=repository(with_dbt=True),
        scheduled_execution_time=monday,
        resources={"lake": LakeResource()},
    )
    requests = weekly.evaluate_tick(context).run_requests
    assert [r.partition_key for r in requests] == [one.partition for one in sessions]
    assert set(served_lake.instance.get_dynamic_partitions("sessions")) == {one.partition for one in sessions}


def test_calendar_adds_ended_sessions_as_partitions_by_date(served_lake, sessions):
    assert served_lake.instance.get_dynamic_partitions("sessions") == [one.partition for one in sessions]


def test_postponed_session_keeps_its_partition(served_lake, sessions):
    later = [replace(sessions[0], start=sessions[0].start + timedelta(days=7), name="Practice One")]
    assert ensure_partitions(served_lake.instance, OPENF1, later) == {sessions[0].key: sessions[0].partition}
    assert len(served_lake.instance.get_dynamic_partitions("sessions")) == len(sessions)


def test_failed_calendar_is_requested_again_with_another_run_key(served_lake, at, monkeypatch):
    now = datetime.now(UTC)
    at(now)
    [first] = tick(session_due, served_lake).run_requests
    monkeypatch.setenv("F1_OPENF1_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setattr(HttpClient, "_sleep", lambda *_: None)  # between its attempts
    assert not served_lake.run("calendar", partition_key=str(now.year)).success
    assert not tick(session_due, served_lake).run_requests
    at(now + timedelta(minutes=10))
    [second] = tick(session_due, served_lake).run_requests
    assert second.job_name == "calendar"
    assert second.run_key != first.run_key
    assert tick(gold_behind_bronze, served_lake).skip_message == "bronze is empty"


def test_transform_waits_for_due_endpoints_while_responses_arrive(served_lake, sessions, at):
    over = sessions[0].end + timedelta(minutes=31)
    at(over)
    data = tick(gold_behind_bronze, served_lake)
    assert not data.run_requests
    assert "due first" in data.skip_message
