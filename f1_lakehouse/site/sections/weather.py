"""The temperatures, the wind and the rain during a session."""

from collections.abc import Sequence

from f1_lakehouse.site.charts import Figure, axis, packed
from f1_lakehouse.site.page import Chart, Key, Section, Table, number
from f1_lakehouse.site.queries import Row
from f1_lakehouse.site.view import View, section


def weather_section(view: View) -> Section | None:
    """The chart and the table of weather measurements."""
    measured = [row for row in view.gold.weather(view.session) if row["date"] is not None]
    if not measured:
        return None
    for row in measured:
        row["minute"] = round((row["date"] - view.session.date_start).total_seconds() / 60)
    rain: list[tuple[int, int]] = []
    for here, following in zip(measured, [*measured[1:], measured[-1]], strict=True):
        if here["is_raining"]:
            first = rain.pop()[0] if rain and rain[-1][1] == here["minute"] else here["minute"]
            rain.append((first, following["minute"]))
    table = Table(
        "Weather, about every ten minutes",
        ("UTC", "Air, °C", "Track, °C", "Humidity, %", "Wind, m/s", "Rain"),
        [
            (
                f"{row['date']:%H:%M}",
                number(row["air_temperature"], 1),
                number(row["track_temperature"], 1),
                number(row["humidity"]),
                number(row["wind_speed"], 1),
                "yes" if row["is_raining"] else "no",
            )
            for row in _every_ten_minutes(measured)
        ],
        text=(5,),
    )
    if len(measured) < 2:
        return section("weather", "Weather", table)
    figure = weather_figure(measured, rain)
    track = [row["track_temperature"] for row in measured if row["track_temperature"] is not None]
    temperatures = f" Track {number(min(track), 1)} to {number(max(track), 1)} °C." if track else ""
    chart = Chart(
        name="weather-chart",
        title="Weather",
        alt=f"Temperatures of track and air, and the wind.{temperatures} {'Rain is shaded.' if rain else 'No rain was measured.'}",
        height=340,
        figure=figure,
        keys=[Key("Track", "v5", "Track"), Key("Air", "v1", "Air", 1), Key("Wind", "v3", "Wind")],
        table=table,
    )
    return section("weather", "Weather", chart)


def _every_ten_minutes(measured: Sequence[Row]) -> list[Row]:
    kept: list[Row] = []
    for row in measured:
        if not kept or (row["date"] - kept[-1]["date"]).total_seconds() >= 590:
            kept.append(row)
    return kept


def weather_figure(rows: Sequence[Row], rain: Sequence[tuple[int, int]]) -> Figure:
    """Temperatures and wind over the minutes since the start (`minute`); rain shaded: (from, to)."""
    times = [row["minute"] for row in rows]
    lines = (
        ("Track", "track_temperature", "v5", "solid", "y", "°C"),
        ("Air", "air_temperature", "v1", "dash", "y", "°C"),
        ("Wind", "wind_speed", "v3", "solid", "y2", "m/s"),
    )
    data = [
        {
            "meta": name,
            "name": name,
            "x": packed(times),
            "y": [row[column] for row in rows],
            "yaxis": anchor,
            "line": {"color": f"--{colour}", "dash": dash},
            "hovertemplate": f"{name} %{{x:d}} min: %{{y:.1f}} {unit}<extra></extra>",
        }
        for name, column, colour, dash, anchor, unit in lines
    ]
    return data, {
        "margin": {"l": 60, "r": 16, "t": 16, "b": 44},
        "xaxis": axis("Since the scheduled start, min", anchor="y2", zeroline=False),
        "yaxis": axis("Temperature, °C", domain=[0.4, 1], zeroline=False),
        "yaxis2": axis("Wind, m/s", domain=[0, 0.3], rangemode="tozero"),
        "shapes": [
            {
                "type": "rect",
                "yref": "paper",
                "x0": first,
                "x1": last,
                "y0": 0,
                "y1": 1,
                "fillcolor": "--rain",
                "opacity": 0.2,
                "line": {"width": 0},
                "layer": "below",
            }
            for first, last in rain
        ],
    }
