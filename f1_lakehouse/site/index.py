"""The first page: search, the newest races, and the seasons."""

from collections import Counter

from f1_lakehouse.publishing.data_card import RaceCount
from f1_lakehouse.site.history import History
from f1_lakehouse.site.links import LISTS, TRAIL, Links, address
from f1_lakehouse.site.page import NONE, Names, Page, Section, Table, link
from f1_lakehouse.site.queries import Row


def index_page(history: History) -> Page:
    """The first page."""
    gold = history.gold
    races = [one for one in gold.sessions if one.is_race and not one.is_cancelled]
    sections = []
    if races:
        links = Links(history, root="")
        rows = [
            (
                link(one.page, f"{one.shown_title}: {one.name}"),
                f"{one.date_start:%d %b %Y}",
                one.circuit,
                links.drivers(history.winners_of(session_key=one.key)),
            )
            for one in races[-6:][::-1]
        ]
        sections.append(
            Section(
                "newest",
                "Newest races",
                [
                    Table(
                        "Newest races and sprints",
                        ("Race", "Date", "Circuit", "Winner"),
                        rows,
                        text=(0, 1, 2, 3),
                    )
                ],
            )
        )
    seasons = _seasons(history)
    if seasons is not None:
        sections.append(seasons)
    return Page(
        title="Formula 1 lakehouse",
        of=[one.key for one in gold.sessions],
        races=RaceCount.of(history.races_held),
        lead="" if seasons else "No session is in published gold yet.",
        sections=sections,
        trail=[*(one for one in TRAIL if one[0] != "index.html"), ("data.html", "About the data")],
        search=search_names(history),
    )


def _seasons(history: History) -> Section | None:
    links = Links(history, root="")
    races = {
        (row["season"], row["round_number"])
        for row in history.races_held
        if row["session_category"] == "Race"
    }
    held = Counter(season for season, _ in races)
    rows = [
        (
            links.season(season),
            held[season],
            sum(one.season == season for one in history.gold.sessions) or NONE,
            _champion(links, history.champions.get(("driver", season))),
            _champion(links, history.champions.get(("constructor", season))),
        )
        for season in history.page_seasons
    ]
    if not rows:
        return None
    columns = ("Season", "Races", "Pages of sessions", "Champion", "Constructors' champion")
    return Section("seasons", "Seasons", [Table("Seasons in the lake", columns, rows, text=(0, 3, 4))])


def _champion(links: Links, row: Row | None) -> object:
    return NONE if row is None else links.entrant(row["entrant_type"], row["entrant_id"], row["entrant_name"])


def search_names(history: History) -> Names:
    """The names that the search finds, the best known first: kind → [name, address, what tells namesakes apart]."""
    found: Names = {
        "Season": [[f"Season {season}", f"{season}/index.html", ""] for season in history.page_seasons]
    }
    for folder, names in (("drivers", history.people), ("constructors", history.constructors)):
        kind = LISTS[folder][:-1]
        column = "full_name" if kind == "Driver" else "constructor_name"
        found[kind] = [
            [str(names[one][column]), address(folder, one), f"{row['first_season']}–{row['last_season']}"]
            for one, row in history.careers[kind.lower()].items()
            if one in history.pages[folder]
        ]
    found["Circuit"] = [
        [row["circuit_name"] or one, address("circuits", one), row["location"] or ""]
        for one, row in history.circuits.items()
        if one in history.pages["circuits"]
    ]
    found["Session"] = [
        [f"{one.shown_title} {one.season}: {one.name}", one.page, ""]
        for one in reversed(history.gold.sessions)
        if one.is_race
    ]
    return {kind: rows for kind, rows in found.items() if rows}
