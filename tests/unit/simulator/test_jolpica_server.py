"""The embedded Jolpica: what it answers, on a made-up old season and the counterpart of a generated weekend."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests

from f1_lakehouse.simulator.ergast import History, HistoryFolderError
from f1_lakehouse.simulator.generate import generate
from f1_lakehouse.simulator.history import write_history
from f1_lakehouse.simulator.jolpica import JolpicaApi, JolpicaServer
from f1_lakehouse.sources.catalog import Scope
from f1_lakehouse.sources.jolpica import pages
from f1_lakehouse.sources.jolpica.endpoints import BY_TABLE, RESOURCES
from f1_lakehouse.sources.jolpica.partitions import WHOLE

BASE = "/ergast/f1"


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables of the old season."""
    return write_history(tmp_path_factory.mktemp("old"))


@pytest.fixture
def api(old: Path) -> JolpicaApi:
    return JolpicaApi(History(old))


def data(api: JolpicaApi, target: str) -> dict[str, Any]:
    """The MRData of a response."""
    found = api.answer("GET", f"{BASE}/{target}")
    assert found.status == 200, found
    return dict(orjson.loads(found.body)["MRData"])


def pull(
    api: JolpicaApi, table: str, partition: int, after_page: Callable[[], None] = lambda: None
) -> list[dict[str, Any]]:
    """The rows of a complete pull. `after_page` is called after each request. Raises if the pages are inconsistent."""
    resource = BY_TABLE[table]
    landed: list[pages.Page] = []
    while missing := pages.requests(BASE, resource, partition, landed):
        for url in missing:
            found = api.answer("GET", url)
            assert found.status == 200, found
            landed.append(pages.read_page(resource, url, found.body))
            after_page()
    pages.check(resource, partition, landed)
    return [row for page in landed for row in page.rows]


def test_limit_counts_rows_and_is_at_most_100(api: JolpicaApi) -> None:
    default = data(api, "1957/results.json")
    assert (default["limit"], default["offset"], default["total"]) == ("30", "0", "126")
    page = data(api, "1957/results.json?limit=1000&offset=100")
    assert (page["limit"], page["offset"]) == ("100", "100")
    assert sum(len(race["Results"]) for race in page["RaceTable"]["Races"]) == 26


def test_a_race_lies_on_two_pages(api: JolpicaApi) -> None:
    rounds = [
        [
            race["round"]
            for race in data(api, f"1957/results.json?limit=100&offset={offset}")["RaceTable"]["Races"]
        ]
        for offset in (0, 100)
    ]
    assert rounds == [["1", "2", "3"], ["3", "4"]]


def test_no_rows_is_a_total_of_zero(api: JolpicaApi) -> None:
    found = data(api, "1990/results/")
    assert (found["total"], found["RaceTable"]["Races"]) == ("0", [])


def test_path_without_slash_is_redirected(api: JolpicaApi) -> None:
    found = api.answer("GET", f"{BASE}/1957/results?limit=5")
    assert (found.status, found.headers) == (301, (("Location", f"{BASE}/1957/results/?limit=5"),))


@pytest.mark.parametrize(
    "target", ["1957/tyres.json", "x/results.json", "../etc/", "57/results.json", "1957//results/"]
)
def test_unknown_path_is_not_found(api: JolpicaApi, target: str) -> None:
    assert api.answer("GET", f"{BASE}/{target}").status == 404


def test_bad_paging_and_methods_are_refused(api: JolpicaApi) -> None:
    assert api.answer("GET", f"{BASE}/1957/results.json?limit=x").status == 400
    assert api.answer("POST", f"{BASE}/1957/results.json").status == 405


def test_too_many_requests_are_throttled_without_retry_after(old: Path) -> None:
    now = [0.0]
    api = JolpicaApi(History(old), per_second=2, per_hour=3, clock=lambda: now[0])
    statuses = []
    for at in (0.0, 0.1, 0.2, 1.05, 2.5, 3600.05, 3601.2):
        now[0] = at
        found = api.answer("GET", f"{BASE}/seasons.json")
        statuses.append(found.status)
        assert not found.headers
    assert statuses == [200, 200, 429, 200, 429, 200, 200]
    assert [one.status for one in api.requests] == statuses


