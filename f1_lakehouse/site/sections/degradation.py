"""The lap time by compound and tyre age."""

from collections.abc import Mapping, Sequence
from statistics import median

from f1_lakehouse.site.charts import (
    COMPOUNDS,
    LABEL_PX,
    PLOT_PX,
    Figure,
    annotation,
    axis,
    compound_colour,
    letter,
    plain,
    spread,
)
from f1_lakehouse.site.page import NONE, Chart, Key, Section, Table, signed
from f1_lakehouse.site.queries import Row
from f1_lakehouse.site.view import MIN_CURVE_LAPS, View, clean_laps, section


def degradation_section(view: View) -> Section | None:
    """The chart of lap times by tyre age; None without a curve of MIN_CURVE_LAPS points."""
    by_point: dict[str, dict[int, list[float]]] = {}
    for rows in clean_laps(view).values():
        middle = median(row["lap_duration"] for row in rows)
        for row in rows:
            if row["compound"] is not None and row["tyre_age_laps"] is not None:
                ages = by_point.setdefault(row["compound"], {})
                ages.setdefault(row["tyre_age_laps"], []).append(row["lap_duration"] - middle)
    curves = {
        compound: found
        for compound in [*COMPOUNDS, *sorted(by_point.keys() - COMPOUNDS)]
        if compound in by_point
        and len(
            found := [
                (age, median(deltas), len(deltas))
                for age, deltas in sorted(by_point[compound].items())
                if len(deltas) >= MIN_CURVE_LAPS
            ]
        )
        >= MIN_CURVE_LAPS
    }
    if not curves:
        return None
    figure = degradation_figure(curves)
    slopes: dict[str, list[Row]] = {}
    for row in view.gold.stints(view.session):
        if row["degradation_s_per_lap"] is not None:
            slopes.setdefault(row["compound"], []).append(row)
    table = [
        (
            compound,
            len(stints := slopes.get(compound, [])),
            sum(row["clean_laps"] for row in stints),
            signed(median([row["degradation_s_per_lap"] for row in stints]), 3) if stints else NONE,
        )
        for compound in curves
    ]
    chart = Chart(
        name="degradation-chart",
        title="Tyre degradation",
        alt="Median of the clean laps by age of the tyres, each lap against its driver's own median, at least "
        f"{MIN_CURVE_LAPS} laps per point. The car gets lighter during the race: a level line already means wear.",
        height=400,
        figure=figure,
        keys=[Key(f"{letter(c)} {c.capitalize()}", compound_colour(c)) for c in curves],
        table=Table(
            "Slopes of the stints with enough clean laps",
            ("Tyres", "Stints", "Clean laps", "Median slope, s per lap"),
            table,
        ),
    )
    return section("degradation", "Tyre degradation", chart)


def degradation_figure(curves: Mapping[str, Sequence[tuple[int, float, int]]]) -> Figure:
    """Compound → (age in laps, s against the drivers' own median, laps behind the point)."""
    symbols = ("circle", "square", "diamond", "triangle-up", "cross", "x")
    data = []
    for i, (compound, points) in enumerate(curves.items()):
        data.append(
            {
                "mode": "lines+markers",
                "name": plain(compound),
                "x": [age for age, _, _ in points],
                "y": [round(delta, 3) for _, delta, _ in points],
                "customdata": [laps for _, _, laps in points],
                "line": {"color": f"--{compound_colour(compound)}"},
                "marker": {"symbol": symbols[i % 6], "size": 6},
                "hovertemplate": plain(compound)
                + ", tyre age %{x:d} laps: %{y:+.2f} s (%{customdata} laps)<extra></extra>",
            }
        )
    ends = [found[-1] for found in curves.values()]
    values = [delta for found in curves.values() for _, delta, _ in found]
    # As if all curves ended at the same age: close enough, and no two names overlap.
    heights = spread([delta for _, delta, _ in ends], (max(values) - min(values)) / PLOT_PX * LABEL_PX)
    notes = [
        annotation(age, round(y, 3), letter(compound), xanchor="left", xshift=6)
        for compound, (age, *_), y in zip(curves, ends, heights, strict=True)
    ]
    return data, {
        "margin": {"l": 60, "r": 24, "t": 16, "b": 44},
        "xaxis": axis("Age of the tyres, laps", zeroline=False),
        "yaxis": axis("Difference to own median, s", zeroline=True),
        "annotations": notes,
    }
