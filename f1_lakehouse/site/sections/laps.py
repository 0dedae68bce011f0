"""Positions and gaps at the end of each lap, and the lap times."""

from collections import Counter
from collections.abc import Mapping

from f1_lakehouse.site.charts import (
    LABEL_PX,
    PLOT_PX,
    Figure,
    Json,
    Style,
    axis,
    cut_note,
    lap_axis,
    line_trace,
    packed,
    plain,
    range_with_names,
    scaled,
    shading,
    shared_layout,
)
from f1_lakehouse.site.page import Alternative, Chart, Section, Table, lap_time, number, text
from f1_lakehouse.site.sections.lap_times import TABLE_LAPS, lap_times_chart
from f1_lakehouse.site.view import View, section, shading_note

GAP_STEPS = 10
"""Gaps are drawn in steps of 1 s divided by this."""


def laps_section(view: View) -> Section | None:
    """The charts of positions and gaps by lap."""
    return section("laps", "Lap by lap", _lap_chart(view), _gap_chart(view), lap_times_chart(view))


def _lap_chart(view: View) -> Chart | None:
    positions: dict[int, dict[int, int]] = {}
    for row in view.laps:
        if row["position_at_lap_end"] is not None and row["driver_number"] in view.styles:
            positions.setdefault(row["driver_number"], {})[row["lap_number"]] = row["position_at_lap_end"]
    if not positions or max(max(by_lap) for by_lap in positions.values()) < 2:
        return None
    order = [n for n in view.order if n in positions]
    positions = {n: positions[n] for n in order}
    grid = {r["driver_number"]: r["grid_position"] for r in view.results if r["grid_position"] is not None}
    height = max(360, 22 * len(positions) + 70)
    figure = positions_figure(positions, grid, view.styles, view.status_by_lap)
    laps = max(max(by_lap) for by_lap in positions.values())
    leaders = Counter(
        n
        for by_lap in ({n: p[lap] for n, p in positions.items() if lap in p} for lap in range(1, laps + 1))
        for n, p in by_lap.items()
        if p == 1
    )
    led = ", ".join(f"{view.label(n)} {count}" for n, count in leaders.most_common())
    return Chart(
        name="lap-chart",
        title="Positions",
        alt=f"Position of every car at the end of each of {laps} laps. Laps led: {led or 'not known'}.{shading_note(view)}",
        height=height,
        figure=figure,
        keys=view.keys(order),
        table=Table(
            "Position at the end of each lap",
            ("Lap", *(view.label(n) for n in order)),
            [(lap, *(text(positions[n].get(lap)) for n in order)) for lap in range(1, laps + 1)],
            text=(),
        ),
    )


def positions_figure(
    positions: Mapping[int, Mapping[int, int]],
    grid: Mapping[int, int],
    styles: Mapping[int, Style],
    status_by_lap: Mapping[int, str | None],
) -> Figure:
    """Position at the end of each lap, lap 0 being the grid.

    Args:
        positions: driver → lap → position.
        grid: driver → position on the grid.
        styles: how each is drawn.
        status_by_lap: lap → track status.
    """
    laps = max(lap for by_lap in positions.values() for lap in by_lap)
    cars = max(len(positions), max(p for by_lap in positions.values() for p in by_lap.values()))
    data, ends, out = [], [], Marks()
    for driver, by_lap in positions.items():
        style, last = styles[driver], max(by_lap)
        line = [grid.get(driver), *(by_lap.get(lap) for lap in range(1, last + 1))]
        data.append(line_trace(style, x0=0, dx=1, y=packed(line)))
        if last >= laps - 5:
            ends.append((style, by_lap[last]))
        else:
            out.add(last, by_lap[last], style)
    data += out.traces("out after lap %{x:d}")
    shapes, notes = shading(status_by_lap)
    started = {
        position: plain(styles[driver].label) for driver, position in grid.items() if driver in positions
    }
    return data, {
        **shared_layout("lap %{x:d}: position %{y:d}", ends, 0.9),
        "margin": {"l": 60, "r": 48, "t": 24, "b": 44},
        "xaxis": lap_axis(laps),
        "yaxis": axis(
            "Position (left: grid)",
            range=[cars + 0.6, 0.4],
            tickmode="array",
            tickvals=list(range(1, cars + 1)),
            ticktext=[f"{started.get(position, '')} {position}" for position in range(1, cars + 1)],
            zeroline=False,
        ),
        "shapes": shapes,
        "annotations": notes,
    }


class Marks:
    """Crosses where cars stopped: one trace per driver, switched together with the driver's line."""

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


