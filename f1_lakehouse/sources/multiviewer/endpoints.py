"""The catalog of MultiViewer: the corners of a circuit, and how they are taken out of a response.

Belongs here: columns and unpacking. Does not belong here: which circuits are requested (schedule.py), what a response means
(responses.py).

A response is one object per circuit and season. Its lists `corners`, `marshalLights` and `marshalSectors` have the same shape; only
the corners become rows. The object also has the outline of the track (`x`, `y`); both stay in the landing zone.
"""

from typing import Any

from f1_lakehouse.sources.catalog import Column, Endpoint, Kind, Scope

CORNERS = "corners"
PLACE = "trackPosition"


def corner_rows(content: Any) -> list[Any]:
    """One row per corner of a decoded response, with what the response says of the circuit.

    A corner that is not an object is kept as it is, and refused as a row.
    """
    of_circuit = {
        "season": content.get("year"),
        "circuit_key": content.get("circuitKey"),
        "circuit_name": content.get("circuitName"),
        "rotation": content.get("rotation"),
    }
    return [_row(corner, of_circuit) for corner in content[CORNERS]]


def _row(corner: Any, of_circuit: dict[str, Any]) -> Any:
    if not isinstance(corner, dict):
        return corner
    own = {name: value for name, value in corner.items() if name != PLACE}
    place = corner.get(PLACE)
    if not isinstance(place, dict):
        place = {}
    return {**own, "x": place.get("x"), "y": place.get("y"), **of_circuit}


MULTIVIEWER_CORNERS = Endpoint(
    "multiviewer_corners",
    "Corners of the circuits of a season, drawn manually for track maps",
    (
        Column("season", Kind.INT, "Season of the map", required=True, low=2018, high=2100),
        Column("circuit_key", Kind.INT, "Identifier of the circuit, as in OpenF1", required=True),
        Column("circuit_name", Kind.TEXT, "Name of the circuit"),
        Column(
            "rotation",
            Kind.DOUBLE,
            "Angle by which the coordinates are turned to match the official map, degrees",
            low=-360,
            high=360,
        ),
        Column("number", Kind.INT, "Number of the corner", required=True, low=1, high=40),
        Column("letter", Kind.TEXT, "Letter after the number, e.g. A; empty or missing for most corners"),
        Column(
            "angle",
            Kind.DOUBLE,
            "Direction from the track in which the number of the corner is drawn, degrees",
            low=-360,
            high=360,
        ),
        Column("length", Kind.DOUBLE, "Distance from the line along the lap, 1/10 m", low=0, high=150_000),
        Column("x", Kind.DOUBLE, "Position of the corner, 1/10 m, as in OpenF1", low=-200_000, high=200_000),
        Column("y", Kind.DOUBLE, "Position of the corner, 1/10 m, as in OpenF1", low=-200_000, high=200_000),
    ),
    key=("season", "circuit_key", "number", "letter"),
    scope=Scope.SEASON,
    source="multiviewer",
    path="circuits",
    rows=corner_rows,
    partition_column="season",
)

ENDPOINTS: tuple[Endpoint, ...] = (MULTIVIEWER_CORNERS,)