def test_pages_of_different_ages_come_out_of_the_cache(old: Path) -> None:
    now = [0.0]
    history = History(old)
    api = JolpicaApi(history, cache_seconds=3600, clock=lambda: now[0])
    data(api, "1957/results.json?limit=100&offset=0")
    history.tables["results"].pop()
    history.forget()
    assert data(api, "1957/results.json?limit=100&offset=0")["total"] == "126"
    assert data(api, "1957/results.json?limit=100&offset=100")["total"] == "125"
    now[0] = 3600.0
    assert data(api, "1957/results.json?limit=100&offset=0")["total"] == "125"


def test_row_inserted_between_two_pages_makes_the_pull_inconsistent_and_the_next_one_is_right(
    old: Path,
) -> None:
    history = History(old)
    api = JolpicaApi(history)

    def insert() -> None:
        if len(history.tables["results"]) == 126:
            history.tables["results"].append({**history.tables["results"][0], "number": "99"})
            history.forget()

    with pytest.raises(pages.InconsistentPullError, match="126, 127"):
        pull(api, "jolpica_results", 1957, after_page=insert)
    assert len(pull(api, "jolpica_results", 1957)) == 127


def test_row_replaced_between_two_pages_is_found_although_the_total_stays(old: Path) -> None:
    history = History(old)
    api = JolpicaApi(history)

    def replace() -> None:
        rows = history.tables["results"]
        if rows[-1]["raceId"] == "4":
            rows.insert(0, {**rows.pop(), "raceId": "1", "positionOrder": "9", "driverId": "12"})
            history.forget()

    with pytest.raises(pages.InconsistentPullError, match="on two pages"):
        pull(api, "jolpica_results", 1957, after_page=replace)


def test_old_season_has_the_traps(api: JolpicaApi) -> None:
    rows = pull(api, "jolpica_results", 1957)
    assert len(rows) == 126
    by_round = {number: [row for row in rows if row["round"] == number] for number in (1, 2, 3, 4)}
    shared = [row for row in by_round[1] if row["number"] == 1]
    assert [(row["position"], row["points"]) for row in shared] == [(1, 4.0), (1, 4.0)]
    assert len({row["driver_id"] for row in shared}) == 2
    second = shared[1]["driver_id"]
    assert [row["number"] for row in by_round[1] if row["driver_id"] == second] == [1, 6]
    assert by_round[1][2]["points"] == 6.5
    assert [row["points"] for row in by_round[2][:5]] == [4.0, 3.0, 2.0, 1.5, 1.0]
    assert [row["position_text"] for row in by_round[2][5:]] == ["R", "D"]
    assert len(by_round[3]) == 101
    assert sum(row["number"] is None for row in by_round[3]) == 6
    assert (by_round[4][0]["time_millis"], by_round[4][0]["time_text"]) == (7_200_000, "2:00")
    assert {row["position_text"] for row in by_round[4]} >= {"N", "E", "W", "R"}
    assert sum(row["grid"] == 0 for row in rows) == 97
    races = pull(api, "jolpica_races", 1957)
    assert [race["race_start"] is None for race in races] == [False, False, False, True]


def test_standings_come_after_the_last_round_with_results(api: JolpicaApi) -> None:
    rows = pull(api, "jolpica_driver_standings", 1957)
    assert {row["round"] for row in rows} == {4}
    assert sorted(row["position"] for row in rows) == list(range(1, len(rows) + 1))
    assert rows[0]["constructor_ids"]


def test_every_resource_of_the_old_season_is_served(api: JolpicaApi) -> None:
    counts = {
        one.name: len(
            pull(api, one.table, {Scope.ALL: WHOLE, Scope.SEASON: 1957, Scope.ROUND: 195701}[one.scope])
        )
        for one in RESOURCES
    }
    empty = {name for name, count in counts.items() if not count}
    assert empty == {"qualifying", "sprint", "constructor_standings", "laps", "pitstops"}
    assert counts["drivers"] == counts["driver_standings"] == 106


