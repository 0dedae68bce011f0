"""Plotly figures out of rows, as plain dicts: what a chart draws, with a title and a unit on every axis.

Belongs here: the geometry of the charts. Does not belong here: what the charts have in common to look at (fonts, grid,
margins: assets/pages.js), what stands around them (`session`, `season`), and colours, which are names of CSS variables.
All text that comes from data goes through `plain`. In a hover text a number always has a format, as in `%{y:d}`: without
one Plotly writes the label that the axis has at that value, which may be text and another driver's.
"""

import struct
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import quantiles
from typing import Any

from f1_lakehouse.site.queries import Row

Json = dict[str, Any]
Figure = tuple[list[Json], Json]
"""Traces and layout; what all have in common is left to assets/pages.js."""

DASHES = ("solid", "dash", "dot", "dashdot")
"""The first driver of a team, his team mate, and whoever else drove for it."""

COMPOUNDS = {"SOFT": "S", "MEDIUM": "M", "HARD": "H", "INTERMEDIATE": "I", "WET": "W"}
SHADED = {"SC": "sc", "VSC": "vsc", "Red": "red"}
"""States of the track that are shaded in a chart over laps, with their colour."""

SPEED_BINS = 7
LABEL_PX, PLOT_PX = 14, 360
"""Height of a line's name, and about that of the plot in a chart of 480 pixels that has them."""


@dataclass(frozen=True)
class Style:
    """How a driver is drawn: `key` names his traces, `label` is what is written."""

    key: str
    label: str
    colour: str
    dash: int = 0


def plain(text: object) -> str:
    """Text as Plotly shows it: what reads as a tag or an entity is shown as it stands."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def letter(compound: str | None) -> str:
    """The letter of a compound; ? when it is not known."""
    return COMPOUNDS.get(compound or "", "?")


def compound_colour(compound: str | None) -> str:
    """The name of its colour."""
    return (compound or "").lower() if compound in COMPOUNDS else "unknown"


def packed(values: Sequence[int | None]) -> Json | list[int | None]:
    """Whole numbers as Plotly's base64, which is half as long; as a list where one is missing or too large."""
    for kind, size in (("b", 7), ("h", 15)):
        if all(value is not None and -(2**size) <= value < 2**size for value in values):
            content = struct.pack(f"<{len(values)}{kind}", *values)
            return {"dtype": {"b": "i1", "h": "i2"}[kind], "bdata": b64encode(content).decode()}
    return list(values)


def axis(title: str, **rest: object) -> Json:
    """An axis with its title, which ends with the unit."""
    return {"title": {"text": title}, **rest}


