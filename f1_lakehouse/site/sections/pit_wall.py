"""The pit wall of a race, replayed lap by lap: where a stop would have brought each car, what each choice was expected to take, and the
record of these forecasts.

Belongs here: the section of a race. Not here: the forecasts (strategy/), and the page of their record (site/strategy.py).
"""

from collections.abc import Sequence

from f1_lakehouse.site.charts import Figure, Json, axis, driver_axis, lap_axis, line_trace, plain, shading
from f1_lakehouse.site.page import Chart, Section, Table, link, number, text
from f1_lakehouse.site.queries import Row
from f1_lakehouse.site.strategy import name_of, score_of, verdict
from f1_lakehouse.site.view import View, section, shading_note

OPTIONS = (
    ("now", "now"),
    ("in_3_laps", "in 3 laps"),
    ("in_5_laps", "in 5 laps"),
    ("in_10_laps", "in 10 laps"),
)
SYMBOLS = ("circle", "square", "diamond", "triangle-up")


def pit_wall_section(view: View) -> Section | None:
    """Timeline, replay and record; None without forecasts of this race."""
    rows = [row for row in view.gold.pit_wall(view.session) if row["driver_number"] in view.styles]
    known = [row for row in rows if row["rejoin_position"] is not None]
    if not known:
        return None
    return section(
        "pit-wall",
        "Pit wall",
        "Forecasts from the end of each lap, by models trained on earlier races only. A car that stops comes in at the end of the next "
        "lap. Nothing is forecast in the wet, behind a safety car and without clean laps.",
        _timeline(view, rows),
        _replay(view, known),
        _choices(view, known),
        _record(view),
    )


def _timeline(view: View, rows: Sequence[Row]) -> Chart:
    """The position after a stop over the laps, and the stops that were made."""
    data: list[Json] = []
    drivers = [n for n in view.order if any(row["driver_number"] == n for row in rows)]
    for driver in drivers:
        own = [row for row in rows if row["driver_number"] == driver]
        stops = [row for row in own if row["has_stopped"] and row["rejoin_position"] is not None]
        style = view.styles[driver]
        data.append(
            line_trace(
                style,
                x=[row["lap_number"] for row in own],
                y=[row["rejoin_position"] for row in own],
                connectgaps=False,
                hovertemplate=f"{plain(style.label)}, end of lap %{{x:d}}: P%{{y:d}} after a stop<extra></extra>",
            )
        )
        data.append(
            {
                "meta": style.key,
                "mode": "markers",
                "x": [row["lap_number"] for row in stops],
                "y": [row["rejoin_position"] for row in stops],
                "marker": {"color": f"--{style.colour}", "size": 9, "symbol": "diamond"},
                "hovertemplate": f"{plain(style.label)} stopped after lap %{{x:d}}, forecast P%{{y:d}}<extra></extra>",
            }
        )
    shapes, notes = shading(view.status_by_lap)
    laps = max(view.status_by_lap, default=1)
    lowest = max(row["rejoin_position"] for row in rows if row["rejoin_position"] is not None)
    layout: Json = {
        "margin": {"l": 60, "r": 24, "t": 24, "b": 44},
        "xaxis": lap_axis(laps),
        "yaxis": axis(
            "Position after a stop",
            range=[lowest + 0.6, 0.4],
            tickvals=[1, *range(5, lowest + 1, 5)],
            zeroline=False,
        ),
        "shapes": shapes,
        "annotations": notes,
    }
    return Chart(
        name="pit-wall-timeline",
        title="Position after a stop",
        alt="The forecast position after the out-lap, if the car had stopped, lap by lap. Diamonds: stops that were made.",
        height=480,
        figure=(data, layout),
        keys=view.keys(drivers),
        note="A line is interrupted where there is no forecast." + shading_note(view),
    )


def _replay(view: View, rows: Sequence[Row]) -> Chart:
    """Position now and after a stop, with a slider over the laps."""
    laps = _by_lap(rows)
    order = [n for n in view.order if n in {row["driver_number"] for row in rows}]

    def values(found: dict[int, Row]) -> tuple[list[object], list[object], list[object]]:
        some = [found.get(driver, {}) for driver in order]
        details = [
            [
                number(row.get("pit_loss_s"), 1),
                _percent(row.get("stop_chance")),
                _percent(row.get("undercut_chance_answer_1_laps")),
                _percent(row.get("undercut_by_car_behind_chance_answer_1_laps")),
                "; it stopped" if row.get("has_stopped") else "",
            ]
            for row in some
        ]
        return (
            [row.get("position") for row in some],
            [row.get("rejoin_position") for row in some],
            list(details),
        )

    labels = [plain(view.styles[driver].label) for driver in order]
    now, later, details = values(laps[_first(laps)])
    data: list[Json] = [
        {
            "mode": "markers", "x": now, "y": labels, "marker": {"color": "--faint", "size": 7},
            "hovertemplate": "%{y}: P%{x:d} now<extra></extra>",
        },
        {
            "mode": "markers", "x": later, "y": labels, "customdata": details,
            "marker": {"color": [f"--{view.styles[driver].colour}" for driver in order], "size": 11, "symbol": "diamond"},
            "hovertemplate": "%{y}: P%{x:d} after a stop that costs %{customdata[0]} s%{customdata[4]}<br>stops next lap: "
            "%{customdata[1]}<br>undercut on the car ahead, answered a lap later: %{customdata[2]}<br>"
            "undercut by the car behind: %{customdata[3]}<extra></extra>",
        },
    ]  # fmt: skip
    steps = []
    for lap, found in laps.items():
        now, later, details = values(found)
        steps.append(_step(lap, {"x": [now, later], "customdata": [None, details]}, [0, 1]))
    return Chart(
        name="pit-wall-replay",
        title="Replay: position now and after a stop",
        alt="For the lap of the slider: small dots the position now, diamonds the position after the out-lap. The details show the cost of "
        "the stop and the chances of undercuts.",
        height=520,
        figure=_with_slider(
            data, labels, axis("Position", zeroline=False, dtick=2, range=[0.5, 20.5]), steps
        ),
        note="Move the slider to replay the race.",
    )