def test_counterpart_agrees_with_the_generated_weekend_except_for_planted_differences(tmp_path: Path) -> None:
    generate(tmp_path / "openf1", 2024, 1)
    api = JolpicaApi(History(write_history(tmp_path / "jolpica", tmp_path / "openf1")))
    sessions = {row["session_name"]: row["session_key"] for row in _served(tmp_path, "sessions/2024")}
    served = {row["driver_number"]: row for row in _served(tmp_path, f"session_result/{sessions['Race']}")}
    rows = {row["number"]: row for row in pull(api, "jolpica_results", 2024)}
    assert rows.keys() == served.keys()
    positions = {
        number: int(row["position_text"]) for number, row in rows.items() if row["position_text"].isdigit()
    }
    assert positions == {number: row["position"] for number, row in served.items() if row["position"]}
    points = {number: row["points"] - (served[number]["points"] or 0) for number, row in rows.items()}
    assert sorted(points.values()) == [-1.0, *[0.0] * 19]
    laps = {number: row["laps"] - served[number]["number_of_laps"] for number, row in rows.items()}
    retired = [row for row in rows.values() if row["position_text"] == "R"]
    assert sum(laps.values()) == (1 if retired else 0)
    assert len(pull(api, "jolpica_qualifying", 2024)) == 20
    assert pull(api, "jolpica_pitstops", 202401)
    laps_served = [
        row for row in _served(tmp_path, f"laps/{sessions['Race']}") if row["lap_duration"] is not None
    ]
    assert len(pull(api, "jolpica_laps", 202401)) == len(laps_served)


def _served(folder: Path, name: str) -> list[dict[str, Any]]:
    return list(orjson.loads((folder / "openf1" / f"{name}.json").read_bytes()))


def test_same_arguments_give_the_same_bytes(tmp_path: Path, old: Path) -> None:
    again = write_history(tmp_path)
    assert {path.name: path.read_bytes() for path in again.iterdir()} == {
        path.name: path.read_bytes() for path in old.iterdir()
    }


def test_folder_without_the_tables_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(HistoryFolderError, match=r"has no races\.csv"):
        History(tmp_path)


def test_server_answers_over_http_and_can_be_down(api: JolpicaApi) -> None:
    with JolpicaServer(api) as server, requests.Session() as session:
        session.trust_env = False
        found = session.get(f"{server.url}/1957/races", timeout=10)
        assert found.history[0].status_code == 301
        assert found.json()["MRData"]["total"] == "4"
        assert found.json()["MRData"]["url"] == f"{server.url}/1957/races/"
        api.down = True
        assert session.get(f"{server.url}/seasons.json", timeout=10).status_code == 503


RECORDED = Path(os.environ.get("F1_RECORDED_DATA", "no recorded data")) / "ergast"


@pytest.mark.slow
@pytest.mark.skipif(not RECORDED.is_dir(), reason="F1_RECORDED_DATA has no Ergast tables")
def test_full_history_takes_679_requests_and_has_every_row() -> None:
    api = JolpicaApi(History(RECORDED))
    rows: dict[str, int] = {}
    for one in RESOURCES:
        if one.scope is Scope.ROUND:
            continue
        for partition in [WHOLE] if one.scope is Scope.ALL else range(1950, 2026):
            if pages.exists(one, partition):
                rows[one.name] = rows.get(one.name, 0) + len(pull(api, one.table, partition))
    assert len(api.requests) == 679
    assert rows == {
        "seasons": 76,
        "circuits": 77,
        "constructors": 212,
        "drivers": 864,
        "status": 139,
        "races": 1149,
        "results": 27118,
        "qualifying": 10854,
        "sprint": 420,
        "driver_standings": 3213,
        "constructor_standings": 930,
    }
