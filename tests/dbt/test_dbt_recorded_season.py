"""All of 2024 that was recorded, against the same numbers worked out by hand from the served rows, and against Ergast.

The arithmetic here shares nothing with the models: plain loops over the JSON. Needs F1_RECORDED_DATA with `openf1/` and
`ergast/`. Some rounds were never recorded; sums are taken over those that were.
"""

import csv
import json
import os
import unicodedata
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from dbt_lake import Lake

from f1_lakehouse.openf1.endpoints import SESSION_ENDPOINTS

pytestmark = [
    pytest.mark.xdist_group("dbt_season"),
    pytest.mark.slow,
    pytest.mark.skipif("F1_RECORDED_DATA" not in os.environ, reason="F1_RECORDED_DATA is not set"),
]
SEASON = 2024
ROOT = Path(os.environ.get("F1_RECORDED_DATA", "."))
Row = dict[str, Any]


def served(endpoint: str, scope: int) -> list[Row]:
    file = ROOT / "openf1" / endpoint / f"{scope}.json"
    return list(json.loads(file.read_text())) if file.exists() else []


def ergast(table: str) -> list[Row]:
    with (ROOT / "ergast" / f"{table}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def sessions(*names: str) -> list[Row]:
    return [row for row in served("sessions", SEASON) if row["session_name"] in names]


def with_rows(endpoint: str, *names: str) -> list[int]:
    return [row["session_key"] for row in sessions(*names) if served(endpoint, row["session_key"])]


@pytest.fixture(scope="module")
def season(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(tmp_path_factory.mktemp("season"))
    for endpoint in ("meetings", "sessions"):
        lake.pull_folder(ROOT / "openf1", endpoint, SEASON, SEASON)
    for row in sessions("Race", "Sprint", "Qualifying", "Sprint Qualifying", "Sprint Shootout"):
        for endpoint in SESSION_ENDPOINTS:
            if not endpoint.by_driver and endpoint.name not in ("team_radio",):
                lake.pull_folder(ROOT / "openf1", endpoint.name, row["session_key"], SEASON)
    lake.build()
    return lake


def test_there_is_a_season(season: Lake) -> None:
    assert len(with_rows("session_result", "Race")) >= 20
    assert len(with_rows("laps", "Race")) >= 20


def test_fastest_laps_and_the_laps_on_which_they_were_driven(season: Lake) -> None:
    expected = {}
    for key in with_rows("laps", "Race", "Sprint", "Qualifying"):
        for lap in served("laps", key):
            time = lap["lap_duration"]
            if time is None or lap["is_pit_out_lap"] or not 10 <= time <= 300:
                continue
            best = expected.get((key, lap["driver_number"]))
            if best is None or (time, lap["lap_number"]) < best:
                expected[key, lap["driver_number"]] = (time, lap["lap_number"])
    rows = season.query(
        "select session_key, driver_number, fastest_lap_time, fastest_lap_number from gold.session_leaderboard"
    )
    assert {row[:2]: row[2:] for row in rows if row[0] in {key for key, _ in expected}} == expected


def test_official_results(season: Lake) -> None:
    expected = {}
    for key in with_rows("session_result", "Race", "Sprint"):
        for row in served("session_result", key):
            expected[key, row["driver_number"]] = (row["position"], row.get("points"), row["number_of_laps"])
    rows = season.query(
        "select session_key, driver_number, position, points, number_of_laps from gold.fact_results "
        "where session_category in ('Race', 'Sprint')"
    )
    assert {row[:2]: row[2:] for row in rows} == expected


def test_grids_are_those_of_the_qualifying_of_the_meeting(season: Lake) -> None:
    kind = {"Qualifying": "Race", "Sprint Qualifying": "Sprint", "Sprint Shootout": "Sprint"}
    race_of = {
        (row["meeting_key"], row["session_name"]): row["session_key"] for row in sessions("Race", "Sprint")
    }
    expected = {}
    for row in sessions(*kind):
        race = race_of.get((row["meeting_key"], kind[row["session_name"]]))
        listed = {entry["driver_number"] for entry in served("session_result", race or 0)}
        for place in served("starting_grid", row["session_key"]):
            if place["driver_number"] in listed:
                expected[race, place["driver_number"]] = place["position"]
    rows = season.query(
        "select session_key, driver_number, grid_position from gold.fact_results where grid_position is not null"
    )
    assert len(expected) > 400
    assert {row[:2]: row[2] for row in rows} == {k: v for k, v in expected.items() if v is not None}


def test_everyone_drives_for_the_team_of_that_day(season: Lake) -> None:
    expected = {}
    for key in with_rows("laps", "Race"):
        team = {row["driver_number"]: row["team_name"] for row in served("drivers", key) if row["team_name"]}
        for lap in served("laps", key):
            expected[key, lap["driver_number"]] = team.get(lap["driver_number"], "Unknown Team")
    rows = season.query(
        "select distinct session_key, driver_number, team_name from gold.fact_laps "
        "where session_key in (select session_key from gold.dim_sessions where is_race)"
    )
    assert len(rows) == len(expected)
    assert {row[:2]: row[2] for row in rows} == expected


def test_every_lap_is_on_the_tyres_of_the_first_stint_that_has_it(season: Lake) -> None:
    expected = {}
    for key in with_rows("laps", "Race"):
        stints = defaultdict(list)
        for stint in sorted(served("stints", key), key=lambda row: int(row["stint_number"])):
            stints[stint["driver_number"]].append(stint)
        for lap in served("laps", key):
            covering = [
                stint["compound"] or "UNKNOWN"
                for stint in stints[lap["driver_number"]]
                if stint["lap_start"] is not None
                and stint["lap_end"] is not None
                and stint["lap_start"] <= lap["lap_number"] <= stint["lap_end"]
            ]
            expected[key, lap["driver_number"], lap["lap_number"]] = covering[0] if covering else None
    rows = season.query("select session_key, driver_number, lap_number, compound from gold.fact_laps")
    assert {row[:3]: row[3] for row in rows if row[:3] in expected} == expected


def test_stops_are_counted_once(season: Lake) -> None:
    expected = {
        key: len(
            {(row["driver_number"], row["lap_number"]) for row in served("pit", key) if row["lap_number"]}
        )
        for key in with_rows("pit", "Race", "Sprint")
    }
    rows = season.query("select session_key, count(*) from gold.fact_pit_stops group by 1")
    assert {key: n for key, n in rows if key in expected} == expected


def name_slug(driver: Row) -> str:
    text = unicodedata.normalize("NFKD", f"{driver['forename']} {driver['surname']}".lower())
    return "-".join("".join(c for c in text if not unicodedata.combining(c)).split())


TEAM_OF = {
    "alphatauri": "racing-bulls",
    "rb": "racing-bulls",
    "alfa": "audi",
    "sauber": "audi",
    "red_bull": "red-bull-racing",
    "aston_martin": "aston-martin",
}


@pytest.mark.parametrize("championship", ["drivers", "teams"])
def test_points_after_each_round_are_those_of_ergast(season: Lake, championship: str) -> None:
    races = {row["raceId"]: int(row["round"]) for row in ergast("races") if row["year"] == str(SEASON)}
    if championship == "drivers":
        column, entrant = "driverId", {row["driverId"]: name_slug(row) for row in ergast("drivers")}
    else:
        column = "constructorId"
        entrant = {
            row["constructorId"]: TEAM_OF.get(row["constructorRef"], row["constructorRef"])
            for row in ergast("constructors")
        }
    held = season.query(
        "select session_category, round_number from gold.dim_sessions where session_key in "
        "(select session_key from gold.fact_results) and session_category in ('Race', 'Sprint')"
    )
    rounds = {kind: {number for category, number in held if category == kind} for kind in ("Race", "Sprint")}
    points: dict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for table, kind in (("results", "Race"), ("sprint_results", "Sprint")):
        for row in ergast(table):
            number = races.get(row["raceId"])
            if number in rounds[kind]:
                points[entrant[row[column]]][number] += float(row["points"])
    ours = season.query(
        "select entrant_id, round_number, points, championship_rank, is_complete "
        f"from gold.championship_progression where championship = '{championship}'"
    )
    wrong = [
        (name, number, total)
        for name, number, total, _, _ in ours
        if abs(total - sum(p for n, p in points[name].items() if n <= number)) > 0.001
    ]
    assert wrong == []
    assert {name for name, *_ in ours} == set(points)

    official = {
        (entrant[row[column]], races[row["raceId"]]): (float(row["points"]), int(row["position"]))
        for row in ergast("driver_standings" if championship == "drivers" else "constructor_standings")
        if row["raceId"] in races
    }
    complete = {(name, number): (total, rank) for name, number, total, rank, whole in ours if whole}
    assert len({number for _, number in complete}) >= 15
    # who has no point yet shares ranks here and is put in some order there
    scorers = {key: value for key, value in complete.items() if value[0] > 0}
    assert scorers == {key: official[key] for key in scorers}