def _gap_chart(view: View) -> Chart | None:
    rows = view.gold.steady_pace_gaps(view.session)
    if not rows:
        return None
    by_driver: dict[int, dict[int, float]] = {}
    for row in rows:
        by_driver.setdefault(row["driver_number"], {})[row["lap_number"]] = row["gap_to_steady_s"]
    order = [n for n in view.order if n in by_driver]
    gaps = {n: by_driver[n] for n in order}
    to_leader = {
        (row["driver_number"], row["lap_number"]): row["gap_to_leader_s"]
        for row in view.laps
        if row["gap_to_leader_s"] is not None
    }
    reference = view.label(rows[0]["reference_driver_number"])
    height = 480
    figure = gaps_figure(gaps, view.styles, view.status_by_lap)
    cut = cut_note(
        (gap for by_lap in gaps.values() for gap in by_lap.values()), figure[1]["yaxis"]["range"][0], "s"
    )
    first, last = (f(lap for by_lap in gaps.values() for lap in by_lap) for f in (min, max))
    return Chart(
        name="gap-chart",
        title="Gaps",
        alt=f"Seconds behind a car with a constant lap time of {lap_time(round(rows[0]['reference_lap_s'], 3))}, the mean of "
        f"{reference}. A rising line is faster than that car, a step down is a stop; "
        f"during a safety car it has the lap times of {reference}."
        f"{' The gap to the leader can be chosen instead.' if to_leader else ''}"
        f"{cut}{shading_note(view)}",
        height=height,
        figure=figure,
        keys=view.keys(order),
        alternative=_leader_gaps(gaps, to_leader, view.styles) if to_leader else None,
        table=Table(
            f"Seconds behind the steady pace, every {TABLE_LAPS} laps",
            ("Lap", *(view.label(n) for n in order)),
            [
                (lap, *(number(gaps[n].get(lap), 1) for n in order))
                for lap in range(first, last + 1)
                if lap in (first, last) or lap % TABLE_LAPS == 0
            ],
            text=(),
        ),
    )


def gaps_figure(
    gaps: Mapping[int, Mapping[int, float]],
    styles: Mapping[int, Style],
    status_by_lap: Mapping[int, str | None],
) -> Figure:
    """Seconds behind a car with a constant lap time, at the end of each lap: driver → lap → s. Ahead is up."""
    data = [
        line_trace(styles[driver], x0=min(by_lap), dx=1, y=_line(by_lap, min(by_lap), max(by_lap)))
        for driver, by_lap in gaps.items()
    ]
    shapes, notes = shading(status_by_lap)
    return data, {
        **_gap_layout(gaps, styles, "to the steady pace", "Behind the steady pace, s"),
        "margin": {"l": 60, "r": 48, "t": 24, "b": 44},
        "xaxis": lap_axis(max(lap for by_lap in gaps.values() for lap in by_lap)),
        "shapes": shapes,
        "annotations": notes,
    }


def _leader_gaps(
    gaps: Mapping[int, Mapping[int, float]],
    to_leader: Mapping[tuple[int, int], float],
    styles: Mapping[int, Style],
) -> Alternative:
    """The same lines with the gap to the leader; a lap without a known gap is a hole.

    Args:
        gaps: the lines of the chart, whose laps the alternative has too: driver → lap → s.
        to_leader: (driver, lap) → s.
        styles: how each driver is drawn.
    """
    found = {
        driver: {lap: to_leader[driver, lap] for lap in by_lap if (driver, lap) in to_leader}
        for driver, by_lap in gaps.items()
    }
    return Alternative(
        label="Reference",
        names=("Steady pace", "Leader"),
        y=[_line(found[driver], min(by_lap), max(by_lap)) for driver, by_lap in gaps.items()],
        layout=_gap_layout(
            {driver: by_lap for driver, by_lap in found.items() if by_lap},
            styles,
            "to the leader",
            "Behind the leader, s",
        ),
    )


def _gap_layout(
    gaps: Mapping[int, Mapping[int, float]], styles: Mapping[int, Style], to: str, title: str
) -> Json:
    """The part of the layout that depends on the reference car: y-axis, names next to the lines, hover text."""
    laps = max(lap for by_lap in gaps.values() for lap in by_lap)
    values = sorted(value for by_lap in gaps.values() for value in by_lap.values())
    # A car that stood in the pits for minutes would compress all other lines.
    low, high = values[0], values[int((len(values) - 1) * 0.97)]
    margin = max((high - low) * 0.06, 1)
    low, high = low - margin, high + margin
    ends = [
        (styles[driver], by_lap[last])
        for driver, by_lap in gaps.items()
        if (last := max(by_lap)) >= laps - 5 and by_lap[last] < high
    ]
    distance = (high - low) / PLOT_PX * LABEL_PX
    low, high = range_with_names((low, high), ends, distance)
    return {
        **shared_layout(f"lap %{{x:d}}: %{{y:+.1f}} s {to}", ends, distance, scale=[GAP_STEPS, 0]),
        "yaxis": axis(title, range=[high, low], zeroline=True),
    }


def _line(by_lap: Mapping[int, float], first: int, last: int) -> Json | list[int | None]:
    return scaled([by_lap.get(lap) for lap in range(first, last + 1)], GAP_STEPS)
