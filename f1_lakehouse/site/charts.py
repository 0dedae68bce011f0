"""What several charts share: the style of a driver, compounds, axes, shading of the track status, names next to lines.

Belongs here: parts of Plotly figures, as plain dicts. Does not belong here: the figure of one section (`sections`), what all charts
have in common to look at (fonts, grid, margins: assets/pages.js), and colours, which are names of CSS variables.
All text that comes from data goes through `plain`. In a hover text a number always has a format, as in `%{y:d}`: without one
Plotly writes the label that the axis has at that value, which may be text and another driver's.
"""

import struct
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

Json = dict[str, Any]

Figure = tuple[list[Json], Json]
"""Traces and layout; what all have in common is left to assets/pages.js."""

DASHES = ("solid", "dash", "dot", "dashdot")
"""The first driver of a team, the team mate, and any further driver of the team."""

COMPOUNDS = {"SOFT": "S", "MEDIUM": "M", "HARD": "H", "INTERMEDIATE": "I", "WET": "W"}

SHADED = {"SC": "sc", "VSC": "vsc", "Red": "red"}
"""Track statuses that are shaded in a chart over laps, with the CSS variable of their color."""

LABEL_PX, PLOT_PX = 14, 360
"""Height of a line's name, and approximate height of the plot area in a chart of 480 pixels."""


@dataclass(frozen=True)
class Style:
    """How a driver is drawn: `key` names the driver's traces, `label` is the text on the chart."""

    key: str
    label: str
    colour: str
    dash: int = 0


def plain(text: object) -> str:
    """Text for a chart: Plotly shows tags and entities in it unchanged."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def letter(compound: str | None) -> str:
    """The letter of a compound; ? when it is not known."""
    return COMPOUNDS.get(compound or "", "?")


def compound_colour(compound: str | None) -> str:
    """The name of the CSS variable of a compound's color."""
    return (compound or "").lower() if compound in COMPOUNDS else "unknown"


def packed(values: Sequence[int | None]) -> Json | list[int | None]:
    """Integers as Plotly's base64, which is half as long; as a list if one is missing or too large."""
    for kind, size in (("b", 7), ("h", 15)):
        if all(value is not None and -(2**size) <= value < 2**size for value in values):
            content = struct.pack(f"<{len(values)}{kind}", *values)
            return {"dtype": {"b": "i1", "h": "i2"}[kind], "bdata": b64encode(content).decode()}
    return list(values)


MISSING = -(2**15)
"""A missing value among packed ones."""


def scaled(values: Sequence[float | None], per: int, start: float = 0) -> Json | list[int | None]:
    """Values as packed integers, (value - start) * per; the script restores them if `meta` of the layout has both in `scale`.

    A number with decimals takes five characters or more in a page, and packed not quite three.
    """
    whole = [None if value is None else round((value - start) * per) for value in values]
    if any(value is None for value in whole) and all(
        value is None or MISSING < value < -MISSING for value in whole
    ):
        return packed([MISSING if value is None else value for value in whole])
    return packed(whole)


def axis(title: str, **rest: object) -> Json:
    """An axis with its title, which ends with the unit."""
    return {"title": {"text": title}, **rest}


def spread(wanted: Sequence[float], distance: float) -> list[float]:
    """Coordinates close to the wanted ones, in the order of the arguments, with at least `distance` between any two."""
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
    for coordinate, i in zip(placed, order, strict=True):
        found[i] = coordinate
    return found


def spans(status_by_lap: Mapping[int, str | None], wanted: Iterable[str]) -> list[tuple[str, int, int]]:
    """Runs of consecutive laps with the same track status: (status, first lap, last lap)."""
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
        # A label that would overlap the previous one is omitted; the note below the chart names all of them.
        if labelled < 0 or (middle - labelled) / laps > 0.12:
            notes.append(annotation(middle, 1, state, xref="x", yref="paper", yanchor="bottom"))
            labelled = middle
    return shapes, notes


def time_axis(span: tuple[float, float], title: str = "Lap time") -> Json:
    """An axis of lap times in seconds; the script labels it m:ss.sss if `meta` of the layout names it in `times`.

    Args:
        span: smallest and largest value, s; the axis is longer than that by a twentieth at both ends.
        title: of the axis.
    """
    margin = max((span[1] - span[0]) * 0.05, 0.1)
    return axis(title, range=[round(span[0] - margin, 3), round(span[1] + margin, 3)], zeroline=False)


def lap_axis(laps: int) -> Json:
    return axis("Lap", range=[0, laps], zeroline=False, **({"dtick": 1} if laps <= 8 else {}))


def annotation(x: float, y: float, text: str, **rest: object) -> Json:
    return {"x": x, "y": y, "text": text, **rest}


def line_trace(style: Style, **rest: object) -> Json:
    line = {"color": f"--{style.colour}"}
    if style.dash:
        line["dash"] = DASHES[min(style.dash, 3)]
    return {"meta": style.key, "name": plain(style.label), "line": line, **rest}


def shared_layout(
    hover: str, ends: Sequence[tuple[Style, float]] = (), distance: float = 0, **rest: object
) -> Json:
    """The `meta` of a layout, from which the script draws the hover text of every line and the names next to their right ends.

    `distance`: smallest distance between two names, in units of y; `rest`: more of `meta`, for example `ends_need_px`, the smallest
    width of the chart with names.
    """
    heights = spread([y for _, y in ends], distance)
    names = [
        [style.key, plain(style.label), round(y, 1)] for (style, _), y in zip(ends, heights, strict=True)
    ]
    return {"meta": {"hover": f"%{{fullData.name}} {hover}<extra></extra>", "ends": names, **rest}}


def range_with_names(
    span: tuple[float, float], ends: Sequence[tuple[Style, float]], distance: float
) -> list[float]:
    """An axis range that includes the names next to the lines: Plotly omits text outside of the range."""
    heights = spread([y for _, y in ends], distance)
    low = min([span[0], *(height - distance / 2 for height in heights)])
    high = max([span[1], *(height + distance / 2 for height in heights)])
    return [round(low, 2), round(high, 2)]


def cut_note(gaps: Iterable[float], limit: float, unit: str) -> str:
    """A sentence on the gaps beyond the end of the axis, for the text below a chart; empty if there are none."""
    return f" Gaps over {limit:.3g} {unit} are not drawn." if any(gap > limit for gap in gaps) else ""


def round_axis(rounds: Sequence[int]) -> Json:
    """The axis of a chart over the rounds of a season."""
    few = {"dtick": 1} if len(rounds) <= 8 else {}
    return axis("Round", range=[rounds[0] - 0.4, rounds[-1] + 0.4], zeroline=False, **few)


def driver_axis(labels: Sequence[str]) -> Json:
    """A y-axis with one row per driver, the first label at the top."""
    return axis(
        "Driver",
        type="category",
        categoryorder="array",
        categoryarray=[plain(label) for label in reversed(labels)],
        range=[-0.6, len(labels) - 0.4],
        tickmode="linear",
        dtick=1,
    )
