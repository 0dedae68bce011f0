"""The corners of a circuit on the track map and on the speed trace, and the direction in which the map is drawn.

Belongs here: where a point of the map is drawn. Does not belong here: the charts themselves (telemetry.py).
"""

import math
from collections.abc import Sequence
from typing import Any

from f1_lakehouse.site.charts import annotation, plain
from f1_lakehouse.site.queries import Row

Json = dict[str, Any]

NEAREST = 1000
"""Largest distance of a corner from the samples of a lap, 1/10 m; a corner further away belongs to another track."""

LABEL_PX_AWAY = 13
"""Distance of the middle of a label from the middle of the track, CSS pixels: in metres it would be on the track of a small map."""

CREDIT = "Numbers of corners and direction of the map: MultiViewer (multiviewer.app)."


def map_rotation(corners: Sequence[Row]) -> float | None:
    """The angle by which the map is turned to look like the official one, degrees counter-clockwise; None if it is not known."""
    return next((row["track_rotation"] for row in corners if row["track_rotation"] is not None), None)


def on_map(x: float, y: float, rotation: float | None) -> tuple[int, int]:
    """Where a position, 1/10 m, is on a map that is turned by `rotation` degrees counter-clockwise around the origin: m."""
    turn = math.radians(rotation or 0)
    return (
        round((x * math.cos(turn) - y * math.sin(turn)) / 10),
        round((x * math.sin(turn) + y * math.cos(turn)) / 10),
    )


def distances(corners: Sequence[Row], samples: Sequence[Row]) -> list[tuple[float, str]]:
    """Distance along the lap, m, and label of each corner: those of the sample nearest to it.

    The distance that the source measured on its map differs by some metres from the one of the car.
    """
    placed = [row for row in samples if row["position_x"] is not None]
    found = []
    for corner in corners if placed else ():
        here = corner["position_x"], corner["position_y"]
        if None not in here:
            away, distance = min(
                (math.dist(here, (row["position_x"], row["position_y"])), row["lap_distance_m"])
                for row in placed
            )
            if away <= NEAREST:
                found.append((distance, corner["corner_label"]))
    return found


def corner_notes(marks: Sequence[tuple[float, str]]) -> list[Json]:
    """The numbers of corners above a chart over the distance, in two rows, because corners may follow each other closely."""
    return [
        annotation(
            round(distance),
            1,
            plain(label),
            yref="paper",
            yanchor="bottom",
            yshift=12 * (i % 2),
            font={"size": 10},
        )
        for i, (distance, label) in enumerate(sorted(marks))
    ]


def map_labels(corners: Sequence[Row]) -> list[Json]:
    """The numbers of corners next to the track, at m, upright also on a map that is turned."""
    rotation = map_rotation(corners)
    found = []
    for corner in corners:
        x, y, angle = corner["position_x"], corner["position_y"], corner["label_angle"]
        if x is not None and y is not None:
            toward = math.radians((angle or 0) + (rotation or 0))
            away = math.cos(toward), math.sin(toward)
            found.append(_label(on_map(x, y, rotation), away, plain(corner["corner_label"])))
    return found


def line_label(places: Sequence[tuple[int, int]]) -> Json:
    """The name of the line, where a lap begins, across the track and away from the middle of the map."""
    (x, y), before, after = places[0], places[-1], places[1]
    across = before[1] - after[1], after[0] - before[0]
    middle = [sum(place[i] for place in places) / len(places) for i in (0, 1)]
    outward = across[0] * (x - middle[0]) + across[1] * (y - middle[1])
    length = math.hypot(*across) * (-1 if outward < 0 else 1) or 1.0
    return _label((x, y), (across[0] / length, across[1] / length), "Line", width=10)


def _label(place: tuple[int, int], away: tuple[float, float], text: str, width: int = 0) -> Json:
    """A text next to a place of the map, in a direction (a unit vector); `width`: half of what it is wider than a number, px."""
    shifts = {
        "xshift": round((LABEL_PX_AWAY + width) * away[0], 1),
        "yshift": round(LABEL_PX_AWAY * away[1], 1),
    }
    return annotation(*place, text, font={"size": 11}, **shifts)
