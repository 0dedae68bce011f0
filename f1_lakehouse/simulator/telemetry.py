"""car_data and location: the samples of a car's sensors during its laps.

Belongs here: a closed track, a speed along it, and the samples of a session, as encoded rows. Does not belong
here: laps (`running`, `race`). A circuit's shape is generated, always the same for one circuit, as long as
the real one, and driven in the time of each lap.

A session is half a million rows per feed, so a lap is computed once, at `STEPS` moments, and a sample is a look-up:
computing each sample separately took five times as long.
"""

from __future__ import annotations

import gzip
import math
import random
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from f1_lakehouse.simulator.rows import Session, iso
from f1_lakehouse.simulator.running import MINUTE, Lap, Run
from f1_lakehouse.simulator.world import LAST_DRS, Circuit, Driver

SAMPLE = 270  # ms between two samples of one feed: 3.7 Hz
LOCATION_LATER = 110  # ms: the two feeds are not sampled at the same moments
STEPS = 1200
VARIANTS = 3

_PARKED_CAR = b'"rpm":0,"speed":0,"n_gear":0,"throttle":0,"brake":0,"drs":0}'
_BAD_SENSOR = b'"rpm":0,"speed":0,"n_gear":0,"throttle":104,"brake":104,"drs":0}'
_NOWHERE = b'"x":0,"y":0,"z":0}'


@dataclass(frozen=True)
class Track:
    """One lap of a circuit at `STEPS` equal steps of time: speed in km/h, place in 1/10 m."""

    speed: array[float]
    x: array[int]
    y: array[int]
    z: array[int]


def track(circuit: Circuit) -> Track:
    """The shape and speed of a lap, the same for every seed."""
    points = 900
    xs, ys = _shape(random.Random(f"track {circuit.key}"), points)
    steps = [math.dist((xs[i], ys[i]), (xs[i - 1], ys[i - 1])) for i in range(points)]
    scale = circuit.km * 1000 / sum(steps)
    steps = [s * scale for s in steps]
    speeds = _speeds(xs, ys, scale, steps)
    times = [0.0]
    for i in range(1, points):
        times.append(times[-1] + 2 * steps[i] / (speeds[i] + speeds[i - 1]))
    total = times[-1] + 2 * steps[0] / (speeds[0] + speeds[-1])
    factor = total / circuit.lap  # so that a lap of this track takes as long as a lap here does
    speed, x, y, z = array("d"), array("i"), array("i"), array("i")
    for step in range(STEPS):
        i = bisect_right(times, total * step / STEPS) - 1
        speed.append(min(speeds[i] * factor * 3.6, 345.0))
        x.append(round(xs[i] * scale * 10))
        y.append(round(ys[i] * scale * 10))
        z.append(round(120 * math.sin(4 * math.pi * i / points)))
    return Track(speed, x, y, z)


def _shape(rng: random.Random, points: int) -> tuple[list[float], list[float]]:
    """A closed line through equally spaced points: a polygon whose corners are cut three times."""
    corners = rng.randint(11, 15)
    line = []
    for i in range(corners):
        angle, radius = 2 * math.pi * (i + rng.uniform(-0.35, 0.35)) / corners, rng.uniform(0.45, 1.3)
        line.append((radius * math.cos(angle), radius * math.sin(angle)))
    for cut in (0.1, 0.25, 0.25):
        ends = [*zip(line, [*line[1:], line[0]], strict=True)]
        line = [
            (x1 + share * (x2 - x1), y1 + share * (y2 - y1))
            for (x1, y1), (x2, y2) in ends
            for share in (cut, 1 - cut)
        ]
    lengths = [0.0]
    for (x1, y1), (x2, y2) in zip(line, [*line[1:], line[0]], strict=True):
        lengths.append(lengths[-1] + math.dist((x1, y1), (x2, y2)))
    xs, ys = [], []
    for i in range(points):
        along = lengths[-1] * i / points
        at = bisect_right(lengths, along) - 1
        share = (along - lengths[at]) / (lengths[at + 1] - lengths[at])
        (x1, y1), (x2, y2) = line[at], line[(at + 1) % len(line)]
        xs.append(x1 + share * (x2 - x1))
        ys.append(y1 + share * (y2 - y1))
    return xs, ys


def _speeds(xs: Sequence[float], ys: Sequence[float], scale: float, steps: Sequence[float]) -> list[float]:
    """m/s along the track: what corners allow, then what brakes and engine allow between them."""
    points = len(xs)
    speeds = []
    for i in range(points):
        (ax, ay), (bx, by), (cx, cy) = (
            (xs[j % points] * scale, ys[j % points] * scale) for j in (i - 5, i, i + 5)
        )
        area = abs((bx - ax) * (cy - ay) - (cx - ax) * (by - ay))
        sides = math.dist((ax, ay), (bx, by)) * math.dist((bx, by), (cx, cy)) * math.dist((ax, ay), (cx, cy))
        curvature = 2 * area / sides if sides else 0.0
        speeds.append(min(math.sqrt(22 / max(curvature, 1e-4)), 92.0))
    for _ in range(2):  # twice round, as the track is closed
        for i in range(points):
            speeds[i] = min(speeds[i], math.sqrt(speeds[i - 1] ** 2 + 2 * 9 * steps[i]))
        for i in reversed(range(points)):
            after = (i + 1) % points
            speeds[i] = min(speeds[i], math.sqrt(speeds[after] ** 2 + 2 * 35 * steps[after]))
    return speeds


