"""Pulls from a faulty source and on a faulty machine: received rows are kept, and every fault is reported."""

import json
import multiprocessing
import os
import resource
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from deltalake import DeltaTable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from f1_lakehouse import ingest as pull_module
from f1_lakehouse.ingest import PullError, pull
from f1_lakehouse.lakehouse import Lake, connect
from f1_lakehouse.operations.verify import check_bronze, check_landing
from f1_lakehouse.settings import Settings
from f1_lakehouse.simulator.server import Answer, ReplayServer
from f1_lakehouse.sources.exchange import Clock
from f1_lakehouse.sources.openf1.calendar import Category, Session
from f1_lakehouse.sources.openf1.endpoints import BY_NAME
from f1_lakehouse.sources.openf1.pull_policy import due
from f1_lakehouse.sources.openf1.source import OPENF1

START = datetime(2024, 9, 22, 12, 0, tzinfo=UTC)
RACE = Session(START, START + timedelta(hours=2), 11, 1, 2024, "Race", "Marina Bay", Category.RACE)
LAPS = BY_NAME["laps"]
EXAMPLES = int(os.environ.get("F1_TEST_EXAMPLES", "4"))


def laps(count: int = 3, **rest: Any) -> list[dict[str, Any]]:
    return [
        {
            "meeting_key": 1,
            "session_key": 11,
            "driver_number": 4,
            "lap_number": n,
            "lap_duration": 90.0,
            **rest,
        }
        for n in range(1, count + 1)
    ]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source" / "laps").mkdir(parents=True)
    (tmp_path / "source" / "laps" / "11.json").write_bytes(orjson.dumps(laps()))
    return tmp_path / "source"


@pytest.fixture
def server(source: Path) -> Iterator[ReplayServer]:
    with ReplayServer(source) as running:
        yield running


