"""The Jolpica counterpart of generated OpenF1 seasons, as tables for the embedded Jolpica to serve.

Belongs here: races, results, qualifying, pit stops and standings that agree with generated rows, but for the planted
differences (`PLANTED`). Does not belong here: the old season (old_season.py), the layout of the tables
(ergast_tables.py), serving them (jolpica.py, ergast.py). Same arguments, same bytes.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from f1_lakehouse.simulator import world
from f1_lakehouse.simulator.ergast_objects import duration
from f1_lakehouse.simulator.ergast_tables import (
    DISQUALIFIED,
    ENGINE,
    FINISHED,
    LAPPED,
    NOT_STARTED,
    STATUS,
    Tables,
    add_standings,
    url_of,
)
from f1_lakehouse.simulator.keys import GENERATED_MARK, generated
from f1_lakehouse.simulator.old_season import add_old_season

PLANTED = ("points of the winner of round 1: 1 less", "laps of a retired car of round 1: 1 more")


def write_history(folder: Path | str, openf1: Path | str | None = None) -> Path:
    """Write the tables to `folder`: the old season, and the counterparts of the seasons generated in `openf1`.

    Returns the folder, for `ergast.History`.
    """
    tables = Tables()
    for number, text in STATUS.items():
        tables.add("status", statusId=number, status=text)
    add_old_season(tables)
    if openf1 is not None:
        for season in world.SEASONS:
            rows = _read(Path(openf1), "sessions", season)
            # Recorded seasons have no counterpart: what Jolpica has of them is not known here.
            if rows and generated([row["session_key"] for row in rows]):
                _counterpart(tables, Path(openf1), season)
    tables.write(Path(folder))
    return Path(folder)


def _counterpart(tables: Tables, folder: Path, season: int) -> None:
    tables.add("seasons", year=season, url=url_of(f"{season}_generated_season"))
    drivers = {one.number: _driver(tables, one) for one in world.drivers(season)}
    teams = {one.number: _team(tables, one.team) for one in world.drivers(season)}
    sessions = _read(folder, "sessions", season)
    meetings = {row["meeting_key"]: row for row in _read(folder, "meetings", season)}
    held = [key for key, row in meetings.items() if not row.get("is_cancelled")]
    for number, key in enumerate(held, start=1):
        of_meeting = {row["session_name"]: row for row in sessions if row["meeting_key"] == key}
        race = _race(tables, season, number, meetings[key], of_meeting)
        for name, table in (("Race", "results"), ("Sprint", "sprint_results")):
            if name in of_meeting:
                _results(tables, table, race, folder, of_meeting, name, drivers, teams)
        _qualifying(tables, race, folder, of_meeting, drivers, teams)
        _pit_stops(tables, race, folder, of_meeting["Race"]["session_key"], drivers)
        tables.laps += _laps(race, folder, of_meeting["Race"]["session_key"], drivers)
        add_standings(tables, season, race, constructors=True)
    _plant(tables, season)


def _driver(tables: Tables, one: world.Driver) -> int:
    return tables.known(
        "drivers",
        one.last_name.lower().replace(" ", "_"),
        number=one.number,
        code=one.acronym,
        forename=one.first_name,
        surname=one.last_name,
        dob="2000-01-01",
        nationality=one.country_code,
    )


def _team(tables: Tables, name: str) -> int:
    return tables.known("constructors", name.lower().replace(" ", "_"), name=name, nationality="British")


def _race(
    tables: Tables, season: int, number: int, meeting: dict[str, Any], sessions: dict[str, dict[str, Any]]
) -> int:
    place = meeting["circuit_short_name"]
    circuit = tables.known(
        "circuits",
        place.lower().replace(" ", "_").replace("-", "_"),
        name=place,
        location=meeting["location"],
        country=meeting["country_name"],
        lat=0,
        lng=0,
        alt=0,
    )
    moments: dict[str, str] = {}
    for prefix, name in (
        ("", "Race"),
        ("fp1_", "Practice 1"),
        ("fp2_", "Practice 2"),
        ("fp3_", "Practice 3"),
        ("quali_", "Qualifying"),
        ("sprint_", "Sprint"),
    ):
        if name in sessions:
            start = datetime.fromisoformat(sessions[name]["date_start"])
            moments |= {f"{prefix}date": f"{start:%Y-%m-%d}", f"{prefix}time": f"{start:%H:%M:%S}"}
    return tables.add(
        "races",
        year=season,
        round=number,
        circuitId=circuit,
        name=f"{meeting['meeting_name']} {GENERATED_MARK}",
        url=url_of(f"{season}_{number}"),
        **moments,
    )


def _results(
    tables: Tables,
    table: str,
    race: int,
    folder: Path,
    sessions: dict[str, dict[str, Any]],
    name: str,
    drivers: dict[int, int],
    teams: dict[int, int],
) -> None:
    served = _read(folder, "session_result", sessions[name]["session_key"])
    grid_of = sessions.get("Qualifying" if name == "Race" else "Sprint Qualifying")
    grid = {
        row["driver_number"]: row["position"]
        for row in (_read(folder, "starting_grid", grid_of["session_key"]) if grid_of else [])
    }
    ranked = sorted(served, key=lambda row: (row["position"] is None, row["position"] or 0))
    for order, row in enumerate(ranked, start=1):
        number, place = row["driver_number"], row["position"]
        lapped = not isinstance(row.get("gap_to_leader"), int | float)
        text = str(place) if place is not None else "D" if row["dsq"] else "W" if row["dns"] else "R"
        status = FINISHED if not lapped else LAPPED
        if place is None:
            status = DISQUALIFIED if row["dsq"] else NOT_STARTED if row["dns"] else ENGINE
        millis = (
            round(row["duration"] * 1000) if place is not None and not lapped and row["duration"] else None
        )
        tables.add(
            table,
            raceId=race,
            driverId=drivers[number],
            constructorId=teams[number],
            number=number,
            grid=grid.get(number, 0),
            position=place,
            positionText=text,
            positionOrder=order,
            points=f"{row.get('points') or 0:g}",
            laps=row["number_of_laps"] or 0,
            time=None if millis is None else "as served",
            milliseconds=millis,
            statusId=status,
        )


def _qualifying(
    tables: Tables,
    race: int,
    folder: Path,
    sessions: dict[str, dict[str, Any]],
    drivers: dict[int, int],
    teams: dict[int, int],
) -> None:
    served = _read(folder, "session_result", sessions["Qualifying"]["session_key"])
    ranked = sorted(served, key=lambda row: (row["position"] is None, row["position"] or 0))
    for order, row in enumerate(ranked, start=1):
        times = row["duration"] if isinstance(row["duration"], list) else [row["duration"]]
        parts = dict(zip(("q1", "q2", "q3"), times, strict=False))
        tables.add(
            "qualifying",
            raceId=race,
            driverId=drivers[row["driver_number"]],
            constructorId=teams[row["driver_number"]],
            number=row["driver_number"],
            position=order,
            **{name: None if value is None else _clock(value) for name, value in parts.items()},
        )


def _pit_stops(tables: Tables, race: int, folder: Path, session_key: int, drivers: dict[int, int]) -> None:
    stops: Counter[int] = Counter()
    seen: set[tuple[int, int]] = set()
    for row in sorted(_read(folder, "pit", session_key), key=lambda row: row["date"]):
        number, lap = row["driver_number"], row["lap_number"]
        seconds = row.get("lane_duration") or row.get("pit_duration")
        if lap is None or seconds is None or (number, lap) in seen:
            continue
        seen.add((number, lap))
        stops[number] += 1
        tables.rows["pit_stops"].append(
            {
                "raceId": race,
                "driverId": drivers[number],
                "stop": stops[number],
                "lap": lap,
                "time": f"{datetime.fromisoformat(row['date']):%H:%M:%S}",
                "duration": f"{seconds:.3f}",
                "milliseconds": round(seconds * 1000),
            }
        )


def _laps(
    race: int, folder: Path, session_key: int, drivers: dict[int, int]
) -> list[tuple[int, int, int, int, str, int]]:
    """Laps with a position by the time since the start; lap 1 is half a second shorter than OpenF1's, as in real data."""
    since: Counter[int] = Counter()
    found: list[tuple[int, int, int, int, str, int]] = []
    by_lap: dict[int, list[tuple[int, int, int]]] = {}
    for row in sorted(
        _read(folder, "laps", session_key), key=lambda row: (row["lap_number"], row["driver_number"])
    ):
        number, lap, seconds = row["driver_number"], row["lap_number"], row["lap_duration"]
        if seconds is not None:
            millis = round(seconds * 1000) - (500 if lap == 1 else 0)
            since[number] += millis
            by_lap.setdefault(lap, []).append((since[number], number, millis))
    for lap, rows in by_lap.items():
        for position, (_, number, millis) in enumerate(sorted(rows), start=1):
            found.append((race, drivers[number], lap, position, duration(millis), millis))
    return found


def _plant(tables: Tables, season: int) -> None:
    """The differences to OpenF1's rows that a reconciliation has to find; see `PLANTED`."""
    first = next(row["raceId"] for row in tables.rows["races"] if row["year"] == season)
    rows = [row for row in tables.rows["results"] if row["raceId"] == first]
    rows[0]["points"] = f"{float(rows[0]['points']) - 1:g}"
    retired = [row for row in rows if row["positionText"] == "R"]
    if retired:
        retired[0]["laps"] += 1


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds * 1000), 60_000)
    return f"{minutes}:{rest // 1000:02d}.{rest % 1000:03d}"


def _read(folder: Path, endpoint: str, name: int) -> list[dict[str, Any]]:
    path = folder / endpoint / f"{name}.json"
    return list(orjson.loads(path.read_bytes())) if path.exists() else []
