"""What stands on the page of a season, and on the first page, which lists the seasons."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from f1_lakehouse.site import figures
from f1_lakehouse.site.figures import Style
from f1_lakehouse.site.html import (
    NONE,
    Chart,
    Key,
    Page,
    Section,
    Table,
    link,
    number,
    points,
    signed,
    swatch,
    text,
)
from f1_lakehouse.site.queries import Gold, Row, Session

SHORT = {"Practice": "P", "Qualifying": "Q", "Sprint Qualifying": "SQ", "Sprint": "S", "Race": "R"}


def index_page(gold: Gold) -> Page:
    """The first page: the newest race, and the seasons."""
    races = [one for one in gold.sessions if one.is_race and not one.is_cancelled]
    sections = []
    if races:
        rows = [
            (link(one.page, f"{one.shown_title}: {one.name}"), f"{one.date_start:%Y-%m-%d}", one.circuit)
            for one in races[-6:][::-1]
        ]
        sections.append(
            Section(
                "newest",
                "Newest races",
                [Table("Newest races and sprints", ("Race", "Date", "Circuit"), rows, text=(0, 1, 2))],
            )
        )
    counted = [
        (
            link(f"{season}/index.html", str(season)),
            sum(one.season == season and one.category == "Race" for one in races),
            sum(one.season == season for one in gold.sessions),
        )
        for season in gold.seasons
    ]
    if counted:
        sections.append(
            Section(
                "seasons", "Seasons", [Table("Seasons in the lake", ("Season", "Races", "Sessions"), counted)]
            )
        )
    return Page(
        title="Formula 1 lakehouse",
        of=[one.key for one in gold.sessions],
        lead="" if counted else "No session is in published gold yet.",
        sections=sections,
        trail=[("data.html", "About the data")],
    )


def season_page(gold: Gold, season: int) -> Page:
    """The page of a season."""
    teams = {row["team_id"]: row for row in gold.teams(season)}
    colours = {team: f"t{i}" for i, team in enumerate(teams)}
    calendar = gold.calendar(season)
    rounds = {
        row["round_number"]: f"{row['round_number']} {_short(row)}" for row in calendar if row["round_number"]
    }
    sections = [
        _calendar(gold, season, calendar, colours),
        *(_championship(gold, season, kind, colours, rounds) for kind in ("drivers", "teams")),
        _head_to_heads(gold, season, colours),
        *_trends(gold, season, teams, colours, rounds),
    ]
    return Page(
        title=f"Season {season}",
        sections=[one for one in sections if one is not None],
        of=[one.key for one in gold.sessions if one.season == season],
        trail=[("index.html", "All seasons"), ("data.html", "About the data")],
        colours=[(colours[team], row["team_colour"]) for team, row in teams.items()],
    )


def _short(meeting: Row) -> str:
    name = str(meeting["meeting_name"] or meeting["circuit_short_name"] or "")
    return name.replace("Grand Prix", "").strip() or name


def _calendar(gold: Gold, season: int, calendar: Sequence[Row], colours: Mapping[str, str]) -> Section | None:
    pages: dict[int, list[Session]] = {}
    for one in gold.sessions:
        pages.setdefault(one.meeting_key, []).append(one)
    firsts = {row["session_key"]: row for row in gold.firsts(season)}

    def first(meeting: int, category: str) -> object:
        for one in pages.get(meeting, ()):
            row = firsts.get(one.key)
            if one.category == category and row is not None:
                return swatch(
                    colours.get(row["team_id"], "unknown"), row["full_name"] or f"Car {row['driver_number']}"
                )
        return NONE

    rows = []
    for meeting in calendar:
        key = meeting["meeting_key"]
        main = next((one for one in reversed(pages.get(key, ())) if one.category == "Race"), None)
        name = main.shown_title if main else meeting["meeting_name"]
        links = [link(f"../{one.page}", _code(one, pages[key])) for one in pages.get(key, ())]
        rows.append(
            (
                text(meeting["round_number"]),
                link(f"../{main.page}", name) if main else name,
                f"{meeting['date_start']:%d %b}" if meeting["date_start"] else NONE,
                text(meeting["circuit_short_name"]),
                "called off" if meeting["is_cancelled"] else first(key, "Race"),
                first(key, "Qualifying"),
                first(key, "Sprint"),
                Markup(" ").join(links) if links else NONE,
            )
        )
    if not rows:
        return None
    table = Table(
        "Meetings of the season; P practice, Q qualifying, SQ sprint qualifying, S sprint, R race",
        ("Round", "Meeting", "From", "Circuit", "Winner", "Fastest in qualifying", "Sprint winner", "Pages"),
        rows,
        text=(1, 2, 3, 4, 5, 6, 7),
        head=1,
    )
    return Section("calendar", "Calendar", [table])


def _code(one: Session, weekend: Sequence[Session]) -> str:
    alike = [other for other in weekend if other.category == one.category]
    return SHORT[one.category] + (str(alike.index(one) + 1) if len(alike) > 1 else "")


def _championship(
    gold: Gold, season: int, kind: str, colours: Mapping[str, str], rounds: Mapping[int, str]
) -> Section | None:
    rows = [row for row in gold.progression(season, kind) if row["round_number"] in rounds]
    if not rows:
        return None
    last = max(row["round_number"] for row in rows)
    standings = [row for row in rows if row["round_number"] == last]
    found: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        found.setdefault(row["entrant_id"], []).append((row["round_number"], row["points"]))
    order = [row["entrant_id"] for row in standings]
    order += [who for who in found if who not in order]
    newest = {row["entrant_id"]: row for row in rows}
    styles, mates = {}, dict.fromkeys(colours, -1)
    labels: set[str] = set()
    for who in order:
        row = newest[who]
        team = row["team_id"]
        if kind == "drivers":
            mates[team] = mates.get(team, -1) + 1
        label = (row["name_acronym"] if kind == "drivers" else row["team_name"]) or row["name"]
        label = label if label not in labels else f"{label} ({who})"
        labels.add(label)
        styles[who] = Style(
            f"{kind}-{order.index(who)}",
            label,
            colours.get(team, "unknown"),
            mates.get(team, 0) if kind == "drivers" else 0,
        )
    driven = {r: name for r, name in rounds.items() if r <= last}
    drawn = {who: found[who] for who in order}
    leader = standings[0]
    title = "Drivers' championship" if kind == "drivers" else "Teams' championship"
    complete = all(row["is_complete"] for row in standings)
    note = (
        ""
        if complete
        else " Not every race up to then is in the lake: points are short of the official ones."
    )
    chart = Chart(
        name=f"{kind}-chart",
        title=f"{title}: points",
        alt=f"Points after each round. After round {last}: {newest[leader['entrant_id']]['name'] if kind == 'drivers' else leader['team_name']} "
        f"with {points(leader['points'])} points.{note}",
        height=480,
        figure=figures.progression(drawn, styles, sorted(driven)),
        keys=[
            Key(styles[who].label, styles[who].colour, styles[who].key, min(styles[who].dash, 3))
            for who in order
        ],
        table=_points_table(f"{title}: points after each round", drawn, styles, driven),
    )
    table = Table(
        f"{title} after round {last}",
        (
            "Rank",
            "Driver" if kind == "drivers" else "Team",
            *(("Team",) if kind == "drivers" else ()),
            "Points",
            "Behind",
            "Wins",
        ),
        [
            (
                text(row["championship_rank"]),
                swatch(
                    colours.get(row["team_id"], "unknown"),
                    row["name"] if kind == "drivers" else row["team_name"],
                ),
                *((row["team_name"],) if kind == "drivers" else ()),
                points(row["points"]),
                points(row["points_behind_leader"]),
                row["wins"],
            )
            for row in standings
        ],
        text=(1, 2) if kind == "drivers" else (1,),
        head=1,
    )
    return Section(kind, title, [table, chart])


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


def _head_to_heads(gold: Gold, season: int, colours: Mapping[str, str]) -> Section | None:
    rows = gold.head_to_heads(season)
    if not rows:
        return None
    table = Table(
        "Team mates against each other in Grands Prix; gaps are driver minus team mate, negative is faster",
        ("Team", "Driver", "Team mate", "Qualifying", "Median gap, s", "Race", "Median pace gap, s"),
        [
            (
                swatch(colours.get(row["team_id"], "unknown"), row["team_name"]),
                row["name"],
                row["mate_name"],
                f"{row['qualifying_wins']} : {row['teammate_qualifying_wins']}",
                signed(row["median_qualifying_gap_s"], 3),
                f"{row['race_wins']} : {row['teammate_race_wins']}",
                signed(row["median_race_pace_gap_s"], 3),
            )
            for row in rows
        ],
        text=(0, 1, 2),
    )
    return Section("mates", "Head to head", [table])


def _trends(
    gold: Gold, season: int, teams: Mapping[str, Row], colours: Mapping[str, str], rounds: Mapping[int, str]
) -> list[Section | None]:
    styles = {
        team: Style(f"team-{i}", row["team_name"], colours[team])
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
    for (name, (title, alt)), rows in zip(said.items(), gold.team_gaps(season), strict=True):
        found: dict[str, list[tuple[int, float]]] = {}
        for row in rows:
            if row["round_number"] in rounds and row["team_id"] in styles:
                found.setdefault(row["team_id"], []).append((row["round_number"], row["gap"]))
        if not found:
            sections.append(None)
            continue
        driven = {r: rounds[r] for r in sorted({r for values in found.values() for r, _ in values})}
        figure = figures.trend(found, styles, sorted(driven))
        by_round = {team: dict(values) for team, values in found.items()}
        chart = Chart(
            name=f"{name}-trend",
            title=title,
            alt=alt,
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
