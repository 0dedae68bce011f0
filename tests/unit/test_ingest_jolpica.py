"""Pulls of Jolpica, from the requests to bronze, against the embedded Jolpica on a made-up season."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable

from f1_lakehouse.ingest import PullError, pull
from f1_lakehouse.lakehouse import Lake, connect
from f1_lakehouse.settings import Settings
from f1_lakehouse.simulator.ergast import History
from f1_lakehouse.simulator.history import write_history
from f1_lakehouse.simulator.jolpica import JolpicaAnswer, JolpicaApi, JolpicaServer
from f1_lakehouse.sources.exchange import Clock
from f1_lakehouse.sources.jolpica.calendar import JolpicaPartition
from f1_lakehouse.sources.jolpica.source import JOLPICA
from f1_lakehouse.sources.jolpica.tables import BY_NAME
from f1_lakehouse.sources.rate_limiter import RateLimiter
from f1_lakehouse.storage.landing import OpenPull

RESULTS, DRIVERS = BY_NAME["jolpica_results"], BY_NAME["jolpica_drivers"]
SEASON = JolpicaPartition(1957)


class Crash(BaseException):
    """The process is gone."""


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_history(tmp_path_factory.mktemp("tables"))


@pytest.fixture
def api(tables: Path) -> JolpicaApi:
    return JolpicaApi(History(tables))


@pytest.fixture
def lake(tmp_path: Path, api: JolpicaApi, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with JolpicaServer(api) as server:
        settings = Settings(
            lakehouse_root=tmp_path / "lake", jolpica_url=server.url, jolpica_requests_per_second=0
        )
        yield Lake.open(settings)


def asked(api: JolpicaApi) -> list[str]:
    """Path and offset of every request."""
    return [
        f"{one.target.partition('?')[0].rpartition('/')[2]} {one.target.rpartition('=')[2]}"
        for one in api.requests
    ]


def change(api: JolpicaApi, table: str, edit: Callable[[list[dict[str, str | None]]], None]) -> None:
    edit(api.history.tables[table])
    api.history.forget()


def test_season_becomes_rows_of_bronze_in_one_request_per_100_rows(lake: Lake, api: JolpicaApi) -> None:
    done = pull(lake, RESULTS, SEASON, why="test")
    assert (done.outcome, done.rows, done.requests, done.quarantined) == ("appended", 126, 2, 0)
    assert asked(api) == ["results.json 0", "results.json 100"]
    rows = lake.bronze.rows("jolpica_results", 1957).to_pylist()
    assert {(row["_season"], row["_pull_id"]) for row in rows} == {(1957, done.pull_id)}
    assert sorted(row["_row_number"] for row in rows) == list(range(126))
    assert {row["_source_url"].rpartition("/")[2] for row in rows} == {
        "results.json?limit=100&offset=0",
        "results.json?limit=100&offset=100",
    }
    race = [row for row in rows if row["round"] == 3]
    assert len({row["_source_url"] for row in race}) == 2
    assert len(race) == 101
    assert lake.bronze.repeated_keys(RESULTS, 1957).num_rows == 0


def test_whole_resource_is_of_no_season(lake: Lake) -> None:
    done = pull(lake, DRIVERS, JolpicaPartition(0), why="test")
    assert (done.scope, done.season, done.rows) == (0, 0, 106)
    born = lake.bronze.rows("jolpica_drivers", 0)["date_of_birth"].to_pylist()
    assert min(born) == "1897-12-28"


def test_partition_without_rows_is_an_empty_answer(lake: Lake) -> None:
    done = pull(lake, BY_NAME["jolpica_laps"], JolpicaPartition(195701), why="test")
    assert (done.outcome, done.rows, done.requests) == ("empty", 0, 1)


def test_unchanged_pull_appends_nothing_and_a_changed_one_a_complete_pull(
    lake: Lake, api: JolpicaApi
) -> None:
    pull(lake, RESULTS, SEASON, why="test")
    assert pull(lake, RESULTS, SEASON, why="test").outcome == "unchanged"
    change(api, "results", lambda rows: rows[0].update(points="3.5"))
    assert pull(lake, RESULTS, SEASON, why="test").outcome == "appended"
    assert len(DeltaTable(lake.bronze.table_uri("jolpica_results")).to_pyarrow_table()) == 252
    assert lake.bronze.rows("jolpica_results", 1957).num_rows == 126


def test_killed_pull_requests_only_missing_pages(
    lake: Lake, api: JolpicaApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    landed = OpenPull.add

    def crash_after_first(self: OpenPull, received: object) -> object:
        landed(self, received)  # type: ignore[arg-type]
        raise Crash

    monkeypatch.setattr(OpenPull, "add", crash_after_first)
    with pytest.raises(Crash):
        pull(lake, RESULTS, SEASON, why="test")
    monkeypatch.setattr(OpenPull, "add", landed)
    assert pull(lake, RESULTS, SEASON, why="test").rows == 126
    assert asked(api) == ["results.json 0", "results.json 100"]


def test_row_inserted_between_two_pages_fails_the_pull_and_the_next_one_starts_from_its_first_page(
    lake: Lake, api: JolpicaApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = api.answer

    def then_insert(method: str, target: str) -> JolpicaAnswer:
        found = answer(method, target)
        if len(api.requests) == 1:
            change(api, "results", lambda rows: rows.append({**rows[0], "number": "99"}))
        return found

    monkeypatch.setattr(api, "answer", then_insert)
    with pytest.raises(PullError, match="number of rows changed between pages") as failed:
        pull(lake, RESULTS, SEASON, why="test")
    assert "\n" not in str(failed.value)
    assert failed.value.pull.error_type == "InconsistentResponsesError"
    assert lake.bronze.rows("jolpica_results", 1957).num_rows == 0
    assert pull(lake, RESULTS, SEASON, why="test").rows == 127
    assert asked(api) == ["results.json 0", "results.json 100"] * 2


def test_row_replaced_between_two_pages_fails_the_pull_although_the_total_stays(
    lake: Lake, api: JolpicaApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = api.answer

    def then_replace(method: str, target: str) -> JolpicaAnswer:
        found = answer(method, target)
        if len(api.requests) == 1:
            earlier = {"raceId": "1", "positionOrder": "9", "driverId": "12"}
            change(api, "results", lambda rows: rows.insert(0, {**rows.pop(), **earlier}))
        return found

    monkeypatch.setattr(api, "answer", then_replace)
    with pytest.raises(PullError, match="is on two pages"):
        pull(lake, RESULTS, SEASON, why="test")
    assert pull(lake, RESULTS, SEASON, why="test").rows == 126


def test_page_that_shrinks_while_it_is_read_fails_the_pull_and_the_next_one_is_right(
    lake: Lake, api: JolpicaApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = api.answer

    def then_shrink(method: str, target: str) -> JolpicaAnswer:
        found = answer(method, target)
        if len(api.requests) == 1:
            change(api, "results", lambda rows: rows.__delitem__(slice(0, 40)))
        return found

    monkeypatch.setattr(api, "answer", then_shrink)
    with pytest.raises(PullError, match="number of rows changed between pages"):
        pull(lake, RESULTS, SEASON, why="test")
    assert lake.bronze.rows("jolpica_results", 1957).num_rows == 0
    assert pull(lake, RESULTS, SEASON, why="test").rows == 86


def test_source_that_refuses_for_an_hour_fails_the_pull_in_one_line_and_then_resumes(
    lake: Lake, api: JolpicaApi, tmp_path: Path
) -> None:
    elapsed = [0.0]

    def sleep(seconds: float) -> None:
        elapsed[0] += seconds

    clock = Clock(lambda: elapsed[0], lambda: datetime.now(UTC) + timedelta(seconds=elapsed[0]), sleep)
    limiter = RateLimiter(tmp_path / "limits.sqlite", clock=clock.monotonic, sleep=sleep)
    client = connect(JOLPICA, lake.settings, lake.budget, limiter, clock)
    lake = replace(lake, clients={**lake.clients, "jolpica": client})
    answer, seen = api.answer, len(api.requests)

    def throttled(method: str, target: str) -> JolpicaAnswer:
        found = answer(method, target)
        return found if len(api.requests) == seen + 1 or elapsed[0] > 3600 else JolpicaAnswer(429, b"{}")

    api.answer = throttled  # type: ignore[method-assign]
    with pytest.raises(PullError, match="429") as failed:
        pull(lake, RESULTS, SEASON, why="test")
    assert "\n" not in str(failed.value)
    assert "F1_JOLPICA_REQUESTS_PER_HOUR" in str(failed.value)
    assert 1200 < elapsed[0] < 3600
    assert len(api.requests) <= 1 + 7
    api.requests.clear()
    elapsed[0] = 4000.0
    seen = -9
    assert pull(lake, RESULTS, SEASON, why="failed").rows == 126
    assert asked(api) == ["results.json 100"]


def test_row_that_cannot_be_typed_is_quarantined_and_the_rest_is_loaded(lake: Lake, api: JolpicaApi) -> None:
    change(api, "results", lambda rows: rows[0].update(grid="front"))
    done = pull(lake, RESULTS, SEASON, why="test")
    assert (done.rows, done.quarantined) == (125, 1)
    (refused,) = lake.bronze.quarantine.rows_of(done.pull_id)
    assert refused.reason == "grid: expected integer, got text"


def test_field_that_is_new_is_added_and_reported(
    lake: Lake, api: JolpicaApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = api.answer

    def with_field(method: str, target: str) -> JolpicaAnswer:
        found = answer(method, target)
        return JolpicaAnswer(found.status, found.body.replace(b'"laps":', b'"carColour":"red","laps":'))

    monkeypatch.setattr(api, "answer", with_field)
    done = pull(lake, RESULTS, SEASON, why="test")
    assert done.added_columns == '{"car_colour":"text"}'
    assert set(lake.bronze.rows("jolpica_results", 1957)["car_colour"].to_pylist()) == {"red"}


def test_bronze_is_rebuilt_from_landing_without_a_request(lake: Lake, api: JolpicaApi) -> None:
    done = pull(lake, RESULTS, SEASON, why="test")
    before = len(api.requests)
    manifest = lake.landing.finished("jolpica_results", 1957, done.pull_id)
    assert manifest is not None
    (first, second) = lake.bronze.parse(lake.landing, manifest)
    assert first[1].table.num_rows + second[1].table.num_rows == 126
    assert len(api.requests) == before


def test_hour_window_holds_requests_back_and_says_for_how_long(
    tmp_path: Path, api: JolpicaApi, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    caplog.set_level(logging.INFO)

    class Waited(Exception):
        """The limiter sleeps."""

    def stop(_: float) -> None:
        raise Waited

    with JolpicaServer(api) as server:
        settings = Settings(lakehouse_root=tmp_path, jolpica_url=server.url, jolpica_requests_per_hour=2)
        lake = Lake.open(settings)
        pull(lake, RESULTS, SEASON, why="test")
        again = Lake.open(settings)  # as another process would
        monkeypatch.setattr(again.client_of(DRIVERS).http.limiter, "_sleep", stop)
        with pytest.raises(Waited):
            pull(again, DRIVERS, JolpicaPartition(0), why="test")
    waits = [record.seconds for record in caplog.records if getattr(record, "event", "") == "wait"]  # type: ignore[attr-defined]
    assert 3500 < waits[0] <= 3604
    assert len(api.requests) == 2
