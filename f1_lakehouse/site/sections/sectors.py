"""The best sectors of each driver."""

from collections.abc import Sequence

from f1_lakehouse.site.charts import Figure, axis, driver_axis, plain
from f1_lakehouse.site.page import NONE, Chart, Key, Section, Table, lap_time, number, signed, strong
from f1_lakehouse.site.queries import Row
from f1_lakehouse.site.view import View, section


def sectors_section(view: View) -> Section | None:
    """The table of best sectors, in qualifying with a chart."""
    rows = [row for row in view.gold.summaries(view.session) if row["fastest_lap_time"] is not None]
    columns = ("best_sector_1", "best_sector_2", "best_sector_3", "fastest_lap_time", "theoretical_best_lap")
    if not any(row[column] is not None for row in rows for column in columns[:3]):
        return None
    best = {
        column: min((row[column] for row in rows if row[column] is not None), default=None)
        for column in columns
    }

    def cell(row: Row, column: str) -> str:
        written = lap_time(row[column])
        return strong(written) if row[column] is not None and row[column] == best[column] else written

    table = Table(
        "Best sectors of the valid laps; the best of the session is bold",
        ("Driver", "Sector 1, s", "Sector 2, s", "Sector 3, s", "Best lap", "Theoretical best", "Left, s"),
        [
            (
                view.named(row["driver_number"]),
                *(cell(row, column) for column in columns),
                signed(row["fastest_lap_time"] - row["theoretical_best_lap"], 3)
                if row["theoretical_best_lap"] is not None
                else NONE,
            )
            for row in rows
        ],
    )
    return section("sectors", "Sectors", _sector_chart(view, rows, best), table)


def _sector_chart(view: View, rows: Sequence[Row], best: dict[str, float | None]) -> Chart | None:
    complete = [
        row for row in rows if row["theoretical_best_lap"] is not None and row["driver_number"] in view.styles
    ]
    if len(complete) < 2 or not view.session.is_qualifying:
        return None
    complete.sort(key=lambda row: (row["theoretical_best_lap"], row["driver_number"]))
    losses = [
        (
            view.label(row["driver_number"]),
            [row[f"best_sector_{i}"] - (best[f"best_sector_{i}"] or 0) for i in (1, 2, 3)],
        )
        for row in complete
    ]
    height = 24 * len(losses) + 60
    figure = sectors_figure(losses)
    return Chart(
        name="sector-chart",
        title="Sector comparison",
        alt="What the best sectors of each driver lose to the best of the session. Least in all: "
        f"{losses[0][0]}, {number(sum(losses[0][1]), 3)} s.",
        height=height,
        figure=figure,
        keys=[Key(f"Sector {i + 1}", ("v1", "v3", "v5")[i], f"S{i + 1}") for i in range(3)],
        table=Table(
            "Behind the best sector of the session, s",
            ("Driver", "Sector 1", "Sector 2", "Sector 3", "Sum"),
            [(name, *(signed(v, 3) for v in found), signed(sum(found), 3)) for name, found in losses],
        ),
    )


def sectors_figure(losses: Sequence[tuple[str, Sequence[float]]]) -> Figure:
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
        "yaxis": driver_axis([label for label, _ in losses]),
    }
