"""A pull that crashed or failed is resumed, with the embedded OpenF1."""

from pathlib import Path
from typing import Any

import pytest
from served_race import CAR_DATA, DRIVERS, LAPS, RACE, Crash, Write, crash, current_rows, laps, reopen, rows

from f1_lakehouse import ingest as pull_module
from f1_lakehouse.ingest import PullError, pull, recover
from f1_lakehouse.lakehouse import Lake
from f1_lakehouse.simulator.server import ReplayServer
from f1_lakehouse.storage import bronze
from f1_lakehouse.storage.bronze import Bronze
from f1_lakehouse.storage.landing import OpenPull
from f1_lakehouse.storage.quarantine import Quarantine


def test_pull_that_crashed_between_responses_requests_only_the_rest(
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
    done = pull(reopen(lake), CAR_DATA, RACE, why="first pull")
    questions = {f"/v1/car_data?session_key=11&driver_number={number}" for number in (1, 4, 81)}
    assert {request.target for request in server.requests} == questions - {
        url.removeprefix(server.url.removesuffix("/v1")) for url in landed
    }
    assert (done.rows, done.requests, len(server.requests)) == (9, 3, 1)


def test_pull_that_failed_between_responses_requests_only_the_rest(
    lake: Lake, server: ReplayServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull(lake, DRIVERS, RACE, why="first pull")
    whole = OpenPull.add

    def add(opened: OpenPull, answer: Any) -> Any:
        server.gateway.live = True
        return whole(opened, answer)

    with monkeypatch.context() as patch:
        patch.setattr(OpenPull, "add", add)
        with pytest.raises(PullError) as caught:
            pull(lake, CAR_DATA, RACE, why="first pull")
    assert caught.value.pull.requests == 1
    server.gateway.live = False
    server.requests.clear()
    done = pull(reopen(lake), CAR_DATA, RACE, why="failed")
    assert len(server.requests) == 2
    assert (done.pull_id, done.rows) == (caught.value.pull.pull_id, 9)
    assert len(current_rows(lake, "car_data")) == 9


@pytest.mark.parametrize(
    "step", [(Bronze, "apply"), (bronze, "append_pull"), (Quarantine, "append")], ids=lambda step: step[1]
)
def test_pull_that_crashed_after_its_manifest_needs_no_request(
    lake: Lake, server: ReplayServer, write: Write, monkeypatch: pytest.MonkeyPatch, step: tuple[Any, str]
) -> None:
    write("laps", [*laps(1, 2), *laps(3, st_speed=1.5)])
    with monkeypatch.context() as patch:
        patch.setattr(*step, crash)
        with pytest.raises(Crash):
            pull(lake, LAPS, RACE, why="first pull")
    server.requests.clear()
    fresh = reopen(lake)
    done = recover(fresh, LAPS, 11, run_id="run-2")
    assert done is not None
    assert (done.outcome, done.rows, done.quarantined, done.run_id) == ("appended", 2, 1, "run-2")
    assert server.requests == []
    assert (rows(lake), len(current_rows(fresh)), len(fresh.bronze.pull_log.all())) == (2, 2, 1)
    assert recover(fresh, LAPS, 11) is None


def test_landed_pull_is_used_unless_forced(
    lake: Lake, server: ReplayServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for force, requests in ((False, 0), (True, 1)):
        with monkeypatch.context() as patch:
            patch.setattr(Bronze, "apply", crash)
            with pytest.raises(Crash):
                pull(lake, LAPS, RACE, why="first pull")
        server.requests.clear()
        assert pull(reopen(lake), LAPS, RACE, why="first pull", force=force).is_answer
        assert len(server.requests) == requests
    assert rows(lake) == 3


def test_forced_pull_that_crashed_stays_forced(
    lake: Lake, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull(lake, LAPS, RACE, why="first pull")
    write("laps", [])
    with monkeypatch.context() as patch:
        patch.setattr(Bronze, "apply", crash)
        with pytest.raises(Crash):
            pull(lake, LAPS, RACE, why="forced", force=True)
    done = recover(reopen(lake), LAPS, 11)
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
    assert [row["lap_duration"] for row in current_rows(lake)] == [82.0]
    assert rows(lake) == 3


@pytest.mark.parametrize("name", ["manifest.json", "*.json.zst"])
def test_damaged_file_in_landing_is_a_failed_pull_that_names_it(
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
    assert [entry.outcome for entry in lake.bronze.pull_log.all()] == ["failed"]


def test_each_pull_logs_an_event(lake: Lake, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="f1_lakehouse.ingest"):
        done = pull(lake, LAPS, RACE, why="first pull")
    [record] = [record for record in caplog.records if getattr(record, "event", "") == "pull"]
    assert record.getMessage() == f"laps of {RACE.partition}: appended, 3 rows"
    assert record.__dict__["pull"] == done
