"""The track map and the speed trace of the fastest laps."""

from collections.abc import Sequence

from f1_lakehouse.site.charts import Figure, Style, axis, line_trace, packed, plain, shared_layout
from f1_lakehouse.site.page import Chart, Key, Section, Table, lap_time, number, signed
from f1_lakehouse.site.queries import Row
from f1_lakehouse.site.samples import lap_telemetry
from f1_lakehouse.site.sections.comparison import comparison
from f1_lakehouse.site.sections.corners import (
    CREDIT,
    corner_notes,
    distances,
    line_label,
    map_labels,
    map_rotation,
    on_map,
)
from f1_lakehouse.site.view import MIN_SAMPLES, View, section

TRACE_STEP_M = 250
"""Step of the table behind the charts, m."""

SPEED_BINS = 7

Curve = list[tuple[float, float]]


def telemetry_section(view: View) -> Section | None:
    """The track map and the speed trace; a sentence if the lake has no telemetry of the session."""
    if not view.leaderboard:
        return None
    driven = []
    for row in view.leaderboard:
        samples = [
            s
            for s in lap_telemetry(view.gold, view.session, row["driver_number"], row["fastest_lap_number"])
            if s["speed"] is not None and s["lap_distance_m"] is not None and s["lap_elapsed_s"] is not None
        ]
        if len(samples) >= MIN_SAMPLES and row["driver_number"] in view.styles:
            driven.append((row, samples))
        if len(driven) == 2 or view.session.key not in view.gold.telemetry_sessions:
            break
    if not driven:
        return section(
            "track",
            "On the track",
            "There is no telemetry of this session in the lake: no track map and no speed trace.",
        )
    credit = CREDIT if view.corners and not view.session.is_generated else None
    return section(
        "track",
        "On the track",
        _track_map(view, *driven[0]),
        _speed_trace(view, driven),
        comparison(view, distances(view.corners, driven[0][1])),
        credit,
    )


def _track_map(view: View, row: Row, samples: list[Row]) -> Chart | None:
    placed = [s for s in samples if s["position_x"] is not None]
    if len(placed) < MIN_SAMPLES:
        return None
    figure, bounds = track_figure(placed, view.corners)
    speeds = [s["speed"] for s in samples]
    turned = "" if map_rotation(view.corners) is None else " Turned like the official map."
    return Chart(
        name="track-map",
        title="Track map",
        alt=f"The track as {view.label(row['driver_number'])} drove it on the fastest lap of the session, "
        f"{lap_time(row['fastest_lap_time'])} on lap {row['fastest_lap_number']}, coloured by speed: {min(speeds)} to {max(speeds)} km/h.{turned}",
        height=480,
        figure=figure,
        keys=[
            Key(f"{bounds[i]:.0f} to {bounds[i + 1]:.0f} km/h", f"v{i}")
            for i in range(SPEED_BINS)
            if any(
                bounds[i] <= speed < bounds[i + 1] or (i == SPEED_BINS - 1 and speed >= bounds[i])
                for speed in speeds
            )
        ],
        table=_trace_table(view, [(row, samples)]),
    )


