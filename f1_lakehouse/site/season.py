"""The page of a season, and the first page, which lists the seasons."""

from f1_lakehouse.site.page import Page, Section, Table, link
from f1_lakehouse.site.queries import Gold, Row
from f1_lakehouse.site.sections.calendar import calendar_section
from f1_lakehouse.site.sections.championship import championship_section
from f1_lakehouse.site.sections.head_to_heads import head_to_heads_section
from f1_lakehouse.site.sections.trends import trend_sections


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
        calendar_section(gold, season, calendar, colours),
        *(championship_section(gold, season, kind, colours, rounds) for kind in ("drivers", "teams")),
        head_to_heads_section(gold, season, colours),
        *trend_sections(gold, season, teams, colours, rounds),
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
