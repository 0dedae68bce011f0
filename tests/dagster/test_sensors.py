"""Sensors and the schedule, on a real instance, at moments that the tests choose."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from f1_lakehouse.definitions import defs
from f1_lakehouse.defs import sensors as automation
from f1_lakehouse.defs.partitions import ensure_partitions
from f1_lakehouse.defs.resources import LakeResource
from f1_lakehouse.defs.sensors import gold_behind_bronze, session_due, weekly
from f1_lakehouse.instance.orphaned_runs import fail_orphaned_runs
from f1_lakehouse.instance.run_tags import STARTED_TAG, USER_TAG, command_tags, process_tags
from f1_lakehouse.processes import process_started
from f1_lakehouse.publishing.build_record import current_digest
from f1_lakehouse.publishing.publication import Publication


class Clock(datetime):
    """A datetime whose now() stands still where a test wants it."""

    at = datetime(2024, 1, 1, tzinfo=UTC)

    @classmethod
    def now(cls, tz=None):
        return cls.at


@pytest.fixture
def at(monkeypatch):
    """Set the moment that sensors take for now."""

    def set_to(moment):
        Clock.at = moment
        monkeypatch.setattr(automation, "datetime", Clock)

    return set_to


@pytest.fixture
def sessions(house):
    assert house.run("calendar", partition_key=str(house.season)).success
    return house.lake.calendar()


def tick(sensor, house):
    context = dg.build_sensor_context(
        instance=house.instance,
        repository_def=defs().get_repository_def(),
        resources={"lake": LakeResource()},
    )
    # The daemon's code server hands the instance to partitions in the same way.
    with dg.partition_loading_context(dynamic_partitions_store=house.instance):
        return sensor.evaluate_tick(context)


def test_ended_session_is_requested_with_all_applicable_endpoints(house, sessions, at):
    first = sessions[0]
    at(first.end + timedelta(minutes=31))
    data = tick(session_due, house)
    [request] = [r for r in data.run_requests if r.job_name == "ingest"]
    assert request.partition_key == first.partition
    assert {k.path[-1] for k in request.asset_selection} >= {"drivers", "laps", "session_result", "car_data"}
    not_applicable = {"intervals", "overtakes", "starting_grid", "championship_drivers", "championship_teams"}
    assert {k.path[-1] for k in request.asset_selection} >= not_applicable
    assert request.tags["f1/why"] == "first pull"


def test_nothing_is_requested_while_a_session_is_live(house, sessions, at):
    at(sessions[1].start)
    assert [r for r in tick(session_due, house).run_requests or [] if r.job_name == "ingest"] == []


def test_session_with_an_active_run_is_not_requested_again(house, sessions, at):
    first = sessions[0]
    at(first.end + timedelta(minutes=31))
    house.instance.add_dynamic_partitions("sessions", [first.partition])
    job = defs().get_repository_def().get_job("ingest")
    house.instance.create_run_for_job(
        job, status=dg.DagsterRunStatus.STARTED, tags={"dagster/partition": first.partition}
    )
    assert [r for r in tick(session_due, house).run_requests or [] if r.job_name == "ingest"] == []


def test_calendar_of_the_current_season_is_requested_daily(house, sessions, at):
    at(datetime.now(UTC))
    current = [r for r in tick(session_due, house).run_requests if r.job_name == "calendar"]
    assert [r.partition_key for r in current] == [str(datetime.now(UTC).year)]


def test_transform_is_requested_when_bronze_changed_and_nothing_runs(house, sessions, monkeypatch):
    request = tick(gold_behind_bronze, house).run_requests
    assert len(request) == 1
    version = house.lake.bronze.ledger.version()
    for digest, requests in ((current_digest(), 0), ("1-another", 1), (None, 1)):
        published = Publication(version, datetime.now(UTC), "0", {}, digest)
        monkeypatch.setattr("f1_lakehouse.publishing.publication.publication", lambda settings: published)  # noqa: B023
        assert len(tick(gold_behind_bronze, house).run_requests or ()) == requests


def test_transform_waits_while_another_run_is_active(house, sessions):
    job = defs().get_repository_def().get_job("calendar")
    run = house.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    data = tick(gold_behind_bronze, house)
    assert not data.run_requests
    assert "waiting" in data.skip_message
    house.instance.report_run_canceled(run)
    assert len(tick(gold_behind_bronze, house).run_requests) == 1


def test_run_without_a_process_is_failed_and_not_active(house, sessions):
    job = defs().get_repository_def().get_job("calendar")
    tags = {**command_tags(), STARTED_TAG: "1"}
    dead = house.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=tags)
    alive = house.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=command_tags())
    assert fail_orphaned_runs(house.instance) == [dead.run_id]
    assert house.instance.get_run_by_id(dead.run_id).status is dg.DagsterRunStatus.FAILURE
    assert house.instance.get_run_by_id(alive.run_id).status is dg.DagsterRunStatus.STARTED


def test_pool_slot_is_freed_after_any_end_of_its_run(house, sessions):
    job = defs().get_repository_def().get_job("calendar")
    storage = house.instance.event_log_storage
    storage.set_concurrency_slots("openf1", 1)
    killed = house.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert storage.claim_concurrency_slot("openf1", killed.run_id, "bronze_laps").is_claimed
    fail_orphaned_runs(house.instance)
    assert storage.get_concurrency_info("openf1").active_run_ids == {killed.run_id}
    house.instance.report_run_failed(killed)
    fail_orphaned_runs(house.instance)
    assert storage.get_concurrency_info("openf1").active_run_ids == set()


def test_daemon_run_is_tagged_with_its_process(house, sessions):
    [run] = house.instance.get_runs()
    assert {name: run.tags.get(name) for name in process_tags()} == process_tags()
    assert USER_TAG not in run.tags


def test_process_is_distinguished_from_a_later_one_with_the_same_id():
    assert process_started(os.getpid()) == process_started(os.getpid()) is not None


def test_weekly_schedule_requests_what_the_sensor_missed(house, sessions):
    monday = sessions[-1].end.replace(hour=6, minute=0, second=0, microsecond=0)
    monday += timedelta(days=(7 - monday.weekday()) % 7 or 7)
    context = dg.build_schedule_context(
        instance=house.instance,
        repository_def=defs().get_repository_def(),
        scheduled_execution_time=monday,
        resources={"lake": LakeResource()},
    )
    requests = weekly.evaluate_tick(context).run_requests
    assert [r.partition_key for r in requests] == [one.partition for one in sessions]
    assert set(house.instance.get_dynamic_partitions("sessions")) == {one.partition for one in sessions}


def test_calendar_adds_ended_sessions_as_partitions_by_date(house, sessions):
    assert house.instance.get_dynamic_partitions("sessions") == [one.partition for one in sessions]


def test_postponed_session_keeps_its_partition(house, sessions):
    later = [replace(sessions[0], start=sessions[0].start + timedelta(days=7), name="Practice One")]
    assert ensure_partitions(house.instance, later) == {sessions[0].key: sessions[0].partition}
    assert len(house.instance.get_dynamic_partitions("sessions")) == len(sessions)


def test_failed_calendar_is_requested_again_with_another_run_key(house, at, monkeypatch):
    now = datetime.now(UTC)
    at(now)
    [first] = tick(session_due, house).run_requests
    monkeypatch.setenv("F1_OPENF1_URL", "http://127.0.0.1:9/v1")
    assert not house.run("calendar", partition_key=str(now.year)).success
    assert not tick(session_due, house).run_requests
    at(now + timedelta(minutes=10))
    [second] = tick(session_due, house).run_requests
    assert second.job_name == "calendar"
    assert second.run_key != first.run_key
    assert tick(gold_behind_bronze, house).skip_message == "bronze is empty"


def test_transform_waits_for_due_endpoints_while_responses_arrive(house, sessions, at):
    over = sessions[0].end + timedelta(minutes=31)
    at(over)
    data = tick(gold_behind_bronze, house)
    assert not data.run_requests
    assert "due first" in data.skip_message
