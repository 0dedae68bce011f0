"""Careers of drivers and constructors: numbers, seasons, victories, pole positions, all results.

Belongs here: sections that the pages of drivers and constructors share, and those of one of the two.
"""

from collections.abc import Iterable, Sequence
from datetime import date

from f1_lakehouse.counts import counted
from f1_lakehouse.site.history import ENTRANTS, History
from f1_lakehouse.site.links import Links
from f1_lakehouse.site.page import (
    NONE,
    Section,
    Table,
    lap_time,
    number,
    points,
    race_time,
    signed,
    strong,
    text,
    years,
)
from f1_lakehouse.site.queries import Row
from f1_lakehouse.site.sections.reconciliation import sources_of
from f1_lakehouse.site.sections.results_grid import career_grid, legend

MAX_OPEN = 30
"""Rows of a table that is not folded."""


def day(value: date | None) -> str:
    """23 Jul 1995, as race results write it."""
    return f"{value:%d %b %Y}" if value else NONE


def career_facts(career: Row) -> list[tuple[str, object]]:
    """The numbers at the top of the page of a driver or constructor."""
    return [
        ("Seasons", years(career["first_season"], career["last_season"])),
        ("Starts", career["starts"]),
        ("Wins", career["wins"]),
        ("Pole positions", career["poles"]),
        ("Podiums", career["podiums"]),
        ("Titles", career["titles"]),
    ]


def career_section(career: Row) -> Section:
    """What a driver or constructor achieved in all seasons."""
    is_driver = career["entrant_type"] == "driver"
    rows = [
        ("Entries", career["entries"]),
        ("Starts", career["starts"]),
        ("Wins", _with_share(career, "wins")),
        ("Podiums", _with_share(career, "podiums")),
        ("Pole positions", _with_share(career, "poles")),
        ("Fastest laps (ranked since 2004)", text(career["fastest_laps"])),
        ("Wins of sprints", career["sprint_wins"]),
        ("Points that count for championships", points(career["points"])),
        ("Points by today's system", points(career["points_today"])),
        ("Titles", career["titles"]),
        ("Best championship rank", text(career["best_championship_rank"])),
        ("Best position", text(career["best_position"])),
        ("Best grid position", text(career["best_grid_position"])),
        ("Retirements, % of starts" + ("" if is_driver else " of its cars"), _percent(career["dnf_share"])),
        ("First race", day(career["first_race_date"])),
        ("Last race", day(career["last_race_date"])),
        ("First victory", day(career["first_win_date"])),
        ("Last victory", day(career["last_win_date"])),
    ]
    return Section("career", "Career", [Table("Career in Grands Prix", ("Career", "Value"), rows)])


def seasons_section(history: History, links: Links, entrant_type: str, entrant: str) -> Section | None:
    """Each season of a driver or constructor; of a driver also the position in every race."""
    found = history.season_rows(entrant_type, entrant)
    if not found:
        return None
    is_driver = entrant_type == "driver"
    results = history.results_of(**{ENTRANTS[entrant_type]: entrant})
    rows = []
    for row in found:
        of_season = [one for one in results if one["season"] == row["season"]]
        rank = text(row["championship_rank"])
        rows.append(
            (
                links.season(row["season"]),
                links.constructors(of_season) if is_driver else _drivers(links, of_season),
                strong(f"{rank} champion") if row["is_champion"] else rank,
                points(row["points"]),
                row["starts"],
                row["wins"],
                row["podiums"],
                row["poles"],
                text(row["fastest_laps"]),
            )
        )
    columns = (
        "Season",
        "Constructor" if is_driver else "Drivers",
        "Rank",
        "Points",
        "Starts",
        "Wins",
        "Podiums",
        "Poles",
        "Fastest laps",
    )
    table = Table("Seasons, newest first; rank and points of the championship", columns, rows, text=(0, 1))
    if not is_driver:
        return Section("seasons", "Seasons", [table])
    poles = history.poles_of(driver_id=entrant)
    grid = career_grid(links, results, poles)
    return Section("seasons", "Seasons", [table, grid, *legend(results, poles)])


def wins_section(history: History, links: Links, entrant_type: str, entrant: str) -> Section | None:
    """Every victory, newest first."""
    found = history.wins_of(**{ENTRANTS[entrant_type]: entrant})
    if not found:
        return None
    is_driver = entrant_type == "driver"
    rows = [
        (
            links.season(row["season"]),
            links.race(row),
            day(row["race_date"]),
            links.circuit(row["circuit_id"]),
            _other(links, row, is_driver=is_driver),
            text(row["grid_position"]),
            race_time(row["race_time_s"]),
            sources_of(row),
        )
        for row in reversed(found)
    ]
    races = len({(row["season"], row["round_number"]) for row in found})
    other = "Constructor" if is_driver else "Driver"
    columns = ("Season", "Race", "Date", "Circuit", other, "Grid", "Time", "Source")
    caption = f"{races} victories, newest first" + (
        "" if races == len(found) else "; a shared car has several winners"
    )
    return Section(
        "wins",
        "Wins",
        [Table(caption, columns, rows, text=(0, 1, 3, 4, 7), head=1, is_folded=len(rows) > MAX_OPEN)],
    )


