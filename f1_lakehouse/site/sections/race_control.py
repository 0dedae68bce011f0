"""The messages of race control, and the track status by lap."""

from collections.abc import Mapping

from f1_lakehouse.site.charts import SHADED, Figure, Json, lap_axis, spans
from f1_lakehouse.site.page import NONE, Chart, Section, Table, text
from f1_lakehouse.site.view import View, section


def race_control_section(view: View) -> Section | None:
    """The table of messages without blue flags; in a race with the chart of the track status."""
    messages = view.gold.race_control(view.session)
    if not messages:
        return None
    shown = [row for row in messages if row["flag"] != "BLUE"]
    blue = len(messages) - len(shown)
    rows = [
        (
            f"{row['date']:%H:%M:%S}" if row["date"] is not None else NONE,
            text(row["lap_number"]),
            text(row["flag"] or row["category"]),
            text(row["message"]),
        )
        for row in shown
    ]
    kept_back = f", without {blue} blue flags" if blue else ""
    table = Table(
        f"Messages of race control{kept_back}",
        ("UTC", "Lap", "Flag or kind", "Message"),
        rows,
        text=(2, 3),
        wrap=True,
    )
    return section("control", "Race control", _strip(view), table)


def _strip(view: View) -> Chart | None:
    runs = spans(view.status_by_lap, ("Yellow", *SHADED)) if view.session.is_race else []
    if not runs:
        return None
    states = len({state for state, _, _ in runs})
    height = 64 + 32 * states
    figure = track_status_figure(view.status_by_lap)
    return Chart(
        name="status-chart",
        title="Track status",
        alt="Most serious track status in each lap of the leader: "
        + ", ".join(
            f"{state} {first}" + (f" to {last}" if last > first else "") for state, first, last in runs
        )
        + "; green otherwise.",
        height=height,
        figure=figure,
        table=Table("Track status by laps", ("Status", "First lap", "Last lap"), runs),
    )


def track_status_figure(status_by_lap: Mapping[int, str | None]) -> Figure:
    """The track status over the laps as one strip."""
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
        "xaxis": lap_axis(max(status_by_lap)),
        "yaxis": {"type": "category", "title": {"text": "Status"}},
    }
