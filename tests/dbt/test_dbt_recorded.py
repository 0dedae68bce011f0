"""Silver and gold on what the real API served for the weekend of Singapore 2024: the facts that everyone knows.

Needs the recorded rows in the folder named by F1_RECORDED_DATA (`openf1/<endpoint>/<session_key>.json`).
"""

import os
from pathlib import Path

import pytest
from dbt_lake import Lake

from f1_lakehouse.openf1.endpoints import ENDPOINTS

pytestmark = pytest.mark.skipif("F1_RECORDED_DATA" not in os.environ, reason="F1_RECORDED_DATA is not set")
RACE, QUALIFYING = 9606, 9602


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    folder = Path(os.environ["F1_RECORDED_DATA"]) / "openf1"
    assert folder.is_dir(), f"F1_RECORDED_DATA names no folder with openf1/: {folder}"
    lake = Lake(tmp_path_factory.mktemp("recorded"))
    for endpoint in ENDPOINTS:
        scopes = [2024] if endpoint.name in ("meetings", "sessions") else [QUALIFYING, RACE]
        for scope in [] if endpoint.by_driver else scopes:
            lake.pull_folder(folder, endpoint.name, scope, 2024)
    lake.build()
    return lake


def test_the_podium_is_norris_verstappen_piastri(recorded: Lake) -> None:
    podium = recorded.query(
        f"select driver_number from gold.fact_results where session_key = {RACE} and position <= 3 order by position"
    )
    assert podium == [(4,), (1,), (81,)]


def test_the_fastest_lap_is_the_60th_of_a_man_who_finished_last_but_one_classified(recorded: Lake) -> None:
    best = recorded.query(
        "select driver_id, fastest_lap_time, fastest_lap_number, classified_position "
        f"from gold.session_leaderboard where session_key = {RACE} and position = 1"
    )
    assert best == [("daniel-ricciardo", 94.486, 60, 18)]


def test_every_lap_of_every_driver_is_there(recorded: Lake) -> None:
    laps = f"from gold.fact_laps where session_key = {RACE}"
    assert recorded.query(f"select count(*), count(distinct driver_number) {laps}") == [(1179, 20)]
    assert recorded.query(f"select count(*) {laps} and lap_number = 1") == [(20,)]


def test_norris_started_from_pole_and_the_grid_is_whole(recorded: Lake) -> None:
    grid = f"from gold.fact_results where session_key = {RACE}"
    assert recorded.query(f"select driver_number {grid} and grid_position = 1") == [(4,)]
    assert recorded.query(f"select count(grid_position) {grid}") == [(20,)]
    assert recorded.query(
        f"select winner_driver_number from gold.dim_sessions where session_key in ({QUALIFYING}, {RACE})"
    ) == [(4,), (4,)]


def test_every_stop_of_the_race_is_an_in_lap(recorded: Lake) -> None:
    assert recorded.query(f"select count(*) from silver.silver_pit_stops where session_key = {RACE}") == [
        (23,)
    ]
    assert recorded.query(
        f"select count(*) from gold.fact_laps where session_key = {RACE} and is_pit_in_lap"
    ) == [(23,)]


def test_the_lap_chart_of_the_position_feed_is_the_order_over_the_line(recorded: Lake) -> None:
    """Two independent sources agree: where the feed knows a position, it is the place in which the car came by."""
    known, agree = recorded.query(
        f"""
        with came_by as (
            select *, row_number() over (partition by lap_number order by lap_end_at) as place
            from gold.fact_laps where session_key = {RACE} and lap_end_at is not null
        )
        select count(*), count(case when place = position_at_lap_end then 1 end) from came_by
        """
    )[0]
    assert known == 1177
    assert agree >= 0.99 * known


def test_rounds_are_the_official_ones(recorded: Lake) -> None:
    assert recorded.query(
        "select max(round_number), max(case when meeting_key = 1246 then round_number end) from gold.dim_meetings"
    ) == [(24, 18)]
