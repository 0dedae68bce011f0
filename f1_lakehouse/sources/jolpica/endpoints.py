"""The catalog of Jolpica: what each of the 13 resources serves, and where its rows are in a response.

The one place that says what a resource is. To add one: an entry here and one silver model.

Not here: how rows are unpacked (unpack.py), which pages a pull consists of (pages.py), when one is due (pull_policy.py).

Types, keys and nullability come from recorded responses and from the Ergast history 1950–2025. A column is `required`
when a row without it cannot be placed; everything else may be null. Ranges are what is physically or by the rules
possible: a value outside is kept and counted, not refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from f1_lakehouse.sources.catalog import Column, Kind, Scope
from f1_lakehouse.sources.jolpica.partitions import FIRST_SEASON, LAST_SEASON, MAX_ROUNDS
from f1_lakehouse.sources.jolpica.values import (
    Convert,
    constructor_ids,
    duration_s,
    integer,
    number,
    text,
)


@dataclass(frozen=True)
class Resource:
    """One resource of Jolpica.

    `table`: the bronze table. `path`: its name in URLs. `lists`: the lists that lead to its rows, from `MRData` on.
    `fields`: path of a field, from the name of its list on, → the columns that it fills. `ignored`: paths of fields
    (all below them too) that another resource serves. `first_season`: the resource does not exist before it.
    `sessions`: prefixes of `date` and `time` fields that become a `<name>_date` and a `<name>_start` column.
    """

    name: str
    path: str
    scope: Scope
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    lists: tuple[str, ...]
    fields: Mapping[str, tuple[tuple[str, Convert], ...]]
    ignored: frozenset[str] = frozenset()
    first_season: int = FIRST_SEASON
    sessions: tuple[str, ...] = ()

    @property
    def table(self) -> str:
        """The name of the bronze table."""
        return f"jolpica_{self.name}"


def camel(name: str) -> str:
    """`first_practice` → `FirstPractice`, as the API names it."""
    return "".join(part.capitalize() for part in name.split("_"))


@dataclass(frozen=True)
class _Field:
    """One column and the field that it comes from."""

    path: str
    convert: Convert
    column: Column


def _int(path: str, name: str, description: str, **rest: object) -> _Field:
    return _Field(path, integer, Column(name, Kind.INT, description, **rest))  # type: ignore[arg-type]


def _double(path: str, name: str, description: str, **rest: object) -> _Field:
    return _Field(path, number, Column(name, Kind.DOUBLE, description, **rest))  # type: ignore[arg-type]


def _text(path: str, name: str, description: str, **rest: object) -> _Field:
    return _Field(path, text, Column(name, Kind.TEXT, description, **rest))  # type: ignore[arg-type]


def _seconds(path: str, name: str, description: str, **rest: object) -> _Field:
    return _Field(path, duration_s, Column(name, Kind.DOUBLE, description, **rest))  # type: ignore[arg-type]


def _season(at: str) -> _Field:
    return _int(f"{at}.season", "season", "Season, a year", required=True, low=FIRST_SEASON, high=LAST_SEASON)


def _race(at: str = "Races") -> tuple[_Field, ...]:
    return (
        _season(at),
        _int(f"{at}.round", "round", "Round of the season, from 1", required=True, low=1, high=MAX_ROUNDS),
    )


def _driver(path: str) -> _Field:
    return _text(path, "driver_id", "Jolpica's id of the driver, e.g. max_verstappen", required=True)


def _constructor(path: str) -> _Field:
    return _text(path, "constructor_id", "Jolpica's id of the constructor, e.g. red_bull", required=True)


def _wikipedia(path: str) -> _Field:
    return _text(path, "url", "URL of the article in Wikipedia")


_RACE_DETAILS = frozenset(
    {"Races.url", "Races.raceName", "Races.Circuit", "Races.date", "Races.time"}
    | {
        f"Races.{name}"
        for name in (
            "FirstPractice",
            "SecondPractice",
            "ThirdPractice",
            "Qualifying",
            "Sprint",
            "SprintQualifying",
            "SprintShootout",
        )
    }
)
_DRIVER_FIELDS = (
    "permanentNumber",
    "code",
    "url",
    "givenName",
    "familyName",
    "dateOfBirth",
    "nationality",
)
_CONSTRUCTOR_FIELDS = ("url", "name", "nationality")


def _details(at: str, *, driver: bool = True, constructor: bool = True) -> frozenset[str]:
    """The fields of the driver and the constructor within a row that have a resource of their own."""
    names = [f"{at}.Driver.{name}" for name in _DRIVER_FIELDS] if driver else []
    names += [f"{at}.Constructor.{name}" for name in _CONSTRUCTOR_FIELDS] if constructor else []
    return frozenset(names)


def _resource(
    name: str,
    scope: Scope,
    description: str,
    lists: tuple[str, ...],
    fields: tuple[_Field, ...],
    key: tuple[str, ...],
    *,
    path: str | None = None,
    ignored: frozenset[str] = frozenset(),
    first_season: int = FIRST_SEASON,
    sessions: Mapping[str, str] | None = None,
) -> Resource:
    filled: dict[str, tuple[tuple[str, Convert], ...]] = {}
    for one in fields:
        filled[one.path] = (*filled.get(one.path, ()), (one.column.name, one.convert))
    columns = [one.column for one in fields]
    for prefix, what in (sessions or {}).items():
        columns += [
            Column(f"{prefix}_date", Kind.TEXT, f"Day of the {what} at the track, YYYY-MM-DD"),
            Column(
                f"{prefix}_start", Kind.TIME, f"Start of the {what}, UTC; null if no time of day is served"
            ),
        ]
        at = lists[-1] if prefix == "race" else f"{lists[-1]}.{camel(prefix)}"
        ignored |= {f"{at}.date", f"{at}.time"}
    return Resource(
        name,
        path or name,
        scope,
        description,
        tuple(columns),
        key,
        lists,
        filled,
        ignored,
        first_season,
        tuple(sessions or {}),
    )


def _result_fields(at: str) -> tuple[_Field, ...]:
    """The columns that results of races and of sprints share."""
    return (
        *_race(),
        _driver(f"{at}.Driver.driverId"),
        _constructor(f"{at}.Constructor.constructorId"),
        _int(f"{at}.number", "number", "Car number; null where none is known", low=0, high=999),
        _int(
            f"{at}.position",
            "position",
            "Order of the result; filled for unclassified cars too, so position_text decides",
            low=1,
            high=60,
        ),
        _text(
            f"{at}.positionText",
            "position_text",
            "Classified position, or R retired, D disqualified, E excluded, W withdrawn, F failed to qualify, "
            "N not classified",
        ),
        _double(f"{at}.points", "points", "Points scored; fractions exist", low=0, high=60),
        _int(f"{at}.grid", "grid", "Grid position; 0 for the pit lane or no start", low=0, high=60),
        _int(f"{at}.laps", "laps", "Laps completed", low=0, high=250),
        _text(f"{at}.status", "status", "Status as served, e.g. Finished, +1 Lap, Engine"),
        _int(f"{at}.Time.millis", "time_millis", "Race time, ms; only of cars with a time", low=1),
        _text(
            f"{at}.Time.time",
            "time_text",
            "Time of the winner or gap to it, as served; wrong for full seconds, so use time_millis",
        ),
        _int(f"{at}.FastestLap.lap", "fastest_lap_number", "Lap of the fastest lap", low=1, high=250),
        _int(f"{at}.FastestLap.rank", "fastest_lap_rank", "Rank of the fastest lap", low=0, high=60),
        _seconds(f"{at}.FastestLap.Time.time", "fastest_lap_s", "Fastest lap, s", low=30, high=7200),
    )


_RESULT_KEY = ("season", "round", "driver_id", "constructor_id", "number")

RESOURCES: tuple[Resource, ...] = (
    _resource(
        "seasons",
        Scope.ALL,
        "Seasons of the championship",
        ("SeasonTable", "Seasons"),
        (
            _int("Seasons.season", "year", "Season", required=True, low=FIRST_SEASON, high=LAST_SEASON),
            _wikipedia("Seasons.url"),
        ),
        ("year",),
    ),
    _resource(
        "circuits",
        Scope.ALL,
        "Circuits of championship races",
        ("CircuitTable", "Circuits"),
        (
            _text("Circuits.circuitId", "circuit_id", "Jolpica's id of the circuit", required=True),
            _text("Circuits.circuitName", "circuit_name", "Name of the circuit"),
            _text("Circuits.Location.locality", "locality", "Town or area"),
            _text("Circuits.Location.country", "country", "Country, e.g. UK, USA"),
            _double("Circuits.Location.lat", "latitude", "Latitude, degrees north", low=-90, high=90),
            _double("Circuits.Location.long", "longitude", "Longitude, degrees east", low=-180, high=180),
            _wikipedia("Circuits.url"),
        ),
        ("circuit_id",),
    ),
    _resource(
        "constructors",
        Scope.ALL,
        "Constructors of all seasons; some ids are used by different teams of different eras",
        ("ConstructorTable", "Constructors"),
        (
            _constructor("Constructors.constructorId"),
            _text("Constructors.name", "name", "Name of the constructor"),
            _text("Constructors.nationality", "nationality", "Nationality, e.g. British"),
            _wikipedia("Constructors.url"),
        ),
        ("constructor_id",),
    ),
    _resource(
        "drivers",
        Scope.ALL,
        "Drivers of all seasons",
        ("DriverTable", "Drivers"),
        (
            _driver("Drivers.driverId"),
            _int(
                "Drivers.permanentNumber",
                "permanent_number",
                "Permanent car number; since 2014, not unique",
                low=1,
                high=99,
            ),
            _text("Drivers.code", "code", "Three letters; not unique, and null for most drivers before 2000"),
            _text("Drivers.givenName", "given_name", "Given name"),
            _text("Drivers.familyName", "family_name", "Family name"),
            _text("Drivers.dateOfBirth", "date_of_birth", "Date of birth, YYYY-MM-DD; from 1896 on"),
            _text("Drivers.nationality", "nationality", "Nationality, e.g. Finnish"),
            _wikipedia("Drivers.url"),
        ),
        ("driver_id",),
    ),
    _resource(
        "status",
        Scope.ALL,
        "Status texts of results, with the number of results that have each",
        ("StatusTable", "Status"),
        (
            _int("Status.statusId", "status_id", "Id of the status", required=True, low=1),
            _text("Status.status", "status", "Status text, e.g. Finished, Engine"),
            _int("Status.count", "count", "Results with this status", low=0),
        ),
        ("status_id",),
    ),
    _resource(
        "races",
        Scope.SEASON,
        "Races of a season, future ones included",
        ("RaceTable", "Races"),
        (
            *_race(),
            _text("Races.raceName", "race_name", "Name, e.g. Monaco Grand Prix"),
            _text("Races.Circuit.circuitId", "circuit_id", "Circuit"),
            _wikipedia("Races.url"),
        ),
        ("season", "round"),
        ignored=frozenset({"Races.Circuit.url", "Races.Circuit.circuitName", "Races.Circuit.Location"}),
        sessions={
            "race": "race",
            "first_practice": "first practice",
            "second_practice": "second practice",
            "third_practice": "third practice",
            "qualifying": "qualifying",
            "sprint": "sprint",
            "sprint_qualifying": "sprint qualifying (since 2024)",
            "sprint_shootout": "sprint shootout (2023)",
        },
    ),
    _resource(
        "results",
        Scope.SEASON,
        "Results of races: one row per driver and car, so a driver with two cars has two rows",
        ("RaceTable", "Races", "Results"),
        (
            *_result_fields("Results"),
            _double(
                "Results.FastestLap.AverageSpeed.speed",
                "fastest_lap_speed_kmh",
                "Average speed of the fastest lap, km/h",
                low=50,
                high=400,
            ),
        ),
        _RESULT_KEY,
        ignored=_RACE_DETAILS | _details("Results") | {"Results.FastestLap.AverageSpeed.units"},
    ),
    _resource(
        "qualifying",
        Scope.SEASON,
        "Results of qualifying; incomplete for 1994 to 2002",
        ("RaceTable", "Races", "QualifyingResults"),
        (
            *_race(),
            _driver("QualifyingResults.Driver.driverId"),
            _constructor("QualifyingResults.Constructor.constructorId"),
            _int("QualifyingResults.number", "number", "Car number", low=0, high=999),
            _int("QualifyingResults.position", "position", "Position in qualifying", low=1, high=60),
            _seconds("QualifyingResults.Q1", "q1_s", "Best time of the first part, s", low=30, high=7200),
            _seconds("QualifyingResults.Q2", "q2_s", "Best time of the second part, s", low=30, high=7200),
            _seconds("QualifyingResults.Q3", "q3_s", "Best time of the third part, s", low=30, high=7200),
        ),
        ("season", "round", "driver_id"),
        ignored=_RACE_DETAILS | _details("QualifyingResults"),
        first_season=1994,
    ),
    _resource(
        "sprint",
        Scope.SEASON,
        "Results of sprints",
        ("RaceTable", "Races", "SprintResults"),
        _result_fields("SprintResults"),
        _RESULT_KEY,
        ignored=_RACE_DETAILS | _details("SprintResults") | {"SprintResults.FastestLap.AverageSpeed"},
        first_season=2021,
    ),
    _resource(
        "driver_standings",
        Scope.SEASON,
        "Championship of drivers after the last race of the season that has results",
        ("StandingsTable", "StandingsLists", "DriverStandings"),
        (
            *_race("StandingsLists"),
            _driver("DriverStandings.Driver.driverId"),
            _int(
                "DriverStandings.position", "position", "Rank; null without an official rank", low=1, high=200
            ),
            _text("DriverStandings.positionText", "position_text", "Rank, - for none, or D disqualified"),
            _double("DriverStandings.points", "points", "Points that count for the championship", low=0),
            _int("DriverStandings.wins", "wins", "Races won", low=0, high=40),
            _Field(
                "DriverStandings.Constructors",
                constructor_ids,
                Column("constructor_ids", Kind.JSON, "Ids of the constructors of the season, a JSON list"),
            ),
        ),
        ("season", "driver_id"),
        path="driverstandings",
        ignored=_details("DriverStandings", constructor=False),
    ),
    _resource(
        "constructor_standings",
        Scope.SEASON,
        "Championship of constructors after the last race of the season that has results",
        ("StandingsTable", "StandingsLists", "ConstructorStandings"),
        (
            *_race("StandingsLists"),
            _constructor("ConstructorStandings.Constructor.constructorId"),
            _int(
                "ConstructorStandings.position",
                "position",
                "Rank; null without an official rank",
                low=1,
                high=60,
            ),
            _text("ConstructorStandings.positionText", "position_text", "Rank, - for none, or E excluded"),
            _double("ConstructorStandings.points", "points", "Points that count for the championship", low=0),
            _int("ConstructorStandings.wins", "wins", "Races won", low=0, high=40),
        ),
        ("season", "constructor_id"),
        path="constructorstandings",
        ignored=_details("ConstructorStandings", driver=False),
        first_season=1958,
    ),
    _resource(
        "laps",
        Scope.ROUND,
        "Lap times of a race",
        ("RaceTable", "Races", "Laps", "Timings"),
        (
            *_race(),
            _int("Laps.number", "lap_number", "Lap, from 1", required=True, low=1, high=250),
            _driver("Timings.driverId"),
            _int("Timings.position", "position", "Position at the end of the lap", low=1, high=60),
            _text("Timings.time", "time_text", "Lap time as served, m:ss.sss"),
            _seconds("Timings.time", "time_s", "Lap time, s", low=30, high=10800),
        ),
        ("season", "round", "lap_number", "driver_id"),
        ignored=_RACE_DETAILS,
        first_season=1996,
    ),
    _resource(
        "pitstops",
        Scope.ROUND,
        "Pit stops of a race",
        ("RaceTable", "Races", "PitStops"),
        (
            *_race(),
            _driver("PitStops.driverId"),
            _int("PitStops.stop", "stop", "Stop of the driver, from 1", required=True, low=1, high=60),
            _int("PitStops.lap", "lap_number", "Lap on which the car came in", low=1, high=250),
            _text("PitStops.time", "time_of_day", "Time of day at the track, HH:MM:SS"),
            _text("PitStops.duration", "duration_text", "Time in the pit lane as served"),
            _seconds(
                "PitStops.duration",
                "duration_s",
                "Time in the pit lane, s; null where the service loses it (full seconds)",
                low=5,
                high=10800,
            ),
        ),
        ("season", "round", "driver_id", "stop"),
        ignored=_RACE_DETAILS,
        first_season=2011,
    ),
)

BY_TABLE: Mapping[str, Resource] = {resource.table: resource for resource in RESOURCES}
"""Resources by their bronze table."""
BY_PATH: Mapping[str, Resource] = {resource.path: resource for resource in RESOURCES}
"""Resources by their name in URLs."""
