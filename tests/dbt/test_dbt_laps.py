"""A correction of any feed that laps depend on rebuilds the laps of its session and of no other session."""

from pathlib import Path

from dbt_lake import Lake
from scenario_rows import Row, driver, lap, session

CORRECTED: dict[str, Row] = {
    "laps": {"lap_duration": 91.0},
    "position": {"position": 2},
    "intervals": {"gap_to_leader": 2.5},
    "weather": {"air_temperature": 21.0},
    "race_control": {"message": "VIRTUAL SAFETY CAR DEPLOYED"},
    "pit": {"lap_number": 1},
    "stints": {"compound": "HARD"},
    "session_result": {"number_of_laps": 2},
    "sessions": {"session_name": "Sprint"},
    "drivers": {"team_name": "RB"},
}
"""The corrected feeds, each in a separate session."""
SESSIONS = dict(enumerate(CORRECTED, start=301))
LAPS = "select session_key, list(laps order by lap_number) from gold.fact_laps as laps group by session_key"


def served(key: int) -> dict[str, list[Row]]:
    """A session of one driver and two laps; the second lap has rows of every feed.

    The session with the corrected result is a race in which a car without laps is classified.
    """
    name, kind = ("Race", "Race") if SESSIONS.get(key) == "session_result" else ("Practice 1", "Practice")
    start, end = "2025-10-05T12:00:00+00:00", "2025-10-05T14:00:00+00:00"
    late = "2025-10-05T12:02:50+00:00"
    rows: dict[str, list[Row]] = {
        "drivers": [driver(key, 30, 4, "Lando NORRIS", "McLaren")],
        "laps": [
            lap(key, 30, 4, 1, 90.0, "2025-10-05T12:00:00+00:00"),
            lap(key, 30, 4, 2, 90.0, "2025-10-05T12:01:30+00:00"),
        ],
        "position": [{"driver_number": 4, "date": late, "position": 1}],
        "intervals": [{"driver_number": 4, "date": late, "gap_to_leader": 1.5}],
        "weather": [{"date": late, "air_temperature": 20.0, "track_temperature": 30.0, "rainfall": 0}],
        "race_control": [{"date": late, "category": "SafetyCar", "message": "SAFETY CAR DEPLOYED"}],
        "pit": [{"driver_number": 4, "lap_number": 2, "date": late, "pit_duration": 20.0}],
        "stints": [{"driver_number": 4, "stint_number": 1, "lap_start": 1, "lap_end": 2, "compound": "SOFT"}],
        "session_result": [{"driver_number": 81, "number_of_laps": 0}],
        "sessions": [session(key, 30, name, kind, start, end, 2025)],
    }
    return {name: [{"session_key": key, "meeting_key": 30} | row for row in of] for name, of in rows.items()}


def test_correction_of_any_feed_rebuilds_the_laps_of_its_session_only(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    calendar: list[Row] = []
    untouched = 399
    for key in (*SESSIONS, untouched):
        rows = served(key)
        calendar += rows.pop("sessions")
        for endpoint, of in rows.items():
            lake.pull(endpoint, key, 2025, of)
    lake.pull("sessions", 2025, 2025, calendar)
    # the source lists a session in two seasons: it stays in one, also when the calendar of the other is replaced
    claimed = [row | {"year": 2024} for row in calendar if row["session_key"] == untouched]
    lake.pull("sessions", 2024, 2024, claimed)
    seasons = f"select season from silver.silver_sessions where session_key = {untouched}"
    models = ("--select", "+fact_laps", "--exclude-resource-type", "test")
    lake.build(*models)
    before = dict(lake.query(LAPS))
    assert before.keys() == {*SESSIONS, untouched}

    for key, endpoint in SESSIONS.items():
        if endpoint == "sessions":
            of = [row | CORRECTED[endpoint] if row["session_key"] == key else row for row in calendar]
            lake.pull(endpoint, 2025, 2025, of)
        else:
            *rest, last = served(key)[endpoint]
            lake.pull(endpoint, key, 2025, [*rest, last | CORRECTED[endpoint]])
    lake.build(*models)
    assert lake.query(seasons) == [(2024,)]
    after = dict(lake.query(LAPS))
    assert {key: after[key] == before[key] for key in before} == {
        **dict.fromkeys(SESSIONS, False),
        untouched: True,
    }
    built = (lake.target / "compiled" / "f1" / "models" / "silver" / "int_laps.sql").read_text()
    of_laps = [str(key) for key, endpoint in SESSIONS.items() if endpoint != "drivers"]
    assert f"replace_partitions session_key: [{', '.join(of_laps)}]" in built
