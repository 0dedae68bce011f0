"""Recorded sessions of the real API, loaded with the command line into gold and compared with official results."""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import duckdb
import pytest

from f1_lakehouse.simulator.server import ReplayServer

SINGAPORE, QUALIFYING = 9606, 9602
PODIUMS = {9472: [1, 11, 55], SINGAPORE: [4, 1, 81], 9655: [1, 16, 81], 9839: [1, 81, 4]}
"""Race → the car numbers on its podium."""


def load(root: Path, sessions: Iterable[int]) -> Path:
    """Load sessions with the command line, build and publish them."""
    recorded = os.environ.get("F1_RECORDED_DATA")
    if not recorded:
        pytest.skip("F1_RECORDED_DATA is not set: no recorded rows to load")
    folder = Path(recorded) / "openf1"
    assert folder.is_dir(), f"F1_RECORDED_DATA={recorded} has no openf1 folder"
    with ReplayServer(folder) as server:
        done = subprocess.run(
            [
                str(Path(sys.executable).parent / "f1"),
                "load",
                "--no-telemetry",
                "--session",
                *map(str, sessions),
            ],
            env={
                **{k: v for k, v in os.environ.items() if not k.startswith(("F1_", "DAGSTER_"))},
                "F1_LAKEHOUSE_ROOT": str(root),
                "F1_OPENF1_URL": server.url,
                "F1_OPENF1_REQUESTS_PER_SECOND": "0",
                "F1_OPENF1_REQUESTS_PER_MINUTE": "0",
                "F1_SOURCES": "openf1",
            },
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with the race of Singapore 2024 and its qualifying."""
    return load(tmp_path_factory.mktemp("recorded") / "lake", [SINGAPORE, QUALIFYING])


@pytest.fixture(scope="module")
def gold(root: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to its published gold."""
    with duckdb.connect(str(root / "gold.duckdb"), read_only=True) as con:
        yield con


@pytest.fixture(scope="module")
def gold_of_races(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the published gold of races of two seasons."""
    lake = load(tmp_path_factory.mktemp("races") / "lake", PODIUMS)
    with duckdb.connect(str(lake / "gold.duckdb"), read_only=True) as con:
        yield con


def podium(gold: duckdb.DuckDBPyConnection, session: int) -> list[int]:
    found = gold.execute(
        f"select driver_number from fact_results where session_key = {session} and position <= 3 order by position"
    ).fetchall()
    return [number for (number,) in found]


def test_podium_is_official(gold):
    assert podium(gold, SINGAPORE) == PODIUMS[SINGAPORE]


@pytest.mark.slow
@pytest.mark.parametrize("session", PODIUMS)
def test_podium_of_each_race_is_official(gold_of_races, session):
    assert podium(gold_of_races, session) == PODIUMS[session]


def test_fastest_lap_of_singapore_2024_is_lap_60_of_the_second_last_classified_driver(gold):
    found = gold.execute(
        "select driver_number, driver_id, fastest_lap_time, fastest_lap_number, classified_position, is_fastest "
        f"from session_leaderboard where session_key = {SINGAPORE} and (position = 1 or is_fastest)"
    ).fetchall()
    assert found == [(3, "daniel-ricciardo", 94.486, 60, 18, True)]


def test_every_lap_of_every_driver_is_in_gold(gold):
    laps = f"from fact_laps where session_key = {SINGAPORE}"
    assert gold.execute(f"select count(*), count(distinct driver_number) {laps}").fetchall() == [(1179, 20)]
    assert gold.execute(f"select count(*) {laps} and lap_number = 1").fetchall() == [(20,)]


def test_grid_comes_from_the_qualifying_of_the_meeting_and_is_complete(gold):
    grid = f"from fact_results where session_key = {SINGAPORE}"
    assert gold.execute(f"select driver_number {grid} and grid_position = 1").fetchall() == [(4,)]
    assert gold.execute(f"select count(grid_position) {grid}").fetchall() == [(20,)]
    winners = (
        f"select winner_driver_number from dim_sessions where session_key in ({QUALIFYING}, {SINGAPORE})"
    )
    assert gold.execute(winners).fetchall() == [(4,), (4,)]


def test_every_stop_of_the_race_is_an_in_lap(root, gold):
    with duckdb.connect(str(root / "warehouse.duckdb"), read_only=True) as con:
        stops = f"select count(*) from silver.silver_pit_stops where session_key = {SINGAPORE}"
        assert con.execute(stops).fetchall() == [(23,)]
    laps = f"select count(*) from fact_laps where session_key = {SINGAPORE} and is_pit_in_lap"
    assert gold.execute(laps).fetchall() == [(23,)]


def test_lap_chart_of_the_position_feed_is_the_order_at_the_finish_line(gold):
    """Two independent feeds agree: a position of the feed equals the order of the cars at the finish line."""
    [(known, agree)] = gold.execute(
        f"""
        with came_by as (
            select *, row_number() over (partition by lap_number order by lap_end_at) as place
            from fact_laps where session_key = {SINGAPORE} and lap_end_at is not null
        )
        select count(*), count(case when place = position_at_lap_end then 1 end) from came_by
        """
    ).fetchall()
    assert known == 1177
    assert agree >= 0.99 * known


def test_round_numbers_are_official(gold):
    found = gold.execute(
        "select max(round_number), max(case when meeting_key = 1246 then round_number end) from dim_meetings "
        "where season = 2024"
    )
    assert found.fetchall() == [(24, 18)]


@pytest.mark.slow
def test_driver_has_the_team_at_the_session_and_not_a_later_one(gold_of_races):
    found = gold_of_races.execute(
        "select session_key, team_name from fact_results where driver_id = 'lewis-hamilton' "
        f"and session_key in ({', '.join(map(str, PODIUMS))}) order by session_key"
    ).fetchall()
    assert found == [(9472, "Mercedes"), (9606, "Mercedes"), (9655, "Mercedes"), (9839, "Ferrari")]
