"""What was driven, as rows of the API: field names, their order, number formats and time stamps.

Belongs here: the shape of every endpoint's rows but telemetry's. Does not belong here: what happened
(`running`, `race`) and what is wrong with real data (`flaws`).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from f1_lakehouse.simulator import keys
from f1_lakehouse.simulator.running import MINUTE, Classified, Run
from f1_lakehouse.simulator.world import (
    LAST_COUNTRY_CODE,
    STOP_DURATION_SINCE,
    Circuit,
    Driver,
    Slot,
    Weekend,
    timetable,
)

Row = dict[str, Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SEGMENT_CODES = (2048, 2049, 2051)
MEDIA = "https://media.formula1.com"


@dataclass(frozen=True)
class Session:
    """One session of a season and its keys; `start` and `end` in ms since 1970."""

    meeting_key: int
    session_key: int
    season: int
    weekend: Weekend
    slot: Slot
    start: int
    end: int

    @property
    def circuit(self) -> Circuit:
        return self.weekend.circuit

    @property
    def name(self) -> str:
        return self.slot.name

    @property
    def keys(self) -> Row:
        return {"meeting_key": self.meeting_key, "session_key": self.session_key}


def milliseconds(moment: datetime) -> int:
    """ms since 1970 of an aware datetime."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def iso(ms: int) -> str:
    """A time stamp as the API writes it: the fraction is left out when it is zero."""
    return (_EPOCH + timedelta(milliseconds=ms)).isoformat()


def seconds(ms: int | None) -> float | None:
    """ms as the API's seconds."""
    return None if ms is None else round(ms / 1000, 3)


def sessions_of(season: int, round_number: int, weekend: Weekend) -> list[Session]:
    """The sessions of one meeting. Keys follow from season and round, so they never clash nor change."""
    meeting_key = keys.meeting_key(season, round_number)
    found = []
    for place, slot in enumerate(timetable(weekend.circuit, weekend.sprint), start=1):
        day = datetime.combine(weekend.race_day, datetime.min.time(), tzinfo=UTC)
        start = milliseconds(day + slot.after)
        length = slot.length // timedelta(milliseconds=1)
        found.append(
            Session(
                meeting_key,
                keys.session_key(meeting_key, place),
                season,
                weekend,
                slot,
                start,
                start + length,
            )
        )
    return found


def meeting_row(sessions: Sequence[Session]) -> Row:
    """One row of meetings."""
    first, last = sessions[0], sessions[-1]
    weekend, circuit = first.weekend, first.circuit
    slug = circuit.short_name.replace(" ", "_")
    return {
        "meeting_key": first.meeting_key,
        "meeting_name": weekend.name,
        "meeting_official_name": f"FORMULA 1 {weekend.name.upper()} {first.season}",
        "location": circuit.location,
        "country_key": circuit.country_key,
        "country_code": circuit.country_code,
        "country_name": circuit.country_name,
        "country_flag": f"{MEDIA}/content/dam/fom-website/2018-redesign-assets/Flags%2016x9/{circuit.country_code}.png",
        "circuit_key": circuit.key,
        "circuit_short_name": circuit.short_name,
        "circuit_type": circuit.kind,
        "circuit_info_url": f"https://api.multiviewer.app/api/v1/circuits/{circuit.key}/{first.season}",
        "circuit_image": f"{MEDIA}/content/dam/fom-website/2018-redesign-assets/Track%20icons%204x3/{slug}.png",
        "gmt_offset": circuit.gmt_offset,
        "date_start": iso(first.start),
        "date_end": iso(last.end),
        "year": first.season,
        "is_cancelled": weekend.cancelled,
    }


def session_row(session: Session) -> Row:
    """One row of sessions."""
    circuit = session.circuit
    return {
        "session_key": session.session_key,
        "session_type": session.slot.type,
        "session_name": session.name,
        "date_start": iso(session.start),
        "date_end": iso(session.end),
        "meeting_key": session.meeting_key,
        "circuit_key": circuit.key,
        "circuit_short_name": circuit.short_name,
        "country_key": circuit.country_key,
        "country_code": circuit.country_code,
        "country_name": circuit.country_name,
        "location": circuit.location,
        "gmt_offset": circuit.gmt_offset,
        "year": session.season,
        "is_cancelled": session.weekend.cancelled,
    }


