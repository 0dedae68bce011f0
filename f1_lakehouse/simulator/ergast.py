"""The tables of the Ergast history, read from CSV files, as the objects of Jolpica's responses.

Belongs here: reading the files (`results.csv`, `races.csv`, …, the layout of the Ergast dump), and what a row of each
resource looks like. Does not belong here: paths, pages and HTTP (jolpica.py).

The traps of the real service are kept: a missing number is the text "None", durations lose characters where they are
full seconds, `position` is filled for cars that are not classified.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

from f1_lakehouse.errors import F1LakehouseError
from f1_lakehouse.simulator.ergast_objects import (
    Object,
    Record,
    constructor_object,
    cut_duration,
    driver_object,
    duration,
    moment,
    points_text,
    race_time,
    standing_object,
    to_int,
)

NULL = "\\N"
REQUIRED = ("races", "circuits", "drivers", "constructors", "results", "status", "seasons")
LAPS_FIELDS = ("raceId", "driverId", "lap", "position", "time", "milliseconds")


class HistoryFolderError(F1LakehouseError):
    """A folder that does not hold the tables of the Ergast history; one line."""


class History:
    """The tables of a folder. Files other than `REQUIRED` may be missing: their resources then have no rows.

    Tables are lists of rows and may be changed while they are served (call `forget` afterwards).
    """

    def __init__(self, folder: Path | str) -> None:
        """Read the folder. Raises HistoryFolderError if a required file is missing or has other columns."""
        self.folder = Path(folder)
        if missing := [name for name in REQUIRED if not (self.folder / f"{name}.csv").is_file()]:
            raise HistoryFolderError(f"{self.folder} has no {missing[0]}.csv: not a folder of Ergast tables")
        self.tables: dict[str, list[Record]] = {
            path.stem: _read(path) for path in sorted(self.folder.glob("*.csv"))
        }
        self.forget()

    def forget(self) -> None:
        """Drop what was derived from the tables."""
        self._race: dict[str, Record] = {str(one["raceId"]): one for one in self._table("races")}
        self._driver = {str(one["driverId"]): one for one in self._table("drivers")}
        self._constructor = {str(one["constructorId"]): one for one in self._table("constructors")}
        self._circuit = {str(one["circuitId"]): one for one in self._table("circuits")}
        self._status = {str(one["statusId"]): str(one["status"]) for one in self._table("status")}
        self._by_race: dict[str, dict[str, list[Record]]] = {}
        self._rows: dict[tuple[str, int | None, int | None], list[Object]] = {}

    def rows(self, resource: str, season: int | None, number: int | None) -> list[Object]:
        """The rows of a resource, of a season and a round if given, in the order of the service.

        Rows of races carry their race as `_race`, rows of laps their lap as `_lap`, standings their `_list`.
        Raises KeyError for an unknown resource.
        """
        wanted = resource, season, number
        if wanted not in self._rows:
            self._rows[wanted] = _RESOURCES[resource](self, season, number)
        return self._rows[wanted]

    def _table(self, name: str) -> list[Record]:
        return self.tables.get(name, [])

    def _races(self, season: int | None, number: int | None) -> list[Record]:
        found = [
            one
            for one in self._table("races")
            if (season is None or one["year"] == str(season))
            and (number is None or one["round"] == str(number))
        ]
        return sorted(found, key=lambda one: (to_int(one["year"]), to_int(one["round"])))

    def _of_race(self, table: str, race: Record) -> list[Record]:
        if table not in self._by_race:
            grouped: dict[str, list[Record]] = {}
            for one in self._table(table):
                grouped.setdefault(str(one["raceId"]), []).append(one)
            self._by_race[table] = grouped
        return self._by_race[table].get(str(race["raceId"]), [])

    def _seasons(self, season: int | None, number: int | None) -> list[Object]:
        rows = [one for one in self._table("seasons") if season is None or one["year"] == str(season)]
        return [
            {"season": one["year"], "url": one["url"]}
            for one in sorted(rows, key=lambda r: to_int(r["year"]))
        ]

    def _circuits(self, season: int | None, number: int | None) -> list[Object]:
        return [self._circuit_object(one) for one in _sorted(self._table("circuits"), "circuitRef")]

    def _constructors(self, season: int | None, number: int | None) -> list[Object]:
        return [constructor_object(one) for one in _sorted(self._table("constructors"), "constructorRef")]

    def _drivers(self, season: int | None, number: int | None) -> list[Object]:
        return [driver_object(one) for one in _sorted(self._table("drivers"), "driverRef")]

    def _statuses(self, season: int | None, number: int | None) -> list[Object]:
        counts: dict[str, int] = {}
        for one in self._table("results"):
            counts[str(one["statusId"])] = counts.get(str(one["statusId"]), 0) + 1
        rows = sorted(self._table("status"), key=lambda one: to_int(one["statusId"]))
        return [
            {
                "statusId": one["statusId"],
                "count": str(counts.get(str(one["statusId"]), 0)),
                "status": one["status"],
            }
            for one in rows
        ]

    def _race_rows(self, season: int | None, number: int | None) -> list[Object]:
        return [self._race_object(one, sessions=True) for one in self._races(season, number)]

    def _results(self, season: int | None, number: int | None) -> list[Object]:
        return self._result_rows("results", season, number, speed=True)

    def _sprint(self, season: int | None, number: int | None) -> list[Object]:
        return self._result_rows("sprint_results", season, number, speed=False)

    def _result_rows(
        self, table: str, season: int | None, number: int | None, *, speed: bool
    ) -> list[Object]:
        found: list[Object] = []
        for race in self._races(season, number):
            rows = sorted(self._of_race(table, race), key=lambda one: to_int(one["positionOrder"]))
            found += [
                {"_race": self._race_object(race), **self._result_object(one, rows, speed=speed)}
                for one in rows
            ]
        return found

    def _result_object(self, row: Record, race: Sequence[Record], *, speed: bool) -> Object:
        found: Object = {
            "number": str(row["number"]),
            "position": row["positionOrder"],
            "positionText": row["positionText"],
            "points": points_text(row["points"]),
            "Driver": driver_object(self._driver[str(row["driverId"])]),
            "Constructor": constructor_object(self._constructor[str(row["constructorId"])]),
            "grid": row["grid"],
            "laps": row["laps"],
            "status": self._status[str(row["statusId"])],
        }
        if row["milliseconds"] is not None:
            found["Time"] = {"millis": row["milliseconds"], "time": race_time(row, race)}
        if row["fastestLapTime"] is not None:
            lap: Object = {"rank": row["rank"]} if row["rank"] is not None else {}
            lap |= {"lap": row["fastestLap"], "Time": {"time": row["fastestLapTime"]}}
            if speed and row.get("fastestLapSpeed") is not None:
                lap["AverageSpeed"] = {"units": "kph", "speed": row["fastestLapSpeed"]}
            found["FastestLap"] = lap
        return found

    def _qualifying(self, season: int | None, number: int | None) -> list[Object]:
        found: list[Object] = []
        for race in self._races(season, number):
            for one in sorted(self._of_race("qualifying", race), key=lambda row: to_int(row["position"])):
                row: Object = {
                    "_race": self._race_object(race),
                    "number": one["number"],
                    "position": one["position"],
                    "Driver": driver_object(self._driver[str(one["driverId"])]),
                    "Constructor": constructor_object(self._constructor[str(one["constructorId"])]),
                }
                found.append(row | {q.upper(): one[q] for q in ("q1", "q2", "q3") if one[q] is not None})
        return found

    def _driver_standings(self, season: int | None, number: int | None) -> list[Object]:
        found = []
        for head, race, rows in self._standings("driver_standings", season, number):
            for one in rows:
                driver = str(one["driverId"])
                found.append(
                    {
                        "_list": head,
                        **standing_object(one),
                        "Driver": driver_object(self._driver[driver]),
                        "Constructors": [
                            constructor_object(self._constructor[key]) for key in self._teams(race, driver)
                        ],
                    }
                )
        return found

    def _constructor_standings(self, season: int | None, number: int | None) -> list[Object]:
        return [
            {
                "_list": head,
                **standing_object(one),
                "Constructor": constructor_object(self._constructor[str(one["constructorId"])]),
            }
            for head, _, rows in self._standings("constructor_standings", season, number)
            for one in rows
        ]

    def _standings(
        self, table: str, season: int | None, number: int | None
    ) -> Iterator[tuple[Object, Record, list[Record]]]:
        """After the round, or after the last one that has any; by position, drivers without one last."""
        races = [race for race in self._races(season, number) if self._of_race(table, race)]
        for race in races[-1:]:
            rows = sorted(
                self._of_race(table, race),
                key=lambda one: (to_int(one["position"]) or 9999, -float(one["points"] or 0)),
            )
            yield {"season": race["year"], "round": race["round"]}, race, rows

    def _teams(self, race: Record, driver: str) -> list[str]:
        races = [
            one
            for one in self._races(to_int(race["year"]), None)
            if to_int(one["round"]) <= to_int(race["round"])
        ]
        keys = [
            str(row["constructorId"])
            for one in races
            for row in self._of_race("results", one)
            if row["driverId"] == driver
        ]
        return list(dict.fromkeys(keys))

    def _pitstops(self, season: int | None, number: int | None) -> list[Object]:
        found = []
        for race in self._races(season, number):
            rows = sorted(
                self._of_race("pit_stops", race), key=lambda one: (to_int(one["lap"]), str(one["time"]))
            )
            found += [
                {
                    "_race": self._race_object(race),
                    "driverId": self._driver[str(one["driverId"])]["driverRef"],
                    "lap": one["lap"],
                    "stop": one["stop"],
                    "time": one["time"],
                    "duration": cut_duration(to_int(one["milliseconds"])),
                }
                for one in rows
            ]
        return found

    def _lap_rows(self, season: int | None, number: int | None) -> list[Object]:
        found = []
        for race in self._races(season, number):
            rows = self._laps.get(str(race["raceId"]), [])
            found += [
                {
                    "_race": self._race_object(race),
                    "_lap": str(lap),
                    "driverId": self._driver[driver]["driverRef"],
                    "time": duration(millis),
                    "position": str(position),
                }
                for lap, position, driver, millis in sorted(rows)
            ]
        return found

    @cached_property
    def _laps(self) -> dict[str, list[tuple[int, int, str, int]]]:
        """Lap, position, driver and milliseconds of each lap, by race."""
        found: dict[str, list[tuple[int, int, str, int]]] = {}
        for path in sorted(self.folder.glob("lap_times*.csv.gz")):
            with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
                for one in csv.DictReader(file, LAPS_FIELDS):
                    row = int(one["lap"]), int(one["position"]), one["driverId"], int(one["milliseconds"])
                    found.setdefault(one["raceId"], []).append(row)
        return found

    def _circuit_object(self, row: Record) -> Object:
        place = {
            "lat": row["lat"],
            "long": row["lng"],
            "locality": row["location"],
            "country": row["country"],
        }
        return {
            "circuitId": row["circuitRef"],
            "url": row["url"],
            "circuitName": row["name"],
            "Location": place,
        }

    def _race_object(self, row: Record, *, sessions: bool = False) -> Object:
        found: Object = {
            "season": row["year"],
            "round": row["round"],
            "url": row["url"],
            "raceName": row["name"],
            "Circuit": self._circuit_object(self._circuit[str(row["circuitId"])]),
            **moment(row["date"], row["time"]),
        }
        if sessions:
            for prefix, name in _SESSIONS.items():
                if row.get(f"{prefix}_date") is not None:
                    found[name] = moment(row[f"{prefix}_date"], row.get(f"{prefix}_time"))
        return found


_SESSIONS = {
    "fp1": "FirstPractice",
    "fp2": "SecondPractice",
    "fp3": "ThirdPractice",
    "quali": "Qualifying",
    "sprint": "Sprint",
}
_RESOURCES: dict[str, Callable[[History, int | None, int | None], list[Object]]] = {
    "seasons": History._seasons,
    "circuits": History._circuits,
    "constructors": History._constructors,
    "drivers": History._drivers,
    "status": History._statuses,
    "races": History._race_rows,
    "results": History._results,
    "qualifying": History._qualifying,
    "sprint": History._sprint,
    "driverstandings": History._driver_standings,
    "constructorstandings": History._constructor_standings,
    "laps": History._lap_rows,
    "pitstops": History._pitstops,
}
RESOURCES = frozenset(_RESOURCES)


def _sorted(rows: Sequence[Record], name: str) -> list[Record]:
    return sorted(rows, key=lambda one: str(one[name]))


def _read(path: Path) -> list[Record]:
    with path.open(encoding="utf-8", newline="") as file:
        return [
            {name: None if value == NULL else value for name, value in row.items()}
            for row in csv.DictReader(file)
        ]
