"""The types of Jolpica's catalog: a resource, the fields of its responses, and the columns that they fill.

Belongs here: `Resource` and the functions that entries of the catalog are made with. Does not belong here: the entries
(endpoints.py) and how rows are unpacked (unpack.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from f1_lakehouse.sources.catalog import Column, Kind, Scope
from f1_lakehouse.sources.jolpica.partitions import FIRST_SEASON, LAST_SEASON, MAX_ROUNDS
from f1_lakehouse.sources.jolpica.values import Convert, duration_s, integer, number, text


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
class Field:
    """One column and the field that it comes from."""

    path: str
    convert: Convert
    column: Column


def int_field(path: str, name: str, description: str, **rest: object) -> Field:
    """A field with an integer."""
    return Field(path, integer, Column(name, Kind.INT, description, **rest))  # type: ignore[arg-type]


def double_field(path: str, name: str, description: str, **rest: object) -> Field:
    """A field with a measurement."""
    return Field(path, number, Column(name, Kind.DOUBLE, description, **rest))  # type: ignore[arg-type]


def text_field(path: str, name: str, description: str, **rest: object) -> Field:
    """A field with a text."""
    return Field(path, text, Column(name, Kind.TEXT, description, **rest))  # type: ignore[arg-type]


def seconds_field(path: str, name: str, description: str, **rest: object) -> Field:
    """A field with a duration, in seconds."""
    return Field(path, duration_s, Column(name, Kind.DOUBLE, description, **rest))  # type: ignore[arg-type]


def season_field(at: str) -> Field:
    """The season of a row."""
    return int_field(
        f"{at}.season", "season", "Season, a year", required=True, low=FIRST_SEASON, high=LAST_SEASON
    )


def race_fields(at: str = "Races") -> tuple[Field, ...]:
    """Season and round of a row."""
    return (
        season_field(at),
        int_field(
            f"{at}.round", "round", "Round of the season, from 1", required=True, low=1, high=MAX_ROUNDS
        ),
    )


def driver_field(path: str) -> Field:
    """The id of a driver."""
    return text_field(path, "driver_id", "Jolpica's id of the driver, e.g. max_verstappen", required=True)


def constructor_field(path: str) -> Field:
    """The id of a constructor."""
    return text_field(path, "constructor_id", "Jolpica's id of the constructor, e.g. red_bull", required=True)


def url_field(path: str) -> Field:
    """The URL of an article."""
    return text_field(path, "url", "URL of the article in Wikipedia")


RACE_DETAILS = frozenset(
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


def details_of(at: str, *, driver: bool = True, constructor: bool = True) -> frozenset[str]:
    """The fields of the driver and the constructor within a row that have a resource of their own."""
    names = [f"{at}.Driver.{name}" for name in _DRIVER_FIELDS] if driver else []
    names += [f"{at}.Constructor.{name}" for name in _CONSTRUCTOR_FIELDS] if constructor else []
    return frozenset(names)


def resource(
    name: str,
    scope: Scope,
    description: str,
    lists: tuple[str, ...],
    fields: tuple[Field, ...],
    key: tuple[str, ...],
    *,
    path: str | None = None,
    ignored: frozenset[str] = frozenset(),
    first_season: int = FIRST_SEASON,
    sessions: Mapping[str, str] | None = None,
) -> Resource:
    """A resource from the fields that fill its columns."""
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
