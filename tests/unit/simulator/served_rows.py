"""A few rows, hand-made, with the shapes on which the API's rules differ."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

NOW = datetime(2025, 7, 7, 12, 0, tzinfo=UTC)

SESSIONS = [
    {"session_key": 12, "meeting_key": 2, "date_start": "2025-07-06T14:00:00+00:00", "country_code": "MON",
     "circuit_short_name": "Monte Carlo", "gmt_offset": "02:00:00", "is_cancelled": False, "year": 2025},
    {"session_key": 11, "meeting_key": 1, "date_start": "2025-07-05T14:00:00+00:00", "country_code": "GBR",
     "circuit_short_name": "Silverstone", "gmt_offset": "01:00:00", "is_cancelled": False, "year": 2025},
    {"session_key": 13, "meeting_key": 3, "date_start": "2025-07-07T10:00:00+00:00", "country_code": "BEL",
     "circuit_short_name": "Spa", "gmt_offset": "02:00:00", "is_cancelled": True, "year": 2025},
    {"session_key": 14, "meeting_key": 4, "date_start": "2025-07-07T12:02:00+00:00", "country_code": "HUN",
     "circuit_short_name": "Budapest", "gmt_offset": "02:00:00", "is_cancelled": False, "year": 2025},
]  # fmt: skip
LAPS = [
    {"session_key": 11, "meeting_key": 1, "driver_number": driver, "lap_number": lap,
     "date_start": None if lap == 1 else f"2025-07-05T14:0{lap}:00.{driver:03}000+00:00",
     "lap_duration": None if lap == 1 else 90.0 + lap + driver / 100, "is_pit_out_lap": lap == 1,
     "segments_sector_1": [None, 2049, 2051]}
    for driver in (1, 4, 44)
    for lap in range(1, 7)
]  # fmt: skip
INTERVALS = [
    {
        "session_key": 11,
        "meeting_key": 1,
        "driver_number": n,
        "date": f"2025-07-05T14:10:0{n}+00:00",
        "gap_to_leader": gap,
    }
    for n, gap in enumerate([None, 0.5, 2, "+1 LAP", "+2 LAPS"], start=1)
]
DRIVERS = [
    {"session_key": 11, "meeting_key": 1, "driver_number": 1, "name_acronym": "VER", "team_colour": "229971"},
    {"session_key": 11, "meeting_key": 1, "driver_number": 50, "name_acronym": "MAR", "team_colour": None},
]
WEATHER = [
    {"session_key": 11, "meeting_key": 1, "date": date, "rainfall": 0}
    for date in ("2025-07-04T23:59:59.999000+00:00", "2025-07-05T00:00:00+00:00", "2025-07-05T23:59:59+00:00",
                 "2025-07-06T00:00:00+00:00", "NaT")
]  # fmt: skip


def write(folder: Path, endpoint: str, name: str, rows: list[dict[str, Any]]) -> Path:
    path = folder / endpoint / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps(rows))
    return path
