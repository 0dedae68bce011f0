"""The corners of a circuit on the track map and on the speed trace.

Belongs here: where a corner is drawn. Does not belong here: the charts themselves (telemetry.py).
"""

import math
from collections.abc import Sequence
from typing import Any

from f1_lakehouse.site.charts import annotation, plain
from f1_lakehouse.site.queries import Row

Json = dict[str, Any]

NEAREST = 1000
"""Largest distance of a corner from the samples of a lap, 1/10 m; a corner further away belongs to another track."""

LABEL_DISTANCE = 400
"""Distance of a corner's number from the track, 1/10 m."""

CREDIT = "Numbers of corners: MultiViewer (multiviewer.app)."


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


def corner_trace(corners: Sequence[Row]) -> list[Json]:
    """The numbers of corners next to the track, m; no trace without corners."""
    xs, ys, labels = [], [], []
    for corner in corners:
        x, y, angle = corner["position_x"], corner["position_y"], corner["label_angle"]
        if x is not None and y is not None:
            toward = math.radians(angle or 0)
            xs.append(round((x + LABEL_DISTANCE * math.cos(toward)) / 10))
            ys.append(round((y + LABEL_DISTANCE * math.sin(toward)) / 10))
            labels.append(plain(corner["corner_label"]))
    if not xs:
        return []
    return [{"mode": "text", "x": xs, "y": ys, "text": labels, "textfont": {"size": 11}, "hoverinfo": "skip"}]
