"""The catalog of Jolpica: what each of the 13 resources serves, and where its rows are in a response.

The one place that says what a resource is. To add one: an entry here and one silver model.

Not here: how rows are unpacked (unpack.py), which pages a pull consists of (pages.py), when one is due (pull_policy.py).

Types, keys and nullability come from recorded responses and from the Ergast history 1950–2025. A column is `required`
when a row without it cannot be placed; everything else may be null. Ranges are what is physically or by the rules
possible: a value outside is kept and counted, not refused.
"""

from collections.abc import Mapping

from f1_lakehouse.sources.catalog import Column, Kind, Scope
from f1_lakehouse.sources.jolpica.fields import (
    RACE_DETAILS,
    Field,
    Resource,
    constructor_field,
    details_of,
    double_field,
    driver_field,
    int_field,
    race_fields,
    resource,
    seconds_field,
    text_field,
    url_field,
)
from f1_lakehouse.sources.jolpica.partitions import FIRST_SEASON, LAST_SEASON
from f1_lakehouse.sources.jolpica.values import constructor_ids


def _result_fields(at: str) -> tuple[Field, ...]:
    """The columns that results of races and of sprints share."""
    return (
        *race_fields(),
        driver_field(f"{at}.Driver.driverId"),
        constructor_field(f"{at}.Constructor.constructorId"),
        int_field(f"{at}.number", "number", "Car number; null where none is known", low=0, high=999),
        int_field(
            f"{at}.position",
            "position",
            "Order of the result; filled for unclassified cars too, so position_text decides",
            low=1,
            high=60,
        ),
        text_field(
            f"{at}.positionText",
            "position_text",
            "Classified position, or R retired, D disqualified, E excluded, W withdrawn, F failed to qualify, "
            "N not classified",
        ),
        double_field(f"{at}.points", "points", "Points scored; fractions exist", low=0, high=60),
        int_field(f"{at}.grid", "grid", "Grid position; 0 for the pit lane or no start", low=0, high=60),
        int_field(f"{at}.laps", "laps", "Laps completed", low=0, high=250),
        text_field(f"{at}.status", "status", "Status as served, e.g. Finished, +1 Lap, Engine"),
        int_field(f"{at}.Time.millis", "time_millis", "Race time, ms; only of cars with a time", low=1),
        text_field(
            f"{at}.Time.time",
            "time_text",
            "Time of the winner or gap to it, as served; wrong for full seconds, so use time_millis",
        ),
        int_field(f"{at}.FastestLap.lap", "fastest_lap_number", "Lap of the fastest lap", low=1, high=250),
        int_field(f"{at}.FastestLap.rank", "fastest_lap_rank", "Rank of the fastest lap", low=0, high=60),
        seconds_field(f"{at}.FastestLap.Time.time", "fastest_lap_s", "Fastest lap, s", low=30, high=7200),
    )


_RESULT_KEY = ("season", "round", "driver_id", "constructor_id", "number")

