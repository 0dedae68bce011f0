"""Practice and qualifying as they are driven, and the shapes that every driven session has.

Belongs here: laps, stints, pit visits and results in milliseconds since the session's zero, before anything is
a row of the API. Does not belong here: races (`race`), flaws and formats (`generate`).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from f1_lakehouse.simulator.world import Circuit, Driver

MINUTE = 60_000
GREEN_LIGHT = "GREEN LIGHT - PIT EXIT OPEN"


@dataclass
class Lap:
    """One lap. `start` and `duration` in ms; a duration of None is a lap that was not finished."""

    driver: int
    number: int
    start: int
    duration: int | None
    sectors: tuple[int, int, int] | None
    out: bool = False
    into_pit: bool = False


@dataclass
class Stint:
    """Laps `first` to `last` on one set of tyres that was `age` laps old."""

    driver: int
    number: int
    first: int
    last: int
    compound: str
    age: int


@dataclass
class PitVisit:
    """A drive through the pit lane at the end of `lap`; `at` is its entry, `lane` and `stop` in ms."""

    driver: int
    lap: int
    at: int
    lane: int
    stop: int | None


@dataclass
class Classified:
    """One line of a result. Times in ms; `phases` holds the best lap of Q1, Q2 and Q3."""

    driver: int
    position: int | None
    laps: int
    duration: int | None = None
    behind: int = 0  # complete laps
    dnf: bool = False
    dns: bool = False
    dsq: bool = False
    points: float | None = None
    phases: tuple[int | None, int | None, int | None] | None = None


@dataclass
class Message:
    """One message of race control, `at` ms after zero."""

    at: int
    category: str
    text: str
    flag: str | None = None
    scope: str | None = None
    sector: int | None = None
    driver: int | None = None
    lap: int | None = None
    phase: int | None = None


@dataclass
class Run:
    """All that happened in one session; times in ms after `zero`, which is ms after its scheduled start."""

    zero: int
    laps: list[Lap] = field(default_factory=list)
    stints: list[Stint] = field(default_factory=list)
    pits: list[PitVisit] = field(default_factory=list)
    positions: list[tuple[int, int, int]] = field(default_factory=list)  # at, driver, position
    overtakes: list[tuple[int, int, int, int]] = field(default_factory=list)  # at, who, whom, position
    intervals: list[tuple[int, int, float | str | None, float | str | None]] = field(default_factory=list)
    control: list[Message] = field(default_factory=list)
    result: list[Classified] = field(default_factory=list)


def split_lap(circuit: Circuit, duration: int, rng: random.Random) -> tuple[int, int, int]:
    """A lap time as three sector times that add up to it."""
    first_share, second_share = 0.28 + circuit.key % 7 / 100, 0.36 + circuit.key % 5 / 100
    first = round(duration * (first_share + rng.gauss(0, 0.0015)))
    second = round(duration * (second_share + rng.gauss(0, 0.0015)))
    return first, second, duration - first - second


def practice(circuit: Circuit, field_: Sequence[Driver], minutes: int, rng: random.Random) -> Run:
    """A practice session: every driver in three or four runs, classified by best lap."""
    run = Run(zero=0)
    for driver in field_:
        at, number = rng.randrange(5_000, 240_000), 0
        for stint, compound in enumerate(("MEDIUM", "HARD", "SOFT", "SOFT"), start=1):
            if at > (minutes - 3) * MINUTE:
                break
            timed = rng.randint(2, 6)
            plan = ["out", *["timed"] * timed, "in"]
            at, number = _drive(
                run, circuit, driver, plan, at, number, rng, stint=stint, compound=compound, pace_share=0.975
            )
            at += rng.randrange(4 * MINUTE, 9 * MINUTE)
            run.pits.append(
                PitVisit(driver.number, number, at - 3 * MINUTE, rng.randrange(150, 500) * 1000, None)
            )
    best = _best_laps(run, field_)
    order = sorted(field_, key=lambda d: (best[d.number] is None, best[d.number] or 0))
    counts = _lap_counts(run)
    for position, driver in enumerate(order, start=1):
        time = best[driver.number]
        run.result.append(Classified(driver.number, position, counts.get(driver.number, 0), duration=time))
    end = minutes * MINUTE
    run.control = [
        Message(0, "Flag", GREEN_LIGHT, flag="GREEN", scope="Track"),
        Message(0, "SessionStatus", "SESSION STARTED"),
        *_track_limits(run, rng, 8),
        *_yellows(end, rng, 3),
        Message(end, "Flag", "CHEQUERED FLAG", flag="CHEQUERED", scope="Track"),
        Message(end + 400, "SessionStatus", "SESSION FINISHED"),
    ]
    run.positions = best_lap_positions(run, field_, up_to=None)
    return run


def qualifying(circuit: Circuit, field_: Sequence[Driver], sprint: bool, rng: random.Random) -> Run:
    """A qualifying session of three phases; from each of the first two an equal number is sent home."""
    run = Run(zero=0)
    lengths = (12, 10, 8) if sprint else (18, 15, 12)
    go_home = (len(field_) - 10) // 2
    remaining = list(field_)
    order: list[Driver] = []
    phases: dict[int, list[int | None]] = {d.number: [None, None, None] for d in field_}
    begin = 0
    # In about one session of eight a driver stays in the garage.
    absent = rng.choice(field_).number if rng.random() < 0.12 else None
    for phase, minutes in enumerate(lengths):
        run.control.append(Message(begin, "Flag", GREEN_LIGHT, flag="GREEN", scope="Track", phase=phase + 1))
        run.control.append(Message(begin, "SessionStatus", "SESSION STARTED", phase=phase + 1))
        compound = "MEDIUM" if sprint and phase < 2 else "SOFT"
        for driver in remaining:
            if driver.number != absent:
                phases[driver.number][phase] = _drive_phase(
                    run, circuit, driver, begin, minutes, rng, compound=compound,
                    pace_share=0.962 - 0.002 * phase,
                )  # fmt: skip
        end = begin + minutes * MINUTE
        run.control.append(
            Message(end, "Flag", "CHEQUERED FLAG", flag="CHEQUERED", scope="Track", phase=phase + 1)
        )
        run.control.append(Message(end + 300, "SessionStatus", "SESSION FINISHED", phase=phase + 1))
        remaining.sort(key=lambda d: (phases[d.number][phase] is None, phases[d.number][phase] or 0))
        keep = len(remaining) - go_home if phase < 2 else 0
        order = [*remaining[keep:], *order]
        remaining = remaining[:keep]
        begin = end + 7 * MINUTE
    counts = _lap_counts(run)
    for position, driver in enumerate(order, start=1):
        first, second, third = phases[driver.number]
        gone = driver.number == absent
        run.result.append(
            Classified(
                driver.number,
                None if gone else position,
                counts.get(driver.number, 0),
                dns=gone,
                phases=(first, second, third),
            )
        )
    run.control += [*_track_limits(run, rng, 10), *_yellows(begin, rng, 2)]
    run.control.sort(key=lambda m: m.at)
    run.positions = best_lap_positions(run, field_, up_to=[d.number for d in order])
    return run


def _drive_phase(
    run: Run, circuit: Circuit, driver: Driver, begin: int, minutes: int, rng: random.Random,
    *, compound: str, pace_share: float,
) -> int | None:  # fmt: skip
    """Up to two timed laps of a driver in one phase of qualifying; the faster one in ms."""
    best: int | None = None
    stint = sum(one.driver == driver.number for one in run.stints)
    number = sum(one.driver == driver.number for one in run.laps)
    at = begin + rng.randrange(20_000, 150_000)
    for _ in range(2):
        if at > begin + (minutes - 3.2) * MINUTE:
            break
        stint += 1
        before = len(run.laps)
        at, number = _drive(
            run, circuit, driver, ["out", "timed", "in"], at, number, rng,
            stint=stint, compound=compound, pace_share=pace_share,
        )  # fmt: skip
        timed = run.laps[before + 1].duration
        if timed is not None and (best is None or timed < best):
            best = timed
        run.pits.append(PitVisit(driver.number, number, at, rng.randrange(100, 260) * 1000, None))
        at += rng.randrange(100, 200) * 1000
    return best


def best_lap_positions(
    run: Run, field_: Sequence[Driver], up_to: Sequence[int] | None
) -> list[tuple[int, int, int]]:
    """(at, driver, position) whenever the order by best lap changes; `up_to` sets the order at the end."""
    best: dict[int, int] = {}
    shown = {d.number: position for position, d in enumerate(field_, start=1)}
    rows = [(-10 * MINUTE, number, position) for number, position in shown.items()]
    at = 0

    def show(order: Sequence[int]) -> Iterator[tuple[int, int, int]]:
        for position, number in enumerate(order, start=1):
            if shown[number] != position:
                shown[number] = position
                yield at, number, position

    for lap in sorted(run.laps, key=lambda one: one.start + (one.duration or 0)):
        if lap.duration is None or lap.out or lap.duration >= best.get(lap.driver, 10**9):
            continue
        best[lap.driver] = lap.duration
        at = lap.start + lap.duration
        rows += show(sorted(shown, key=lambda n: (n not in best, best.get(n, 0), shown[n])))
    if up_to is not None:
        at += 1000
        rows += show(up_to)
    return rows


def _drive(
    run: Run, circuit: Circuit, driver: Driver, plan: Sequence[str], at: int, number: int, rng: random.Random,
    *, stint: int, compound: str, pace_share: float,
) -> tuple[int, int]:  # fmt: skip
    """One run out of the garage and back; adds laps and a stint, gives the time and lap number at its end."""
    first = number + 1
    for kind in plan:
        number += 1
        base = circuit.lap * 1000 * pace_share + driver.pace
        if kind == "timed":
            base += rng.gauss(0, 130) + {"SOFT": -350, "MEDIUM": 0, "HARD": 300}[compound]
            if rng.random() < 0.12:
                base *= rng.uniform(1.05, 1.3)  # traffic, or a lap given up
        else:
            base *= rng.uniform(1.15, 1.35)
        duration = round(base)
        run.laps.append(
            Lap(
                driver.number, number, at, duration, split_lap(circuit, duration, rng),
                out=kind == "out", into_pit=kind == "in",
            )
        )  # fmt: skip
        at += duration
    age = rng.choice((0, 0, 0, 1, 3))
    run.stints.append(Stint(driver.number, stint, first, number, compound, age))
    return at, number


def _best_laps(run: Run, field_: Sequence[Driver]) -> dict[int, int | None]:
    best: dict[int, int | None] = {d.number: None for d in field_}
    for lap in run.laps:
        known = best[lap.driver]
        if lap.duration is not None and not lap.out and (known is None or lap.duration < known):
            best[lap.driver] = lap.duration
    return best


def _lap_counts(run: Run) -> dict[int, int]:
    counts: dict[int, int] = {}
    for lap in run.laps:
        counts[lap.driver] = counts.get(lap.driver, 0) + 1
    return counts


def _track_limits(run: Run, rng: random.Random, at_most: int) -> list[Message]:
    found = []
    for lap in rng.sample(run.laps, min(at_most, len(run.laps))):
        turn = rng.randint(1, 16)
        text = f"CAR {lap.driver} LAP DELETED - TRACK LIMITS AT TURN {turn} LAP {lap.number}"
        found.append(Message(lap.start + (lap.duration or 0) + 20_000, "Other", text))
    return sorted(found, key=lambda m: m.at)


def _yellows(end: int, rng: random.Random, at_most: int) -> list[Message]:
    found = []
    for _ in range(rng.randint(0, at_most)):
        at, sector = rng.randrange(5 * MINUTE, max(end - 5 * MINUTE, 6 * MINUTE)), rng.randint(1, 18)
        found += yellow(at, sector, rng.randrange(15, 90) * 1000)
    return sorted(found, key=lambda m: m.at)


def yellow(at: int, sector: int, length: int, lap: int | None = None) -> list[Message]:
    """A yellow flag in one marshal sector, and its end."""
    return [
        Message(
            at,
            "Flag",
            f"YELLOW IN TRACK SECTOR {sector}",
            flag="YELLOW",
            scope="Sector",
            sector=sector,
            lap=lap,
        ),
        Message(
            at + length,
            "Flag",
            f"CLEAR IN TRACK SECTOR {sector}",
            flag="CLEAR",
            scope="Sector",
            sector=sector,
            lap=lap,
        ),
    ]
