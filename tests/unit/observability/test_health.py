"""Alert conditions of given states: when each one begins, lasts and ends."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from observability_parts import NOW, RACE, check, pull, run

from f1_lakehouse.lakehouse import Lake
from f1_lakehouse.monitor import state_of
from f1_lakehouse.observability.health import SLOW, ConditionKind, LakeState, conditions
from f1_lakehouse.publishing.build_record import current_digest
from f1_lakehouse.sources.openf1.endpoints import SESSION_ENDPOINTS

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CALENDAR_KNOWN = [pull(name, 2 * DAY, scope=2024) for name in ("meetings", "sessions")]
ALL_ANSWERED = [pull(endpoint.name, HOUR) for endpoint in SESSION_ENDPOINTS if RACE.has(endpoint)]


def found(*, pulls=(), runs=(), published=(9606,), **rest):
    """Return the conditions of a lake with the race and the given newest pulls and runs."""
    ordered = sorted([*CALENDAR_KNOWN, *ALL_ANSWERED, *pulls], key=lambda one: one.at)
    state = LakeState(NOW, [RACE], ordered, list(runs), frozenset(published), NOW - DAY, **rest)
    return conditions(state)


def kinds(*args, **kwargs):
    return [(one.kind, one.subject) for one in found(*args, **kwargs)]


def test_up_to_date_lake_has_no_condition():
    assert found(runs=[run("ingest", HOUR), run("transform", HOUR)]) == []


def test_failed_pulls_of_a_session_are_one_condition_since_the_first_failure():
    down = {"error_type": "TransientError", "error_cause": "OpenF1 answered 503 Service Unavailable"}
    [one] = found(
        pulls=[
            pull("laps", timedelta(minutes=50), "the complete text with the URL of laps", **down),
            pull("laps", timedelta(minutes=20), "the complete text with the URL of laps", **down),
            pull("weather", timedelta(minutes=20), "the complete text with the URL of weather", **down),
        ]
    )
    assert (one.kind, one.subject, one.todo) == (
        ConditionKind.LOAD_FAILED,
        RACE.partition,
        "f1 load --session 9606",
    )
    assert one.since == NOW - timedelta(minutes=50)
    assert one.what == "laps, weather: OpenF1 answered 503 Service Unavailable (2 times)"


def test_failed_pull_condition_ends_with_a_response():
    failed, answered = pull("laps", timedelta(minutes=50), "gone"), pull("laps", timedelta(minutes=5))
    assert kinds(pulls=[failed]) == [(ConditionKind.LOAD_FAILED, RACE.partition)]
    assert kinds(pulls=[failed, answered]) == []


def test_live_session_error_of_openf1_is_no_alert():
    closed = pull("laps", timedelta(minutes=5), "only for paying users", error_type="LiveWindowError")
    assert found(pulls=[closed]) == []


def test_failed_pull_of_an_older_version_shows_its_complete_error():
    text = "TransientError: OpenF1 answered 503 (http://x/v1/laps); run again later"
    [one] = found(pulls=[pull("laps", timedelta(minutes=5), text)])
    assert one.what == f"laps: {text}"


def test_run_without_a_process_is_a_condition_until_its_session_is_complete():
    died = run(
        "ingest", HOUR, "failure", partition=RACE.partition, errors=["The process of this run is gone."]
    )
    state = LakeState(NOW, [RACE], CALENDAR_KNOWN, [died], frozenset({9606}))
    [one] = conditions(state)
    assert (one.kind, one.subject) == (ConditionKind.LOAD_FAILED, RACE.partition)
    assert "The process of this run is gone." in one.what
    assert conditions(replace(state, pulls=[*CALENDAR_KNOWN, *ALL_ANSWERED])) == []


def test_run_that_failed_because_of_its_pulls_is_not_a_second_condition():
    failed = run("ingest", HOUR, "failure", partition=RACE.partition, failed_pulls=1)
    assert len(found(pulls=[pull("laps", timedelta(minutes=50), "gone")], runs=[failed])) == 1


@pytest.mark.parametrize("job", ["transform", "__ASSET_JOB"])
def test_failed_transform_lasts_until_any_transform_succeeds(job):
    failed = run("transform", 3 * HOUR, "failure", errors=["dbt failed"], bronze_version="1-a")
    again = run("transform", 2 * HOUR, "failure", errors=["dbt failed again"], bronze_version="1-a")
    [one] = found(runs=[failed, again])
    assert (one.kind, one.since) == (ConditionKind.TRANSFORM_FAILED, failed.ended_at)
    assert "dbt failed again" in one.what
    assert "published gold stays as of 2024-09-24 12:00 UTC" in one.what
    assert found(runs=[failed, again, run(job, HOUR, bronze_version="1-a")]) == []


def test_canceled_run_neither_begins_nor_ends_a_condition():
    failed, canceled = run("transform", 2 * HOUR, "failure"), run("transform", HOUR, "canceled")
    assert kinds(runs=[failed, canceled]) == [(ConditionKind.TRANSFORM_FAILED, "gold")]
    assert found(runs=[canceled]) == []


def test_failed_error_check_is_a_condition_instead_of_its_failed_build():
    failed = run("transform", HOUR, "failure", checks=[check(False)])
    assert kinds(runs=[failed]) == [(ConditionKind.CHECK_FAILED, "gold/fact_laps unique")]


def test_failed_check_lasts_until_it_passes_for_the_same_partition():
    first = run("ingest", 3 * HOUR, checks=[check(False, partition="a")])
    other = run("ingest", 2 * HOUR, checks=[check(True, partition="b")])
    again = run("ingest", HOUR, checks=[check(False, partition="a")])
    [one] = found(runs=[first, other, again])
    assert (one.subject, one.since) == ("gold/fact_laps unique a", first.ended_at)
    assert (
        found(runs=[first, other, again, run("ingest", timedelta(), checks=[check(True, partition="a")])])
        == []
    )


def test_failed_check_of_warning_severity_is_no_alert():
    assert found(runs=[run("transform", HOUR, checks=[check(False, "WARN")])]) == []


def test_failed_job_is_named_and_a_failed_command_is_no_condition():
    assert kinds(runs=[run("upkeep", HOUR, "failure")]) == [(ConditionKind.RUN_FAILED, "upkeep")]
    assert kinds(runs=[run("f1 restore", HOUR, "failure")]) == []


def test_gold_is_stale_two_days_after_a_session_that_it_lacks():
    [one] = found(published=())
    assert (one.kind, one.subject, one.since) == (ConditionKind.STALE, "gold", RACE.end + 2 * DAY)
    assert RACE.partition in one.what
    assert one.todo == "f1 load --session 9606"
    just_over = replace(RACE, start=NOW - DAY, end=NOW - timedelta(hours=47))
    state = LakeState(NOW, [just_over], [*CALENDAR_KNOWN, *ALL_ANSWERED], [])
    assert conditions(state) == []


def test_lake_without_the_current_season_is_never_stale():
    later = replace(LakeState(NOW, [RACE], [*CALENDAR_KNOWN, *ALL_ANSWERED], []), now=NOW + 365 * DAY)
    assert [one for one in conditions(later) if one.kind is ConditionKind.STALE] == []


@pytest.mark.parametrize("job", ["ingest", "transform"])
def test_slow_run_is_a_condition_until_the_next_run_is_fast(job):
    quick = run(job, HOUR)
    hanging = run(job, timedelta(), "started", took=SLOW / timedelta(minutes=1) + 1, partition=RACE.partition)
    [one] = found(runs=[quick], running=[hanging])
    assert (one.kind, one.subject, one.since) == (ConditionKind.SLOW, job, hanging.started_at + SLOW)
    assert "has been running for 31 min" in one.what
    [one] = found(runs=[quick, replace(hanging, outcome="success", waited_s=600)])
    assert "took 31 min, 10 of them waiting for the rate limit" in one.what
    assert found(runs=[hanging, quick]) == []


def test_long_backfill_is_not_a_slow_run():
    assert found(runs=[run("__ASSET_JOB", HOUR, took=240, partition="a … b")]) == []


def test_every_kind_of_alert_has_a_section_in_the_runbook_and_an_anchor_in_the_index():
    docs = Path(__file__).parents[3] / "docs"
    sections = {
        line.removeprefix("### ").lower().replace(":", "").replace(" ", "-")
        for line in (docs / "runbook.md").read_text().splitlines()
        if line.startswith("### ")
    }
    # The index was the default of F1_RUNBOOKS: links in earlier messages still lead to the section.
    index = (docs / "operations.md").read_text()
    for kind in ConditionKind:
        assert kind.anchor in sections
        assert f'<a id="{kind.anchor}"></a>' in index
        assert f"(runbook.md#{kind.anchor})" in index


def test_lagging_gold_is_a_condition_when_bronze_is_idle_and_nothing_runs():
    lags = {"lag": "bronze has changed since it was published", "lag_since": NOW - 2 * HOUR}
    at_rest = [replace(one, at=one.at - HOUR) for one in ALL_ANSWERED]
    state = LakeState(NOW, [RACE], [*CALENDAR_KNOWN, *at_rest], [], frozenset({9606}), NOW - DAY, **lags)
    [one] = conditions(state)
    assert (one.kind, one.since, one.todo) == (ConditionKind.BEHIND, NOW - 2 * HOUR, "f1 transform")
    assert one.what == (
        "bronze has changed since it was published; published gold stays as of 2024-09-24 12:00 UTC"
    )
    assert conditions(replace(state, running=[run("transform", timedelta())])) == []
    assert conditions(replace(state, pulls=[*state.pulls, pull("laps", timedelta(minutes=50))])) == []
    assert conditions(replace(state, lag=None)) == []


def test_gold_lags_since_the_first_pull_that_it_lacks(settings):
    lake = Lake.open(settings)
    for hours, name in ((3, "laps"), (2, "weather"), (1, "pit")):
        lake.bronze.pull_log.append(
            pull(name, hours * HOUR, truth_pull_id=f"{name}-{NOW - hours * HOUR:%H%M}")
        )
    assert state_of(lake, now=NOW).lag is None, "nothing was published that could lag"
    with duckdb.connect(str(settings.gold)) as con:
        con.execute(
            "create schema meta; create table fact_laps (session_key int); create table fact_results (session_key int)"
        )
        con.execute(
            "create table meta.publication as select ? as bronze_version, ?::timestamp as published_at, '0' as code_version, "
            "'{}' as tables, ? as digest, ?::timestamp as bronze_seen_at",
            ["an older one", "2024-09-25 09:30:00", current_digest(), "2024-09-25 09:00:00"],
        )
    found = state_of(lake, now=NOW)
    assert (found.lag, found.lag_since) == ("bronze has changed since it was published", NOW - 2 * HOUR)
    with duckdb.connect(str(settings.gold)) as con:
        con.execute("update meta.publication set bronze_version = ?", [lake.bronze.pull_log.version()])
        con.execute("update meta.publication set digest = '1-old', bronze_seen_at = '2024-09-25 11:00:00'")
    found = state_of(lake, now=NOW)
    assert (found.lag, found.lag_since) == ("another version of the code built it", NOW - 2.5 * HOUR)


@pytest.mark.parametrize(
    ("endpoint", "scope", "season", "subject", "todo"),
    [
        ("jolpica_results", 2024, 2024, "Jolpica 2024", "f1 load --season 2024 --source jolpica"),
        (
            "jolpica_laps",
            202405,
            2024,
            "Jolpica 2024 round 5",
            "f1 load --season 2024 --source jolpica --lap-times",
        ),
        ("jolpica_drivers", 0, 0, "Jolpica", "f1 load --source jolpica"),
    ],
)
def test_a_failed_pull_of_jolpica_is_a_condition_of_its_own(endpoint, scope, season, subject, todo):
    failed = replace(pull(endpoint, HOUR, "down"), scope=scope, season=season)
    (one,) = found(pulls=[failed])
    assert (one.kind, one.subject, one.todo) == (ConditionKind.LOAD_FAILED, subject, todo)
