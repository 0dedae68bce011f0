"""Recorded sessions and small cases: the end of laps, and valid laps (slow). (Order at the finish line: test_dbt_recorded_official.py.)

Expected values are official numbers, or computed from the served rows. Needs F1_RECORDED_DATA with `openf1/`, and
`cases/` next to it.
"""

import json
import os
from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from dbt_lake import Lake

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("F1_RECORDED_DATA" not in os.environ, reason="F1_RECORDED_DATA is not set"),
]
ROOT = Path(os.environ.get("F1_RECORDED_DATA", ".")) / "openf1"
CASES = ROOT.parent.parent / "cases"
RECORDED = {
    2023: (7787, 7953, 9102, 9149, 9157, 9181, 9205),
    2024: (9472, 9496, 9523, 9574, 9606),
    2026: (11301, 11303),
}
FOLDERS = (
    "01-red-flag-lap-1",
    "02-behind-the-safety-car",
    "04-same-second",
    "11-laps-and-positions-missing",
    "17-deleted-laps",
    "22-half-points",
    "24-first-lap-of-15-seconds",
)
ENDPOINTS = ("drivers", "laps", "stints", "pit", "position", "intervals", "race_control", "session_result")


def served(endpoint: str, key: int) -> list[dict[str, Any]]:
    return list(json.loads((ROOT / endpoint / f"{key}.json").read_text()))


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    made = Lake(tmp_path_factory.mktemp("laps"))
    calendar: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for folder in (ROOT, *(CASES / name for name in FOLDERS)):
        for file in (folder / "sessions").glob("*.json"):
            year = int(file.stem)
            rows = json.loads(file.read_text())
            wanted = RECORDED.get(year, ()) if folder == ROOT else {row["session_key"] for row in rows}
            sessions = [row for row in rows if row["session_key"] in wanted]
            meetings = {row["meeting_key"] for row in sessions}
            calendar["sessions", year] += sessions
            calendar["meetings", year] += [
                row
                for row in json.loads((folder / "meetings" / file.name).read_text())
                if row["meeting_key"] in meetings
            ]
            for key in wanted:
                for endpoint in ENDPOINTS:
                    made.pull_folder(folder, endpoint, key, year)
    for (endpoint, year), rows in calendar.items():
        made.pull(endpoint, year, year, rows)
    made.build("--select", "+session_leaderboard", "+race_pace", "--exclude-resource-type", "test")
    return made


def test_final_gaps_of_monza_2023_are_official(lake: Lake) -> None:
    """Two of the official gaps include a penalty of 5 s."""
    gaps = lake.query(
        "select gap_to_leader_s from gold.fact_laps where session_key = 9157 and lap_number = 51 and "
        "position_at_lap_end between 2 and 9 order by position_at_lap_end"
    )
    official = [6.064, 11.193, 11.377, 18.028, 37.679, 45.106, 45.449, 46.294]
    assert [gap for (gap,) in gaps] == pytest.approx(official, abs=0.05)


def test_no_lap_follows_the_chequered_flag(lake: Lake) -> None:
    races = "select session_key from silver.silver_sessions where session_category = 'Race' and session_key > 7700"
    assert (
        lake.query(
            "select session_key, driver_number, lap_number from gold.fact_laps inner join ("
            f"select session_key, max(number_of_laps) as race_laps from silver.silver_session_results "
            f"where session_key in ({races}) group by session_key) using (session_key) where lap_number > race_laps"
        )
        == []
    )


