"""The best laps of Q1, Q2 and Q3 with the cut-off times."""

from collections.abc import Mapping, Sequence

from f1_lakehouse.site.charts import Figure, annotation, driver_axis, plain, time_axis
from f1_lakehouse.site.page import NONE, Chart, Key, Section, Table, lap_time, signed
from f1_lakehouse.site.sections.result import cut_positions
from f1_lakehouse.site.view import View, section


def phases_section(view: View) -> Section | None:
    """The chart of the best laps in Q1, Q2 and Q3; None without a time."""
    times = {
        phase: [
            (view.label(row["driver_number"]), row[f"{phase.lower()}_s"])
            for row in view.results
            if row[f"{phase.lower()}_s"] is not None and row["driver_number"] in view.styles
        ]
        for phase in ("Q1", "Q2", "Q3")
    }
    if not any(times.values()):
        return None
    cuts = {}
    for phase, position in cut_positions(view).items():
        through = [t for row in view.results[:position] if (t := row[f"{phase.lower()}_s"]) is not None]
        if through:
            cuts[phase] = max(through)
    with_time = {label for found in times.values() for label, _ in found}
    order = [label for n in view.order if (label := view.label(n)) in with_time]
    height = 24 * len(order) + 96
    figure = phases_figure(times, cuts, order)
    look = {"Q1": "v1", "Q2": "v3", "Q3": "v6"}
    said = ", ".join(f"{phase} {lap_time(cut)}" for phase, cut in cuts.items())
    chart = Chart(
        name="phase-chart",
        title="Phases",
        alt="Best lap of each driver in each phase, in the order of the classification."
        + (f" Dashed: the slowest time that reached the next phase, {said}." if said else ""),
        height=height,
        figure=figure,
        keys=[Key(phase, look[phase], phase) for phase, found in times.items() if found],
        table=Table(
            "Behind the best of the phase, s",
            ("Driver", *(phase for phase, found in times.items() if found)),
            [
                (
                    label,
                    *(
                        signed(dict(found)[label] - min(t for _, t in found), 3)
                        if label in dict(found)
                        else NONE
                        for found in times.values()
                        if found
                    ),
                )
                for label in order
            ],
        ),
    )
    return section("phases", "Phases and cut-offs", chart)


def phases_figure(
    times: Mapping[str, Sequence[tuple[str, float]]], cuts: Mapping[str, float], order: Sequence[str]
) -> Figure:
    """Best times of the phases, one row per driver; dashed lines at the cut-off times.

    Args:
        times: Q1, Q2, Q3 → (label, s).
        cuts: phase → the slowest time that reached the next phase, s.
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
            "hovertemplate": f"%{{y}} {phase}: %{{text}}<extra></extra>",
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
    # An abandoned lap would compress all others; the table has it.
    low, high = values[0], max([value for value in values if value <= 1.07 * values[0]] + list(cuts.values()))
    notes = [
        annotation(cut, 1, f"{phase} cut", yref="paper", yanchor="bottom", yshift=14 * (i % 2))
        for i, (phase, cut) in enumerate(ends)
    ]
    return data, {
        "meta": {"times": ["xaxis"]},
        "margin": {"l": 60, "r": 16, "t": 44, "b": 44},
        "xaxis": time_axis((low, high)),
        "yaxis": driver_axis(order),
        "shapes": shapes,
        "annotations": notes,
    }
