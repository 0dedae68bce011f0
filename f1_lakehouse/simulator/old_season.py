"""One generated old season with the traps of real ones.

It is 1957, four races with invented drivers, circuits and results, so that it cannot be mistaken for the real one:

* round 1: a shared drive (two drivers in one car, one of them also in a second car), and half a fastest-lap point
* round 2: half points for a race that was stopped; a disqualified car
* round 3: 101 entries, most of them not qualified, so that the race lies on two pages; six cars without a number
* round 4: grid 0, an excluded and a withdrawn car, a winner's time of full seconds, no time of day

Does not belong here: recent seasons (history.py) and the layout of the tables (ergast_tables.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from f1_lakehouse.simulator.ergast_tables import (
    DISQUALIFIED,
    ENGINE,
    EXCLUDED,
    FINISHED,
    LAPPED,
    NOT_QUALIFIED,
    WITHDREW,
    Tables,
    add_standings,
    url_of,
)
from f1_lakehouse.simulator.keys import GENERATED_MARK

OLD_SEASON = 1957
_OLD_POINTS = (8, 6, 4, 3, 2)
_OLD_CIRCUITS = (
    ("old_park", "Old Park", "Oldtown", "UK", "14:00:00"),
    ("lake_ring", "Lake Ring", "Seeburg", "Germany", "15:00:00"),
    ("brick_oval", "Brick Oval", "Ovalton", "USA", "16:00:00"),
    ("coast_road", "Coast Road", "Marina", "Italy", None),
)
_OLD_CONSTRUCTORS = ("anvil", "beacon", "comet", "dynamo")


def add_old_season(tables: Tables) -> None:
    """Add the season to the tables."""
    tables.add("seasons", year=OLD_SEASON, url=url_of(f"{OLD_SEASON}_generated_season"))
    drivers = [_old_driver(tables, number) for number in range(1, 13)]
    cars = [
        tables.known("constructors", ref, name=ref.title(), nationality="British")
        for ref in _OLD_CONSTRUCTORS
    ]
    for number in range(1, 5):
        race = _old_race(tables, number)
        _old_results(tables, race, number, drivers, cars)
        add_standings(tables, OLD_SEASON, race, constructors=False)


def _old_driver(tables: Tables, number: int) -> int:
    return tables.known(
        "drivers",
        f"old_driver_{number}",
        number=None,
        code=None,
        forename="Generated",
        surname=f"Driver {number}",
        dob=f"{1896 + number}-12-28",
        nationality="British",
    )


def _old_race(tables: Tables, number: int) -> int:
    ref, name, town, country, time = _OLD_CIRCUITS[number - 1]
    circuit = tables.known(
        "circuits", ref, name=name, location=town, country=country, lat=50 + number, lng=-number, alt=0
    )
    return tables.add(
        "races",
        year=OLD_SEASON,
        round=number,
        circuitId=circuit,
        name=f"{town} Grand Prix {GENERATED_MARK}",
        date=f"{OLD_SEASON}-0{number + 3}-0{number + 4}",
        time=time,
        url=url_of(f"{OLD_SEASON}_{ref}"),
    )


def _old_results(tables: Tables, race: int, number: int, drivers: Sequence[int], cars: Sequence[int]) -> None:
    order = [*drivers[number - 1 :], *drivers[: number - 1]]
    scale = 0.5 if number == 2 else 1.0
    millis = 7_200_000 if number == 4 else 7_200_345
    place = 0

    def entry(driver: int, car: int | None, text: str, points: float = 0.0, **values: Any) -> None:
        nonlocal place
        place += 1
        row = {
            "raceId": race,
            "driverId": driver,
            "constructorId": cars[(car or place) % len(cars)],
            "number": car,
            "grid": place,
            "position": text if text.isdigit() else None,
            "positionText": text,
            "positionOrder": place,
            "points": f"{points:g}",
            "laps": 70,
            "statusId": FINISHED,
        }
        tables.add("results", **{**row, **values})

    for index, driver in enumerate(order[:5]):
        time = (
            {"milliseconds": millis + index * 1_500, "time": "as served"}
            if index < 3
            else {"statusId": LAPPED, "laps": 69}
        )
        points = _OLD_POINTS[index] * scale + (0.5 if number == 1 and index == 1 else 0)
        if number == 1 and index == 0:  # a shared drive: the points of the car are divided
            entry(driver, 1, "1", points / 2, **time)
            entry(order[5], 1, "1", points / 2, **{**time, "positionOrder": 1, "grid": 0})
            continue
        entry(driver, index + 1, str(index + 1), points, **time)
    entry(order[5], 6, "R", laps=12, statusId=ENGINE)
    entry(order[6], 7, "D" if number == 2 else "R", laps=40, statusId=DISQUALIFIED if number == 2 else ENGINE)
    if number == 3:
        for index in range(94):
            driver = _old_driver(tables, 100 + index)
            entry(driver, None if index < 6 else 20 + index, "F", laps=0, grid=0, statusId=NOT_QUALIFIED)
    if number == 4:
        entry(order[7], 8, "N", laps=33, grid=0, statusId=LAPPED)
        entry(order[8], 9, "E", laps=50, statusId=EXCLUDED)
        entry(order[9], 0, "W", laps=0, grid=0, statusId=WITHDREW)
