"""The standings of a championship and the points by round."""

from collections.abc import Mapping, Sequence

from f1_lakehouse.site.charts import (
    LABEL_PX,
    PLOT_PX,
    Figure,
    Style,
    axis,
    line_trace,
    range_with_names,
    round_axis,
    shared_layout,
)
from f1_lakehouse.site.links import Links
from f1_lakehouse.site.page import Chart, Key, Section, Table, points, text
from f1_lakehouse.site.queries import Row

MAX_LINES = 24
"""Lines of a chart: seasons until 1990 have up to 100 drivers, most of them without points."""


def championship_section(
    links: Links, kind: str, rows: Sequence[Row], rounds: Mapping[int, str]
) -> Section | None:
    """The standings after the last round, and the points after each round.

    Args:
        links: of the page.
        kind: "drivers" or "teams".
        rows: of the championship in the season (`Gold.progression`).
        rounds: round → its label.
    """
    rows = [row for row in rows if row["round_number"] in rounds]
    if not rows:
        return None
    last = max(row["round_number"] for row in rows)
    standings = [row for row in rows if row["round_number"] == last]
    title = "Drivers' championship" if kind == "drivers" else "Constructors' championship"
    driven = {r: name for r, name in rounds.items() if r <= last}
    chart = _points_chart(kind, title, rows, standings, links.colours, driven)
    return Section(kind, title, [_standings(links, kind, f"{title} after round {last}", standings), chart])


def _standings(links: Links, kind: str, caption: str, standings: Sequence[Row]) -> Table:
    is_of_drivers = kind == "drivers"
    has_dropped = any(
        row["gross_points"] is not None and row["gross_points"] != row["points"] for row in standings
    )
    rows = []
    for row in standings:
        team = row["team_name"] or row["team_id"]
        names = [links.constructor(row["constructor_id"], team, None if is_of_drivers else row["team_id"])]
        if is_of_drivers:
            names.insert(0, links.driver(row["entrant_id"], row["name"], row["team_id"]))
        counted = [points(row["points"]), *([points(row["gross_points"])] if has_dropped else [])]
        rows.append(
            (
                text(row["championship_rank"]),
                *names,
                *counted,
                points(row["points_behind_leader"]),
                row["wins"],
            )
        )
    names = ["Driver", "Constructor"] if is_of_drivers else ["Constructor"]
    columns = ("Rank", *names, "Points", *(["All points"] if has_dropped else []), "Behind", "Wins")
    if has_dropped:
        caption += "; not all points of an entrant count for the championship"
    return Table(caption, columns, rows, text=range(1, len(names) + 1), head=1)


def _points_chart(
    kind: str,
    title: str,
    rows: Sequence[Row],
    standings: Sequence[Row],
    colours: Mapping[str, str],
    rounds: Mapping[int, str],
) -> Chart:
    by_entrant: dict[str, list[tuple[int, float]]] = {row["entrant_id"]: [] for row in standings[:MAX_LINES]}
    for row in rows:
        if row["entrant_id"] in by_entrant:
            by_entrant[row["entrant_id"]].append((row["round_number"], row["points"]))
    newest = {row["entrant_id"]: row for row in rows}
    styles = _styles(kind, [newest[entrant] for entrant in by_entrant], colours)
    leader = standings[0]
    name = newest[leader["entrant_id"]]["name"] if kind == "drivers" else leader["team_name"]
    is_complete = all(row["is_complete"] for row in standings)
    missing = " Not every race up to then is in the lake: points are short of the official ones."
    shown = f" Lines: the first {MAX_LINES} of {len(standings)}." if len(standings) > MAX_LINES else ""
    return Chart(
        name=f"{kind}-chart",
        title=f"{title}: points",
        alt=f"Points after each round. After round {leader['round_number']}: {name} "
        f"with {points(leader['points'])} points.{shown}{'' if is_complete else missing}",
        height=480,
        figure=points_figure(by_entrant, styles, sorted(rounds)),
        keys=[Key(style.label, style.colour, style.key, min(style.dash, 3)) for style in styles.values()],
        table=_points_table(f"{title}: points after each round", by_entrant, styles, rounds),
    )


def _styles(kind: str, entrants: Sequence[Row], colours: Mapping[str, str]) -> dict[str, Style]:
    """Entrant → how its line is drawn; `entrants` has one row per entrant, in the order of the legend.

    Lines are grey where the team's color is not known; the leader's then has the color of the text.
    """
    styles: dict[str, Style] = {}
    labels: set[str] = set()
    team_mates: dict[str, int] = {}
    for i, row in enumerate(entrants):
        entrant, team = row["entrant_id"], row["team_id"]
        if kind == "drivers":
            team_mates[team] = team_mates.get(team, -1) + 1
        label = (row["name_acronym"] if kind == "drivers" else row["team_name"]) or row["name"]
        if kind == "drivers" and not row["name_acronym"]:
            label = row["family_name"] or row["name"]
        label = label if label not in labels else f"{label} ({entrant})"
        labels.add(label)
        neutral = "unknown" if i else "ink"
        styles[entrant] = Style(f"{kind}-{i}", label, colours.get(team, neutral), team_mates.get(team, 0))
    return styles


def _points_table(
    caption: str,
    found: Mapping[str, Sequence[tuple[int, float]]],
    styles: Mapping[str, Style],
    rounds: Mapping[int, str],
) -> Table:
    by_round = {who: dict(values) for who, values in found.items()}
    return Table(
        caption,
        ("Round", *(styles[who].label for who in found)),
        [(name, *(points(by_round[who].get(r)) for who in found)) for r, name in sorted(rounds.items())],
    )


def points_figure(
    points: Mapping[str, Sequence[tuple[int, float]]], styles: Mapping[str, Style], rounds: Sequence[int]
) -> Figure:
    """Points after each round: entrant → (round, points)."""
    highest = max([1.0, *(value for found in points.values() for _, value in found)])
    data = [
        line_trace(styles[who], x=[r for r, _ in found], y=[v for _, v in found])
        | {"mode": "lines+markers", "marker": {"size": 4}}
        for who, found in points.items()
    ]
    distance = highest * 1.06 / PLOT_PX * LABEL_PX
    last = max(r for found in points.values() for r, _ in found)
    ends = [(styles[who], found[-1][1]) for who, found in points.items() if found[-1][0] == last][:10]
    return data, {
        **shared_layout("after round %{x:d}: %{y:~g} points", ends, distance),
        "margin": {"l": 60, "r": 108, "t": 16, "b": 44},
        "xaxis": round_axis(rounds),
        "yaxis": axis(
            "Points",
            range=range_with_names((-highest * 0.03, highest * 1.06), ends, distance),
            zeroline=False,
        ),
    }
