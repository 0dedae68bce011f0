"""Tables in the layout of the Ergast dump, while a history is generated.

Belongs here: columns, ids, status texts, standings, and the files. Does not belong here: the generated rows (old_season.py,
history.py) and reading the files (ergast.py).
"""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from pathlib import Path
from typing import Any

from f1_lakehouse.simulator.ergast import NULL

FINISHED, DISQUALIFIED, ENGINE, LAPPED = range(1, 5)
EXCLUDED, WITHDREW, NOT_QUALIFIED, NOT_STARTED = range(5, 9)
STATUS = {
    FINISHED: "Finished",
    DISQUALIFIED: "Disqualified",
    ENGINE: "Engine",
    LAPPED: "+1 Lap",
    EXCLUDED: "Excluded",
    WITHDREW: "Withdrew",
    NOT_QUALIFIED: "Did not qualify",
    NOT_STARTED: "Did not start",
}

COLUMNS: dict[str, list[str]] = {
    "seasons": ["year", "url"],
    "circuits": ["circuitId", "circuitRef", "name", "location", "country", "lat", "lng", "alt", "url"],
    "constructors": ["constructorId", "constructorRef", "name", "nationality", "url"],
    "drivers": [
        "driverId",
        "driverRef",
        "number",
        "code",
        "forename",
        "surname",
        "dob",
        "nationality",
        "url",
    ],
    "status": ["statusId", "status"],
    "races": [
        "raceId",
        "year",
        "round",
        "circuitId",
        "name",
        "date",
        "time",
        "url",
        "fp1_date",
        "fp1_time",
        "fp2_date",
        "fp2_time",
        "fp3_date",
        "fp3_time",
        "quali_date",
        "quali_time",
        "sprint_date",
        "sprint_time",
    ],
    "results": [
        "resultId",
        "raceId",
        "driverId",
        "constructorId",
        "number",
        "grid",
        "position",
        "positionText",
        "positionOrder",
        "points",
        "laps",
        "time",
        "milliseconds",
        "fastestLap",
        "rank",
        "fastestLapTime",
        "fastestLapSpeed",
        "statusId",
    ],
    "sprint_results": [
        "resultId",
        "raceId",
        "driverId",
        "constructorId",
        "number",
        "grid",
        "position",
        "positionText",
        "positionOrder",
        "points",
        "laps",
        "time",
        "milliseconds",
        "fastestLap",
        "fastestLapTime",
        "statusId",
        "rank",
    ],
    "qualifying": [
        "qualifyId",
        "raceId",
        "driverId",
        "constructorId",
        "number",
        "position",
        "q1",
        "q2",
        "q3",
    ],
    "pit_stops": ["raceId", "driverId", "stop", "lap", "time", "duration", "milliseconds"],
    "driver_standings": [
        "driverStandingsId",
        "raceId",
        "driverId",
        "points",
        "position",
        "positionText",
        "wins",
    ],
    "constructor_standings": [
        "constructorStandingsId",
        "raceId",
        "constructorId",
        "points",
        "position",
        "positionText",
        "wins",
    ],
}
"""The columns of each table, as in the Ergast dump."""


class Tables:
    """Tables that are being made; `add` numbers their rows."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {name: [] for name in COLUMNS}
        self.laps: list[tuple[int, int, int, int, str, int]] = []
        self.ids: dict[str, dict[str, int]] = {"drivers": {}, "constructors": {}, "circuits": {}}

    def add(self, table: str, **values: Any) -> int:
        """Append a row; its id, from 1, which fills the first column if that is not given."""
        number = len(self.rows[table]) + 1
        first = COLUMNS[table][0]
        self.rows[table].append({first: number, **values})
        return number

    def known(self, table: str, ref: str, **values: Any) -> int:
        """The id of a driver, constructor or circuit; added when it is named for the first time."""
        if ref not in self.ids[table]:
            column = {"drivers": "driverRef", "constructors": "constructorRef", "circuits": "circuitRef"}[
                table
            ]
            self.ids[table][ref] = self.add(table, **{column: ref}, url=url_of(ref), **values)
        return self.ids[table][ref]

    def write(self, folder: Path) -> None:
        """One CSV file per table; laps without a header and compressed, if there are any."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, rows in self.rows.items():
            with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, COLUMNS[name], restval=NULL, lineterminator="\n")
                writer.writeheader()
                writer.writerows({k: NULL if v is None else v for k, v in row.items()} for row in rows)
        if self.laps:
            text = "".join(",".join(map(str, row)) + "\n" for row in self.laps)
            (folder / "lap_times.csv.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


def add_standings(tables: Tables, season: int, race: int, *, constructors: bool) -> None:
    """The championship after a race: plain sums, the win counted once per race and driver."""
    races = {row["raceId"] for row in tables.rows["races"] if row["year"] == season}
    kinds = [("driver_standings", "driverId")] + (
        [("constructor_standings", "constructorId")] if constructors else []
    )
    for table, column in kinds:
        points: defaultdict[int, float] = defaultdict(float)
        wins: dict[int, set[int]] = {}
        for name in ("results", "sprint_results"):
            for row in tables.rows[name]:
                if row["raceId"] not in races:
                    continue
                points[row[column]] += float(row["points"])
                if name == "results" and row["positionText"] == "1":
                    wins.setdefault(row[column], set()).add(row["raceId"])
        ranked = sorted(points, key=lambda who: (-points[who], -len(wins.get(who, ())), who))
        for place, who in enumerate(ranked, start=1):
            tables.add(
                table,
                raceId=race,
                **{column: who},
                points=f"{points[who]:g}",
                position=place,
                positionText=str(place),
                wins=len(wins.get(who, ())),
            )


def url_of(title: str) -> str:
    """A URL that leads nowhere, for a generated article."""
    return f"http://example.org/{title}"