@pytest.mark.parametrize("key", RECORDED[2026])
def test_laps_into_the_garage_end_later_than_their_lap_time(lake: Lake, key: int) -> None:
    starts = {
        (row["driver_number"], row["lap_number"]): datetime.fromisoformat(row["date_start"]).replace(
            tzinfo=None
        )
        for row in served("laps", key)
        if row["date_start"]
    }
    times = {(row["driver_number"], row["lap_number"]): row["lap_duration"] for row in served("laps", key)}
    stops = {(row["driver_number"], row["lap_number"] - 1) for row in served("pit", key)}
    laps = lake.query(
        "select driver_number, lap_number, lap_end_at, is_pit_in_lap, is_pit_out_lap from gold.fact_laps "
        f"where session_key = {key}"
    )
    assert {(driver, lap) for driver, lap, _, is_in, _ in laps if is_in} >= stops & starts.keys()
    outs = {(driver, lap) for driver, lap, _, _, is_out in laps if is_out}
    assert outs == {(row["driver_number"], row["lap_number"]) for row in served("pit", key)} | {
        (row["driver_number"], row["lap_number"]) for row in served("laps", key) if row["is_pit_out_lap"]
    }
    for driver, lap, end, is_in, is_out in laps:
        time = times[driver, lap]
        if not is_out:
            assert end == (starts[driver, lap] + timedelta(seconds=time) if time else None) or not is_in
        elif not is_in:
            assert end == starts.get((driver, lap + 1), end)


def test_restart_is_not_the_start_of_the_first_lap(lake: Lake) -> None:
    first = dict(
        lake.query(
            "select session_key, [strftime(min(lap_start_at), '%H:%M:%S'), strftime(max(lap_start_at), '%H:%M:%S')] "
            "from gold.fact_laps where lap_number = 1 and session_key in (7001, 7601, 9181, 9205, 9496, 9523) group by 1"
        )
    )
    assert first == {
        7001: ["13:03:10", "13:03:10"],
        7601: ["13:00:00", "13:00:00"],
        9181: ["20:03:18", "20:03:18"],
        9205: ["17:03:22", "17:03:22"],
        9496: ["05:03:42", "05:03:42"],
        9523: ["13:03:11", "13:03:11"],
    }
    status = "select distinct session_key, track_status from gold.fact_laps where lap_number = 1"
    assert set(lake.query(f"{status} and session_key in (7001, 7601, 9496, 9523)")) == {
        (key, "Red") for key in (7001, 7601, 9496, 9523)
    }


def test_laps_with_missing_rows_and_late_feeds(lake: Lake) -> None:
    assert lake.query(
        "select lap_number, driver_number from gold.fact_laps where session_key = 7101 and position_at_lap_end = 1 "
        "and lap_number > 2 order by 1"
    ) == [(3, 2), (4, 2), (5, 1), (6, 1), (7, 1), (8, 1)]
    gaps = (
        "select driver_number, position_at_lap_end, gap_to_leader_s from gold.fact_laps where lap_number = 4 and "
        "driver_number > 1 and session_key = {} order by 1"
    )
    assert (
        lake.query(gaps.format(7102))
        == lake.query(gaps.format(7103))
        == [(2, 2, 8.0), (3, 3, 16.0), (4, 4, 24.0)]
    )


def test_deleted_and_impossible_laps_are_in_no_statistic(lake: Lake) -> None:
    board = "select driver_number, fastest_lap_time, fastest_lap_number from gold.session_leaderboard where session_key"
    assert lake.query(f"{board} = 7301 order by position")[0] == (3, 64.8, 8)
    assert (1, 65.048, 8) in lake.query(f"{board} = 7301")
    assert lake.query(f"{board} = 7601 order by position")[0] == (1, 75.1, 3)
    assert (4, 90.4, 2) in lake.query(f"{board} = 7602")
    flags = "select is_deleted, is_impossible_time, is_valid_lap from gold.fact_laps where session_key"
    assert lake.query(f"{flags} = 7301 and driver_number = 1 and lap_number = 5") == [(True, False, False)]
    assert lake.query(f"{flags} = 7602 and driver_number = 4 and lap_number = 3") == [(False, True, False)]
    assert lake.query(f"{flags} = 9606 and driver_number = 20 and lap_number = 51") == [(True, False, False)]
    # official fastest laps with a missing sector
    incomplete = (
        "select count(*) from gold.fact_laps where is_personal_best_lap and sector_completeness = 'Partial'"
    )
    assert lake.query(f"{incomplete} and session_key in (7953, 9574)") == [(2,)]


def test_pace_uses_green_flag_laps(lake: Lake) -> None:
    pace = "select driver_number from gold.race_pace where pace_rank <= 3 and session_key"
    assert lake.query(f"{pace} = 7953 order by pace_rank") == [(11,), (1,), (63,)]
    assert lake.query(f"{pace} = 7521") == []