def driver_rows(session: Session, field: Sequence[Driver]) -> list[Row]:
    """drivers: the entries of a session."""
    rows = []
    for d in field:
        code = f"{d.first_name[:3]}{d.last_name[:3]}01".replace(" ", "").upper()
        picture = f"{d.first_name}_{d.last_name}/{code.lower()}.png".replace(" ", "%20")
        rows.append(
            {
                **session.keys,
                "driver_number": d.number,
                "broadcast_name": f"{d.first_name[0]} {d.last_name.upper()}",
                "full_name": f"{d.first_name} {d.last_name.upper()}",
                "name_acronym": d.acronym,
                "team_name": d.team,
                "team_colour": d.colour,
                "first_name": d.first_name,
                "last_name": d.last_name,
                "headshot_url": f"{MEDIA}/d_driver_fallback_image.png/content/dam/fom-website/drivers/{code[0]}/{picture}",
                "country_code": d.country_code if session.season <= LAST_COUNTRY_CODE else None,
            }
        )
    return rows


def lap_rows(session: Session, run: Run, rng: random.Random) -> list[Row]:
    """laps, by driver. A lap that was not finished has its start and nothing else."""
    counts = [6 + session.circuit.key % 4, 6 + session.circuit.key % 3, 7 + session.circuit.key % 2]
    rows = []
    for lap in run.laps:
        sectors: Sequence[int | None] = lap.sectors or (None, None, None)
        segments: list[list[int | None] | None] = [None, None, None]
        speeds: list[int | None] = [None, None, None]
        if lap.sectors is not None:
            segments = [list(rng.choices(SEGMENT_CODES, (70, 26, 4), k=n)) for n in counts]
            if lap.out:
                segments[0] = [2064, 2064, *(segments[0] or [])[2:]]
            if lap.into_pit:
                segments[2] = [*(segments[2] or [])[:-2], 2064, 2064]
            if rng.random() < 0.78:
                segments[0] = [None, *(segments[0] or [])[1:]]
            fast = 4.8 * session.circuit.km / session.circuit.lap * 1000
            speeds = [round(rng.gauss(fast * share, 4)) for share in (1.0, 0.96, 1.08)]
        rows.append(
            {
                **session.keys,
                "driver_number": lap.driver,
                "lap_number": lap.number,
                "date_start": iso(session.start + run.zero + lap.start),
                "duration_sector_1": seconds(sectors[0]),
                "duration_sector_2": seconds(sectors[1]),
                "duration_sector_3": seconds(sectors[2]),
                "i1_speed": speeds[0],
                "i2_speed": speeds[1],
                "is_pit_out_lap": lap.out,
                "lap_duration": seconds(lap.duration),
                "segments_sector_1": segments[0],
                "segments_sector_2": segments[1],
                "segments_sector_3": segments[2],
                "st_speed": speeds[2],
            }
        )
    return rows


def stint_rows(session: Session, run: Run) -> list[Row]:
    """stints."""
    return [
        {
            **session.keys,
            "stint_number": s.number,
            "driver_number": s.driver,
            "lap_start": s.first,
            "lap_end": s.last,
            "compound": s.compound,
            "tyre_age_at_start": s.age,
        }
        for s in run.stints
    ]


def pit_rows(session: Session, run: Run) -> list[Row]:
    """pit. Stop times exist since the United States GP of 2024, lane times are in tenths."""
    known = session.weekend.race_day >= STOP_DURATION_SINCE
    rows = []
    for p in sorted(run.pits, key=lambda one: one.at):
        lane = round(p.lane / 1000, 1)
        rows.append(
            {
                "date": iso(session.start + run.zero + p.at),
                **session.keys,
                "driver_number": p.driver,
                "lap_number": p.lap,
                "lane_duration": lane,
                "stop_duration": round(p.stop / 1000, 1) if known and p.stop is not None else None,
                "pit_duration": lane,
            }
        )
    return rows


def position_rows(session: Session, run: Run) -> list[Row]:
    """position: one row whenever a driver's position changes."""
    base = session.start + run.zero
    return [
        {"date": iso(base + at), **session.keys, "driver_number": driver, "position": position}
        for at, driver, position in sorted(run.positions, key=lambda p: p[0])
    ]


def interval_rows(session: Session, run: Run) -> list[Row]:
    """intervals: about every 4 s a driver; races and sprints only."""
    base = session.start + run.zero
    return [
        {
            "date": iso(base + at),
            **session.keys,
            "driver_number": driver,
            "gap_to_leader": gap,
            "interval": interval,
        }
        for at, driver, gap, interval in sorted(run.intervals, key=lambda i: i[:2])
    ]


def overtake_rows(session: Session, run: Run) -> list[Row]:
    """overtakes; races only."""
    base = session.start + run.zero
    return [
        {
            **session.keys,
            "overtaking_driver_number": who,
            "overtaken_driver_number": whom,
            "date": iso(base + at),
            "position": position,
        }
        for at, who, whom, position in run.overtakes
    ]


