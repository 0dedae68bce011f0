"""The pace of each team in qualifying and in races, by round."""

from collections.abc import Mapping, Sequence

from f1_lakehouse.site.charts import (
    LABEL_PX,
    PLOT_PX,
    Figure,
    Style,
    axis,
    cut_note,
    line_trace,
    range_with_names,
    round_axis,
    shared_layout,
)
from f1_lakehouse.site.page import Chart, Key, Section, Table, number
from f1_lakehouse.site.queries import Gold, Row

MIN_WIDTH_FOR_NAMES_PX = 600
"""Smallest width of a chart with names of teams next to its lines: in a smaller one they would take half of it from crossing lines."""


def trend_sections(
    gold: Gold, season: int, teams: Mapping[str, Row], colours: Mapping[str, str], rounds: Mapping[int, str]
) -> list[Section | None]:
    styles = {
        team: Style(f"team-{i}", row["team_name"], colours.get(team, "unknown"))
        for i, (team, row) in enumerate(teams.items())
    }
    sections: list[Section | None] = []
    said = {
        "qualifying": (
            "Qualifying pace",
            "Best lap of each team's faster car, of the last phase that it reached, behind the fastest of the round.",
        ),
        "race": (
            "Race pace",
            "Median of the clean laps of each team's faster car, behind the best median of the round.",
        ),
    }
    rows = gold.team_round_pace(season)
    for name, (title, alt) in said.items():
        found: dict[str, list[tuple[int, float]]] = {}
        for row in rows:
            gap = row[f"{name}_gap_pct"]
            if gap is not None and row["round_number"] in rounds and row["team_id"] in styles:
                found.setdefault(row["team_id"], []).append((row["round_number"], gap))
        if not found:
            sections.append(None)
            continue
        driven = {r: rounds[r] for r in sorted({r for values in found.values() for r, _ in values})}
        figure = trend_figure(found, styles, sorted(driven))
        by_round = {team: dict(values) for team, values in found.items()}
        cut = cut_note(
            (gap for values in found.values() for _, gap in values), figure[1]["yaxis"]["range"][0], "%"
        )
        chart = Chart(
            name=f"{name}-trend",
            title=title,
            alt=alt + cut,
            height=440,
            figure=figure,
            keys=[Key(styles[team].label, styles[team].colour, styles[team].key) for team in found],
            table=Table(
                f"{title}: behind the best of the round, %",
                ("Round", *(styles[team].label for team in found)),
                [
                    (label, *(number(by_round[team].get(r), 2) for team in found))
                    for r, label in driven.items()
                ],
            ),
        )
        sections.append(Section(name, title, [chart]))
    return sections


def trend_figure(
    gaps: Mapping[str, Sequence[tuple[int, float]]], styles: Mapping[str, Style], rounds: Sequence[int]
) -> Figure:
    """Gap to the best of each round in %: team → (round, %)."""
    data = [
        line_trace(styles[who], x=[r for r, _ in found], y=[round(v, 3) for _, v in found])
        | {"mode": "lines+markers", "marker": {"size": 5}}
        for who, found in gaps.items()
    ]
    values = sorted(v for found in gaps.values() for _, v in found)
    # A team that drove on another tyre in one round would compress all other lines.
    high = max(values[int((len(values) - 1) * 0.97)] * 1.1, 0.5)
    ends = [
        (styles[who], found[-1][1])
        for who, found in gaps.items()
        if found[-1][0] == rounds[-1] and found[-1][1] < high
    ]
    distance = high * 1.04 / PLOT_PX * LABEL_PX
    low, high = range_with_names((-high * 0.04, high), ends, distance)
    return data, {
        **shared_layout("round %{x:d}: +%{y:.2f} %", ends, distance, ends_need_px=MIN_WIDTH_FOR_NAMES_PX),
        "margin": {"l": 60, "r": 108, "t": 16, "b": 44},
        "xaxis": round_axis(rounds),
        "yaxis": axis("Behind the best, %", range=[high, low], zeroline=True),
    }