def spread(wanted: Sequence[float], distance: float) -> list[float]:
    """Places close to the wanted ones (in the same order as given), no two nearer than a distance."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    placed = [wanted[i] for i in order]
    for _ in range(200):
        moved = False
        for i in range(len(placed) - 1):
            short = distance - (placed[i + 1] - placed[i])
            if short > distance * 0.01:
                placed[i], placed[i + 1] = placed[i] - short / 2, placed[i + 1] + short / 2
                moved = True
        if not moved:
            break
    found = [0.0] * len(wanted)
    for place, i in zip(placed, order, strict=True):
        found[i] = place
    return found


# What charts over laps share


def spans(status_by_lap: Mapping[int, str | None], wanted: Iterable[str]) -> list[tuple[str, int, int]]:
    """Runs of laps in the same state of the track: (state, first lap, last lap)."""
    known = set(wanted)
    runs = []
    for (state, _), laps in groupby(
        enumerate(sorted(status_by_lap)), key=lambda pair: (status_by_lap[pair[1]], pair[1] - pair[0])
    ):
        found = [lap for _, lap in laps]
        if state in known:
            runs.append((str(state), found[0], found[-1]))
    return runs


def shading(status_by_lap: Mapping[int, str | None], *, above: bool = False) -> tuple[list[Json], list[Json]]:
    """Shapes and annotations that mark safety cars and red flags; a lap reaches from its number less one to its number."""
    shapes, notes = [], []
    laps = max(status_by_lap, default=1)
    labelled = -1.0
    for state, first, last in spans(status_by_lap, SHADED):
        shapes.append(
            {
                "type": "rect",
                "yref": "paper",
                "x0": first - 1,
                "x1": last,
                "y0": 0,
                "y1": 1,
                "fillcolor": f"--{SHADED[state]}",
                "opacity": 0.22,
                "line": {"width": 0},
                "layer": "above" if above else "below",
            }
        )
        middle = (first - 1 + last) / 2
        # A label that would lie on the one before is left out; the note below the chart names all of them.
        if labelled < 0 or (middle - labelled) / laps > 0.12:
            notes.append(_note(middle, 1, state, xref="x", yref="paper", yanchor="bottom"))
            labelled = middle
    return shapes, notes


def _lap_axis(laps: int) -> Json:
    return axis("Lap", range=[0, laps], zeroline=False, **({"dtick": 1} if laps <= 8 else {}))


def _note(x: float, y: float, text: str, **rest: object) -> Json:
    return {"x": x, "y": y, "text": text, **rest}


def _line(style: Style, **rest: object) -> Json:
    line = {"color": f"--{style.colour}"}
    if style.dash:
        line["dash"] = DASHES[min(style.dash, 3)]
    return {"meta": style.key, "name": plain(style.label), "line": line, **rest}


def _shared(hover: str, ends: Sequence[tuple[Style, float]] = (), distance: float = 0) -> Json:
    """What the script makes of a layout's `meta`: the hover text of every line, and names beside their right ends.

    `distance`: how near to each other the names may be, in units of y.
    """
    places = spread([y for _, y in ends], distance)
    names = [[style.key, plain(style.label), round(y, 1)] for (style, _), y in zip(ends, places, strict=True)]
    return {"meta": {"hover": f"%{{fullData.name}} {hover}<extra></extra>", "ends": names}}


def _with_names(
    span: tuple[float, float], ends: Sequence[tuple[Style, float]], distance: float
) -> list[float]:
    """An axis range in which the names beside the lines lie too: Plotly leaves out what is written outside of it."""
    places = spread([y for _, y in ends], distance)
    low = min([span[0], *(place - distance / 2 for place in places)])
    high = max([span[1], *(place + distance / 2 for place in places)])
    return [round(low, 2), round(high, 2)]


# Race


def lap_chart(
    places: Mapping[int, Mapping[int, int]],
    grid: Mapping[int, int],
    styles: Mapping[int, Style],
    status_by_lap: Mapping[int, str | None],
) -> Figure:
    """Position at the end of each lap, lap 0 being the grid.

    Args:
        places: driver → lap → position.
        grid: driver → position on the grid.
        styles: how each is drawn.
        status_by_lap: lap → state of the track.
    """
    laps = max(lap for by_lap in places.values() for lap in by_lap)
    cars = max(len(places), max(p for by_lap in places.values() for p in by_lap.values()))
    data, ends, out = [], [], Marks()
    for number, by_lap in places.items():
        style, last = styles[number], max(by_lap)
        line = [grid.get(number), *(by_lap.get(lap) for lap in range(1, last + 1))]
        data.append(_line(style, x0=0, dx=1, y=packed(line)))
        if last >= laps - 5:
            ends.append((style, by_lap[last]))
        else:
            out.add(last, by_lap[last], style)
    data += out.traces("out after lap %{x:d}")
    shapes, notes = shading(status_by_lap)
    started = {place: plain(styles[number].label) for number, place in grid.items() if number in places}
    return data, {
        **_shared("lap %{x:d}: position %{y:d}", ends, 0.9),
        "margin": {"l": 60, "r": 48, "t": 24, "b": 44},
        "xaxis": _lap_axis(laps),
        "yaxis": axis(
            "Position (left: grid)",
            range=[cars + 0.6, 0.4],
            tickmode="array",
            tickvals=list(range(1, cars + 1)),
            ticktext=[f"{started.get(place, '')} {place}" for place in range(1, cars + 1)],
            zeroline=False,
        ),
        "shapes": shapes,
        "annotations": notes,
    }


class Marks:
    """Crosses where cars stopped, a trace a driver, so that they go with his line."""

    def __init__(self) -> None:
        self._found: list[tuple[float, float, Style]] = []

    def add(self, x: float, y: float, style: Style) -> None:
        """A cross."""
        self._found.append((x, y, style))

    def traces(self, hover: str) -> list[Json]:
        """The crosses."""
        return [
            {
                "mode": "markers",
                "meta": style.key,
                "x": [x],
                "y": [y],
                "marker": {"symbol": "x", "size": 8, "color": f"--{style.colour}"},
                "hovertemplate": f"{plain(style.label)} {hover}<extra></extra>",
            }
            for x, y, style in self._found
        ]


def gap_chart(
    gaps: Mapping[int, Mapping[int, float]],
    styles: Mapping[int, Style],
    status_by_lap: Mapping[int, str | None],
) -> Figure:
    """Seconds behind a car that laps at a steady pace, at the end of each lap: driver → lap → s. Ahead is up."""
    laps = max(lap for by_lap in gaps.values() for lap in by_lap)
    values = sorted(value for by_lap in gaps.values() for value in by_lap.values())
    # A car that stood in the pits for minutes would flatten all others.
    low, high = values[0], values[int((len(values) - 1) * 0.97)]
    margin = max((high - low) * 0.06, 1)
    low, high = low - margin, high + margin
    data, ends = [], []
    for number, by_lap in gaps.items():
        style, first, last = styles[number], min(by_lap), max(by_lap)
        # No −0.0, which would be written so.
        line = [
            round(v, 1) + 0.0 if (v := by_lap.get(lap)) is not None else None
            for lap in range(first, last + 1)
        ]
        data.append(_line(style, x0=first, dx=1, y=line))
        if last >= laps - 5 and by_lap[last] < high:
            ends.append((style, by_lap[last]))
    shapes, notes = shading(status_by_lap)
    distance = (high - low) / PLOT_PX * LABEL_PX
    low, high = _with_names((low, high), ends, distance)
    return data, {
        **_shared("lap %{x:d}: %{y:+.1f} s to the steady pace", ends, distance),
        "margin": {"l": 60, "r": 48, "t": 24, "b": 44},
        "xaxis": _lap_axis(laps),
        "yaxis": axis("Behind the steady pace, s", range=[high, low], zeroline=True),
        "shapes": shapes,
        "annotations": notes,
    }


def tyre_bars(
    stints: Sequence[Row], labels: Sequence[tuple[int, str]], status_by_lap: Mapping[int, str | None]
) -> Figure:
    """Stints as bars, a row a driver; the compound as colour and letter.

    Args:
        stints: rows of fact_stints.
        labels: (driver, label), the first one on top.
        status_by_lap: lap → state of the track.
    """
    names = dict(labels)
    laps = max(row["lap_end"] for row in stints)
    data = []
    for compound in sorted({row["compound"] for row in stints}, key=lambda c: (c not in COMPOUNDS, str(c))):
        rows = [row for row in stints if row["compound"] == compound and row["driver_number"] in names]
        data.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": plain(compound),
                "y": [plain(names[row["driver_number"]]) for row in rows],
                "base": [row["lap_start"] - 1 for row in rows],
                "x": [row["stint_laps"] for row in rows],
                "text": [letter(compound) for _ in rows],
                "customdata": [[row["lap_start"], row["lap_end"], _age(row)] for row in rows],
                "textposition": "inside",
                "insidetextanchor": "middle",
                "textangle": 0,
                "textfont": {"color": "--paper", "size": 11},
                "constraintext": "none",
                "marker": {
                    "color": f"--{compound_colour(compound)}",
                    "line": {"color": "--paper", "width": 2},
                },
                "hovertemplate": "%{y}: " + plain(compound) + ", laps %{customdata[0]} to %{customdata[1]}, "
                "%{customdata[2]}<extra></extra>",
            }
        )
    shapes, notes = shading(status_by_lap, above=True)
    return data, {
        "barmode": "overlay",
        "bargap": 0.25,
        "margin": {"l": 60, "r": 16, "t": 24, "b": 44},
        "xaxis": _lap_axis(laps),
        "yaxis": axis(
            "Driver",
            type="category",
            categoryorder="array",
            categoryarray=[plain(label) for _, label in reversed(labels)],
            range=[-0.6, len(labels) - 0.4],
            tickmode="linear",
            dtick=1,
        ),
        "shapes": shapes,
        "annotations": notes,
    }


def _age(stint: Row) -> str:
    age = stint["tyre_age_at_start"]
    return (
        "age of the tyres not known" if age is None else "new tyres" if age == 0 else f"tyres {age} laps old"
    )


def boxes(values: Mapping[int, Sequence[float]], styles: Mapping[int, Style]) -> Figure:
    """Lap times of each driver as a box from the first to the third quartile; whiskers as far as 1.5 boxes."""
    data = []
    for number, times in values.items():
        style = styles[number]
        q1, median, q3 = quartiles(times)
        reach = 1.5 * (q3 - q1)
        low, high = min(t for t in times if t >= q1 - reach), max(t for t in times if t <= q3 + reach)
        data.append(
            {
                "type": "box",
                "meta": style.key,
                "name": plain(style.label),
                "x": [plain(style.label)],
                "q1": [round(q1, 3)],
                "median": [round(median, 3)],
                "q3": [round(q3, 3)],
                "lowerfence": [low],
                "upperfence": [high],
                "line": {"color": f"--{style.colour}"},
                "fillcolor": "--raised",
                "hoverinfo": "skip",
            }
        )
        # Plotly's own text takes the ends of the whiskers for the slowest and fastest lap, which may lie beyond them.
        said = f"median {median:.3f} s, middle half {q1:.3f} to {q3:.3f} s, laps {min(times):.3f} to {max(times):.3f} s"
        marks = [low, round(q1, 3), round(median, 3), round(q3, 3), high]
        data.append(
            {
                "mode": "markers",
                "meta": style.key,
                "x": [plain(style.label)] * len(marks),
                "y": marks,
                "marker": {"opacity": 0, "size": 12},
                "hovertemplate": f"{plain(style.label)}: {said}<extra></extra>",
            }
        )
    return data, {
        "margin": {"l": 60, "r": 16, "t": 16, "b": 64},
        "xaxis": axis("Driver", type="category", tickangle=-90, tickmode="linear", dtick=1),
        "yaxis": axis("Lap time, s", zeroline=False),
    }


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """First quartile, median, third quartile, as DuckDB's quantile_cont has them."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    q1, median, q3 = quantiles(values, n=4, method="inclusive")
    return q1, median, q3


