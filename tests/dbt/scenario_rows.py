"""Handwritten weekends: the rows of the first pulls.

Singapore 2024 has a qualifying (101) and a race (102), Singapore 2025 a race (201). Each special case is present once: a
driver who changes teams, a number that is reassigned to another driver, a first lap without a time, a winner without the
fastest lap, a fast invalid lap, a team without a lap, a grid with the qualifying's key, duplicates and JSON of changing type.
"""

from typing import Any

Row = dict[str, Any]


def session(key: int, meeting: int, name: str, kind: str, start: str, end: str, year: int) -> Row:
    return {
        "session_key": key,
        "meeting_key": meeting,
        "session_name": name,
        "session_type": kind,
        "date_start": start,
        "date_end": end,
        "year": year,
        "circuit_key": 61,
        "circuit_short_name": "Singapore",
    }


def meeting(key: int, name: str, start: str, year: int) -> Row:
    return {
        "meeting_key": key,
        "meeting_name": name,
        "date_start": start,
        "year": year,
        "circuit_key": 61,
        "circuit_short_name": "Singapore",
        "location": "Marina Bay",
    }


def driver(key: int, meeting: int, number: int | None, name: str | None, team: str | None) -> Row:
    return {
        "session_key": key,
        "meeting_key": meeting,
        "driver_number": number,
        "full_name": name,
        "team_name": team,
        "name_acronym": name.split()[-1][:3].upper() if name else None,
    }


def lap(
    key: int, meeting: int, number: int, n: int, time: float | None, start: str | None, **rest: Any
) -> Row:
    return {
        "session_key": key,
        "meeting_key": meeting,
        "driver_number": number,
        "lap_number": n,
        "lap_duration": time,
        "date_start": start,
        "is_pit_out_lap": False,
    } | rest


def at(minute: int, second: int = 0, day: str = "2024-09-22") -> str:
    return f"{day}T12:{minute:02}:{second:02}+00:00"


MEETINGS = {
    2024: [
        meeting(9, "Pre-Season Testing", "2024-02-21T07:00:00+00:00", 2024),
        meeting(10, "Singapore Grand Prix", "2024-09-20T09:30:00+00:00", 2024),
    ],
    2025: [meeting(20, "Singapore Grand Prix", "2025-10-03T09:30:00+00:00", 2025)],
}
SESSIONS = {
    2024: [
        session(
            101,
            10,
            "Qualifying",
            "Qualifying",
            "2024-09-21T13:00:00+00:00",
            "2024-09-21T14:00:00+00:00",
            2024,
        ),
        session(102, 10, "Race", "Race", at(0), "2024-09-22T14:00:00+00:00", 2024),
    ],
    2025: [session(201, 20, "Race", "Race", at(0, day="2025-10-05"), "2025-10-05T14:00:00+00:00", 2025)],
}
DRIVERS = {
    101: [
        driver(101, 10, 4, "Lando NORRIS", "McLaren"),
        driver(101, 10, 43, "Franco COLAPINTO", "Williams"),
        driver(101, 10, 50, "Oliver BEARMAN", "Haas F1 Team"),
    ],
    102: [
        driver(102, 10, 4, "Lando NORRIS", "McLaren"),
        driver(102, 10, 4, "Lando NORRIS", None),
        driver(102, 10, 81, "Oscar PIASTRI", "McLaren"),
        driver(102, 10, 43, "Franco COLAPINTO", "Williams"),
        driver(102, 10, 3, "Daniel RICCIARDO", "RB"),
        driver(102, 10, 77, "Valtteri BOTTAS", "Kick Sauber"),
        driver(102, 10, None, None, None),
    ],
    201: [
        driver(201, 20, 4, "Lando NORRIS", "McLaren"),
        driver(201, 20, 43, "Franco COLAPINTO", "Alpine"),
        driver(201, 20, 50, "Ryo HIRAKAWA", "Haas F1 Team"),
    ],
}


def sectors(first: float, second: float, third: float) -> Row:
    return {"duration_sector_1": first, "duration_sector_2": second, "duration_sector_3": third}


