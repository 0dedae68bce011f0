"""Rows of Jolpica for the lakes of the tests: one row of every resource, and what an embedded Jolpica serves.

The single rows are for the shared lake: each table of silver has a row in which a fault can be planted. Their season is one that the
weekends of OpenF1 in that lake do not have: the two sources do not disagree.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from dbt_lake import Lake

from f1_lakehouse.simulator.jolpica import PREFIX, JolpicaApi
from f1_lakehouse.sources.catalog import Kind, Scope
from f1_lakehouse.sources.jolpica import pages
from f1_lakehouse.sources.jolpica.endpoints import BY_TABLE, RESOURCES

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


def served(api: JolpicaApi, table: str, partition: int) -> list[dict[str, Any]]:
    """Return the rows of all pages that the embedded Jolpica serves for a partition."""
    resource, landed = BY_TABLE[table], list[pages.Page]()
    while missing := pages.requests(PREFIX.rstrip("/"), resource, partition, landed):
        landed += [pages.read_page(resource, url, api.answer("GET", url).body) for url in missing]
    return [row for page in landed for row in page.rows]


def pull_seasons(lake: Lake, api: JolpicaApi, seasons: Iterable[int]) -> None:
    """Pull every resource of the seasons, and those without a season; none of single rounds (lap times and pit stops)."""
    for resource in RESOURCES:
        if resource.scope is not Scope.ROUND:
            for partition in [0] if resource.scope is Scope.ALL else seasons:
                rows = served(api, resource.table, partition)
                lake.pull(resource.table, partition, partition, rows, "appended" if rows else "empty")
