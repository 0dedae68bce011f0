"""One pull, from its requests to the pull log, with the embedded OpenF1."""

from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from deltalake import DeltaTable
from served_race import CAR_DATA, DRIVERS, LAPS, RACE, START, Write, current_rows, laps, rows

from f1_lakehouse.ingest import PullError, pull
from f1_lakehouse.lakehouse import Lake
from f1_lakehouse.settings import Settings
from f1_lakehouse.simulator import generate as generator
from f1_lakehouse.simulator.server import ReplayServer
from f1_lakehouse.sources.catalog import SeasonPartition
from f1_lakehouse.sources.openf1.calendar import Category, Session
from f1_lakehouse.sources.openf1.endpoints import BY_NAME


def test_pull_reaches_landing_bronze_and_the_pull_log(lake: Lake, server: ReplayServer) -> None:
    done = pull(lake, LAPS, RACE, why="first pull", run_id="run-1")
    assert (done.outcome, done.rows, done.requests, done.season) == ("appended", 3, 1, 2024)
    assert (done.why, done.run_id) == ("first pull", "run-1")
    assert [row["lap_number"] for row in current_rows(lake)] == [1, 2, 3]
    assert [request.target for request in server.requests] == ["/v1/laps?session_key=11"]
    [manifest] = lake.landing.manifests("laps")
    assert manifest.pull_id == done.pull_id
    assert orjson.loads(lake.landing.body(manifest.folder, manifest.answers[0])) == laps(1, 2, 3)
    assert lake.bronze.pull_log.all() == [done]


def test_same_rows_pulled_again_append_nothing(lake: Lake, server: ReplayServer) -> None:
    first = pull(lake, LAPS, RACE, why="first pull")
    second = pull(lake, LAPS, RACE, why="+1h")
    assert (second.outcome, second.truth_pull_id) == ("unchanged", first.pull_id)
    assert (rows(lake), len(server.requests)) == (3, 2)


def test_answer_that_another_process_got_in_the_meantime_is_not_requested_again(
    lake: Lake, server: ReplayServer
) -> None:
    nothing = lake.pulls_of("laps", RACE.key)
    first = pull(lake, LAPS, RACE, why="first pull", known=nothing)
    assert pull(lake, LAPS, RACE, why="first pull", known=nothing) == first
    assert len(server.requests) == 1
    assert pull(lake, LAPS, RACE, why="+1h", known=[first]).outcome == "unchanged"
    assert pull(lake, LAPS, RACE, why="forced", known=nothing, force=True).outcome == "unchanged"


def test_correction_of_the_source_is_applied_and_history_is_kept(lake: Lake, write: Write) -> None:
    pull(lake, LAPS, RACE, why="first pull")
    write("laps", [*laps(1, 2), *laps(3, lap_duration=88.0)])
    assert pull(lake, LAPS, RACE, why="+1d").outcome == "appended"
    assert [row["lap_duration"] for row in current_rows(lake)] == [91.0, 92.0, 88.0]
    assert rows(lake) == 6


def test_row_that_vanished_upstream_is_not_in_the_current_pull(lake: Lake, write: Write) -> None:
    pull(lake, LAPS, RACE, why="first pull")
    write("laps", laps(1, 3))
    pull(lake, LAPS, RACE, why="+1d")
    assert [row["lap_number"] for row in current_rows(lake)] == [1, 3]


def test_empty_response_is_a_response(lake: Lake) -> None:
    done = pull(lake, BY_NAME["weather"], RACE, why="first pull")
    assert (done.outcome, done.rows, done.requests) == ("empty", 0, 1)


def test_vanished_rows_are_accepted_if_confirmed_or_forced(lake: Lake, write: Write) -> None:
    pull(lake, LAPS, RACE, why="first pull")
    write("laps", [])
    assert pull(lake, LAPS, RACE, why="+1h").outcome == "empty_unconfirmed"
    assert len(current_rows(lake)) == 3
    assert pull(lake, LAPS, RACE, why="confirm empty").outcome == "emptied"
    assert current_rows(lake) == []
    write("laps", laps(1))
    pull(lake, LAPS, RACE, why="+1d")
    write("laps", [])
    assert pull(lake, LAPS, RACE, why="forced", force=True).outcome == "emptied"


def test_season_is_requested_by_its_year(lake: Lake, server: ReplayServer, write: Write) -> None:
    session = {
        "session_key": 11, "meeting_key": 1, "year": 2024, "session_name": "Race", "location": "Marina Bay",
        "date_start": START.isoformat(), "date_end": (START + timedelta(hours=2)).isoformat(),
    }  # fmt: skip
    earlier = {
        **session,
        "session_key": 10,
        "session_name": "Qualifying",
        "date_start": "2024-09-21T13:00:00+00:00",
    }
    write("sessions", [session, earlier, {**session, "session_key": 12, "date_end": None}], "2024")
    done = pull(lake, BY_NAME["sessions"], SeasonPartition(2024), why="daily")
    assert [request.target for request in server.requests] == ["/v1/sessions?year=2024"]
    assert (done.scope, done.season, done.rows) == (2024, 2024, 3)
    assert [one.key for one in lake.calendar()] == [10, 11]
    assert lake.calendar([2024])[1] == RACE
    assert lake.calendar([2023]) == []
    write("sessions", [{**session, "location": "Singapore"}], "2024")
    pull(lake, BY_NAME["sessions"], SeasonPartition(2024), why="daily")
    assert [(one.key, one.location, one.is_cancelled) for one in lake.calendar()] == [
        (11, "Singapore", False)
    ]
    write("meetings", [{"meeting_key": 1, "year": 2024, "is_cancelled": True}], "2024")
    pull(lake, BY_NAME["meetings"], SeasonPartition(2024), why="daily")
    assert [(one.key, one.is_cancelled) for one in lake.calendar()] == [(11, True)]


