"""One pull, from the question to the ledger, against the embedded OpenF1."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from deltalake import DeltaTable

from f1_lakehouse import ingest as pull_module
from f1_lakehouse.ingest import PullError, pull, recover
from f1_lakehouse.lakehouse import Lake
from f1_lakehouse.settings import Settings
from f1_lakehouse.simulator import generate as generator
from f1_lakehouse.simulator.server import ReplayServer
from f1_lakehouse.sources.catalog import SeasonPartition
from f1_lakehouse.sources.openf1.calendar import Category, Session
from f1_lakehouse.sources.openf1.endpoints import BY_NAME
from f1_lakehouse.storage.bronze import Bronze
from f1_lakehouse.storage.landing import OpenPull

START = datetime(2024, 9, 22, 12, 0, tzinfo=UTC)
RACE = Session(START, START + timedelta(hours=2), 11, 1, 2024, "Race", "Marina Bay", Category.RACE)
LAPS, DRIVERS, CAR_DATA = BY_NAME["laps"], BY_NAME["drivers"], BY_NAME["car_data"]
Write = Callable[..., None]


class Crash(BaseException):
    """The process is gone."""


def crash(*_: object, **__: object) -> None:
    raise Crash


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "source"


@pytest.fixture
def write(source: Path) -> Write:
    """Put rows where the server reads them."""

    def put(endpoint: str, rows: list[dict[str, Any]], name: str = "11") -> None:
        path = source / endpoint / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(orjson.dumps(rows))

    return put


def laps(*numbers: int, driver: int = 4, **rest: Any) -> list[dict[str, Any]]:
    return [
        {
            "meeting_key": 1,
            "session_key": 11,
            "driver_number": driver,
            "lap_number": n,
            "lap_duration": 90.0 + n,
            **rest,
        }
        for n in numbers
    ]


def samples(driver: int, seconds: range = range(3)) -> list[dict[str, Any]]:
    return [
        {"session_key": 11, "meeting_key": 1, "driver_number": driver, "speed": 200 + n,
         "date": (START + timedelta(seconds=n * 60)).isoformat()}
        for n in seconds
    ]  # fmt: skip


@pytest.fixture
def server(write: Write, source: Path) -> Iterator[ReplayServer]:
    write("laps", laps(1, 2, 3))
    write("drivers", [{"session_key": 11, "meeting_key": 1, "driver_number": n} for n in (4, 1, 81)])
    write("car_data", [row for driver in (4, 1, 81) for row in samples(driver)])
    write("starting_grid", [{"session_key": 10, "meeting_key": 1, "driver_number": 4, "position": 1}], "10")
    with ReplayServer(source) as running:
        yield running


@pytest.fixture
def lake(tmp_path: Path, server: ReplayServer, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return Lake.open(
        Settings(
            lakehouse_root=tmp_path / "lake",
            openf1_url=server.url,
            openf1_requests_per_second=0,
            openf1_requests_per_minute=0,
        )
    )


def again(lake: Lake) -> Lake:
    """The same lake in a new process."""
    return Lake.open(lake.settings)


def rows(lake: Lake, endpoint: str = "laps") -> int:
    return int(DeltaTable(lake.bronze.table_uri(endpoint)).to_pyarrow_table().num_rows)


def truth(lake: Lake, endpoint: str = "laps", scope: int = 11) -> list[dict[str, Any]]:
    return lake.bronze.rows(endpoint, scope).to_pylist()


def test_a_pull_reaches_landing_bronze_and_the_pull_log(lake: Lake, server: ReplayServer) -> None:
    done = pull(lake, LAPS, RACE, why="first pull", run_id="run-1")
    assert (done.outcome, done.rows, done.requests, done.season) == ("appended", 3, 1, 2024)
    assert (done.why, done.run_id) == ("first pull", "run-1")
    assert [row["lap_number"] for row in truth(lake)] == [1, 2, 3]
    assert [request.target for request in server.requests] == ["/v1/laps?session_key=11"]
    [manifest] = lake.landing.manifests("laps")
    assert manifest.pull_id == done.pull_id
    assert orjson.loads(lake.landing.body(manifest.folder, manifest.answers[0])) == laps(1, 2, 3)
    assert lake.bronze.ledger.all() == [done]


def test_the_same_rows_pulled_again_append_nothing(lake: Lake, server: ReplayServer) -> None:
    first = pull(lake, LAPS, RACE, why="first pull")
    second = pull(lake, LAPS, RACE, why="+1h")
    assert (second.outcome, second.truth_pull_id) == ("unchanged", first.pull_id)
    assert (rows(lake), len(server.requests)) == (3, 2)


def test_a_correction_upstream_arrives_and_history_stays(lake: Lake, write: Write) -> None:
    pull(lake, LAPS, RACE, why="first pull")
    write("laps", [*laps(1, 2), *laps(3, lap_duration=88.0)])
    assert pull(lake, LAPS, RACE, why="+1d").outcome == "appended"
    assert [row["lap_duration"] for row in truth(lake)] == [91.0, 92.0, 88.0]
    assert rows(lake) == 6


def test_a_row_that_vanished_upstream_is_not_in_the_current_pull(lake: Lake, write: Write) -> None:
    pull(lake, LAPS, RACE, why="first pull")
    write("laps", laps(1, 3))
    pull(lake, LAPS, RACE, why="+1d")
    assert [row["lap_number"] for row in truth(lake)] == [1, 3]


def test_an_empty_answer_is_an_answer(lake: Lake) -> None:
    done = pull(lake, BY_NAME["weather"], RACE, why="first pull")
    assert (done.outcome, done.rows, done.requests) == ("empty", 0, 1)


def test_vanished_rows_are_accepted_the_second_time_or_by_force(lake: Lake, write: Write) -> None:
    pull(lake, LAPS, RACE, why="first pull")
    write("laps", [])
    assert pull(lake, LAPS, RACE, why="+1h").outcome == "empty_unconfirmed"
    assert len(truth(lake)) == 3
    assert pull(lake, LAPS, RACE, why="confirm empty").outcome == "emptied"
    assert truth(lake) == []
    write("laps", laps(1))
    pull(lake, LAPS, RACE, why="+1d")
    write("laps", [])
    assert pull(lake, LAPS, RACE, why="forced", force=True).outcome == "emptied"


def test_a_season_is_requested_by_its_year(lake: Lake, server: ReplayServer, write: Write) -> None:
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


def test_a_generated_race_reaches_bronze_completely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
            assert len(truth(lake, name, race.key)) == done.rows
        generator.publish_corrections(made.folder)
        assert pull(lake, LAPS, race, why="+1d").outcome == "appended"


def test_telemetry_is_requested_driver_by_driver(lake: Lake, server: ReplayServer) -> None:
    pull(lake, DRIVERS, RACE, why="first pull")
    assert lake.drivers(11) == [1, 4, 81]
    done = pull(lake, CAR_DATA, RACE, why="first pull")
    assert (done.rows, done.requests) == (9, 3)
    first, *others = [request.target for request in server.requests[1:]]
    asked = [f"/v1/car_data?session_key=11&driver_number={number}" for number in (1, 4, 81)]
    assert (first, sorted(others)) == (asked[0], asked[1:])  # the first one alone


def test_telemetry_that_is_too_large_is_divided_without_losing_a_row(
    lake: Lake, server: ReplayServer
) -> None:
    pull(lake, DRIVERS, RACE, why="first pull")
    server.max_rows = 2
    done = pull(lake, CAR_DATA, RACE, why="first pull")
    assert done.outcome == "appended"
    assert len({(row["driver_number"], row["date"]) for row in truth(lake, "car_data")}) == done.rows == 9
    assert done.requests == len(server.requests) - 1


def test_the_grid_is_kept_under_the_key_of_its_qualifying(lake: Lake) -> None:
    quali = Session(
        START - timedelta(days=1), START - timedelta(hours=23), 10, 1, 2024, "Qualifying", "Marina Bay",
        Category.QUALIFYING,
    )  # fmt: skip
    done = pull(lake, BY_NAME["starting_grid"], quali, why="first pull")
    assert (done.scope, done.rows) == (10, 1)
    assert truth(lake, "starting_grid", 10)[0]["session_key"] == 10


# Failures


def test_a_failed_pull_is_recorded_with_its_error_and_raised(lake: Lake, server: ReplayServer) -> None:
    server.live = True
    with pytest.raises(PullError, match="while a session is live") as caught:
        pull(lake, LAPS, RACE, why="first pull", run_id="run-1")
    [entered] = lake.bronze.ledger.all()
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
    assert lake.bronze.ledger.truth("laps", 11) is None


def test_a_failure_keeps_the_current_pull(lake: Lake, server: ReplayServer) -> None:
    first = pull(lake, LAPS, RACE, why="first pull")
    server.live = True
    with pytest.raises(PullError) as caught:
        pull(lake, LAPS, RACE, why="+1h")
    assert caught.value.pull.truth_pull_id == first.pull_id
    server.live = False
    assert pull(lake, LAPS, RACE, why="+1h").outcome == "unchanged"
    assert [entry.outcome for entry in lake.bronze.ledger.all()] == ["appended", "failed", "unchanged"]


def test_telemetry_without_known_drivers_fails_with_a_cure(lake: Lake, server: ReplayServer) -> None:
    with pytest.raises(PullError, match="drivers"):
        pull(lake, CAR_DATA, RACE, why="first pull")
    assert server.requests == []


def test_a_pull_of_refused_rows_only_fails_and_keeps_the_current_pull(lake: Lake, write: Write) -> None:
    pull(lake, LAPS, RACE, why="first pull")
    write("laps", laps(1, 2, lap_number="one"))
    with pytest.raises(PullError, match="every row was refused: lap_number: expected integer, got text"):
        pull(lake, LAPS, RACE, why="+1h")
    assert len(truth(lake)) == 3
    assert DeltaTable(f"{lake.bronze.uri}/_quarantine").to_pyarrow_table().num_rows == 2


# Crashes


def test_a_pull_that_crashed_between_responses_requests_only_the_rest(
    lake: Lake, server: ReplayServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull(lake, DRIVERS, RACE, why="first pull")
    whole, landed = OpenPull.add, []

    def add(opened: OpenPull, answer: Any) -> Any:
        if len(landed) == 2:
            raise Crash
        landed.append(answer.url)
        return whole(opened, answer)

    with monkeypatch.context() as patch:
        patch.setattr(OpenPull, "add", add)
        with pytest.raises(Crash):
            pull(lake, CAR_DATA, RACE, why="first pull")
    server.requests.clear()
    assert rows(lake, "car_data") == 0
    done = pull(again(lake), CAR_DATA, RACE, why="first pull")
    questions = {f"/v1/car_data?session_key=11&driver_number={number}" for number in (1, 4, 81)}
    assert {request.target for request in server.requests} == questions - {
        url.removeprefix(server.url.removesuffix("/v1")) for url in landed
    }
    assert (done.rows, done.requests, len(server.requests)) == (9, 3, 1)


def test_a_pull_that_failed_between_answers_asks_only_for_the_rest(
    lake: Lake, server: ReplayServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull(lake, DRIVERS, RACE, why="first pull")
    whole = OpenPull.add

    def add(opened: OpenPull, answer: Any) -> Any:
        server.live = True
        return whole(opened, answer)

    with monkeypatch.context() as patch:
        patch.setattr(OpenPull, "add", add)
        with pytest.raises(PullError) as caught:
            pull(lake, CAR_DATA, RACE, why="first pull")
    assert caught.value.pull.requests == 1
    server.live = False
    server.requests.clear()
    done = pull(again(lake), CAR_DATA, RACE, why="failed")
    assert len(server.requests) == 2
    assert (done.pull_id, done.rows) == (caught.value.pull.pull_id, 9)
    assert len(truth(lake, "car_data")) == 9


@pytest.mark.parametrize("step", ["apply", "_append", "_quarantine"])
def test_a_pull_that_crashed_after_its_manifest_needs_no_request(
    lake: Lake, server: ReplayServer, write: Write, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    write("laps", [*laps(1, 2), *laps(3, st_speed=1.5)])
    with monkeypatch.context() as patch:
        patch.setattr(Bronze, step, crash)
        with pytest.raises(Crash):
            pull(lake, LAPS, RACE, why="first pull")
    server.requests.clear()
    fresh = again(lake)
    done = recover(fresh, LAPS, 11, run_id="run-2")
    assert done is not None
    assert (done.outcome, done.rows, done.quarantined, done.run_id) == ("appended", 2, 1, "run-2")
    assert server.requests == []
    assert (rows(lake), len(truth(fresh)), len(fresh.bronze.ledger.all())) == (2, 2, 1)
    assert recover(fresh, LAPS, 11) is None


def test_a_landed_pull_is_taken_unless_forced(
    lake: Lake, server: ReplayServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for force, requests in ((False, 0), (True, 1)):
        with monkeypatch.context() as patch:
            patch.setattr(Bronze, "apply", crash)
            with pytest.raises(Crash):
                pull(lake, LAPS, RACE, why="first pull")
        server.requests.clear()
        assert pull(again(lake), LAPS, RACE, why="first pull", force=force).is_answer
        assert len(server.requests) == requests
    assert rows(lake) == 3


def test_a_forced_pull_that_crashed_stays_forced(
    lake: Lake, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull(lake, LAPS, RACE, why="first pull")
    write("laps", [])
    with monkeypatch.context() as patch:
        patch.setattr(Bronze, "apply", crash)
        with pytest.raises(Crash):
            pull(lake, LAPS, RACE, why="forced", force=True)
    done = recover(again(lake), LAPS, 11)
    assert done is not None
    assert done.outcome == "emptied"


def test_landed_pulls_are_applied_in_order(lake: Lake, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Bronze, "apply", crash)
        patch.setattr(pull_module, "recover", lambda *_, **__: None)
        for duration in (80.0, 81.0, 82.0):
            write("laps", laps(1, lap_duration=duration))
            with pytest.raises(Crash):
                pull(lake, LAPS, RACE, why="first pull")
    recover(lake, LAPS, 11)
    assert [row["lap_duration"] for row in truth(lake)] == [82.0]
    assert rows(lake) == 3


@pytest.mark.parametrize("name", ["manifest.json", "*.json.zst"])
def test_a_damaged_file_in_landing_is_a_failed_pull_that_names_it(
    lake: Lake, server: ReplayServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Bronze, "apply", crash)
        with pytest.raises(Crash):
            pull(lake, LAPS, RACE, why="first pull")
    [damaged] = Path(lake.settings.landing).glob(f"laps/11/*/{name}")
    damaged.write_bytes(b"{")
    with pytest.raises(PullError, match=f"{damaged.name} is damaged") as caught:
        pull(lake, LAPS, RACE, why="first pull")
    assert caught.value.pull.error is not None
    assert damaged.name in caught.value.pull.error
    assert [entry.outcome for entry in lake.bronze.ledger.all()] == ["failed"]


def test_each_pull_logs_an_event(lake: Lake, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="f1_lakehouse.ingest"):
        done = pull(lake, LAPS, RACE, why="first pull")
    [record] = [record for record in caplog.records if getattr(record, "event", "") == "pull"]
    assert record.getMessage() == f"laps of {RACE.partition}: appended, 3 rows"
    assert record.__dict__["pull"] == done