LAPS = {
    101: [lap(101, 10, 4, 1, 89.525, "2024-09-21T13:10:00+00:00")],
    102: [
        lap(102, 10, 4, 1, None, None),
        lap(102, 10, 4, 2, 96.0, at(2), **sectors(32.0, 33.0, 31.0), i1_speed=280),
        lap(
            102,
            10,
            4,
            3,
            95.0,
            at(3, 36),
            **sectors(33.0, 30.0, 32.0),
            st_speed=310,
            segments_sector_1=[None, 2048],
            segments_sector_2=[2064],
        ),
        lap(102, 10, 81, 1, None, None),
        lap(
            102,
            10,
            81,
            2,
            97.0,
            at(2, 1),
            duration_sector_1=None,
            duration_sector_2=31.0,
            duration_sector_3=32.0,
        ),
        lap(102, 10, 81, 3, 96.5, at(3, 38)),
        lap(102, 10, 43, 2, 99.0, at(2, 2)),
        lap(102, 10, 43, 2, 99.0, at(2, 2)),
        lap(102, 10, 3, 1, 120.0, at(0, 3)),
        lap(102, 10, 3, 2, 94.0, at(2, 3)),
        lap(102, 10, 3, 3, 60.0, at(3, 37), is_pit_out_lap=True),
        lap(102, 10, 77, 1, None, at(0, 4)),
    ],
    201: [
        lap(201, 20, 4, 1, 95.0, at(0, day="2025-10-05")),
        lap(201, 20, 43, 1, 96.0, at(0, day="2025-10-05")),
        lap(201, 20, 50, 1, 97.0, at(0, day="2025-10-05")),
    ],
}
RESULTS = {
    102: [
        {"driver_number": 4, "position": 1, "points": 25.0, "duration": 6052.571, "gap_to_leader": 0},
        {"driver_number": 81, "position": 2, "points": 18.0, "duration": 6073.516, "gap_to_leader": 20.945},
        {"driver_number": 43, "position": 3, "points": 15.0, "gap_to_leader": "+1 LAP"},
        {"driver_number": 3, "position": 4, "points": 12.0, "gap_to_leader": "+2 LAPS"},
        {"driver_number": 77, "position": None, "points": 0.0, "dnf": True},
    ],
    101: [{"driver_number": 4, "position": 1, "duration": [90.0, 89.8, 89.525], "gap_to_leader": [0, 0, 0]}],
    201: [{"driver_number": 43, "position": 1, "points": 25.0, "duration": 6000.0, "gap_to_leader": 0}],
}
GRID = {
    101: [
        {"driver_number": 4, "position": 3, "lap_duration": 89.525},
        {"driver_number": 81, "position": 1, "lap_duration": 89.4},
        {"driver_number": 43, "position": None},
    ]
}
SEASON_OF = {101: 2024, 102: 2024, 201: 2025}
MEETING_OF = {101: 10, 102: 10, 201: 20}


def of(key: int, rows: list[Row]) -> list[Row]:
    return [{"session_key": key, "meeting_key": MEETING_OF[key]} | row for row in rows]


CORNERS = [
    {
        "season": 2024,
        "circuit_key": 61,
        "number": 1,
        "letter": "",
        "length": 2345.0,
        "x": -10.5,
        "rotation": 335.0,
    },
    {
        "season": 2024,
        "circuit_key": 61,
        "number": 9,
        "letter": "A",
        "length": None,
        "x": 7.0,
        "rotation": 335.0,
    },
    {
        "season": 2024,
        "circuit_key": 61,
        "number": 9,
        "letter": "B",
        "length": 9876.5,
        "x": 8.0,
        "rotation": 335.0,
    },
]


def first_pulls() -> list[tuple[str, int, int, list[Row]]]:
    """Return the first pulls: (endpoint, partition, season, rows)."""
    pulls: list[tuple[str, int, int, list[Row]]] = []
    for endpoint, seasons in (("meetings", MEETINGS), ("sessions", SESSIONS)):
        pulls += [(endpoint, year, year, rows) for year, rows in seasons.items()]
    for endpoint, sessions in (("drivers", DRIVERS), ("laps", LAPS)):
        pulls += [(endpoint, key, SEASON_OF[key], rows) for key, rows in sessions.items()]
    for endpoint, sessions in (("session_result", RESULTS), ("starting_grid", GRID)):
        pulls += [(endpoint, key, SEASON_OF[key], of(key, rows)) for key, rows in sessions.items()]
    race = [
        (
            "stints",
            [
                {"driver_number": 4, "stint_number": 1, "lap_start": 1, "lap_end": 2, "compound": "SOFT"},
                {"driver_number": 4, "stint_number": 2, "lap_start": 2, "lap_end": 3, "compound": "HARD"},
            ],
        ),
        ("pit", [{"driver_number": 4, "lap_number": 2, "date": at(3, 30), "pit_duration": 23.5}] * 2),
        ("position", [{"driver_number": 4, "date": at(0), "position": 3}]),
        ("intervals", [{"driver_number": 81, "date": at(3, 37), "gap_to_leader": 1.5, "interval": "+1 LAP"}]),
        (
            "overtakes",
            [{"overtaking_driver_number": 4, "overtaken_driver_number": 81, "date": at(2), "position": 1}],
        ),
        ("race_control", [{"date": at(3, 40), "category": "SafetyCar", "message": "SAFETY CAR DEPLOYED"}]),
        ("weather", [{"date": at(1), "air_temperature": 28.5, "track_temperature": 0.0, "rainfall": 0}]),
        ("team_radio", [{"driver_number": 4, "date": None, "recording_url": "https://example.org/a.mp3"}]),
        ("championship_drivers", [{"driver_number": 4, "position_current": 1, "points_current": 25.0}]),
        ("championship_teams", [{"team_name": "RB", "position_current": 3, "points_current": 12.0}]),
        ("location", [{"driver_number": 4, "date": at(2), "x": 0, "y": 0, "z": 0}]),
        (
            "car_data",
            [{"driver_number": 4, "date": at(2), "speed": 300, "throttle": 104, "brake": 0, "n_gear": 8}],
        ),
    ]
    pulls += [(endpoint, 102, 2024, of(102, rows)) for endpoint, rows in race]
    lap = [{"driver_number": 4, "date": f"2024-09-21T13:10:{s:02}+00:00", "speed": 200 + s} for s in (10, 20)]
    pulls.append(
        (
            "position",
            201,
            2025,
            of(201, [{"driver_number": 4, "date": at(0, day="2025-10-05"), "position": 1}]),
        )
    )
    pulls.append(("car_data", 101, 2024, of(101, lap)))
    return pulls