def test_generated_race_reaches_bronze_completely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    made = generator.generate(tmp_path / "source", 2024, 1, seed=3)
    with ReplayServer(tmp_path / "source") as running:
        lake = Lake.open(
            Settings(
                lakehouse_root=tmp_path / "lake",
                openf1_url=running.url,
                openf1_requests_per_second=0,
                openf1_requests_per_minute=0,
            )
        )
        pull(lake, BY_NAME["sessions"], SeasonPartition(2024), why="daily")
        race = next(one for one in lake.calendar() if one.category is Category.RACE)
        for name in ("drivers", "laps", "stints", "pit", "session_result", "intervals", "race_control"):
            served = orjson.loads((made.folder / name / f"{race.key}.json").read_bytes())
            done = pull(lake, BY_NAME[name], race, why="first pull")
            assert done.rows + done.quarantined == len(served), name
            assert len(current_rows(lake, name, race.key)) == done.rows
        generator.publish_corrections(made.folder)
        assert pull(lake, LAPS, race, why="+1d").outcome == "appended"


def test_telemetry_is_requested_driver_by_driver(lake: Lake, server: ReplayServer) -> None:
    pull(lake, DRIVERS, RACE, why="first pull")
    assert lake.drivers(11) == [1, 4, 81]
    done = pull(lake, CAR_DATA, RACE, why="first pull")
    assert (done.rows, done.requests) == (9, 3)
    first, *others = [request.target for request in server.requests[1:]]
    targets = [f"/v1/car_data?session_key=11&driver_number={number}" for number in (1, 4, 81)]
    assert (first, sorted(others)) == (targets[0], targets[1:])  # the first request alone


def test_telemetry_that_is_too_large_is_divided_without_losing_a_row(
    lake: Lake, server: ReplayServer
) -> None:
    pull(lake, DRIVERS, RACE, why="first pull")
    server.max_rows = 2
    done = pull(lake, CAR_DATA, RACE, why="first pull")
    assert done.outcome == "appended"
    assert (
        len({(row["driver_number"], row["date"]) for row in current_rows(lake, "car_data")}) == done.rows == 9
    )
    assert done.requests == len(server.requests) - 1


def test_grid_is_kept_under_the_key_of_its_qualifying(lake: Lake) -> None:
    quali = Session(
        START - timedelta(days=1), START - timedelta(hours=23), 10, 1, 2024, "Qualifying", "Marina Bay",
        Category.QUALIFYING,
    )  # fmt: skip
    done = pull(lake, BY_NAME["starting_grid"], quali, why="first pull")
    assert (done.scope, done.rows) == (10, 1)
    assert current_rows(lake, "starting_grid", 10)[0]["session_key"] == 10


# Failures


def test_failed_pull_is_recorded_with_its_error_and_raised(lake: Lake, server: ReplayServer) -> None:
    server.gateway.live = True
    with pytest.raises(PullError, match="while a session is live") as caught:
        pull(lake, LAPS, RACE, why="first pull", run_id="run-1")
    [entered] = lake.bronze.pull_log.all()
    assert entered == caught.value.pull
    assert (entered.outcome, entered.rows, entered.why, entered.run_id) == (
        "failed",
        0,
        "first pull",
        "run-1",
    )
    error = caught.value
    assert entered.error == f"LiveWindowError: {error}"
    assert entered.error_type == "LiveWindowError"
    assert (entered.error_cause, entered.error_url, entered.error_cure) == (
        "OpenF1 serves only paying users while a session is live",
        f"{server.url}/laps?session_key=11",
        "load 30 minutes after the session's end, or set F1_OPENF1_USERNAME and F1_OPENF1_PASSWORD",
    )
    assert (error.cause, error.url, error.cure) == (
        entered.error_cause,
        entered.error_url,
        entered.error_cure,
    )
    assert lake.bronze.pull_log.current_pull("laps", 11) is None


def test_failure_keeps_the_current_pull(lake: Lake, server: ReplayServer) -> None:
    first = pull(lake, LAPS, RACE, why="first pull")
    server.gateway.live = True
    with pytest.raises(PullError) as caught:
        pull(lake, LAPS, RACE, why="+1h")
    assert caught.value.pull.truth_pull_id == first.pull_id
    server.gateway.live = False
    assert pull(lake, LAPS, RACE, why="+1h").outcome == "unchanged"
    assert [entry.outcome for entry in lake.bronze.pull_log.all()] == ["appended", "failed", "unchanged"]


def test_telemetry_without_known_drivers_fails_with_a_cure(lake: Lake, server: ReplayServer) -> None:
    with pytest.raises(PullError, match="drivers"):
        pull(lake, CAR_DATA, RACE, why="first pull")
    assert server.requests == []


def test_pull_of_refused_rows_only_fails_and_keeps_the_current_pull(lake: Lake, write: Write) -> None:
    pull(lake, LAPS, RACE, why="first pull")
    write("laps", laps(1, 2, lap_number="one"))
    with pytest.raises(PullError, match="every row was refused: lap_number: expected integer, got text"):
        pull(lake, LAPS, RACE, why="+1h")
    assert len(current_rows(lake)) == 3
    assert DeltaTable(f"{lake.bronze.uri}/_quarantine").to_pyarrow_table().num_rows == 2


# Crashes