def speed_bins(speeds: Sequence[float]) -> list[float]:
    """The bounds of the speed classes, km/h, one more than there are classes; steps of at least 10."""
    low = int(min(speeds) // 10 * 10)
    step = max(10, int(-(-(max(speeds) - low) // (SPEED_BINS * 10))) * 10)
    return [low + step * i for i in range(SPEED_BINS + 1)]


def track_figure(samples: Sequence[Row], corners: Sequence[Row] = ()) -> tuple[Figure, list[float]]:
    """The track as it was driven in one lap, coloured by speed, with its corners; and the bounds of the speed classes.

    It is turned like the official map if the rotation of the circuit is known.
    """
    rotation = map_rotation(corners)
    placed = [row for row in samples if row["position_x"] is not None and row["speed"] is not None]
    bounds = speed_bins([row["speed"] for row in placed])
    step = bounds[1] - bounds[0]
    places = [on_map(row["position_x"], row["position_y"], rotation) for row in placed]
    xs: list[list[float | None]] = [[] for _ in range(SPEED_BINS)]
    ys: list[list[float | None]] = [[] for _ in range(SPEED_BINS)]
    previous = -1
    # Each class is one trace with holes; a change of class repeats the point, so that the line has no gap.
    for row, here, following in zip(placed, places, [*places[1:], places[0]], strict=True):
        bin_ = min(int((row["speed"] - bounds[0]) // step), SPEED_BINS - 1)
        if bin_ != previous:
            xs[bin_] += [None, here[0]] if xs[bin_] else [here[0]]
            ys[bin_] += [None, here[1]] if ys[bin_] else [here[1]]
        xs[bin_].append(following[0])
        ys[bin_].append(following[1])
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
    data.append(
        {
            "mode": "markers",
            "x": [places[0][0]],
            "y": [places[0][1]],
            "marker": {"symbol": "square", "size": 9, "color": "--ink"},
            "hovertemplate": "Start and finish<extra></extra>",
        }
    )
    titles = ("East of the origin, m", "North of the origin, m") if rotation is None else ("m", "m")
    layout = {
        "margin": {"l": 60, "r": 16, "t": 16, "b": 44},
        "annotations": [*map_labels(corners), line_label(places)],
        "xaxis": axis(titles[0], zeroline=False, constrain="domain"),
        "yaxis": axis(titles[1], zeroline=False, scaleanchor="x", constrain="domain"),
    }
    return (data, layout), bounds


def _speed_trace(view: View, driven: Sequence[tuple[Row, list[Row]]]) -> Chart | None:
    if len(driven) < 2:
        return None
    (one, _), (two, _) = driven
    labels = view.label(one["driver_number"]), view.label(two["driver_number"])
    (speeds, times), (other_speeds, other_times) = _curves(driven)
    traces = [(view.styles[one["driver_number"]], speeds), (view.styles[two["driver_number"]], other_speeds)]
    delta = [(distance, at(other_times, distance) - elapsed) for distance, elapsed in times]
    figure = speed_figure(traces, delta, labels, distances(view.corners, driven[0][1]))
    return Chart(
        name="speed-chart",
        title=f"Speed: {labels[0]} and {labels[1]}",
        alt=f"Speed over the distance on the fastest laps of {labels[0]} ({lap_time(one['fastest_lap_time'])}) and {labels[1]} "
        f"({lap_time(two['fastest_lap_time'])}); below, how far {labels[1]} is behind at the same point of the track.",
        height=480,
        figure=figure,
        keys=view.keys([one["driver_number"], two["driver_number"]]),
        table=_trace_table(view, driven),
    )


def speed_figure(
    traces: Sequence[tuple[Style, Sequence[tuple[float, float]]]],
    delta: Sequence[tuple[float, float]],
    labels: tuple[str, str],
    corners: Sequence[tuple[float, str]] = (),
) -> Figure:
    """Speed of two laps over the distance, and below it the time between them.

    Args:
        traces: the two drivers, with (m, km/h).
        delta: (m, s); positive: the second one is behind.
        labels: their labels.
        corners: (m, number), drawn above the traces.
    """
    data = [
        line_trace(style, x=packed([round(d) for d, _ in found]), y=packed([round(v) for _, v in found]))
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
        **shared_layout("%{x:d} m: %{y:d} km/h"),
        "margin": {"l": 60, "r": 16, "t": 36 if corners else 16, "b": 44},
        "annotations": corner_notes(corners),
        "xaxis": axis("Distance, m", zeroline=False, anchor="y2", range=[0, round(delta[-1][0])]),
        "yaxis": axis("Speed, km/h", domain=[0.36, 1], zeroline=False),
        "yaxis2": axis(f"{plain(labels[1])} behind, s", domain=[0, 0.28], zeroline=True),
    }


def _curves(driven: Sequence[tuple[Row, Sequence[Row]]]) -> list[tuple[Curve, Curve]]:
    """(m, km/h) and (m, s) of each lap, from line to line.

    Distances are speed over time and differ by some metres between cars: all laps are stretched to the length of the first,
    so that the time between two laps is 0 at the start and the difference of the lap times at the end.
    """
    found: list[tuple[Curve, Curve]] = []
    length = 0.0
    for row, samples in driven:
        last = samples[-1]
        rest = max(row["fastest_lap_time"] - last["lap_elapsed_s"], 0.0)
        own = last["lap_distance_m"] + last["speed"] / 3.6 * rest
        length = length or own
        distances = [s["lap_distance_m"] * length / own for s in samples]
        speeds = [(distance, s["speed"]) for distance, s in zip(distances, samples, strict=True)]
        times = [
            (distance, s["lap_elapsed_s"])
            for distance, s in zip(distances, samples, strict=True)
            if 0 < distance < length
        ]
        found.append((speeds, [(0.0, 0.0), *times, (length, row["fastest_lap_time"])]))
    return found


def _trace_table(view: View, driven: Sequence[tuple[Row, Sequence[Row]]]) -> Table:
    laps = _curves(driven)
    length = laps[0][1][-1][0]
    names = [view.label(row["driver_number"]) for row, _ in driven]
    behind = (f"{names[1]} behind, s",) if len(names) == 2 else ()
    rows = []
    for distance in [*range(0, int(length), TRACE_STEP_M), length]:
        times = [at(elapsed, distance) for _, elapsed in laps]
        rows.append(
            (
                number(distance),
                *(number(at(speed, distance)) for speed, _ in laps),
                *((signed(times[1] - times[0], 3),) if behind else ()),
            )
        )
    columns = ("Distance, m", *(f"{n}, km/h" for n in names), *behind)
    return Table(f"{' and '.join(names)}: every {TRACE_STEP_M} m and at the line", columns, rows, text=())


def at(curve: Sequence[tuple[float, float]], x: float) -> float:
    """The value of a curve (x ascending) at `x`, linear between its points, constant beyond its ends."""
    previous = curve[0]
    for point in curve:
        if point[0] >= x:
            width = point[0] - previous[0]
            share = (x - previous[0]) / width if width > 0 else 1.0
            return previous[1] + (point[1] - previous[1]) * min(max(share, 0.0), 1.0)
        previous = point
    return previous[1]
