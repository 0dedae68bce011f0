"""One row of every resource of Jolpica, for the shared lake: each table of silver has a row in which a fault can be planted.

The season is one that the weekends of OpenF1 in that lake do not have: the two sources do not disagree.
"""

from collections.abc import Iterator
from typing import Any

from f1_lakehouse.sources.catalog import Kind, Scope
from f1_lakehouse.sources.jolpica.endpoints import RESOURCES

SEASON, ROUND = 2021, 1
KEYS: dict[str, Any] = {
    "season": SEASON,
    "year": SEASON,
    "round": ROUND,
    "driver_id": "max_verstappen",
    "constructor_id": "red_bull",
    "circuit_id": "bahrain",
    "number": 1,
    "grid": 1,
}
VALUES = {Kind.INT: 1, Kind.DOUBLE: 1.0, Kind.TEXT: "1", Kind.TIME: "2021-03-28T15:00:00+00:00"}


def first_pulls() -> Iterator[tuple[str, int, int, list[dict[str, Any]]]]:
    """Yield table, partition, season and rows of one pull per resource; a row has its key and required columns only."""
    for resource in RESOURCES:
        row = {
            column.name: KEYS.get(column.name, VALUES.get(column.kind))
            for column in resource.columns
            if column.name in resource.key or column.required or column.name in KEYS
        }
        season = 0 if resource.scope is Scope.ALL else SEASON
        partition = SEASON * 100 + ROUND if resource.scope is Scope.ROUND else season
        yield resource.table, partition, season, [row]
