"""The lap time by compound and tyre age, without the effect of the burnt fuel where it is known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from f1_lakehouse.site.charts import (
    COMPOUNDS,
    LABEL_PX,
    PLOT_PX,
    Figure,
    Json,
    annotation,
    axis,
    compound_colour,
    letter,
    plain,
    spread,
)
from f1_lakehouse.site.page import NONE, Chart, Key, Section, Table, number, signed
from f1_lakehouse.site.queries import Row
from f1_lakehouse.site.view import MIN_CURVE_LAPS, View, clean_laps, section

NORMAL_95 = 1.96
"""Standard errors to each side of a 95 % interval."""

Points = Sequence[tuple[int, float, int]]
"""(age in laps, s against the drivers' own median, laps behind the point), the youngest first."""


@dataclass(frozen=True)
class Wear:
    """The fitted change of the lap time per lap of age, s, and half of its 95 % interval, s."""

    slope: float
    half_interval: float


def degradation_section(view: View) -> Section | None:
    """The chart of lap times by tyre age; None without a curve of MIN_CURVE_LAPS points."""
    effects = view.gold.race_effects(view.session)
    fuel = effects["fuel_and_track_effect_s"] if effects else None
    curves = _curves(view, fuel or 0.0)
    if not curves:
        return None
    wear = _wear(effects, curves) if effects and fuel is not None else {}
    if effects and fuel is not None:
        error = NORMAL_95 * effects["fuel_and_track_standard_error_s"]
        said = (
            f"The effect of fuel and track, {signed(fuel, 3)} ± {number(error, 3)} s per lap of the race (95 % interval), is taken out "
            "of each lap: a rising line is wear. Straight lines: the wear of the same fit, shaded with the interval of that effect."
        )
    else:
        said = "The car gets lighter during the race: a level line already means wear."
    chart = Chart(
        name="degradation-chart",
        title="Tyre degradation",
        alt="Median of the clean laps by age of the tyres, each lap against its driver's own median, at least "
        f"{MIN_CURVE_LAPS} laps per point. {said}",
        height=440,
        figure=degradation_figure(curves, wear),
        keys=[Key(f"{letter(c)} {c.capitalize()}", compound_colour(c), _key(c)) for c in curves],
        table=_slopes(view, curves, wear),
    )
    return section("degradation", "Tyre degradation", chart)


def _curves(view: View, fuel: float) -> dict[str, Points]:
    """Compound → its points, each lap less `fuel` (s per lap of the race) since the first lap."""
    by_point: dict[str, dict[int, list[float]]] = {}
    for rows in clean_laps(view).values():
        corrected = [row["lap_duration"] - fuel * row["lap_number"] for row in rows]
        middle = median(corrected)
        for row, seconds in zip(rows, corrected, strict=True):
            if row["compound"] is not None and row["tyre_age_laps"] is not None:
                ages = by_point.setdefault(row["compound"], {})
                ages.setdefault(row["tyre_age_laps"], []).append(seconds - middle)
    found = {
        compound: [
            (age, median(deltas), len(deltas))
            for age, deltas in sorted(by_point[compound].items())
            if len(deltas) >= MIN_CURVE_LAPS
        ]
        for compound in [*COMPOUNDS, *sorted(by_point.keys() - COMPOUNDS)]
        if compound in by_point
    }
    return {compound: points for compound, points in found.items() if len(points) >= MIN_CURVE_LAPS}


def _wear(effects: Row, curves: Mapping[str, Points]) -> dict[str, Wear]:
    """Compound → its fitted wear. Age and lap number rise together in a stint: what is uncertain of the one is so of the other."""
    half = NORMAL_95 * effects["fuel_and_track_standard_error_s"]
    slopes = {compound: effects.get(f"{compound.lower()}_wear_s_per_lap") for compound in curves}
    return {compound: Wear(slope, half) for compound, slope in slopes.items() if slope is not None}


def _slopes(view: View, curves: Mapping[str, Points], wear: Mapping[str, Wear]) -> Table:
    slopes: dict[str, list[Row]] = {}
    for row in view.gold.stints(view.session):
        if row["degradation_s_per_lap"] is not None:
            slopes.setdefault(row["compound"], []).append(row)
    rows = []
    for compound in curves:
        stints = slopes.get(compound, [])
        fitted = wear.get(compound)
        rows.append(
            (
                compound,
                len(stints),
                sum(row["clean_laps"] for row in stints),
                signed(median([row["degradation_s_per_lap"] for row in stints]), 3) if stints else NONE,
                *((signed(fitted.slope, 3), _interval(fitted)) if fitted else (NONE, NONE) if wear else ()),
            )
        )
    columns = ("Tyres", "Stints", "Clean laps", "Median slope, s per lap")
    corrected = ("Fuel-corrected, s per lap", "95 % interval") if wear else ()
    return Table("Slopes of the stints with enough clean laps", (*columns, *corrected), rows)


def _interval(wear: Wear) -> str:
    return f"{signed(wear.slope - wear.half_interval, 3)} to {signed(wear.slope + wear.half_interval, 3)}"


def _key(compound: str) -> str:
    return f"tyres-{compound}"


def degradation_figure(curves: Mapping[str, Points], wear: Mapping[str, Wear]) -> Figure:
    """The points of each compound, and the line of its fitted wear through their middle with its interval."""
    symbols = ("circle", "square", "diamond", "triangle-up", "cross", "x")
    data = []
    for i, (compound, points) in enumerate(curves.items()):
        has_line = compound in wear
        if has_line:
            data += _fitted(compound, points, wear[compound])
        data.append(
            {
                "mode": "markers" if has_line else "lines+markers",
                "meta": _key(compound),
                "name": plain(compound),
                "x": [age for age, _, _ in points],
                "y": [round(delta, 3) for _, delta, _ in points],
                "customdata": [laps for _, _, laps in points],
                "line": {"color": f"--{compound_colour(compound)}"},
                "marker": {"symbol": symbols[i % 6], "size": 7},
                "hovertemplate": plain(compound)
                + ", tyre age %{x:d} laps: %{y:+.2f} s (%{customdata} laps)<extra></extra>",
            }
        )
    ends = [found[-1] for found in curves.values()]
    values = [delta for found in curves.values() for _, delta, _ in found]
    # As if all curves ended at the same age: close enough, and no two names overlap.
    heights = spread([delta for _, delta, _ in ends], (max(values) - min(values)) / PLOT_PX * LABEL_PX)
    notes = [
        annotation(age, round(y, 3), letter(compound), xanchor="left", xshift=6, name=_key(compound))
        for compound, (age, *_), y in zip(curves, ends, heights, strict=True)
    ]
    return data, {
        "margin": {"l": 60, "r": 24, "t": 16, "b": 44},
        "xaxis": axis("Age of the tyres, laps", zeroline=False),
        "yaxis": axis("Difference to own median, s", zeroline=True),
        "annotations": notes,
    }


def _fitted(compound: str, points: Points, wear: Wear) -> list[Json]:
    """The interval as an area and the fitted wear as a line, through the mean of the laps behind the points."""
    laps = sum(count for _, _, count in points)
    age = sum(age * count for age, _, count in points) / laps
    middle = sum(delta * count for _, delta, count in points) / laps
    ends = [points[0][0], points[-1][0]]

    def line(slope: float) -> list[float]:
        return [round(middle + slope * (end - age), 3) for end in ends]

    low, high = line(wear.slope - wear.half_interval), line(wear.slope + wear.half_interval)
    common = {"meta": _key(compound), "line": {"color": f"--{compound_colour(compound)}"}}
    return [
        {
            **common,
            "x": [ends[0], round(age, 2), ends[1], ends[1], round(age, 2), ends[0]],
            "y": [low[0], round(middle, 3), low[1], high[1], round(middle, 3), high[0]],
            "fill": "toself",
            "fillcolor": f"--{compound_colour(compound)}",
            "opacity": 0.25,
            "line": {"width": 0},
            "hoverinfo": "skip",
        },
        {
            **common,
            "x": ends,
            "y": line(wear.slope),
            "hovertemplate": f"{plain(compound)}: {signed(wear.slope, 3)} s per lap, {_interval(wear)}<extra></extra>",
        },
    ]
