"""The pages of a driver, a constructor and a circuit, and the lists of them.

Belongs here: which sections a page has, its title and its facts. Does not belong here: the sections (`sections`).
"""

from collections.abc import Iterable

from f1_lakehouse.publishing.data_card import RaceCount
from f1_lakehouse.site.history import ENTRANTS, History
from f1_lakehouse.site.links import LISTS, TRAIL, Links
from f1_lakehouse.site.page import NONE, Page, Section, Table, points, text, years
from f1_lakehouse.site.queries import Row
from f1_lakehouse.site.sections.career import (
    all_results_section,
    career_facts,
    career_section,
    day,
    drivers_section,
    poles_section,
    seasons_section,
    team_mates_section,
    wins_section,
)
from f1_lakehouse.site.sections.circuit_history import (
    circuit_entrants_section,
    lap_records_section,
    winners_section,
)
from f1_lakehouse.site.sections.profile import profile_section
from f1_lakehouse.site.sections.reconciliation import driver_differences_section


def driver_page(history: History, driver: str) -> Page:
    """The page of a driver."""
    person, career = history.people[driver], history.careers["driver"][driver]
    links = Links(history)
    sections = [
        career_section(career),
        seasons_section(history, links, "driver", driver),
        wins_section(history, links, "driver", driver),
        poles_section(history, links, "driver", driver),
        team_mates_section(history, links, driver),
        profile_section(history, links, driver),
        driver_differences_section(history, links, driver),
        all_results_section(history, links, driver),
    ]
    facts: list[tuple[str, object]] = [
        ("Nationality", text(person["nationality"])),
        ("Born", day(person["birth_date"])),
    ]
    if person["permanent_number"]:
        facts.append(("Number", person["permanent_number"]))
    return _page(
        history,
        person["full_name"],
        sections,
        history.results_of(driver_id=driver),
        [*facts, *career_facts(career)],
    )


def constructor_page(history: History, constructor: str) -> Page:
    """The page of a constructor."""
    known, career = history.constructors[constructor], history.careers["constructor"][constructor]
    links = Links(history)
    sections = [
        career_section(career),
        seasons_section(history, links, "constructor", constructor),
        drivers_section(history, links, constructor),
        wins_section(history, links, "constructor", constructor),
        poles_section(history, links, "constructor", constructor),
        _lineage_section(history, links, known),
    ]
    return _page(
        history,
        known["constructor_name"],
        sections,
        history.results_of(constructor_id=constructor),
        [("Nationality", text(known["nationality"])), *career_facts(career)],
    )


def circuit_page(history: History, circuit: str) -> Page:
    """The page of a circuit."""
    known = history.circuits[circuit]
    links = Links(history)
    sections = [
        winners_section(history, links, circuit),
        *(circuit_entrants_section(history, links, kind, circuit) for kind in ENTRANTS),
        lap_records_section(history, links, circuit),
    ]
    results = history.results_of(circuit_id=circuit)
    held = {(row["season"], row["round_number"]) for row in results}
    seasons = sorted(season for season, _ in held)
    where = ", ".join(part for part in (known["location"], known["country_name"]) if part)
    facts: list[tuple[str, object]] = [
        ("Place", where or NONE),
        ("Grands Prix", len(held)),
        ("First", links.season(seasons[0])),
        ("Last", links.season(seasons[-1])),
    ]
    return _page(history, known["circuit_name"] or circuit, sections, results, facts)


def list_page(history: History, folder: str) -> Page:
    """The list of all drivers, constructors or circuits."""
    links = Links(history)
    make = _circuits_table if folder == "circuits" else _entrants_table
    sections = (
        [Section("list", LISTS[folder], [make(history, links, folder)])] if history.pages[folder] else []
    )
    return _page(history, LISTS[folder], sections, history.races_held)


def _circuits_table(history: History, links: Links, folder: str) -> Table:
    rows = [
        (
            links.circuit(row["circuit_id"]),
            text(row["location"]),
            text(row["country_name"]),
            row["races_count"],
            text(row["first_season"]),
            text(row["last_season"]),
        )
        for row in history.circuits.values()
        if row["circuit_id"] in history.pages[folder]
    ]
    columns = ("Circuit", "Place", "Country", "Grands Prix", "First", "Last")
    return Table(f"Circuits by number of races: {len(rows)}", columns, rows, text=(0, 1, 2))


def _entrants_table(history: History, links: Links, folder: str) -> Table:
    """Drivers or constructors with the numbers of their careers."""
    kind = folder.removesuffix("s")
    known = history.people if kind == "driver" else history.constructors
    rows = [
        (
            links.entrant(kind, one, row["entrant_name"]),
            text(known[one]["nationality"]),
            years(row["first_season"], row["last_season"]),
            row["starts"],
            row["wins"],
            row["podiums"],
            row["poles"],
            points(row["points"]),
            row["titles"],
        )
        for one, row in history.careers[kind].items()
        if one in history.pages[folder]
    ]
    columns = (
        kind.capitalize(),
        "Nationality",
        "Seasons",
        "Starts",
        "Wins",
        "Podiums",
        "Poles",
        "Points",
        "Titles",
    )
    return Table(f"{LISTS[folder]} by number of starts: {len(rows)}", columns, rows, text=(0, 1))


def _lineage_section(history: History, links: Links, known: Row) -> Section | None:
    """Other names of the same team."""
    others = [
        row
        for row in history.constructors.values()
        if row["team_id"] == known["team_id"]
        and row["constructor_id"] != known["constructor_id"]
        and row["constructor_id"] in history.pages["constructors"]
    ]
    if not others:
        return None
    rows = [
        (
            links.constructor(row["constructor_id"], row["constructor_name"]),
            row["first_season"],
            row["last_season"],
        )
        for row in sorted(others, key=lambda row: (row["first_season"] or 0, row["constructor_id"]))
    ]
    table = Table("The same team under other names", ("Constructor", "First season", "Last season"), rows)
    return Section("lineage", "Other names", [table])


def _page(
    history: History,
    title: str,
    sections: Iterable[Section | None],
    results: Iterable[Row],
    facts: Iterable[tuple[str, object]] = (),
) -> Page:
    return Page(
        title=title,
        sections=[one for one in sections if one is not None],
        of=(),
        races=RaceCount.of(results),
        facts=list(facts),
        trail=TRAIL,
    )
