"""The lap time of every lap of a race, and of the longer runs of a practice session."""

from collections.abc import Mapping, Sequence

from f1_lakehouse.site.charts import (
    COMPOUNDS,
    Figure,
    Json,
    Style,
    axis,
    lap_axis,
    line_trace,
    plain,
    scaled,
    shading,
    shared_layout,
    time_axis,
)
from f1_lakehouse.site.page import Chart, Table, lap_time, text
from f1_lakehouse.site.queries import Row
from f1_lakehouse.site.view import View, shading_note

SLOWEST = 1.07
"""Laps slower than the median times this are not drawn: laps behind a safety car and laps with a stop would compress all others."""

TABLE_LAPS = 5
"""Step of the tables behind the charts over the laps of a race, laps."""

SYMBOLS = {
    "SOFT": "circle",
    "MEDIUM": "square",
    "HARD": "diamond",
    "INTERMEDIATE": "triangle-up",
    "WET": "cross",
}
"""Compound → the symbol of a lap; x if it is not known."""

PLOTLY_NUMBERS = {"circle": 0, "square": 1, "diamond": 2, "cross": 3, "x": 4, "triangle-up": 5}
OPEN = 100
"""What Plotly adds to the number of a symbol that is not filled."""


def lap_times_chart(view: View) -> Chart | None:
    """The lap times of each driver over the laps of a race; None without a second lap."""
    timed = sorted(row["lap_duration"] for row in view.laps if row["lap_duration"] is not None)
    if not timed:
        return None
    slowest = timed[len(timed) // 2] * SLOWEST
    by_driver: dict[int, list[Row]] = {}
    for row in view.laps:
        if (
            row["lap_duration"] is not None
            and row["lap_duration"] <= slowest
            and row["driver_number"] in view.styles
        ):
            by_driver.setdefault(row["driver_number"], []).append(row)
    order = [n for n in view.order if n in by_driver]
    if not order or max(row["lap_number"] for row in view.laps) < 2:
        return None
    used = {row["compound"] for rows in by_driver.values() for row in rows}
    symbols = ", ".join(f"{SYMBOLS[one]} {one.lower()}" for one in COMPOUNDS if one in used)
    fastest = min((row for rows in by_driver.values() for row in rows), key=lambda row: row["lap_duration"])
    return Chart(
        name="lap-times-chart",
        title="Lap times",
        alt=f"Lap time of every driver on each lap; laps slower than {lap_time(slowest)} are not drawn. Fastest lap: "
        f"{view.label(fastest['driver_number'])}, {lap_time(fastest['lap_duration'])} on lap {fastest['lap_number']}."
        f"{f' Tyres: {symbols}; open for the second car of a team.' if symbols else ''}{shading_note(view)}",
        height=480,
        figure=lap_times_figure({n: by_driver[n] for n in order}, view.styles, view.status_by_lap),
        keys=view.keys(order),
        table=_lap_table(view, {n: by_driver[n] for n in order}),
    )


def _lap_table(view: View, laps: Mapping[int, Sequence[Row]]) -> Table:
    times = {n: {row["lap_number"]: row["lap_duration"] for row in rows} for n, rows in laps.items()}
    last = max(max(by_lap) for by_lap in times.values())
    return Table(
        f"Lap times, every {TABLE_LAPS} laps",
        ("Lap", *(view.label(n) for n in times)),
        [
            (lap, *(lap_time(by_lap.get(lap)) for by_lap in times.values()))
            for lap in range(1, last + 1)
            if lap in (1, last) or lap % TABLE_LAPS == 0
        ],
        text=(),
    )


def lap_times_figure(
    laps: Mapping[int, Sequence[Row]], styles: Mapping[int, Style], status_by_lap: Mapping[int, str | None]
) -> Figure:
    """Lap times over the laps: driver → rows of fact_laps. The symbol is the compound, the color that of the team."""
    times = [row["lap_duration"] for rows in laps.values() for row in rows]
    start = int(min(times))
    data = []
    for driver, rows in laps.items():
        by_lap = {row["lap_number"]: row for row in rows}
        first = min(by_lap)
        driven = [by_lap.get(lap) for lap in range(first, max(by_lap) + 1)]
        symbols = [_symbol(row["compound"] if row else None, styles[driver]) for row in driven]
        trace = line_trace(
            styles[driver],
            x0=first,
            dx=1,
            y=scaled([row["lap_duration"] if row else None for row in driven], 1000, start),
            mode="markers",
            marker={"size": 6, "symbol": symbols[0] if len(set(symbols)) == 1 else symbols},
        )
        data.append(trace)
    shapes, notes = shading(status_by_lap)
    laps_driven = max(row["lap_number"] for rows in laps.values() for row in rows)
    return data, {
        **shared_layout("lap %{x:d}: %{text}", times=["yaxis"], scale=[1000, start]),
        "margin": {"l": 60, "r": 16, "t": 24, "b": 44},
        "xaxis": lap_axis(laps_driven) | {"range": [0, laps_driven + 0.5]},
        "yaxis": time_axis((min(times), max(times))),
        "shapes": shapes,
        "annotations": notes,
    }


def _symbol(compound: str | None, style: Style) -> int:
    """Plotly's number of a symbol, which is shorter than its name: an open one for any but the first car of a team."""
    return PLOTLY_NUMBERS[SYMBOLS.get(compound or "", "x")] + (OPEN if style.dash else 0)


def long_runs_chart(view: View, stints: Sequence[Row]) -> Chart | None:
    """The clean laps of these stints over the laps of the stint; None without one of two laps."""
    by_stint: dict[tuple[int, int], list[Row]] = {}
    for row in view.laps:
        if row["is_clean_lap"]:
            by_stint.setdefault((row["driver_number"], row["stint_number"]), []).append(row)
    found = [(stint, by_stint.get((stint["driver_number"], stint["stint_number"]), [])) for stint in stints]
    runs = [(stint, laps) for stint, laps in found if len(laps) > 1 and stint["driver_number"] in view.styles]
    if not runs:
        return None
    used = [compound for compound in COMPOUNDS if any(stint["compound"] == compound for stint, _ in runs)]
    drivers = list(dict.fromkeys(stint["driver_number"] for stint, _ in runs))
    symbols = ", ".join(f"{SYMBOLS[one]} {one.lower()}" for one in used)
    return Chart(
        name="runs-chart",
        title="Lap times of the longer runs",
        alt=f"Clean laps of {len(runs)} runs over the laps of the run.{f' Tyres: {symbols}.' if symbols else ''}",
        height=460,
        figure=long_runs_figure(runs, view.styles),
        keys=view.keys([n for n in view.order if n in drivers]),
        table=Table(
            "Clean laps of each run",
            ("Driver", "Tyres", "Lap times"),
            [
                (
                    view.label(stint["driver_number"]),
                    text(stint["compound"]),
                    ", ".join(lap_time(row["lap_duration"]) for row in laps),
                )
                for stint, laps in runs
            ],
            text=(0, 1, 2),
            wrap=True,
        ),
    )


def long_runs_figure(runs: Sequence[tuple[Row, Sequence[Row]]], styles: Mapping[int, Style]) -> Figure:
    """Lap times over the laps of a run: (row of fact_stints, its clean laps)."""
    data: list[Json] = []
    for stint, laps in runs:
        style = styles[stint["driver_number"]]
        trace = line_trace(
            style,
            x=[row["lap_number"] - stint["lap_start"] + 1 for row in laps],
            y=[row["lap_duration"] for row in laps],
        )
        trace["mode"] = "lines+markers"
        trace["marker"] = {"size": 7, "symbol": _symbol(stint["compound"], style)}
        trace["hovertemplate"] = (
            f"{plain(style.label)} {plain((stint['compound'] or 'unknown').lower())}, lap %{{x:d}} of the run: %{{text}}<extra></extra>"
        )
        data.append(trace)
    times = [row["lap_duration"] for _, laps in runs for row in laps]
    return data, {
        "meta": {"times": ["yaxis"]},
        "margin": {"l": 60, "r": 16, "t": 16, "b": 44},
        "xaxis": axis("Lap of the run", zeroline=False),
        "yaxis": time_axis((min(times), max(times))),
    }