@pytest.fixture
def lake(tmp_path: Path, server: ReplayServer, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    opened = Lake.open(
        Settings(
            lakehouse_root=tmp_path / "lake",
            openf1_url=server.url,
            openf1_requests_per_second=0,
            openf1_requests_per_minute=0,
        )
    )
    client = connect(OPENF1, opened.settings, opened.budget, clock=Clock(sleep=lambda _: None))
    return replace(opened, clients={"openf1": client})


def rows(lake: Lake, name: str = "laps") -> int:
    return int(DeltaTable(lake.bronze.table_uri(name)).to_pyarrow_table().num_rows)


# The source


def test_outage_of_hours_fails_each_pull_with_few_requests_and_is_resumed(
    lake: Lake, server: ReplayServer
) -> None:
    server.gateway.fail_rate = 1.0
    names = ("laps", "stints", "weather", "pit", "position", "drivers")
    for name in names:
        with pytest.raises(PullError, match="OpenF1 "):
            pull(lake, BY_NAME[name], RACE, why="first pull")
    assert len(server.requests) <= 12
    entries = lake.bronze.pull_log.all()
    assert [entry.outcome for entry in entries] == ["failed"] * len(names)
    assert "run again later, completed requests are saved" in str(entries[-1].error)
    server.gateway.fail_rate = 0.0
    again = Lake.open(lake.settings)  # the breaker is per process
    waiting = due(datetime.now(UTC), [RACE], again.bronze.pull_log.of, endpoints=set(names), patient=False)
    assert [(one.why, set(one.endpoints)) for one in waiting] == [("failed", set(names))]
    for name in names:
        pull(again, BY_NAME[name], RACE, why="failed")
    assert rows(lake) == 3


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html><h1>Just a moment</h1></html>"),
        (200, orjson.dumps(laps())[:-20]),
        (200, b'{"error": "database is down"}'),
        (200, b'"rows"'),
        (200, b""),
        (500, b"<h1>An error occurred</h1>"),
        (418, b"teapot"),
    ],
)
def test_unusable_response_never_lands_and_is_not_empty(
    lake: Lake, server: ReplayServer, monkeypatch: pytest.MonkeyPatch, status: int, body: bytes
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(ReplayServer, "answer", lambda *_: Answer(status, "application/json", body))
        with pytest.raises(PullError):
            pull(lake, LAPS, RACE, why="first pull")
    [entry] = lake.bronze.pull_log.all()
    assert (entry.outcome, bool(entry.error)) == ("failed", True)
    assert check_landing(lake.landing).answers == 0
    assert pull(lake, LAPS, RACE, why="failed").rows == 3


def test_clock_that_jumps_ahead_and_back_costs_one_pull(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    real = datetime.now(UTC)
    for moment, why in (
        (real - timedelta(minutes=1), "first pull"),
        (real + timedelta(days=4000), "wrong clock"),
        (real, "right again"),
    ):
        monkeypatch.setattr(pull_module, "_now", lambda moment=moment: moment)
        pull(lake, LAPS, RACE, why=why)
    outcomes = [(entry.why, entry.outcome) for entry in lake.bronze.pull_log.of("laps", 11)]
    assert outcomes == [
        ("first pull", "appended"),
        ("wrong clock", "unchanged"),
        ("right again", "unchanged"),
    ]
    assert due(real, [RACE], lake.bronze.pull_log.of, endpoints={"laps"}) == []
    late = Session(real, real, 11, 1, 2024, "Race", "Marina Bay", Category.RACE)
    [one] = due(real + timedelta(days=3, hours=1), [late], lake.bronze.pull_log.of, endpoints={"laps"})
    assert one.why == "+3d"


# The machine


def pull_with_file_limit(uri: str, root: Path, most: int, answer: Any) -> None:
    """Pull on a disk that accepts no file larger than `most` bytes."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    lake = Lake.open(
        Settings(
            lakehouse_root=root, openf1_url=uri, openf1_requests_per_second=0, openf1_requests_per_minute=0
        )
    )
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    try:
        pull(lake, LAPS, RACE, why="first pull")
        answer.put("done")
    except BaseException as error:
        answer.put(f"{type(error).__name__}: {error}")


@pytest.mark.parametrize(
    "most", [pytest.param(100, marks=pytest.mark.slow), 2_000, pytest.param(5_000, marks=pytest.mark.slow)]
)
def test_full_disk_stops_a_pull_and_the_next_one_completes_it(
    lake: Lake, server: ReplayServer, source: Path, most: int
) -> None:
    (source / "laps" / "11.json").write_bytes(orjson.dumps(laps(400)))
    context = multiprocessing.get_context("spawn")
    answer = context.Queue()
    process = context.Process(
        target=pull_with_file_limit, args=(server.url, lake.settings.root, most, answer)
    )
    process.start()
    result = answer.get(timeout=120)
    process.join()
    assert result != "done"
    assert "File too large" in result, result
    landed = {lake.landing.answer(n).url for n in lake.landing.store.walk() if n.endswith(".meta.json")}
    server.requests.clear()
    done = pull(Lake.open(lake.settings), LAPS, RACE, why="first pull")
    assert (done.outcome, done.rows, rows(lake)) == ("appended", 400, 400)
    assert len(server.requests) == (0 if landed else 1)
    assert (check_landing(lake.landing).problems, check_bronze(lake.bronze).problems) == ([], [])


# Drift


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.lists(st.integers(0, 3000) | st.none() | st.text(max_size=3), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    st.just(58.0),
    st.just("2024-09-22T12:00:00+00:00"),
)
NAMES = st.sampled_from([*LAPS.schema.names, "new_column", "New_Column", "a b", "_pull_id", ""])
MUTATIONS = st.lists(st.tuples(st.integers(0, 5), NAMES, VALUES), max_size=6)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pulls=st.lists(st.tuples(MUTATIONS, st.lists(VALUES, max_size=2)), min_size=1, max_size=2))
def test_every_served_row_is_in_bronze_or_quarantine(
    lake: Lake, server: ReplayServer, pulls: list[tuple[list[tuple[int, str, Any]], list[Any]]]
) -> None:
    """Rows pass HTTP, landing, typing, Delta and the pull log; the table drifts with each pull."""
    scope = len(lake.bronze.pull_log.scopes()) + 1000
    race = Session(START, START + timedelta(hours=2), scope, 1, 2024, "Race", "Marina Bay", Category.RACE)
    for mutations, others in pulls:
        served: list[Any] = [{**row, "session_key": scope} for row in laps(6)]
        for index, name, value in mutations:
            served[index][name] = value
        served += others
        # Not from a folder: the server would have to find these rows by arbitrary values.
        answer = Answer(200, "application/json", json.dumps(served).encode())
        server.answer = lambda *_, answer=answer: answer  # type: ignore[method-assign]
        before = {name: rows(lake, name) for name in ("laps", "_quarantine")}
        current = lake.bronze.pull_log.current_pull("laps", scope)
        try:
            done = pull(lake, LAPS, race, why="drift")
        except PullError as error:
            done = error.pull
            assert done.quarantined == len(served), done.error
        new = {name: rows(lake, name) - count for name, count in before.items()}
        assert done.rows + done.quarantined == len(served)
        if done.outcome == "unchanged":
            assert current is not None
            assert new == {"laps": 0, "_quarantine": 0}
        else:
            assert new["laps"] == done.rows
            assert new["_quarantine"] in (
                done.quarantined,
                0 if done.outcome == "failed" else done.quarantined,
            )


CASES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "a new field": (lambda row: row | {"tyre_temp": 90}, "added"),
    "a vanished field": (lambda row: {k: v for k, v in row.items() if k != "lap_duration"}, "missing"),
    "a null column": (lambda row: row | {"lap_duration": None}, "taken"),
    "a new field that is null": (lambda row: row | {"tyre_temp": None}, "taken"),
    "an int that becomes a float without loss": (lambda row: row | {"st_speed": 300.0}, "taken"),
    "an int that becomes a fraction": (lambda row: row | {"st_speed": 300.5}, "quarantined"),
    "a float that becomes an int": (lambda row: row | {"lap_duration": 95}, "taken"),
    "a string where a number was": (lambda row: row | {"lap_duration": "95.5"}, "quarantined"),
    "a number where a string was": (lambda row: row | {"date_start": 5}, "quarantined"),
    "a list where a scalar was": (lambda row: row | {"lap_duration": [95.5]}, "quarantined"),
    "a scalar where a list was": (lambda row: row | {"segments_sector_1": 2049}, "quarantined"),
    "an object where none was": (lambda row: row | {"lap_duration": {"s": 95.5}}, "quarantined"),
    "a new nested object": (lambda row: row | {"tyre": {"temp": 90}}, "added"),
    "a key that is null": (lambda row: row | {"driver_number": None}, "quarantined"),
    "an integer that no column can hold": (lambda row: row | {"st_speed": 3_000_000_000}, "quarantined"),
    "a number that no column can hold": (lambda row: row | {"lap_duration": 1e300}, "quarantined"),
    "a time that no column can hold": (
        lambda row: row | {"date_start": "0001-01-01T00:00:00"},
        "quarantined",
    ),
    "an improbable value": (lambda row: row | {"lap_duration": -5.0}, "counted"),
}


@pytest.mark.parametrize("case", CASES)
def test_each_schema_drift_is_handled(lake: Lake, source: Path, case: str) -> None:
    """The rows of the table in docs/observability.md."""
    change, fate = CASES[case]
    first, second = laps(2)
    (source / "laps" / "11.json").write_bytes(
        orjson.dumps([change(first), change(second) if fate == "missing" else second])
    )
    done = pull(lake, LAPS, RACE, why="drift")
    assert (done.rows, done.quarantined) == ((1, 1) if fate == "quarantined" else (2, 0))
    assert bool(done.added_columns) == (fate == "added")
    assert (fate == "missing") == ("lap_duration" in (done.missing_columns or ""))
    assert bool(done.improbable) == (fate == "counted")
    if fate == "quarantined" and case != "a key that is null":
        assert done.retyped_columns is not None
    if fate == "quarantined":
        [kept] = DeltaTable(f"{lake.bronze.uri}/_quarantine").to_pyarrow_table().to_pylist()
        assert orjson.loads(kept["raw"]) == change(first)
        assert kept["reason"]
