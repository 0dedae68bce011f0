"""Recorded sessions and small cases: the track status of a session, and laps deleted by race control (slow).

Only the models of these facts are built. Needs F1_RECORDED_DATA with `openf1/`, and `cases/` next to it.
"""

import json
import os
from collections import defaultdict
from pathlib import Path

import pytest
from dbt_lake import Lake

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("F1_RECORDED_DATA" not in os.environ, reason="F1_RECORDED_DATA is not set"),
]
ROOT = Path(os.environ.get("F1_RECORDED_DATA", ".")) / "openf1"
CASES = ROOT.parent.parent / "cases"
RECORDED = {
    2023: (7787, 7953, 9149, 9205),
    2024: (9472, 9496, 9506, 9523, 9594, 9606, 9655),
    2025: (9693, 9864, 9939, 9963),
    2026: (11301, 11303),
}
FOLDERS = (
    "01-red-flag-lap-1",
    "02-behind-the-safety-car",
    "04-same-second",
    "06-safety-car-through-the-pit-lane",
    "17-deleted-laps",
    "22-half-points",
)
MODELS = ("+int_track_status", "+int_deletion_messages")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    made = Lake(tmp_path_factory.mktemp("track"))
    sessions = defaultdict(list)
    for folder in (ROOT, *(CASES / name for name in FOLDERS)):
        for file in (folder / "sessions").glob("*.json"):
            rows = json.loads(file.read_text())
            wanted = RECORDED.get(int(file.stem), ()) if folder == ROOT else {r["session_key"] for r in rows}
            sessions[int(file.stem)] += [row for row in rows if row["session_key"] in wanted]
            for key in wanted:
                for endpoint in ("laps", "race_control"):
                    made.pull_folder(folder, endpoint, key, int(file.stem))
    for year, rows in sessions.items():
        made.pull("sessions", year, year, rows)
    made.build("--select", *MODELS, "--exclude-resource-type", "test")
    return made


def periods(lake: Lake, session_key: int) -> list[str]:
    """Return the states of the complete track, as `Red 13:04:08-13:44:53`."""
    return [
        f"{state} {start}-{end or ''}"
        for state, start, end in lake.query(
            "select case gravity when 4 then 'Red' when 3 then 'SC' when 2 then 'VSC' end, "
            "strftime(started_at, '%H:%M:%S'), strftime(ended_at, '%H:%M:%S') "
            f"from silver.int_track_status where place = 0 and session_key = {session_key} order by started_at"
        )
    ]


@pytest.mark.parametrize(
    ("session_key", "expected"),
    [
        (7001, ["Red 13:04:08-13:44:00"]),
        (7002, ["Red 13:08:10-13:28:10"]),
        (7011, ["Red 13:01:58-14:15:01", "SC 14:15:01-14:30:40"]),
        (7012, ["Red 13:06:30-13:21:30", "SC 13:21:30-13:30:00"]),
        (7031, []),
        (7032, ["VSC 13:06:20-13:07:12"]),
        (7051, ["SC 16:04:40-16:13:40"]),
        (7521, ["SC 12:59:00-13:13:51", "Red 13:13:51-"]),
        (7953, ["VSC 16:10:19-16:12:08"]),
        # no message of the restart: the first lap after it ends the red flag
        (9205, ["SC 17:03:50-17:06:35", "Red 17:06:35-17:33:11"]),
        # an announced rolling start
        (
            9149,
            [
                "SC 13:26:04-13:36:19",
                "VSC 14:30:29-14:31:16",
                "Red 14:31:16-15:13:48",
                "SC 15:13:48-15:18:57",
            ],
        ),
        (9496, ["Red 05:04:24-05:32:48"]),
        (9523, ["Red 13:04:08-13:44:53"]),
        (9506, ["SC 16:04:50-16:10:23"]),
        (
            9655,
            ["SC 16:04:33-16:12:10", "SC 16:56:32-17:07:08", "VSC 17:08:24-17:08:44", "SC 17:08:44-17:13:28"],
        ),
        (9693, ["SC 04:19:31-04:35:12", "SC 05:15:09-05:32:25", "SC 05:41:06-05:51:17"]),
        # without laps
        (9864, ["SC 14:10:09-14:11:59", "Red 14:11:59-14:34:00", "SC 14:34:00-14:36:41"]),
        (9939, ["Red 13:01:58-14:15:01", "SC 14:15:01-14:30:35"]),
        (9963, ["SC 19:27:32-19:39:45"]),
        (11301, ["VSC 15:16:09-15:18:38"]),
        (11303, ["Red 14:51:30-15:03:00"]),
    ],
)
def test_track_states_of_a_session(lake: Lake, session_key: int, expected: list[str]) -> None:
    assert periods(lake, session_key) == expected


def test_yellow_flag_withdrawn_within_its_second_has_no_period(lake: Lake) -> None:
    """In Bahrain 2023 a yellow lasted until the end of the race; the longest one of Baku is a yellow that was shown twice."""
    [(longest,)] = lake.query(
        "select max(epoch(ended_at) - epoch(started_at)) from silver.int_track_status "
        "where place > 0 and session_key = 7953 and started_at >= timestamp '2023-03-05 15:03:00'"
    )
    assert longest < 180


def test_deleted_laps_are_found(lake: Lake) -> None:
    found = {
        (session, driver, lap): reason
        for session, driver, lap, reason in lake.query(
            "select session_key, driver_number, lap_number, deletion_reason from silver.int_deletion_messages "
            "where lap_number is not null"
        )
    }
    assert found[9606, 20, 51] == "TRACK LIMITS AT TURN 2"
    assert found[9472, 81, 37] == "TRACK LIMITS AT TURN 15"
    # In practice and qualifying the message quotes the next lap; laps without a quoted time are found by the time of day.
    assert {(key, driver, lap) for key, driver, lap in found if key > 11300} == {
        *((11301, driver, lap) for driver, lap in ((6, 16), (44, 24), (12, 5), (12, 25), (14, 10), (63, 21))),
        *((11301, driver, lap) for driver, lap in ((63, 2), (63, 10), (10, 22), (18, 11))),
        *((11303, driver, lap) for driver, lap in ((55, 5), (23, 5), (27, 8), (18, 5))),
    }
    [(matched, unmatched)] = lake.query(
        "select count(lap_number), count(*) - count(lap_number) from silver.int_deletion_messages where has_laps"
    )
    assert matched >= 100
    assert unmatched == 0
