"""Hand-written responses in the shape of recorded ones."""

import copy
from typing import Any

import orjson

RACE: dict[str, Any] = {
    "season": "2023",
    "round": "5",
    "url": "https://en.wikipedia.org/wiki/2023_Miami_Grand_Prix",
    "raceName": "Miami Grand Prix",
    "Circuit": {
        "circuitId": "miami",
        "url": "https://en.wikipedia.org/wiki/Miami_International_Autodrome",
        "circuitName": "Miami International Autodrome",
        "Location": {"lat": "25.9581", "long": "-80.2389", "locality": "Miami", "country": "USA"},
    },
    "date": "2023-05-07",
    "time": "19:30:00Z",
}
DRIVER: dict[str, Any] = {
    "driverId": "max_verstappen",
    "permanentNumber": "3",
    "code": "VER",
    "url": "http://en.wikipedia.org/wiki/Max_Verstappen",
    "givenName": "Max",
    "familyName": "Verstappen",
    "dateOfBirth": "1997-09-30",
    "nationality": "Dutch",
}
CONSTRUCTOR: dict[str, Any] = {
    "constructorId": "red_bull",
    "url": "https://en.wikipedia.org/wiki/Red_Bull_Racing",
    "name": "Red Bull",
    "nationality": "Austrian",
}
RESULT: dict[str, Any] = {
    "number": "1",
    "position": "1",
    "positionText": "1",
    "points": "26",
    "Driver": DRIVER,
    "Constructor": CONSTRUCTOR,
    "grid": "9",
    "laps": "57",
    "status": "Finished",
    "Time": {"millis": "5258241", "time": "1:27:38.241"},
    "FastestLap": {
        "rank": "1",
        "lap": "56",
        "Time": {"time": "1:29.708"},
        "AverageSpeed": {"units": "kph", "speed": "217.184"},
    },
}


def body(table: str, content: Any, *, total: Any = 1, limit: Any = 100, offset: Any = 0) -> bytes:
    """A response: the frame around the content of a table."""
    frame = {
        "xmlns": "",
        "series": "f1",
        "url": "https://api.jolpi.ca/ergast/f1/2023/results.json",
        "limit": str(limit),
        "offset": str(offset),
        "total": str(total),
    }
    return orjson.dumps({"MRData": {**frame, table: content}})


def races(
    name: str, *held: tuple[int, list[dict[str, Any]]], total: int | None = None, offset: int = 0
) -> bytes:
    """A response with races, each given as its round and the rows under `name`."""
    count = sum(len(rows) for _, rows in held)
    content = [{**RACE, "round": str(number), name: rows} for number, rows in held]
    return body("RaceTable", {"Races": content}, total=count if total is None else total, offset=offset)


def result(driver: str = "max_verstappen", **changes: Any) -> dict[str, Any]:
    """A result of a driver; a change to None removes the field."""
    row = copy.deepcopy(RESULT)
    row["Driver"]["driverId"] = driver
    row |= changes
    return {name: value for name, value in row.items() if value is not None}
