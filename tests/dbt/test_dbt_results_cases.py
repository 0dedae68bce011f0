"""Unusual classifications and driver lists: small generated inputs and recorded sessions of the same kind, in one lake.

Needs F1_RECORDED_DATA, with the cases next to it in `cases/`. Each case is a separate season, so that championships are not mixed.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from dbt_lake import Lake

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("F1_RECORDED_DATA" not in os.environ, reason="F1_RECORDED_DATA is not set"),
]
ROOT = Path(os.environ.get("F1_RECORDED_DATA", "."))
FLAGS, MISSING_DRIVER, TWO_TEAMS, PIT_LANE, HALF_POINTS, RECORDED = 2031, 2032, 2033, 2034, 2035, 2023
CASES = {
    FLAGS: "03-dns-flag-of-q3-only",
    MISSING_DRIVER: "08-driver-missing-from-list",
    TWO_TEAMS: "10-one-driver-two-teams",
    PIT_LANE: "14-pit-lane-start",
    HALF_POINTS: "22-half-points",
}
SUPPORT_SERIES, NO_POINTS = 9223, (7779, 9213)
"""Recorded in 2023: Practice 1 of Budapest with the drivers of another series, races without served points."""
ENDPOINTS = ("drivers", "session_result", "starting_grid")


def served(folder: Path, endpoint: str) -> list[dict[str, Any]]:
    return [
        row for file in sorted((folder / endpoint).glob("*.json")) for row in json.loads(file.read_text())
    ]


def pull(lake: Lake, folder: Path, season: int, rows: dict[str, list[dict[str, Any]]]) -> None:
    for endpoint in ("meetings", "sessions"):
        lake.pull(endpoint, season, season, rows[endpoint])
    for session in rows["sessions"]:
        for endpoint in ENDPOINTS:
            file = folder / endpoint / f"{session['session_key']}.json"
            if file.exists():
                lake.pull(endpoint, session["session_key"], season, json.loads(file.read_text()))


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    made = Lake(tmp_path_factory.mktemp("cases"))
    for season, name in CASES.items():
        folder = ROOT.parent / "cases" / name
        pull(made, folder, season, {e: served(folder, e) for e in ("meetings", "sessions")})
    folder = ROOT / "openf1"
    calendar = {
        e: json.loads((folder / e / f"{RECORDED}.json").read_text()) for e in ("meetings", "sessions")
    }
    made.pull("meetings", RECORDED, RECORDED, calendar["meetings"])
    made.pull("sessions", RECORDED, RECORDED, calendar["sessions"])
    for key in (SUPPORT_SERIES, *NO_POINTS):
        for endpoint in ENDPOINTS:
            made.pull_folder(folder, endpoint, key, RECORDED)
    made.build()
    return made


def test_flag_of_q3_only_keeps_the_driver_classified(lake: Lake) -> None:
    rows = lake.query("select driver_number, status from gold.fact_results where session_key = 7021")
    assert dict(rows) == {1: "Finished", 2: "Finished", 3: "Finished", 4: "Finished", 5: "Finished", 6: "DNS"}
    pairs = lake.query(
        "select driver_id, qualifying_wins, teammate_qualifying_wins, qualifying_sessions, median_qualifying_gap_s "
        f"from gold.teammate_head_to_head where season = {FLAGS} order by 1"
    )
    assert pairs == [("ada-alpha", 1, 0, 1, -0.2), ("cid-charlie", 1, 0, 1, -0.2)]


@pytest.mark.parametrize(
    ("entrant", "points"), [("cid-charlie", [15.0, 40.0, 65.0]), ("ferrari", [27.0, 64.0, 101.0])]
)
def test_points_of_an_unlisted_driver_are_in_the_championship(
    lake: Lake, entrant: str, points: list[float]
) -> None:
    rows = lake.query(
        "select points, is_complete from gold.championship_progression "
        f"where season = {MISSING_DRIVER} and entrant_id = '{entrant}' order by round_number"
    )
    assert rows == [(one, True) for one in points]


def test_team_served_last_gets_the_points_of_a_driver_with_two(lake: Lake) -> None:
    rows = lake.query(
        "select entrant_id, points from gold.championship_progression "
        f"where season = {TWO_TEAMS} and championship = 'teams' and round_number = 1"
    )
    assert dict(rows) == {"alpine": 25.0, "williams": 43.0, "ferrari": 20.0}
    cars = "select driver_number, team_id from gold.fact_results where session_key = 7093 and driver_id = 'eve-echo'"
    assert dict(lake.query(cars)) == {5: "williams", 15: "alpine"}


def test_grid_entry_without_a_lap_is_ignored_if_the_driver_has_another(lake: Lake) -> None:
    rows = lake.query(
        "select driver_number, grid_position, positions_gained from gold.fact_results "
        "where session_key = 7132 and driver_number in (4, 5) order by 1"
    )
    assert rows == [(4, None, None), (5, 5, 4)]


def test_half_points_are_kept_and_ties_use_second_positions(lake: Lake) -> None:
    rows = lake.query(
        "select entrant_id, points, championship_rank from gold.championship_progression "
        f"where season = {HALF_POINTS} and championship = 'drivers' and round_number = 3 order by 3"
    )
    assert rows[2:] == [("cid-charlie", 27.5, 3), ("dan-delta", 27.5, 4)]


def test_support_series_drivers_with_a_formula_1_team_are_excluded(lake: Lake) -> None:
    listed = lake.query(
        f"select driver_id from silver.int_drivers where session_key = {SUPPORT_SERIES} and is_f1_driver"
    )
    assert {driver for (driver,) in listed} == {
        "lewis-hamilton", "carlos-sainz", "george-russell", "valtteri-bottas", "oscar-piastri",
    }  # fmt: skip
    rows = lake.query(
        f"select driver_number, driver_id, team_id from gold.fact_results where session_key = {SUPPORT_SERIES}"
    )
    assert len(rows) == 20
    assert {(1, "max-verstappen", "red-bull-racing"), (14, "fernando-alonso", "aston-martin")} <= set(rows)


def test_missing_points_mark_the_championship_incomplete(lake: Lake) -> None:
    rows = lake.query("select session_key, count(*) from silver.int_points_missing group by 1")
    assert dict(rows) == {7779: 1, 9213: 9}
    first = f"select min(round_number), bool_or(is_complete) from gold.championship_progression where season = {RECORDED}"
    assert lake.query(first) == [(2, False)]
