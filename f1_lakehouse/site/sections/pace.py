"""The distribution of the clean laps of each driver in a race."""

from collections.abc import Mapping, Sequence
from statistics import quantiles

from f1_lakehouse.site.charts import Figure, Style, axis, plain
from f1_lakehouse.site.page import Chart, Section, Table, lap_time, number, signed, text
from f1_lakehouse.site.view import View, clean_laps, section


def pace_section(view: View) -> Section | None:
    """The chart of lap times; None without a clean lap."""
    paces = [row for row in view.gold.pace(view.session) if row["driver_number"] in view.styles]
    clean = clean_laps(view)
    paces = [row for row in paces if row["driver_number"] in clean]
    if not paces:
        return None
    values = {
        row["driver_number"]: [lap["lap_duration"] for lap in clean[row["driver_number"]]] for row in paces
    }
    figure = pace_figure(values, view.styles)
    chart = Chart(
        name="pace-chart",
        title="Race pace",
        alt=f"Lap times of every driver under green, without laps into and out of the pits. Best median: "
        f"{view.label(paces[0]['driver_number'])}, {lap_time(paces[0]['median_pace_s'])}. Box: the middle half of the laps.",
        height=440,
        figure=figure,
        table=Table(
            "Race pace over clean laps",
            ("Rank", "Driver", "Clean laps", "Median", "Gap, s", "Gap, %", "Mean"),
            [
                (
                    text(row["pace_rank"]),
                    view.named(row["driver_number"]),
                    row["clean_laps"],
                    lap_time(row["median_pace_s"]),
                    signed(row["gap_to_best_s"], 3),
                    number(row["gap_to_best_percentage"], 2),
                    lap_time(row["avg_pace_s"]),
                )
                for row in paces
            ],
            text=(1,),
            head=1,
        ),
    )
    return section("pace", "Race pace", chart)


def pace_figure(values: Mapping[int, Sequence[float]], styles: Mapping[int, Style]) -> Figure:
    """Lap times of each driver as a box from the first to the third quartile; whiskers as far as 1.5 boxes."""
    data = []
    for driver, times in values.items():
        style = styles[driver]
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