def control_rows(session: Session, run: Run) -> list[Row]:
    """race_control, to the second but for the session's status."""
    base = session.start + run.zero
    rows = []
    for m in sorted(run.control, key=lambda one: one.at):
        at = base + m.at
        rows.append(
            {
                **session.keys,
                "date": iso(at if m.category == "SessionStatus" else at // 1000 * 1000),
                "driver_number": m.driver,
                "lap_number": m.lap,
                "category": m.category,
                "flag": m.flag,
                "scope": m.scope,
                "sector": m.sector,
                "qualifying_phase": m.phase,
                "message": m.text,
            }
        )
    return rows


def weather_rows(session: Session, rng: random.Random, *, wet: bool) -> list[Row]:
    """weather: once a minute from an hour before a race (a quarter before others) until after its end."""
    begin = session.start - (60 if session.slot.type == "Race" else 15) * MINUTE + rng.randrange(MINUTE)
    air = rng.uniform(14, 31)
    track, humidity, pressure = air + rng.uniform(4, 18), rng.uniform(30, 75), rng.uniform(985, 1018)
    direction, wind = rng.randrange(360), rng.uniform(0.5, 4)
    rows = []
    for at in range(begin, session.end + 10 * MINUTE, MINUTE):
        air += rng.gauss(-0.01, 0.06)
        track += rng.gauss(-0.03, 0.12)
        humidity = min(max(humidity + rng.gauss(0.02, 0.4), 10), 98)
        pressure += rng.gauss(0, 0.04)
        direction = (direction + round(rng.gauss(0, 25))) % 360
        wind = abs(wind + rng.gauss(0, 0.25))
        rows.append(
            {
                "date": iso(at + rng.randrange(-200, 200)),
                **session.keys,
                "air_temperature": round(air, 1),
                "humidity": round(humidity, 1),
                "pressure": round(pressure, 1),
                "rainfall": int(wet and rng.random() < 0.6),
                "track_temperature": round(track, 1),
                "wind_direction": direction,
                "wind_speed": round(wind, 1),
            }
        )
    return rows


def radio_rows(session: Session, field: Sequence[Driver], rng: random.Random) -> list[Row]:
    """team_radio: some messages; the recordings do not exist."""
    count = {"Race": rng.randint(20, 60), "Sprint": rng.randint(8, 20)}.get(session.name, rng.randint(3, 14))
    rows = []
    for at in sorted(rng.randrange(session.start, session.end) for _ in range(count)):
        driver = rng.choice(field)
        day = date.fromisoformat(iso(session.start)[:10])
        code = f"{driver.first_name[:3]}{driver.last_name[:3]}01_{driver.number}".replace(" ", "").upper()
        stamp = iso(at)[:19].translate(str.maketrans("T", "_", "-:"))
        where = f"{day.year}/{day}_{session.weekend.name.replace(' ', '_')}/{day}_{session.name.replace(' ', '_')}"
        rows.append(
            {
                **session.keys,
                "driver_number": driver.number,
                "date": iso(at),
                "recording_url": f"https://livetiming.formula1.com/static/{where}/TeamRadio/{code}_{stamp}.mp3",
            }
        )
    return rows


def result_rows(session: Session, result: Sequence[Classified]) -> list[Row]:
    """session_result. Points stand in races and sprints only; qualifying has lists of three."""
    leader = next((c for c in result if c.position == 1), None)
    best = [min((c.phases[q] or 10**9 for c in result if c.phases), default=10**9) for q in range(3)]
    rows = []
    for c in result:
        row: Row = {"position": c.position, "driver_number": c.driver, "number_of_laps": c.laps}
        if session.slot.type == "Race":
            row["points"] = c.points
        row |= {"dnf": c.dnf, "dns": c.dns, "dsq": c.dsq}
        if c.phases is not None:
            row["duration"] = [seconds(p) for p in c.phases]
            row["gap_to_leader"] = [
                None if p is None else seconds(p - best[q]) for q, p in enumerate(c.phases)
            ]
        else:
            row["duration"] = seconds(c.duration)
            row["gap_to_leader"] = _gap(c, leader)
        rows.append(row | session.keys)
    return rows


def _gap(c: Classified, leader: Classified | None) -> float | int | str | None:
    if c is leader:
        return 0
    if c.behind:
        return f"+{c.behind} LAP{'S' if c.behind > 1 else ''}"
    if c.duration is None or leader is None or leader.duration is None:
        return None
    return seconds(c.duration - leader.duration)


def grid_rows(session: Session, grid: Sequence[int], result: Sequence[Classified]) -> list[Row]:
    """starting_grid of the race that follows, under the key of this qualifying session."""
    times = {c.driver: [p for p in c.phases or () if p is not None] for c in result}
    return [
        {
            "position": position,
            "driver_number": number,
            "lap_duration": seconds(times[number][-1]) if times[number] else None,
            **session.keys,
        }
        for position, number in enumerate(grid, start=1)
    ]