def write(
    folder: Path, session: Session, field: Sequence[Driver], run: Run, rng: random.Random, *, every: int
) -> dict[str, int]:
    """Write both feeds of a session, one file each; every n-th sample only. Returns rows by endpoint."""
    lap = track(session.circuit)
    cars, places = _car_texts(lap, session, rng), _place_texts(lap)
    counts = {}
    for endpoint, texts, later in (("car_data", cars, 0), ("location", places, LOCATION_LATER)):
        lines = [
            line
            for driver in field
            for line in _samples(endpoint, session, driver, run, texts, later, rng, step=SAMPLE * every)
        ]
        counts[endpoint] = len(lines)
        path = folder / endpoint / f"{session.session_key}.json.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(b"[" + b",".join(lines) + b"]", compresslevel=3, mtime=0))
    return counts


def _samples(
    endpoint: str, session: Session, driver: Driver, run: Run, texts: list[list[bytes]], later: int,
    rng: random.Random, *, step: int,
) -> Iterator[bytes]:  # fmt: skip
    """One driver's rows from five minutes before the session until after it."""
    mine = sorted((one for one in run.laps if one.driver == driver.number), key=lambda one: one.start)
    starts = [session.start + run.zero + one.start for one in mine]
    ends = [at + _length(one, session) for at, one in zip(starts, mine, strict=True)]
    keys = f',"session_key":{session.session_key},"meeting_key":{session.meeting_key},"driver_number":{driver.number},'
    tail = keys.encode()
    still = _PARKED_CAR if endpoint == "car_data" else _NOWHERE
    in_pit = still if endpoint == "car_data" else texts[0][0]
    # Drivers are sampled at moments of their own, the second feed always `later` than the first.
    first = session.start + run.zero - 5 * MINUTE + driver.number * 37 % SAMPLE + later
    last = max([session.end + MINUTE, *ends])
    lap, second, stamp = -1, -1, ""
    for at in range(first, last, step):
        while lap + 1 < len(mine) and starts[lap + 1] <= at:
            lap += 1
        if lap < 0:
            text = still
        elif at >= ends[lap]:
            text = in_pit
        else:
            share = (at - starts[lap]) / (ends[lap] - starts[lap])
            text = texts[(lap + at) % VARIANTS][min(int(share * STEPS), STEPS - 1)]
        if at // 1000 != second:
            second = at // 1000
            stamp = iso(second * 1000)[:19]
        ms = at % 1000
        fraction = f".{ms:03d}000" if ms else ""
        draw = rng.random()
        if endpoint == "car_data" and draw < 0.0015:
            # As recorded: some samples have lost their date, some a sensor.
            if draw < 0.001:
                yield b'{"date":null' + tail + text
                continue
            text = _BAD_SENSOR
        yield f'{{"date":"{stamp}{fraction}+00:00"'.encode() + tail + text


def _length(lap: Lap, session: Session) -> int:
    """A lap's time in ms; a part of one if it was not finished."""
    return lap.duration if lap.duration is not None else round(session.circuit.lap * 400)


def _car_texts(lap: Track, session: Session, rng: random.Random) -> list[list[bytes]]:
    has_drs = session.season <= LAST_DRS
    return [[_car_text(lap, i, rng, has_drs) for i in range(STEPS)] for _ in range(VARIANTS)]


def _car_text(lap: Track, i: int, rng: random.Random, has_drs: bool) -> bytes:
    speed = max(lap.speed[i] + rng.gauss(0, 1.2), 40)
    change = lap.speed[(i + 3) % STEPS] - lap.speed[i - 3]
    gear = min(max(1 + int(speed / 40), 1), 8)
    rpm = (
        7_000 + (speed - (gear - 1) * 40) * 90 + rng.gauss(0, 60) if gear < 8 else 9_600 + (speed - 280) * 30
    )
    throttle = 0 if change < -3 else 100 if change > -0.5 else round(60 + change * 12)
    row = {
        "rpm": round(min(rpm, 12_300)),
        "speed": round(speed),
        "n_gear": gear,
        "throttle": throttle,
        "brake": 100 if change < -3 else 0,
        "drs": (12 if speed > 290 and throttle == 100 else 1) if has_drs else 0,
    }
    return orjson.dumps(row)[1:]


def _place_texts(lap: Track) -> list[list[bytes]]:
    texts = [orjson.dumps({"x": lap.x[i], "y": lap.y[i], "z": lap.z[i]})[1:] for i in range(STEPS)]
    return [texts] * VARIANTS