def degradation(curves: Mapping[str, Sequence[tuple[int, float, int]]]) -> Figure:
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
    # As if all ended at the same age: near enough, and never one on the other.
    places = spread([delta for _, delta, _ in ends], (max(values) - min(values)) / PLOT_PX * LABEL_PX)
    notes = [
        _note(age, round(y, 3), letter(compound), xanchor="left", xshift=6)
        for compound, (age, *_), y in zip(curves, ends, places, strict=True)
    ]
    return data, {
        "margin": {"l": 60, "r": 24, "t": 16, "b": 44},
        "xaxis": axis("Age of the tyres, laps", zeroline=False),
        "yaxis": axis("Against the own median, s", zeroline=True),
        "annotations": notes,
    }


def status_strip(status_by_lap: Mapping[int, str | None]) -> Figure:
    """The states of the track over the laps as one strip."""
    colours = {"Yellow": "yellow", **SHADED}
    data: list[Json] = []
    for state in colours:
        runs = spans(status_by_lap, [state])
        if runs:
            data.append(
                {
                    "type": "bar",
                    "orientation": "h",
                    "name": state,
                    "y": [state for _ in runs],
                    "base": [first - 1 for _, first, _ in runs],
                    "x": [last - first + 1 for _, first, last in runs],
                    "customdata": [[first, last] for _, first, last in runs],
                    "marker": {"color": f"--{colours[state]}"},
                    "hovertemplate": f"{state}: laps %{{customdata[0]}} to %{{customdata[1]}}<extra></extra>",
                }
            )
    return data, {
        "barmode": "overlay",
        "bargap": 0.3,
        "margin": {"l": 60, "r": 16, "t": 8, "b": 44},
        "xaxis": _lap_axis(max(status_by_lap)),
        "yaxis": {"type": "category", "title": {"text": "State"}},
    }


