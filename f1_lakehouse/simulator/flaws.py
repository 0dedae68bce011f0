"""What is wrong with real data, put into generated rows, and what is put right later.

Belongs here: nulls, duplicates and contradictions as recorded seasons have them, and corrections. Does not
belong here: rows as they should be (`rows`). Every function takes correct rows and returns what is served;
none loses a row but the lap that is published late.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise

from f1_lakehouse.simulator.rows import Row, Session

PENALTY = 5.0  # seconds


def laps(rows: Sequence[Row], session: Session, rng: random.Random) -> list[Row]:
    """Missing sectors and speeds; in races now and then no start for lap 1; out-laps without a time."""
    found = []
    race = session.slot.type == "Race"
    for row in rows:
        changed = dict(row)
        if rng.random() < 0.01:
            changed["duration_sector_1"] = None
        if rng.random() < 0.02:
            changed["i1_speed"] = None
        if rng.random() < 0.1:
            changed["st_speed"] = None
        if race and row["lap_number"] == 1 and rng.random() < 0.08:
            changed["date_start"] = changed["duration_sector_1"] = None
        if not race and row["is_pit_out_lap"] and rng.random() < 0.5:
            changed["duration_sector_1"] = changed["lap_duration"] = None
        found.append(changed)
    return found


def without_late_lap(rows: Sequence[Row], session: Session, rng: random.Random) -> list[Row]:
    """A race in which one lap from the middle is not there yet; other sessions as they are."""
    if session.name != "Race":
        return list(rows)
    last = max(row["lap_number"] for row in rows)
    middle = [i for i, row in enumerate(rows) if last // 3 < row["lap_number"] < last // 2]
    late = rng.choice(middle)
    return [row for i, row in enumerate(rows) if i != late]


def stints(rows: Sequence[Row], session: Session, rng: random.Random) -> list[Row]:
    """One stint in twelve begins on the lap on which the last one ended; some compounds are not known."""
    found: list[Row] = []
    for row in rows:
        changed = dict(row)
        before = found[-1] if found and found[-1]["driver_number"] == row["driver_number"] else None
        if before is not None and rng.random() < 0.085:
            changed["lap_start"] = before["lap_end"]
        if rng.random() < 0.02:
            changed["compound"] = rng.choice(("UNKNOWN", None)) if session.slot.type != "Race" else "UNKNOWN"
        if session.slot.type == "Practice" and rng.random() < 0.01:
            changed["lap_end"] = changed["lap_start"] - 1
        found.append(changed)
    return found


def pit(rows: Sequence[Row], rng: random.Random) -> list[Row]:
    """One visit to the pit lane is listed twice, in identical rows."""
    found = list(rows)
    if found:
        twice = rng.randrange(len(found))
        found.insert(twice, found[twice])
    return found


def drivers(rows: Sequence[Row], session: Session, rng: random.Random) -> list[Row]:
    """In first practice the list holds some entries of a support series, without team and name."""
    found = list(rows)
    if session.name == "Practice 1":
        taken = {row["driver_number"] for row in rows}
        for number in rng.sample([n for n in range(32, 99) if n not in taken], 3):
            found.append({**dict.fromkeys(rows[0]), **session.keys, "driver_number": number})
    return found


def weather(rows: Sequence[Row], rng: random.Random) -> list[Row]:
    """A sensor that says zero, in one session of three."""
    found = list(rows)
    if rng.random() < 0.33:
        broken = rng.randrange(len(found))
        found[broken] = {**found[broken], "track_temperature": 0.0}
    return found


def corrected_result(rows: Sequence[Row], rng: random.Random) -> list[Row] | None:
    """A race's result after a penalty of 5 s that changes positions outside the points; None if none can.

    Outside the points, so that the standings that follow stay as they are.
    """
    on_lead_lap = [r for r in rows if isinstance(r["duration"], float) and (r["position"] or 0) > 10]
    pairs = [a for a, b in pairwise(on_lead_lap) if b["duration"] - a["duration"] < PENALTY]
    if not pairs:
        return None
    penalised = rng.choice(pairs)["driver_number"]
    changed = [
        {
            **r,
            "duration": round(r["duration"] + PENALTY, 3),
            "gap_to_leader": round(r["gap_to_leader"] + PENALTY, 3),
        }
        if r["driver_number"] == penalised
        else r
        for r in on_lead_lap
    ]
    changed.sort(key=lambda r: r["duration"])
    first = min(r["position"] for r in on_lead_lap)
    again = iter([{**r, "position": position} for position, r in enumerate(changed, start=first)])
    affected = {r["driver_number"] for r in on_lead_lap}
    return [next(again) if r["driver_number"] in affected else r for r in rows]
