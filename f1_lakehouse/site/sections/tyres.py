"""The stints of a race as bars."""

from collections import Counter
from collections.abc import Mapping, Sequence

from f1_lakehouse.counts import counted
from f1_lakehouse.site.charts import (
    COMPOUNDS,
    Figure,
    compound_colour,
    driver_axis,
    lap_axis,
    letter,
    plain,
    shading,
)
from f1_lakehouse.site.page import Chart, Key, Section, Table, lap_time, signed, text
from f1_lakehouse.site.queries import Row
from f1_lakehouse.site.view import View, section, shading_note


def tyres_section(view: View) -> Section | None:
    """The chart of stints; None without a stint with laps."""
    stints = [row for row in view.gold.stints(view.session) if row["driver_number"] in view.styles]
    if not stints:
        return None
    with_stint = {row["driver_number"] for row in stints}
    order = [n for n in view.order if n in with_stint]
    height = 24 * len(order) + 76
    figure = stints_figure(stints, [(n, view.label(n)) for n in order], view.status_by_lap)
    used = Counter(row["compound"] for row in stints)
    chart = Chart(
        name="tyre-chart",
        title="Tyre strategy",
        alt=f"Stints of {len(order)} drivers, the first one of the classification on top. Stints: "
        + ", ".join(f"{compound} ({letter(compound)}) {count}" for compound, count in used.most_common())
        + f".{shading_note(view)}",
        height=height,
        figure=figure,
        keys=[Key(f"{letter(c)} {c.capitalize()}", compound_colour(c)) for c, _ in used.most_common()],
        table=Table(
            "Stints",
            (
                "Driver",
                "Stint",
                "Tyres",
                "First lap",
                "Last lap",
                "Laps",
                "Age at start, laps",
                "Median clean lap",
                "Slower by, s per lap",
            ),
            [
                (
                    view.label(row["driver_number"]),
                    row["stint_number"],
                    row["compound"],
                    row["lap_start"],
                    row["lap_end"],
                    row["stint_laps"],
                    text(row["tyre_age_at_start"]),
                    lap_time(row["median_pace_s"]),
                    signed(row["degradation_s_per_lap"], 3),
                )
                for n in order
                for row in stints
                if row["driver_number"] == n
            ],
            text=(0, 2),
        ),
    )
    return section("tyres", "Tyre strategy", chart)


def stints_figure(
    stints: Sequence[Row], labels: Sequence[tuple[int, str]], status_by_lap: Mapping[int, str | None]
) -> Figure:
    """Stints as bars, one row per driver; the compound as color and letter.

    Args:
        stints: rows of fact_stints.
        labels: (driver, label), the first one on top.
        status_by_lap: lap → track status.
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
        "xaxis": lap_axis(laps),
        "yaxis": driver_axis([label for _, label in labels]),
        "shapes": shapes,
        "annotations": notes,
    }


def _age(stint: Row) -> str:
    age = stint["tyre_age_at_start"]
    if age is None:
        return "age of the tyres unknown"
    return "new tyres" if age == 0 else f"tyres {counted(age, 'lap')} old"