def _choices(view: View, rows: Sequence[Row]) -> Chart | None:
    """The time to the finish of each choice against stopping now, with a slider over the laps."""
    known = [row for row in rows if row["time_to_finish_stop_now_s"] is not None]
    if not known:
        return None
    laps = _by_lap(known)
    order = [n for n in view.order if n in {row["driver_number"] for row in known}]
    labels = [plain(view.styles[driver].label) for driver in order]

    def values(found: dict[int, Row], option: str) -> tuple[list[object], list[object], list[object]]:
        centre: list[object] = []
        above: list[object] = []
        below: list[object] = []
        for driver in order:
            row = found.get(driver, {})
            centre.append(
                _less(row.get(f"time_to_finish_stop_{option}_s"), row.get("time_to_finish_stop_now_s"))
            )
            value = row.get(f"time_to_finish_stop_{option}_s")
            above.append(_less(row.get(f"time_to_finish_stop_{option}_high_s"), value))
            below.append(_less(value, row.get(f"time_to_finish_stop_{option}_low_s")))
        return centre, above, below

    data: list[Json] = []
    for n, (option, name) in enumerate(OPTIONS):
        centre, above, below = values(laps[_first(laps)], option)
        data.append(
            {
                "mode": "markers", "name": name, "x": centre, "y": labels,
                "marker": {"symbol": SYMBOLS[n], "size": 8, "color": "--ink" if option == "now" else "--faint"},
                "hovertemplate": f"%{{y}}, stop {name}: %{{x:+.1f}} s<extra></extra>",
            }
        )  # fmt: skip
        if option == "now":  # the intervals of four options on one line could not be read
            data[-1]["error_x"] = {
                "type": "data", "symmetric": False, "array": above, "arrayminus": below, "thickness": 2, "width": 0, "color": "--faint",
            }  # fmt: skip
    steps = []
    for lap, found in laps.items():
        parts = [values(found, option) for option, _ in OPTIONS]
        changed = {
            "x": [part[0] for part in parts],
            "error_x.array": [parts[0][1], *[None] * (len(OPTIONS) - 1)],
            "error_x.arrayminus": [parts[0][2], *[None] * (len(OPTIONS) - 1)],
        }
        steps.append(_step(lap, changed, list(range(len(OPTIONS)))))
    return Chart(
        name="pit-wall-choices",
        title="Time to the finish by choice, against a last stop now",
        alt="Circles: a stop now, with the 80 % interval of its time. Squares, diamonds and triangles: a stop in 3, 5 and 10 laps. A "
        "difference within the interval cannot be told apart.",
        height=520,
        figure=_with_slider(data, labels, axis("Difference to a stop now, s"), steps),
        note="If the stop is the last one and the race stays green. Differences are not scored and favor the earlier stop: see the "
        "documentation of the forecasts.",
    )


def _by_lap(rows: Sequence[Row]) -> dict[int, dict[int, Row]]:
    found: dict[int, dict[int, Row]] = {}
    for row in sorted(rows, key=lambda row: int(row["lap_number"])):
        found.setdefault(row["lap_number"], {})[row["driver_number"]] = row
    return found


def _first(laps: dict[int, dict[int, Row]]) -> int:
    """The lap that is shown before the slider is moved: at a third of the laps there is most to decide."""
    return list(laps)[len(laps) // 3]


def _step(lap: int, changed: Json, traces: list[int]) -> Json:
    return {"label": str(lap), "method": "restyle", "args": [changed, traces]}


def _with_slider(data: list[Json], labels: Sequence[str], x_axis: Json, steps: list[Json]) -> Figure:
    slider = {
        "active": len(steps) // 3,
        "currentvalue": {"prefix": "End of lap "},
        "pad": {"t": 40},
        "bgcolor": "--raised",
        "bordercolor": "--faint",
        "steps": steps,
    }
    return data, {
        "margin": {"l": 70, "r": 24, "t": 16, "b": 60},
        "xaxis": x_axis,
        "yaxis": {**driver_axis(labels), "categoryarray": list(reversed(labels))},
        "sliders": [slider],
    }


def _less(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else round(first - second, 1)


def _percent(value: float | None) -> str:
    return text(None) if value is None else f"{100 * value:.0f} %"


def _record(view: View) -> Table:
    """The record of the models over all races."""
    rows = [
        (
            name_of(row),
            verdict(row),
            row["races"],
            f"{row['n']:,}",
            number(row["baseline"], 3),
            number(row["model"], 3),
            score_of(row),
        )
        for row in view.gold.scorecard()
        if row["season"] == "all"
    ]
    return Table(
        "What the forecasts were worth, each race by models trained on earlier races",
        (
            link("../strategy.html", "Forecast and its baseline"),
            "Verdict",
            "Races",
            "Cases",
            "Baseline",
            "Model",
            "Score",
        ),
        rows,
        text=(0, 1, 6),
        wrap=True,
    )
