"""Recorded sessions of the real API through the whole lakehouse, by the command line, against what is known of them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from f1_lakehouse.replay.server import ReplayServer

RACES = {  # session → (podium, rows of laps where the recording is complete)
    9472: [1, 11, 55],
    9606: [4, 1, 81],
    9655: [1, 16, 81],
    9839: [1, 81, 4],
}


@pytest.fixture(scope="module")
def gold(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    recorded = os.environ.get("F1_RECORDED_DATA")
    if not recorded:
        pytest.skip("F1_RECORDED_DATA is not set: no recorded rows to load")
    folder = Path(recorded) / "openf1"
    assert folder.is_dir(), f"F1_RECORDED_DATA={recorded} has no openf1 folder"
    root = tmp_path_factory.mktemp("recorded") / "lake"
    with ReplayServer(folder) as server:
        done = subprocess.run(
            [
                str(Path(sys.executable).parent / "f1"),
                "load",
                "--no-telemetry",
                "--session",
                *map(str, RACES),
            ],
            env={
                **{k: v for k, v in os.environ.items() if not k.startswith(("F1_", "DAGSTER_"))},
                "F1_LAKEHOUSE_ROOT": str(root),
                "F1_OPENF1_URL": server.url,
                "F1_OPENF1_REQUESTS_PER_SECOND": "0",
                "F1_OPENF1_REQUESTS_PER_MINUTE": "0",
            },
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    with duckdb.connect(str(root / "gold.duckdb"), read_only=True) as con:
        con.execute("use gold.gold")
        yield con


@pytest.mark.parametrize(("session", "podium"), RACES.items())
def test_the_podium_is_the_official_one(gold, session, podium):
    found = gold.execute(
        f"select driver_number from fact_results where session_key = {session} and position <= 3 order by position"
    ).fetchall()
    assert [number for (number,) in found] == podium


def test_the_fastest_lap_of_singapore_2024_is_ricciardos_on_lap_60(gold):
    found = gold.execute(
        "select driver_number, fastest_lap_time, fastest_lap_number from session_leaderboard "
        "where session_key = 9606 and is_fastest"
    ).fetchall()
    assert found == [(3, 94.486, 60)]


def test_every_recorded_lap_of_singapore_2024_is_there(gold):
    found = gold.execute(
        "select count(*), count(distinct driver_number) from fact_laps where session_key = 9606"
    )
    assert found.fetchall() == [(1179, 20)]


def test_the_grid_comes_from_the_qualifying_session_of_the_same_meeting(gold):
    found = gold.execute(
        "select driver_number from fact_results where session_key = 9606 and grid_position = 1"
    )
    assert found.fetchall() == [(4,)]


def test_a_driver_has_the_team_of_that_day_and_not_a_later_one(gold):
    found = gold.execute(
        "select session_key, team_name from fact_results where driver_id = 'lewis-hamilton' order by session_key"
    ).fetchall()
    assert found == [(9472, "Mercedes"), (9606, "Mercedes"), (9655, "Mercedes"), (9839, "Ferrari")]