def poles_section(history: History, links: Links, entrant_type: str, entrant: str) -> Section | None:
    """Every pole position, newest first."""
    found = history.poles_of(**{ENTRANTS[entrant_type]: entrant})
    if not found:
        return None
    is_driver = entrant_type == "driver"
    positions = _positions(history.results_of(**{ENTRANTS[entrant_type]: entrant}))
    rows = [
        (
            links.season(row["season"]),
            links.race(row),
            links.circuit(row["circuit_id"]),
            _other(links, row, is_driver=is_driver),
            lap_time(row["time_s"]),
            positions.get((row["season"], row["round_number"], row["driver_id"]), NONE),
        )
        for row in reversed(found)
    ]
    other = "Constructor" if is_driver else "Driver"
    columns = ("Season", "Race", "Circuit", other, "Qualifying", "Position")
    caption = f"{len(rows)} pole positions, newest first: first on the grid, with the time in the last phase of qualifying"
    return Section(
        "poles",
        "Pole positions",
        [Table(caption, columns, rows, text=(0, 1, 2, 3), head=1, is_folded=len(rows) > MAX_OPEN)],
    )


def team_mates_section(history: History, links: Links, driver: str) -> Section | None:
    """The driver against each team mate, by season."""
    found = history.team_mates(driver)
    if not found:
        return None
    rows = [
        (
            links.season(row["season"]),
            links.constructor(row["constructor_id"], row["constructor_name"]),
            links.driver(row["mate_id"], row["mate_name"]),
            f"{row['qualifying_wins']} : {row['mate_qualifying_wins']}"
            if row["qualifying_sessions"]
            else NONE,
            signed(row["gap_s"], 3),
            f"{row['race_wins']} : {row['mate_race_wins']}" if row["races"] else NONE,
            f"{points(row['points'])} : {points(row['mate_points'])}",
        )
        for row in found
    ]
    columns = ("Season", "Constructor", "Team mate", "Qualifying", "Median gap, s", "Race", "Points")
    caption = (
        "Against team mates in Grands Prix, the driver first; qualifying since 1994, a negative gap is faster"
    )
    return Section("mates", "Team mates", [Table(caption, columns, rows, text=(0, 1, 2), head=2)])


def drivers_section(history: History, links: Links, constructor: str) -> Section | None:
    """The drivers of a constructor."""
    found = history.drivers_of(constructor)
    if not found:
        return None
    rows = [
        (
            links.driver(row["driver_id"], row["full_name"]),
            years(row["first_season"], row["last_season"]),
            row["starts"],
            row["wins"],
            row["podiums"],
            row["poles"],
            points(round(row["points"], 2)),
        )
        for row in found
    ]
    columns = ("Driver", "Seasons", "Starts", "Wins", "Podiums", "Poles", "Points")
    return Section("drivers", "Drivers", [Table("Drivers by starts for this constructor", columns, rows)])


def all_results_section(history: History, links: Links, driver: str) -> Section | None:
    """Every result of a driver with the source of its values."""
    found = history.results_of(driver_id=driver)
    rows = [
        (
            row["season"],
            links.race(row) if row["session_category"] == "Race" else f"{row['race_name']}, sprint",
            row["constructor_name"],
            "pit lane" if row["started_from_pit_lane"] else text(row["grid_position"]),
            text(row["position_text"]),
            text(row["laps"]),
            finish(row),
            points(row["points"]),
            text(row["status_text"]),
            sources_of(row),
        )
        for row in reversed(found)
    ]
    if not rows:
        return None
    columns = (
        "Season",
        "Race",
        "Constructor",
        "Grid",
        "Position",
        "Laps",
        "Time or gap, s",
        "Points",
        "Status",
        "Source",
    )
    caption = f"All results, newest first: {counted(len(rows), 'row')}"
    table = Table(caption, columns, rows, text=(1, 2, 8, 9), head=1, is_folded=True)
    return Section("all", "All results", [table])


def finish(row: Row) -> str:
    """The time of the winner, the gap of the others in seconds."""
    if row["position"] == 1:
        return race_time(row["race_time_s"])
    return signed(row["gap_to_leader_s"], 3)


def _other(links: Links, row: Row, *, is_driver: bool) -> object:
    if is_driver:
        return links.constructor(row["constructor_id"], row["constructor_name"])
    return links.driver(row["driver_id"], row["full_name"])


def _drivers(links: Links, rows: Iterable[Row]) -> object:
    """The drivers of several rows, each once."""
    return links.drivers(list({row["driver_id"]: row for row in rows}.values()))


def _positions(rows: Sequence[Row]) -> dict[tuple[int, int, str], str]:
    """(season, round, driver) → position in the race."""
    return {
        (row["season"], row["round_number"], row["driver_id"]): text(row["position_text"])
        for row in rows
        if row["session_category"] == "Race"
    }


def _with_share(career: Row, column: str) -> str:
    share = career[f"{column}_pct"]
    return f"{career[column]} ({number(share, 1)} % of starts)" if share is not None else str(career[column])


def _percent(share: float | None) -> str:
    return NONE if share is None else number(100 * share, 1)
