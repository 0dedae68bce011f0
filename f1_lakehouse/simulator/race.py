"""A race or sprint, lap by lap: pace, tyres, fuel, traffic, stops, safety cars, retirements, classification.

Belongs here: the simulation, in milliseconds since lights out. Does not belong here: other sessions (`running`),
flaws and formats (`generate`). The model is simple and only has to be
consistent: laps add up to the classification. It is not a forecast.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Sequence

from f1_lakehouse.simulator.car import Car, Neutral
from f1_lakehouse.simulator.running import (
    Classified,
    Lap,
    PitVisit,
    Run,
    Stint,
    split_lap,
)
from f1_lakehouse.simulator.timing import follow_positions, measure_intervals, send_messages
from f1_lakehouse.simulator.world import RACE_POINTS, SPRINT_POINTS, Circuit, Driver

RACE_SPREAD = 1.5  # slow cars lose more over a race than over a lap: two or three are lapped in most
FUEL = 45  # ms a lap for every lap's worth of fuel on board
TYRE_PACE = {"SOFT": -450, "MEDIUM": 0, "HARD": 350, "INTERMEDIATE": 9_000}
TYRE_WEAR = {"SOFT": 85, "MEDIUM": 50, "HARD": 30, "INTERMEDIATE": 40}  # ms a lap of age


def simulate(
    circuit: Circuit,
    grid: Sequence[Driver],
    rng: random.Random,
    *,
    sprint: bool,
    wet: bool,
    fastest_lap_point: bool,
    drs: bool,
) -> Run:
    """Drive a race over its distance (a third of it for a sprint) from this grid; order of `grid` is the start."""
    distance = max(round(circuit.laps / 3), 10) if sprint else circuit.laps
    run = Run(zero=rng.randrange(200_000, 245_000))
    absent = grid[-1].number if not sprint and rng.random() < 0.06 else None
    cars = [
        _starter(d, slot, distance, rng, sprint=sprint, wet=wet)
        for slot, d in enumerate((d for d in grid if d.number != absent), start=1)
    ]
    _choose_retirements(cars, distance, rng, sprint=sprint)
    neutral = _choose_neutrals(cars, distance, rng)
    for lap in range(1, distance + 1):
        _drive_lap(run, circuit, cars, lap, distance, neutral, rng, may_stop=not sprint)
    flag = min(car.times[distance] for car in cars if car.running)
    _cut_at_flag(run, cars, flag)
    orders = _orders(cars, distance)
    _classify(run, orders[-1], distance, absent, sprint=sprint, fastest_lap_point=fastest_lap_point)
    run.laps = [lap for car in cars for lap in car.laps]
    follow_positions(run, cars, orders, rng, overtakes=not sprint)
    measure_intervals(run, cars, flag, rng)
    send_messages(run, cars, orders, neutral, distance, flag, rng, drs=drs and not wet)
    return run


def _starter(driver: Driver, slot: int, distance: int, rng: random.Random, *, sprint: bool, wet: bool) -> Car:
    if wet:
        return Car(
            driver,
            slot,
            "INTERMEDIATE",
            [] if sprint else [(rng.randint(distance // 3, distance // 2), "INTERMEDIATE")],
        )
    if sprint:
        return Car(driver, slot, "SOFT" if rng.random() < 0.15 else "MEDIUM", [])
    around = rng.gauss(0, distance * 0.04)
    plan = rng.random()
    if plan < 0.5:
        return Car(driver, slot, "MEDIUM", [(round(distance * 0.4 + around), "HARD")])
    if plan < 0.65:
        return Car(driver, slot, "HARD", [(round(distance * 0.6 + around), "MEDIUM")])
    second = (round(distance * 0.66 + around), rng.choice(("HARD", "MEDIUM")))
    first_compound = rng.choice(("SOFT", "MEDIUM"))
    return Car(driver, slot, first_compound, [(round(distance * 0.28 + around), "HARD"), second])


def _choose_retirements(cars: list[Car], distance: int, rng: random.Random, *, sprint: bool) -> None:
    for car in cars[1:]:  # someone must arrive
        if rng.random() < (0.02 if sprint else 0.08):
            car.retires_on = 1 if rng.random() < 0.2 else rng.randint(2, max(2, int(distance * 0.85)))


def _choose_neutrals(cars: list[Car], distance: int, rng: random.Random) -> list[Neutral]:
    """Most retirements bring out a safety car, real or virtual; now and then it comes for debris."""
    causes = [car.retires_on for car in cars if car.retires_on is not None and rng.random() < 0.6]
    if rng.random() < 0.2:
        causes.append(rng.randint(3, max(4, distance - 8)))
    found: list[Neutral] = []
    for cause in sorted(causes):
        if found and cause <= found[-1].last + 2:
            continue
        virtual = rng.random() < 0.35
        last = cause + (1 if virtual else rng.randint(3, 5))
        if last < distance - 1:
            found.append(Neutral(cause + 1, last, virtual))
    return found


def _drive_lap(
    run: Run, circuit: Circuit, cars: list[Car], lap: int, distance: int, neutral: list[Neutral],
    rng: random.Random, *, may_stop: bool,
) -> None:  # fmt: skip
    phase = next((n for n in neutral if n.first <= lap <= n.last), None)
    ahead: Car | None = None
    ahead_stopped = False
    for car in sorted((c for c in cars if c.running), key=lambda c: (c.times[-1], c.slot)):
        began = car.times[-1]
        base = circuit.lap * 1000 + car.driver.pace * RACE_SPREAD + FUEL * (distance - lap - distance // 2)
        base += TYRE_PACE[car.compound] + TYRE_WEAR[car.compound] * car.age + rng.gauss(0, 170)
        if rng.random() < 0.02:
            base += rng.uniform(600, 2_500)  # a mistake
        if lap == 1:
            base += 5_500 + 280 * car.slot + rng.gauss(0, 700)
        if phase is not None:
            base *= 1.3 if phase.virtual else 1.38
        if car.retires_on == lap:
            car.retired_at = began + round(base * rng.uniform(0.1, 0.9))
            car.laps.append(Lap(car.driver.number, lap, began, None, None, out=car.carry > 0))
            run.stints.append(_stint(car, lap))
            continue
        stops = may_stop and lap < distance and _stops(car, lap, phase, distance)
        loss = 0
        if stops:
            still = max(1_900, round(rng.gauss(2_500, 350))) + (
                rng.randrange(3_000, 12_000) if rng.random() < 0.05 else 0
            )
            lane = round(circuit.pit_lane * 1000) + still - 2_300 + round(rng.gauss(0, 120))
            loss = round(lane * (0.45 if phase is not None else 0.85))
        duration = round(base) + car.carry + loss * 3 // 10
        was_out = car.carry > 0
        car.carry = loss - loss * 3 // 10
        if ahead is not None:
            duration = _in_traffic(
                ahead, began, duration, rng, free=ahead_stopped or stops or lap == 1, phase=phase
            )
        number = car.driver.number
        car.laps.append(
            Lap(number, lap, began, duration, split_lap(circuit, duration, rng), out=was_out, into_pit=stops)
        )
        car.times.append(began + duration)
        car.age += 1
        if stops:
            entry = car.times[-1] - round(lane * 0.4)
            run.pits.append(PitVisit(number, lap, entry, lane, still))
            run.stints.append(_stint(car, lap))
            _, car.compound = car.stops.pop(0)
            car.age = car.stint_age = rng.choice((0, 0, 0, 2, 3))
            car.stint_start, car.stint_number = lap + 1, car.stint_number + 1
        if ahead is None or car.times[-1] > ahead.times[-1] or stops:
            ahead, ahead_stopped = car, stops


def _stops(car: Car, lap: int, phase: Neutral | None, distance: int) -> bool:
    """Whether the car stops at the end of this lap: as planned, or early because the field is slow."""
    if not car.stops:
        return False
    planned = car.stops[0][0]
    cheap = phase is not None and phase.first == lap and car.age > 8 and planned - lap < distance // 4
    return lap >= planned or cheap


def _in_traffic(
    ahead: Car, began: int, duration: int, rng: random.Random, *, free: bool, phase: Neutral | None
) -> int:
    """The lap time behind `ahead`, which has already completed this lap."""
    gap = began + duration - ahead.times[-1]
    if phase is not None and not phase.virtual:
        # The field closes up behind the safety car, by a part of each gap per lap, without overtakes.
        closed = max(rng.randrange(500, 1_100), round(gap * 0.35))
        return ahead.times[-1] + closed - began if not free or gap < closed else duration
    if free or gap > 350:
        return duration
    passes = phase is None and rng.random() < min(0.85, 0.15 - gap / 1_200)
    if passes and gap <= 0:
        return duration if gap < -60 else duration - 80
    return ahead.times[-1] + rng.randrange(250, 900) - began


def _stint(car: Car, last: int) -> Stint:
    return Stint(car.driver.number, car.stint_number, car.stint_start, last, car.compound, car.stint_age)


def _cut_at_flag(run: Run, cars: list[Car], flag: int) -> None:
    """Every car that still runs ends with the lap on which it passes the chequered flag."""
    for car in cars:
        if not car.running:
            continue
        last = max(bisect_left(car.times, flag), 1)
        del car.times[last + 1 :]
        del car.laps[last:]
        number = car.driver.number
        run.pits = [p for p in run.pits if p.driver != number or p.lap < last]
        run.stints = [s for s in run.stints if s.driver != number or s.first <= last]
        mine = [s for s in run.stints if s.driver == number]
        if mine and mine[-1].last >= last:
            mine[-1].last = last
        else:
            first = mine[-1].last + 1 if mine else 1
            run.stints.append(Stint(number, len(mine) + 1, first, last, car.compound, car.stint_age))
    run.stints.sort(key=lambda s: (s.driver, s.number))
    run.pits.sort(key=lambda p: p.at)


def _orders(cars: list[Car], distance: int) -> list[list[Car]]:
    """The order after each lap, the grid first: runners by laps and time, then the retired, latest first."""

    def key(car: Car, lap: int) -> tuple[bool, int, int]:
        done = min(lap, len(car.times) - 1)
        out = not car.running and lap > done
        return out, -done, car.slot if lap == 0 else car.times[done]

    return [sorted(cars, key=lambda c, lap=lap: key(c, lap)) for lap in range(distance + 1)]  # type: ignore[misc]


def _classify(
    run: Run, order: list[Car], distance: int, absent: int | None, *, sprint: bool, fastest_lap_point: bool
) -> None:
    scale = SPRINT_POINTS if sprint else RACE_POINTS
    finished = [car for car in order if car.running]
    times = [(lap.duration, car.slot) for car in finished for lap in car.laps if lap.duration is not None]
    fastest = min(times)[1] if times else None
    for position, car in enumerate(finished, start=1):
        done = len(car.times) - 1
        points = float(scale[position - 1]) if position <= len(scale) else 0.0
        if fastest_lap_point and position <= 10 and car.slot == fastest:
            points += 1
        behind = distance - done
        time = car.times[-1] if behind == 0 else None
        run.result.append(Classified(car.driver.number, position, done, time, behind, points=points))
    for car in order:
        if not car.running:
            run.result.append(Classified(car.driver.number, None, len(car.times) - 1, dnf=True, points=0.0))
    if absent is not None:
        run.result.append(Classified(absent, None, 0, dns=True, points=0.0))