# Qualifying


def phases(
    times: Mapping[str, Sequence[tuple[str, float]]], cuts: Mapping[str, float], order: Sequence[str]
) -> Figure:
    """Best times of the phases, a row a driver; dashed lines where the next phase began.

    Args:
        times: Q1, Q2, Q3 → (label, s).
        cuts: phase → the slowest time in it that got through, s.
        order: labels, the first one on top.
    """
    look = {"Q1": ("circle-open", "v1"), "Q2": ("square-open", "v3"), "Q3": ("diamond", "v6")}
    data = [
        {
            "mode": "markers",
            "meta": phase,
            "name": phase,
            "x": [t for _, t in found],
            "y": [plain(label) for label, _ in found],
            "marker": {
                "symbol": look[phase][0],
                "color": f"--{look[phase][1]}",
                "size": 9,
                "line": {"width": 2},
            },
            "hovertemplate": f"%{{y}} {phase}: %{{x:.3f}} s<extra></extra>",
        }
        for phase, found in times.items()
        if found
    ]
    shapes = [
        {
            "type": "line",
            "yref": "paper",
            "x0": cut,
            "x1": cut,
            "y0": 0,
            "y1": 1,
            "line": {"color": f"--{look[phase][1]}", "dash": "dash", "width": 2},
        }
        for phase, cut in cuts.items()
    ]
    ends = list(cuts.items())
    values = sorted(t for found in times.values() for _, t in found)
    # A lap that was abandoned would press all others together; the table has it.
    low, high = values[0], max([value for value in values if value <= 1.07 * values[0]] + list(cuts.values()))
    room = max((high - low) * 0.05, 0.1)
    notes = [
        _note(cut, 1, f"{phase} cut", yref="paper", yanchor="bottom", yshift=14 * (i % 2))
        for i, (phase, cut) in enumerate(ends)
    ]
    return data, {
        "margin": {"l": 60, "r": 16, "t": 44, "b": 44},
        "xaxis": axis("Lap time, s", range=[round(low - room, 3), round(high + room, 3)], zeroline=False),
        "yaxis": axis(
            "Driver",
            type="category",
            categoryorder="array",
            categoryarray=[plain(label) for label in reversed(order)],
            range=[-0.6, len(order) - 0.4],
            tickmode="linear",
            dtick=1,
        ),
        "shapes": shapes,
        "annotations": notes,
    }


