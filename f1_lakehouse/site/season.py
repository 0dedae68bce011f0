"""The page of a season."""

from f1_lakehouse.publishing.data_card import RaceCount
from f1_lakehouse.site.history import History
from f1_lakehouse.site.links import TRAIL, Links
from f1_lakehouse.site.model import short_race_name
from f1_lakehouse.site.page import Page, Section
from f1_lakehouse.site.queries import Row
from f1_lakehouse.site.sections.calendar import calendar_section
from f1_lakehouse.site.sections.championship import championship_section
from f1_lakehouse.site.sections.head_to_heads import head_to_heads_section
from f1_lakehouse.site.sections.reconciliation import sources_section
from f1_lakehouse.site.sections.results_grid import season_grid_section
from f1_lakehouse.site.sections.trends import trend_sections


def season_page(history: History, season: int) -> Page:
    """The page of a season."""
    gold = history.gold
    colours = history.colours(season)
    variables = {team: f"t{i}" for i, team in enumerate(colours)}
    links = Links(history, colours=variables)
    rounds = _rounds(history, season)
    drivers, teams = (gold.progression(season, kind) for kind in ("drivers", "teams"))
    last = [row for row in drivers if row["round_number"] == drivers[-1]["round_number"]]
    of_season = {row["team_id"]: row for row in gold.teams(season)}
    sections: list[Section | None] = [
        calendar_section(history, links, season),
        season_grid_section(history, links, season, last),
        championship_section(links, "drivers", drivers, rounds),
        championship_section(links, "teams", teams, rounds),
        head_to_heads_section(gold, links, season),
        *trend_sections(gold, season, of_season, variables, rounds),
        sources_section(history, links, season),
    ]
    return Page(
        title=f"Season {season}",
        sections=[one for one in sections if one is not None],
        of=[one.key for one in gold.sessions if one.season == season],
        races=RaceCount.of(history.results_of(season=season)),
        trail=[*TRAIL, *_neighbours(history, season)],
        colours=[(variables[team], colour) for team, colour in colours.items()],
    )


def _rounds(history: History, season: int) -> dict[int, str]:
    """Round → its number and short name."""
    races = {number: row for (year, number), row in history.races.items() if year == season}
    for meeting in history.gold.calendar(season):
        if meeting["round_number"]:
            races.setdefault(meeting["round_number"], meeting)
    return {number: f"{number} {_short(row)}".strip() for number, row in sorted(races.items())}


def _short(race: Row) -> str:
    return short_race_name(
        race.get("race_name") or race.get("meeting_name") or race.get("circuit_short_name") or ""
    )


def _neighbours(history: History, season: int) -> list[tuple[str, str]]:
    """Links to the season before and the one after."""
    return [
        (f"{other}/index.html", text)
        for other, text in ((season - 1, f"← {season - 1}"), (season + 1, f"{season + 1} →"))
        if other in history.page_seasons
    ]
