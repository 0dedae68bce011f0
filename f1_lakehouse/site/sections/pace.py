"""The distribution of the clean laps of each driver and of each team in a race."""

from collections.abc import Sequence
from statistics import quantiles

from f1_lakehouse.site.charts import Figure, Style, axis, plain, time_axis
from f1_lakehouse.site.page import Chart, Section, Table, lap_time, number, signed, text
from f1_lakehouse.site.view import View, clean_laps, section

Times = tuple[Style, Sequence[float]]
"""How a box is drawn, and its lap times, s."""


def pace_section(view: View) -> Section | None:
    """The charts of lap times by driver and by team; None without a clean lap."""
    paces = [row for row in view.gold.pace(view.session) if row["driver_number"] in view.styles]
    clean = clean_laps(view)
    paces = [row for row in paces if row["driver_number"] in clean]
    if not paces:
        return None
    values = {
        row["driver_number"]: [lap["lap_duration"] for lap in clean[row["driver_number"]]] for row in paces
    }
    chart = Chart(
        name="pace-chart",
        title="Race pace",
        alt=f"Lap times of every driver under green, without laps into and out of the pits. Best median: "
        f"{view.label(paces[0]['driver_number'])}, {lap_time(paces[0]['median_pace_s'])}. Box: the middle half of the laps.",
        height=440,
        figure=pace_figure([(view.styles[driver], times) for driver, times in values.items()], "Driver"),
        keys=view.keys(list(values)),
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
    return section("pace", "Race pace", chart, _team_chart(view, values))


def _team_chart(view: View, values: dict[int, list[float]]) -> Chart | None:
    """The chart of lap times by team, best median first; None with fewer than two teams."""
    by_team: dict[str, list[float]] = {}
    names: dict[str, str] = {}
    for driver, times in values.items():
        known = view.drivers[driver]
        by_team.setdefault(known.team_id, []).extend(times)
        names[known.team_id] = known.team or known.team_id
    if len(by_team) < 2:
        return None
    found = sorted(
        ((team, times, quartiles(times)) for team, times in by_team.items()),
        key=lambda one: (one[2][1], one[0]),
    )
    best = found[0][2][1]
    boxes = [
        (Style(f"team-{view.teams[team]}", names[team], view.teams[team]), times) for team, times, _ in found
    ]
    return Chart(
        name="team-pace-chart",
        title="Team pace",
        alt="Lap times of both cars of each team under green, without laps into and out of the pits, the best median first: "
        f"{names[found[0][0]]}, {lap_time(best)}.",
        height=460,
        figure=pace_figure(boxes, "Team"),
        table=Table(
            "Team pace over clean laps",
            ("Team", "Clean laps", "Median", "Gap, s"),
            [
                (names[team], len(times), lap_time(middle[1]), signed(middle[1] - best, 3))
                for team, times, middle in found
            ],
        ),
    )


def pace_figure(values: Sequence[Times], title: str) -> Figure:
    """Lap times as boxes from the first to the third quartile, with whiskers as far as 1.5 boxes; `title`: of the x-axis."""
    data = []
    whiskers = []
    for style, times in values:
        q1, median, q3 = quartiles(times)
        reach = 1.5 * (q3 - q1)
        low, high = min(t for t in times if t >= q1 - reach), max(t for t in times if t <= q3 + reach)
        whiskers += [low, high]
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
        said = (
            f"median {lap_time(median)}, middle half {lap_time(q1)} to {lap_time(q3)}, "
            f"laps {lap_time(min(times))} to {lap_time(max(times))}"
        )
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
        "meta": {"times": ["yaxis"]},
        "margin": {"l": 60, "r": 16, "t": 16, "b": 64},
        "xaxis": axis(title, type="category", autotickangles=[0, -90], tickmode="linear", dtick=1),
        "yaxis": time_axis((min(whiskers), max(whiskers))),
    }


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """First quartile, median, third quartile, as DuckDB's quantile_cont has them."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    q1, median, q3 = quantiles(values, n=4, method="inclusive")
    return q1, median, q3