def sector_bars(losses: Sequence[tuple[str, Sequence[float]]]) -> Figure:
    """What each driver's sectors lose to the best of the session: (label, three differences in s), best first."""
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "meta": f"S{i + 1}",
            "name": f"Sector {i + 1}",
            "y": [plain(label) for label, _ in losses],
            "x": [round(found[i], 3) for _, found in losses],
            "marker": {
                "color": f"--{('v1', 'v3', 'v5')[i]}",
                "line": {"color": "--paper", "width": 1},
            },
            "hovertemplate": f"%{{y}} sector {i + 1}: +%{{x:.3f}} s<extra></extra>",
        }
        for i in range(3)
    ]
    return data, {
        "barmode": "stack",
        "bargap": 0.25,
        "margin": {"l": 60, "r": 16, "t": 8, "b": 44},
        "xaxis": axis("Behind the best sectors, s", rangemode="tozero"),
        "yaxis": axis(
            "Driver",
            type="category",
            categoryorder="array",
            categoryarray=[plain(label) for label, _ in reversed(losses)],
            range=[-0.6, len(losses) - 0.4],
            tickmode="linear",
            dtick=1,
        ),
    }


# Telemetry and weather


def speed_bins(speeds: Sequence[float]) -> list[float]:
    """The bounds of the speed classes, km/h, one more than there are classes; steps of at least 10."""
    low = int(min(speeds) // 10 * 10)
    step = max(10, int(-(-(max(speeds) - low) // (SPEED_BINS * 10))) * 10)
    return [low + step * i for i in range(SPEED_BINS + 1)]


def track_map(samples: Sequence[Row]) -> tuple[Figure, list[float]]:
    """The track as it was driven in one lap, coloured by speed; and the bounds of the speed classes."""
    placed = [row for row in samples if row["position_x"] is not None and row["speed"] is not None]
    bounds = speed_bins([row["speed"] for row in placed])
    step = bounds[1] - bounds[0]
    xs: list[list[float | None]] = [[] for _ in range(SPEED_BINS)]
    ys: list[list[float | None]] = [[] for _ in range(SPEED_BINS)]
    previous = -1
    # Each class is one trace with holes; a change of class repeats the place, so that the line stays whole.
    for here, following in zip(placed, [*placed[1:], placed[0]], strict=True):
        bin_ = min(int((here["speed"] - bounds[0]) // step), SPEED_BINS - 1)
        if bin_ != previous:
            xs[bin_] += (
                [None, round(here["position_x"] / 10)] if xs[bin_] else [round(here["position_x"] / 10)]
            )
            ys[bin_] += (
                [None, round(here["position_y"] / 10)] if ys[bin_] else [round(here["position_y"] / 10)]
            )
        xs[bin_].append(round(following["position_x"] / 10))
        ys[bin_].append(round(following["position_y"] / 10))
        previous = bin_
    data = [
        {
            "x": xs[i],
            "y": ys[i],
            "connectgaps": False,
            "line": {"color": f"--v{i}", "width": 5},
            "hovertemplate": f"{bounds[i]:.0f} to {bounds[i + 1]:.0f} km/h<extra></extra>",
        }
        for i in range(SPEED_BINS)
        if xs[i]
    ]
    start = placed[0]
    data.append(
        {
            "mode": "markers+text",
            "x": [round(start["position_x"] / 10)],
            "y": [round(start["position_y"] / 10)],
            "text": ["Line"],
            "textposition": "top center",
            "marker": {"symbol": "square", "size": 9, "color": "--ink"},
            "hovertemplate": "Start and finish<extra></extra>",
        }
    )
    layout = {
        "margin": {"l": 60, "r": 16, "t": 16, "b": 44},
        "xaxis": axis("East of the origin, m", zeroline=False, constrain="domain"),
        "yaxis": axis("North of the origin, m", zeroline=False, scaleanchor="x", constrain="domain"),
    }
    return (data, layout), bounds


def speed_traces(
    traces: Sequence[tuple[Style, Sequence[tuple[float, float]]]],
    delta: Sequence[tuple[float, float]],
    labels: tuple[str, str],
) -> Figure:
    """Speed of two laps over the distance, and below it the time between them.

    Args:
        traces: the two drivers, with (m, km/h).
        delta: (m, s); positive: the second one is behind.
        labels: their labels.
    """
    data = [
        _line(style, x=packed([round(d) for d, _ in found]), y=packed([round(v) for _, v in found]))
        for style, found in traces
    ]
    data.append(
        {
            "x": packed([round(d) for d, _ in delta]),
            "y": [round(t, 2) for _, t in delta],
            "yaxis": "y2",
            "line": {"color": "--ink"},
            "hovertemplate": f"%{{x:d}} m: {plain(labels[1])} %{{y:+.2f}} s<extra></extra>",
        }
    )
    return data, {
        **_shared("%{x:d} m: %{y:d} km/h"),
        "margin": {"l": 60, "r": 16, "t": 16, "b": 44},
        "xaxis": axis("Distance, m", zeroline=False, anchor="y2", range=[0, round(delta[-1][0])]),
        "yaxis": axis("Speed, km/h", domain=[0.36, 1], zeroline=False),
        "yaxis2": axis(f"{plain(labels[1])} behind, s", domain=[0, 0.28], zeroline=True),
    }


def weather(rows: Sequence[Row], rain: Sequence[tuple[int, int]]) -> Figure:
    """Temperatures and wind over the minutes since the start (`minute`); rain shaded: (from, to)."""
    times = [row["minute"] for row in rows]
    lines = (
        ("Track", "track_temperature", "v5", "solid", "y", "°C"),
        ("Air", "air_temperature", "v1", "dash", "y", "°C"),
        ("Wind", "wind_speed", "v3", "solid", "y2", "m/s"),
    )
    data = [
        {
            "meta": name,
            "name": name,
            "x": packed(times),
            "y": [row[column] for row in rows],
            "yaxis": anchor,
            "line": {"color": f"--{colour}", "dash": dash},
            "hovertemplate": f"{name} %{{x:d}} min: %{{y:.1f}} {unit}<extra></extra>",
        }
        for name, column, colour, dash, anchor, unit in lines
    ]
    return data, {
        "margin": {"l": 60, "r": 16, "t": 16, "b": 44},
        "xaxis": axis("Since the scheduled start, min", anchor="y2", zeroline=False),
        "yaxis": axis("Temperature, °C", domain=[0.4, 1], zeroline=False),
        "yaxis2": axis("Wind, m/s", domain=[0, 0.3], rangemode="tozero"),
        "shapes": [
            {
                "type": "rect",
                "yref": "paper",
                "x0": first,
                "x1": last,
                "y0": 0,
                "y1": 1,
                "fillcolor": "--rain",
                "opacity": 0.2,
                "line": {"width": 0},
                "layer": "below",
            }
            for first, last in rain
        ],
    }


# Season


def progression(
    points: Mapping[str, Sequence[tuple[int, float]]], styles: Mapping[str, Style], rounds: Sequence[int]
) -> Figure:
    """Points after each round: entrant → (round, points)."""
    highest = max([1.0, *(value for found in points.values() for _, value in found)])
    data = [
        _line(styles[who], x=[r for r, _ in found], y=[v for _, v in found])
        | {"mode": "lines+markers", "marker": {"size": 4}}
        for who, found in points.items()
    ]
    distance = highest * 1.06 / PLOT_PX * LABEL_PX
    last = max(r for found in points.values() for r, _ in found)
    ends = [(styles[who], found[-1][1]) for who, found in points.items() if found[-1][0] == last][:10]
    return data, {
        **_shared("after round %{x:d}: %{y:~g} points", ends, distance),
        "margin": {"l": 60, "r": 108, "t": 16, "b": 44},
        "xaxis": _rounds(rounds),
        "yaxis": axis(
            "Points", range=_with_names((-highest * 0.03, highest * 1.06), ends, distance), zeroline=False
        ),
    }


def trend(
    gaps: Mapping[str, Sequence[tuple[int, float]]], styles: Mapping[str, Style], rounds: Sequence[int]
) -> Figure:
    """Gap to the best of each round in %: team → (round, %)."""
    data = [
        _line(styles[who], x=[r for r, _ in found], y=[round(v, 3) for _, v in found])
        | {"mode": "lines+markers", "marker": {"size": 5}}
        for who, found in gaps.items()
    ]
    values = sorted(v for found in gaps.values() for _, v in found)
    high = max(values[int((len(values) - 1) * 0.97)] * 1.1, 0.5)
    return data, {
        **_shared("round %{x:d}: +%{y:.2f} %"),
        "margin": {"l": 60, "r": 16, "t": 16, "b": 44},
        "xaxis": _rounds(rounds),
        "yaxis": axis("Behind the best, %", range=[round(high, 2), -round(high * 0.04, 3)], zeroline=True),
    }


def _rounds(rounds: Sequence[int]) -> Json:
    few = {"dtick": 1} if len(rounds) <= 8 else {}
    return axis("Round", range=[rounds[0] - 0.4, rounds[-1] + 0.4], zeroline=False, **few)
