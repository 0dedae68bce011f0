"""What timing and race control report about a simulated race: positions, overtakes, intervals, messages.

Belongs here: whatever follows from the completed laps. Does not belong here: how a lap is driven (`race`).
"""

from __future__ import annotations

import random
from bisect import bisect_right

from f1_lakehouse.simulator.car import Car, Neutral
from f1_lakehouse.simulator.running import GREEN_LIGHT, MINUTE, Message, Run, yellow

INTERVAL_STEP = 4_000  # ms between two intervals of one driver, as in the recorded races


def follow_positions(
    run: Run, cars: list[Car], orders: list[list[Car]], rng: random.Random, *, overtakes: bool
) -> None:
    run.positions = [
        (-55 * MINUTE, car.driver.number, position) for position, car in enumerate(orders[0], start=1)
    ]
    for lap in range(1, len(orders)):
        before = {car.driver.number: position for position, car in enumerate(orders[lap - 1], start=1)}
        for position, car in enumerate(orders[lap], start=1):
            number = car.driver.number
            if before[number] == position:
                continue
            # A car that is out is overtaken by those who still run: no sooner than its end.
            at = car.at(lap) if car.running else max(car.retired_at or 0, orders[lap][0].at(lap))
            run.positions.append((at, number, position))
            if not overtakes or not car.running or lap >= len(car.times):
                continue
            for other in orders[lap][position:]:
                if before[other.driver.number] < before[number] and other.running:
                    moment = car.times[lap] - rng.randrange(
                        1_000, max(2_000, (car.times[lap] - car.times[lap - 1]) // 2)
                    )
                    run.overtakes.append((moment, number, other.driver.number, position))
    run.positions.sort(key=lambda row: row[0])
    run.overtakes.sort(key=lambda row: row[0])


def measure_intervals(run: Run, cars: list[Car], flag: int, rng: random.Random) -> None:
    ends = {c.driver.number: c.times[-1] if c.retired_at is None else c.retired_at for c in cars}
    phase = {c.driver.number: rng.randrange(0, 900) for c in cars}
    for tick in range(2_000, max(ends.values()), INTERVAL_STEP):
        placed = sorted(
            ((_progress(c, tick), -c.slot, c) for c in cars if ends[c.driver.number] > tick),
            key=lambda p: p[:2],
        )[::-1]
        if not placed:
            break
        front = placed[0][2]
        before: tuple[float, Car] | None = None
        for progress, _, car in placed:
            number = car.driver.number
            gap: float | str | None = 0.0
            interval: float | str | None = 0.0
            if before is not None:
                gap = _gap(front, placed[0][0], progress, tick)
                interval = _gap(before[1], before[0], progress, tick)
                if rng.random() < 0.003:
                    gap = None  # as in the recorded races
            run.intervals.append((tick + phase[number], number, gap, interval))
            before = progress, car
        if tick > flag + 3 * MINUTE:
            break


def _progress(car: Car, at: int) -> float:
    """Laps done at this time, with their fraction."""
    done = bisect_right(car.times, at) - 1
    if done >= len(car.times) - 1:
        length = 90_000
        return done + min((at - car.times[-1]) / length, 0.999)
    return done + (at - car.times[done]) / (car.times[done + 1] - car.times[done])


def _gap(ahead: Car, ahead_progress: float, progress: float, at: int) -> float | str:
    """Seconds since the car ahead was here, or complete laps."""
    laps = int(ahead_progress - progress)
    if laps >= 1:
        return f"+{laps} LAP{'S' if laps > 1 else ''}"
    lap, share = int(progress), progress - int(progress)
    if lap + 1 < len(ahead.times):
        there = ahead.times[lap] + share * (ahead.times[lap + 1] - ahead.times[lap])
    else:
        there = ahead.times[-1] + share * 90_000
    return round(max(at - there, 0) / 1000, 3)


def send_messages(
    run: Run, cars: list[Car], orders: list[list[Car]], neutral: list[Neutral], distance: int, flag: int,
    rng: random.Random, *, drs: bool,
) -> None:  # fmt: skip
    """Add the messages of race control that follow from the race."""

    def start_of(lap: int) -> int:
        return orders[lap - 1][0].at(lap - 1)

    say = run.control
    say += [
        Message(-40 * MINUTE, "Flag", GREEN_LIGHT, flag="GREEN", scope="Track", lap=1),
        Message(-30 * MINUTE, "Other", "PIT EXIT CLOSED", lap=1),
        Message(-15 * MINUTE, "Other", f"RISK OF RAIN FOR F1 RACE IS {rng.choice((0, 0, 10, 20))}%", lap=1),
        Message(0, "SessionStatus", "SESSION STARTED", lap=1),
        Message(600, "Flag", GREEN_LIGHT, flag="GREEN", scope="Track", lap=1),
    ]
    if drs and distance > 3:
        say.append(Message(-3 * MINUTE, "Drs", "DRS DISABLED", lap=1))
        say.append(Message(start_of(3), "Drs", "DRS ENABLED", lap=3))
    for phase in neutral:
        name = "VIRTUAL SAFETY CAR" if phase.virtual else "SAFETY CAR"
        say.append(Message(start_of(phase.first), "SafetyCar", f"{name} DEPLOYED", lap=phase.first))
        ending = "VIRTUAL SAFETY CAR ENDING" if phase.virtual else "SAFETY CAR IN THIS LAP"
        say.append(Message(start_of(phase.last) + 15_000, "SafetyCar", ending, lap=phase.last))
        say.append(
            Message(
                start_of(phase.last + 1), "Flag", "TRACK CLEAR", flag="CLEAR", scope="Track", lap=phase.last
            )
        )
    for car in cars:
        number = car.driver.number
        if car.retired_at is not None:
            lap = len(car.times)
            say += yellow(car.retired_at, rng.randint(1, 18), 60_000, lap)
            text = f"CAR {number} ({car.driver.acronym}) STOPPED ON TRACK"
            say.append(Message(car.retired_at + 9_000, "Other", text, lap=lap))
        lapped = distance - (len(car.times) - 1) if car.running else 0
        for n in range(lapped):
            at = flag * (n + 1) // (lapped + 1)
            text = f"WAVED BLUE FLAG FOR CAR {number} ({car.driver.acronym})"
            lap = bisect_right(car.times, at)
            say.append(Message(at, "Flag", text, flag="BLUE", scope="Driver", driver=number, lap=lap))
    for _ in range(rng.randint(2, 9)):
        car = rng.choice(cars)
        if car.laps:
            one = rng.choice(car.laps)
            text = (
                f"CAR {car.driver.number} ({car.driver.acronym}) LAP DELETED - TRACK LIMITS AT TURN "
                f"{rng.randint(1, 16)} LAP {one.number}"
            )
            say.append(Message(one.start + 60_000, "Other", text, lap=one.number))
    say.append(Message(flag, "Flag", "CHEQUERED FLAG", flag="CHEQUERED", scope="Track", lap=distance))
    last = max(car.times[-1] for car in cars)
    say.append(Message(last + 30_000, "SessionStatus", "SESSION FINISHED", lap=distance))
    say.sort(key=lambda m: m.at)
