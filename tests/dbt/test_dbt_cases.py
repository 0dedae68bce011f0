"""Small inputs with expected results, stored next to the recorded data (`../cases`), all in one lake.

Each folder is a situation from public reports or recorded sessions. Every folder is loaded as a separate season, so that
championships are not mixed. Needs F1_RECORDED_DATA.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from dbt_lake import Lake

from f1_lakehouse.sources.openf1.endpoints import SESSION_ENDPOINTS

RECORDED = Path(os.environ.get("F1_RECORDED_DATA", "no-recorded-data"))
CASES = RECORDED.parent / "cases"
FIRST_SEASON = 2031

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CASES.is_dir(), reason="F1_RECORDED_DATA has no cases next to it"),
]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    made = Lake(tmp_path_factory.mktemp("cases"))
    for season, folder in enumerate(sorted(p for p in CASES.iterdir() if p.is_dir()), FIRST_SEASON):
        sessions = _rows_of_all_years(folder, "sessions", season)
        made.pull("meetings", season, season, _rows_of_all_years(folder, "meetings", season))
        made.pull("sessions", season, season, sessions)
        for session in sessions:
            for endpoint in SESSION_ENDPOINTS:
                made.pull_folder(folder, endpoint.name, session["session_key"], season)
    made.build("--exclude-resource-type", "test", "unit_test")
    return made


def _rows_of_all_years(folder: Path, endpoint: str, season: int) -> list[dict[str, Any]]:
    files = sorted((folder / endpoint).glob("*.json"))
    return [row | {"year": season} for file in files for row in json.loads(file.read_text())]


def statuses(lake: Lake, session: int, driver: int = 1) -> dict[int, str]:
    return dict(
        lake.query(
            "select lap_number, track_status from gold.fact_laps "
            f"where session_key = {session} and driver_number = {driver}"
        )
    )


def test_red_flag_on_lap_1_has_red_flag_stops(lake):
    assert statuses(lake, 7001)[1] == "Red"
    assert "Red" not in {status for lap, status in statuses(lake, 7001).items() if lap > 2}
    assert lake.query(
        "select distinct is_red_flag_stop from gold.fact_pit_stops where session_key = 7001"
    ) == [(True,)]
    assert lake.query("select distinct pit_lane_time_s from gold.tyre_strategy where session_key = 7001") == [
        (None,)
    ]


def test_stop_is_classified_by_its_time_not_by_its_lap_number(lake):
    found = lake.query(
        "select driver_number, lane_duration_s, is_red_flag_stop from gold.fact_pit_stops "
        "where session_key = 7002 and driver_number in (1, 2) order by 1, 2"
    )
    assert found == [(1, 22.0, False), (1, 1190.0, True), (2, 23.0, False), (2, 1190.0, True)]
    times = "select driver_number, pit_lane_time_s from gold.tyre_strategy where session_key = 7002"
    assert {key: value for key, value in lake.query(times) if key in (1, 2)} == {1: 22.0, 2: 23.0}


def test_laps_behind_an_unannounced_safety_car_are_safety_car_laps(lake):
    start = statuses(lake, 7011)
    assert {lap for lap, status in start.items() if status == "SC"} == {1, 2, 3, 4}
    restart = statuses(lake, 7012)
    assert {lap for lap, status in restart.items() if status == "Red"} == {3, 4}
    assert {lap for lap, status in restart.items() if status == "SC"} == {5}


def test_messages_of_one_second_keep_the_previous_state(lake):
    sector = statuses(lake, 7031)
    assert {sector[lap] for lap in range(4, 13)} == {"Green"}
    assert sector[3] in ("Green", "Yellow")
    withdrawn = statuses(lake, 7032)
    assert {withdrawn[lap] for lap in range(5, 13)} == {"Green"}


def test_classified_driver_is_not_dns_because_of_one_phase(lake):
    found = lake.query("select status from gold.fact_results where session_key = 7021 and driver_number = 2")
    assert found not in ([("DNS",)], [("DNF",)], [("DSQ",)])
    pair = lake.query(
        """
        select qualifying_sessions, qualifying_wins, teammate_qualifying_wins, median_qualifying_gap_s
        from gold.teammate_head_to_head
        where season = (select season from gold.dim_sessions where session_key = 7021) and driver_id = 'ada-alpha'
        """
    )
    assert pair == [(1, 1, 0, pytest.approx(-0.2))]


def test_drive_through_the_pit_lane_is_no_stop_and_no_tyre_change(lake):
    found = lake.query(
        "select driver_number, compounds, stops from gold.tyre_strategy where session_key = 7051 order by 1"
    )
    assert found == [(1, "MEDIUM-HARD", 1), (2, "MEDIUM", 0), (3, "MEDIUM", 0), (4, "MEDIUM", 0)]
    changes = lake.query(
        "select driver_number, lap_number from gold.fact_pit_stops where session_key = 7051 and is_tyre_change"
    )
    assert changes == [(1, 2)]


def test_strategy_with_missing_stints_is_marked_incomplete(lake):
    found = dict(
        lake.query(
            "select driver_number, (starting_compound, is_complete) from gold.tyre_strategy where session_key = 7061"
        )
    )
    assert found[1] == (None, False)
    assert found[2] == ("MEDIUM", False)
    assert found[3] == ("MEDIUM", True)


def test_points_of_a_driver_missing_from_drivers_are_in_the_championship(lake):
    season = "(select season from gold.dim_sessions where session_key = 7071)"
    found = lake.query(
        f"select entrant_id, round_number, points, is_complete from gold.championship_progression where season = {season} "
        "and entrant_id in ('cid-charlie', 'ferrari') order by 1, 2"
    )
    totals = {(entrant, number): points for entrant, number, points, _ in found}
    assert [totals["cid-charlie", number] for number in (1, 2, 3)] == [15, 40, 65]
    assert [totals["ferrari", number] for number in (1, 2, 3)] == [27, 64, 101]


def test_later_of_two_driver_rows_is_used(lake):
    season = "(select season from gold.dim_sessions where session_key = 7091)"
    points = dict(
        lake.query(
            "select entrant_id, points from gold.championship_progression "
            f"where season = {season} and round_number = 1 and championship = 'teams'"
        )
    )
    assert (points["alpine"], points["williams"]) == (25, 43)
    assert lake.query("select count(*) from gold.fact_results where session_key = 7093") == [(7,)]


def test_positions_follow_the_order_at_the_finish_line(lake):
    leaders = dict(
        lake.query(
            "select lap_number, driver_number from gold.fact_laps where session_key = 7101 and position_at_lap_end = 1"
        )
    )
    assert [leaders[lap] for lap in range(3, 9)] == [2, 2, 1, 1, 1, 1]
    gaps = lake.query(
        "select position_at_lap_end, gap_to_leader_s from gold.fact_laps where session_key = 7102 and lap_number = 4 order by 1"
    )
    assert [(p, g) for p, g in gaps if g is not None and p != 1] in (
        [],
        [(2, pytest.approx(8.0)), (3, pytest.approx(16.0)), (4, pytest.approx(24.0))],
    )


def test_pit_lane_start_has_no_grid_position_and_no_gained_positions(lake):
    found = lake.query(
        "select grid_position, positions_gained from gold.fact_results where session_key = 7132 and driver_number = 4"
    )
    assert found == [(None, None)]
    others = lake.query(
        "select driver_number, positions_gained from gold.fact_results where session_key = 7132 and driver_number = 5"
    )
    assert others == [(5, 4)]


def test_deleted_lap_is_in_no_statistic(lake):
    assert lake.query(
        "select driver_number, fastest_lap_time from gold.session_leaderboard where session_key = 7301 and is_fastest"
    ) == [(3, 64.8)]
    assert lake.query(
        "select fastest_lap_time, fastest_lap_number from gold.session_leaderboard "
        "where session_key = 7301 and driver_number = 1"
    ) == [(65.048, 8)]
    assert lake.query(
        "select driver_number, lap_number, is_valid_lap from gold.fact_laps where session_key = 7301 and is_deleted"
    ) == [(1, 5, False)]


def test_championship_with_half_points_breaks_ties_by_count_back(lake):
    points = lake.query(
        "select points from gold.fact_results where session_key = 7521 order by position limit 4"
    )
    assert [value for (value,) in points] == [12.5, 9, 7.5, 6]
    season = "(select season from gold.dim_sessions where session_key = 7521)"
    last = lake.query(
        f"""
        select results.driver_number, standings.points, standings.championship_rank
        from gold.championship_progression as standings
        inner join gold.fact_results as results
            on standings.driver_id = results.driver_id and results.session_key = 7523
        where standings.season = {season} and standings.round_number = 3 and results.driver_number in (3, 4)
        order by 1
        """
    )
    assert last == [(3, 27.5, 3), (4, 27.5, 4)]
    assert lake.query("select count(median_pace_s) from gold.race_pace where session_key = 7521") == [(0,)]


def test_impossibly_fast_times_are_not_laps(lake):
    assert lake.query(
        "select driver_number, fastest_lap_time from gold.session_leaderboard where session_key = 7601 and is_fastest"
    ) == [(1, 75.1)]
    assert lake.query(
        "select fastest_lap_time from gold.session_leaderboard where session_key = 7602 and driver_number = 4"
    ) == [(90.4,)]
