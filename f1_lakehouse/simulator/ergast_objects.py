"""The objects of Jolpica's responses, made from rows of Ergast tables.

Belongs here: what a driver, a constructor, a standing and a duration look like, with the flaws of the real service: of a
duration of full seconds it cuts the seconds off. Does not belong here: reading tables and selecting rows (ergast.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Record = dict[str, str | None]
Object = dict[str, Any]


def duration(millis: int) -> str:
    """A duration as the service writes it: `1:29.708`, `25.636`, `1:02:03.500`."""
    seconds, rest = divmod(millis, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02d}:{seconds:02d}.{rest:03d}"
    return f"{minutes}:{seconds:02d}.{rest:03d}" if minutes else f"{seconds}.{rest:03d}"


def cut_duration(millis: int) -> str:
    """A duration of a pit stop or race: of full seconds the service leaves the seconds out."""
    text = duration(millis)
    if millis % 1000:
        return text
    return text.removesuffix(".000").rpartition(":")[0]


def race_time(row: Record, race: Sequence[Record]) -> str:
    """The time of the winner, or the gap to it, as the service writes it."""
    millis = to_int(row["milliseconds"])
    first = min(
        (to_int(one["milliseconds"]) for one in race if one["positionText"] == "1" and one["milliseconds"]),
        default=millis,
    )
    return (
        cut_duration(millis)
        if row["positionText"] == "1" or millis < first
        else f"+{duration(millis - first)}"
    )


def driver_object(row: Record) -> Object:
    """A driver of any resource."""
    found: Object = {"driverId": row["driverRef"]}
    if row["number"] is not None:
        found["permanentNumber"] = row["number"]
    if row["code"] is not None:
        found["code"] = row["code"]
    return found | {
        "url": row["url"],
        "givenName": row["forename"],
        "familyName": row["surname"],
        "dateOfBirth": row["dob"],
        "nationality": row["nationality"],
    }


def constructor_object(row: Record) -> Object:
    """A constructor of any resource."""
    return {
        "constructorId": row["constructorRef"],
        "url": row["url"],
        "name": row["name"],
        "nationality": row["nationality"],
    }


def standing_object(row: Record) -> Object:
    """The fields that standings of drivers and of constructors share."""
    place = {} if row["position"] is None else {"position": row["position"]}
    return {
        **place,
        "positionText": row["positionText"],
        "points": points_text(row["points"]),
        "wins": row["wins"],
    }


def moment(day: str | None, time: str | None) -> Object:
    """Day and, if known, time of day, UTC."""
    return {"date": day} if time is None else {"date": day, "time": f"{time}Z"}


def points_text(text: str | None) -> str:
    """Points without a needless fraction."""
    return f"{float(text or 0):g}"


def to_int(text: str | None) -> int:
    """An integer; 0 for null."""
    return int(text) if text is not None else 0