RESOURCES: tuple[Resource, ...] = (
    resource(
        "seasons",
        Scope.ALL,
        "Seasons of the championship",
        ("SeasonTable", "Seasons"),
        (
            int_field("Seasons.season", "year", "Season", required=True, low=FIRST_SEASON, high=LAST_SEASON),
            url_field("Seasons.url"),
        ),
        ("year",),
    ),
    resource(
        "circuits",
        Scope.ALL,
        "Circuits of championship races",
        ("CircuitTable", "Circuits"),
        (
            text_field("Circuits.circuitId", "circuit_id", "Jolpica's id of the circuit", required=True),
            text_field("Circuits.circuitName", "circuit_name", "Name of the circuit"),
            text_field("Circuits.Location.locality", "locality", "Town or area"),
            text_field("Circuits.Location.country", "country", "Country, e.g. UK, USA"),
            double_field("Circuits.Location.lat", "latitude", "Latitude, degrees north", low=-90, high=90),
            double_field(
                "Circuits.Location.long", "longitude", "Longitude, degrees east", low=-180, high=180
            ),
            url_field("Circuits.url"),
        ),
        ("circuit_id",),
    ),
    resource(
        "constructors",
        Scope.ALL,
        "Constructors of all seasons; some ids are used by different teams of different eras",
        ("ConstructorTable", "Constructors"),
        (
            constructor_field("Constructors.constructorId"),
            text_field("Constructors.name", "name", "Name of the constructor"),
            text_field("Constructors.nationality", "nationality", "Nationality, e.g. British"),
            url_field("Constructors.url"),
        ),
        ("constructor_id",),
    ),
    resource(
        "drivers",
        Scope.ALL,
        "Drivers of all seasons",
        ("DriverTable", "Drivers"),
        (
            driver_field("Drivers.driverId"),
            int_field(
                "Drivers.permanentNumber",
                "permanent_number",
                "Permanent car number; since 2014, not unique",
                low=1,
                high=99,
            ),
            text_field(
                "Drivers.code", "code", "Three letters; not unique, and null for most drivers before 2000"
            ),
            text_field("Drivers.givenName", "given_name", "Given name"),
            text_field("Drivers.familyName", "family_name", "Family name"),
            text_field("Drivers.dateOfBirth", "date_of_birth", "Date of birth, YYYY-MM-DD; from 1896 on"),
            text_field("Drivers.nationality", "nationality", "Nationality, e.g. Finnish"),
            url_field("Drivers.url"),
        ),
        ("driver_id",),
    ),
    resource(
        "status",
        Scope.ALL,
        "Status texts of results, with the number of results that have each",
        ("StatusTable", "Status"),
        (
            int_field("Status.statusId", "status_id", "Id of the status", required=True, low=1),
            text_field("Status.status", "status", "Status text, e.g. Finished, Engine"),
            int_field("Status.count", "count", "Results with this status", low=0),
        ),
        ("status_id",),
    ),
    resource(
        "races",
        Scope.SEASON,
        "Races of a season, future ones included",
        ("RaceTable", "Races"),
        (
            *race_fields(),
            text_field("Races.raceName", "race_name", "Name, e.g. Monaco Grand Prix"),
            text_field("Races.Circuit.circuitId", "circuit_id", "Circuit"),
            url_field("Races.url"),
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
    resource(
        "results",
        Scope.SEASON,
        "Results of races: one row per driver and car, so a driver with two cars has two rows",
        ("RaceTable", "Races", "Results"),
        (
            *_result_fields("Results"),
            double_field(
                "Results.FastestLap.AverageSpeed.speed",
                "fastest_lap_speed_kmh",
                "Average speed of the fastest lap, km/h",
                low=50,
                high=400,
            ),
        ),
        _RESULT_KEY,
        ignored=RACE_DETAILS | details_of("Results") | {"Results.FastestLap.AverageSpeed.units"},
    ),
    resource(
        "qualifying",
        Scope.SEASON,
        "Results of qualifying; incomplete for 1994 to 2002",
        ("RaceTable", "Races", "QualifyingResults"),
        (
            *race_fields(),
            driver_field("QualifyingResults.Driver.driverId"),
            constructor_field("QualifyingResults.Constructor.constructorId"),
            int_field("QualifyingResults.number", "number", "Car number", low=0, high=999),
            int_field("QualifyingResults.position", "position", "Position in qualifying", low=1, high=60),
            seconds_field(
                "QualifyingResults.Q1", "q1_s", "Best time of the first part, s", low=30, high=7200
            ),
            seconds_field(
                "QualifyingResults.Q2", "q2_s", "Best time of the second part, s", low=30, high=7200
            ),
            seconds_field(
                "QualifyingResults.Q3", "q3_s", "Best time of the third part, s", low=30, high=7200
            ),
        ),
        ("season", "round", "driver_id"),
        ignored=RACE_DETAILS | details_of("QualifyingResults"),
        first_season=1994,
    ),
    resource(
        "sprint",
        Scope.SEASON,
        "Results of sprints",
        ("RaceTable", "Races", "SprintResults"),
        _result_fields("SprintResults"),
        _RESULT_KEY,
        ignored=RACE_DETAILS | details_of("SprintResults") | {"SprintResults.FastestLap.AverageSpeed"},
        first_season=2021,
    ),
    resource(
        "driver_standings",
        Scope.SEASON,
        "Championship of drivers after the last race of the season that has results",
        ("StandingsTable", "StandingsLists", "DriverStandings"),
        (
            *race_fields("StandingsLists"),
            driver_field("DriverStandings.Driver.driverId"),
            int_field(
                "DriverStandings.position", "position", "Rank; null without an official rank", low=1, high=200
            ),
            text_field(
                "DriverStandings.positionText", "position_text", "Rank, - for none, or D disqualified"
            ),
            double_field("DriverStandings.points", "points", "Points that count for the championship", low=0),
            int_field("DriverStandings.wins", "wins", "Races won", low=0, high=40),
            Field(
                "DriverStandings.Constructors",
                constructor_ids,
                Column("constructor_ids", Kind.JSON, "Ids of the constructors of the season, a JSON list"),
            ),
        ),
        ("season", "driver_id"),
        path="driverstandings",
        ignored=details_of("DriverStandings", constructor=False),
    ),
    resource(
        "constructor_standings",
        Scope.SEASON,
        "Championship of constructors after the last race of the season that has results",
        ("StandingsTable", "StandingsLists", "ConstructorStandings"),
        (
            *race_fields("StandingsLists"),
            constructor_field("ConstructorStandings.Constructor.constructorId"),
            int_field(
                "ConstructorStandings.position",
                "position",
                "Rank; null without an official rank",
                low=1,
                high=60,
            ),
            text_field(
                "ConstructorStandings.positionText", "position_text", "Rank, - for none, or E excluded"
            ),
            double_field(
                "ConstructorStandings.points", "points", "Points that count for the championship", low=0
            ),
            int_field("ConstructorStandings.wins", "wins", "Races won", low=0, high=40),
        ),
        ("season", "constructor_id"),
        path="constructorstandings",
        ignored=details_of("ConstructorStandings", driver=False),
        first_season=1958,
    ),
    resource(
        "laps",
        Scope.ROUND,
        "Lap times of a race",
        ("RaceTable", "Races", "Laps", "Timings"),
        (
            *race_fields(),
            int_field("Laps.number", "lap_number", "Lap, from 1", required=True, low=1, high=250),
            driver_field("Timings.driverId"),
            int_field("Timings.position", "position", "Position at the end of the lap", low=1, high=60),
            text_field("Timings.time", "time_text", "Lap time as served, m:ss.sss"),
            seconds_field("Timings.time", "time_s", "Lap time, s", low=30, high=10800),
        ),
        ("season", "round", "lap_number", "driver_id"),
        ignored=RACE_DETAILS,
        first_season=1996,
    ),
    resource(
        "pitstops",
        Scope.ROUND,
        "Pit stops of a race",
        ("RaceTable", "Races", "PitStops"),
        (
            *race_fields(),
            driver_field("PitStops.driverId"),
            int_field("PitStops.stop", "stop", "Stop of the driver, from 1", required=True, low=1, high=60),
            int_field("PitStops.lap", "lap_number", "Lap on which the car came in", low=1, high=250),
            text_field("PitStops.time", "time_of_day", "Time of day at the track, HH:MM:SS"),
            text_field("PitStops.duration", "duration_text", "Time in the pit lane as served"),
            seconds_field(
                "PitStops.duration",
                "duration_s",
                "Time in the pit lane, s; null where the service loses it (full seconds)",
                low=5,
                high=10800,
            ),
        ),
        ("season", "round", "driver_id", "stop"),
        ignored=RACE_DETAILS,
        first_season=2011,
    ),
)

BY_TABLE: Mapping[str, Resource] = {one.table: one for one in RESOURCES}
"""Resources by their bronze table."""
BY_PATH: Mapping[str, Resource] = {one.path: one for one in RESOURCES}
"""Resources by their name in URLs."""
