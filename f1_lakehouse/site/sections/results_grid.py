"""Grids of positions: drivers by races of a season, and seasons by races of a career.

Belongs here: how one cell shows the results of a driver in one round. Both grids use the same signs, which the note below a grid explains.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from markupsafe import Markup, escape

from f1_lakehouse.simulator.keys import GENERATED_MARK
from f1_lakehouse.site.history import History
from f1_lakehouse.site.links import Links
from f1_lakehouse.site.model import short_race_name
from f1_lakehouse.site.page import Section, Table, points, text
from f1_lakehouse.site.queries import Row

LETTERS = {
    "R": "retired",
    "N": "not classified",
    "D": "disqualified",
    "E": "excluded",
    "W": "did not start",
    "F": "did not qualify",
}


def season_grid_section(
    history: History, links: Links, season: int, standings: Sequence[Row]
) -> Section | None:
    """The position of each driver in each race of a season.

    Args:
        history: rows of all seasons.
        links: of the page.
        season: the year.
        standings: of the drivers after the last round, leader first; other drivers follow.
    """
    found = history.results_of(season=season)
    if not found:
        return None
    rounds = sorted({row["round_number"] for row in found})
    cells = _by_driver_and_round(found)
    poles = history.poles_of(season=season)
    with_pole = {(row["driver_id"], row["round_number"]) for row in poles}
    ranks = {row["driver_id"]: row for row in standings}
    newest = {row["driver_id"]: row for row in found}
    others = sorted(
        newest.keys() - ranks.keys(), key=lambda one: (_best(cells[one]), newest[one]["full_name"])
    )
    rows = []
    for driver in [one for one in ranks if one in newest] + others:
        standing = ranks.get(driver)
        last = newest[driver]
        rows.append(
            (
                text(standing["championship_rank"]) if standing else "",
                links.driver(driver, last["full_name"], last["team_id"]),
                *(cell(cells[driver].get(r, ()), (driver, r) in with_pole) for r in rounds),
                _points(standing) if standing else "",
            )
        )
    names = [_heading(history, links, season, r) for r in rounds]
    grid = Table(
        f"Positions in the races of {season}",
        ("Rank", "Driver", *names, "Points"),
        rows,
        text=(1,),
        head=1,
        is_grid=True,
    )
    return Section("results", "Results", [grid, *legend(found, poles)])


def career_grid(links: Links, results: Iterable[Row], poles: Iterable[Row]) -> Table:
    """The position of a driver in each race of each season, newest season first."""
    seasons: dict[int, dict[int, list[Row]]] = {}
    for row in results:
        seasons.setdefault(row["season"], {}).setdefault(row["round_number"], []).append(row)
    with_pole = {(row["season"], row["round_number"]) for row in poles}
    last = max(r for rounds in seasons.values() for r in rounds)
    rows = [
        (
            links.season(season),
            *(cell(rounds.get(r, ()), (season, r) in with_pole) for r in range(1, last + 1)),
        )
        for season, rounds in sorted(seasons.items(), reverse=True)
    ]
    return Table(
        "Positions by round",
        ("Season", *map(str, range(1, last + 1))),
        rows,
        is_grid=True,
    )


def legend(results: Sequence[Row], poles: Sequence[Row]) -> list[Markup]:
    """The note that explains the signs in the cells of these results; none if they have no sign."""
    texts = {row["position_text"] for row in results}
    cars = Counter(
        (row["season"], row["round_number"], row["session_category"], row["driver_id"]) for row in results
    )
    signs = {f"{letter} {word}": letter in texts for letter, word in LETTERS.items()} | {
        "bold: pole position": bool(poles),
        "italic: fastest lap, known since 2004": any(row["fastest_lap_rank"] == 1 for row in results),
        "raised: position in the sprint": any(row["session_category"] == "Sprint" for row in results),
        "two results: the driver drove two cars": any(count > 1 for count in cars.values()),
    }
    shown = "; ".join(sign for sign, is_used in signs.items() if is_used)
    return [Markup('<span class="note">Signs: {}.</span>').format(shown)] if shown else []


def cell(rows: Sequence[Row], has_pole: bool) -> Markup | str:
    """The results of a driver in one round: the position, or a letter; of several cars, each result once."""
    races = [row for row in rows if row["session_category"] == "Race"]
    sprints = [row for row in rows if row["session_category"] == "Sprint"]
    if not races and not sprints:
        return ""
    races = sorted(races, key=lambda row: (row["position"] is None, row["position"] or 0))
    shown = Markup("/").join(dict.fromkeys(text(row["position_text"]) for row in races))
    if any(row["fastest_lap_rank"] == 1 for row in races):
        shown = Markup("<em>{}</em>").format(shown)
    if has_pole:
        shown = Markup("<b>{}</b>").format(shown)
    raised = Markup("<sup>{}</sup>").format(text(sprints[0]["position_text"])) if sprints else ""
    kind = _kind(races)
    return (
        Markup('<span class="{}">{}</span>{}').format(kind, shown, raised) if kind else shown + escape(raised)
    )


def _kind(races: Sequence[Row]) -> str:
    """The class of a cell in pages.css: p1 to p3 for the podium, pt for points."""
    best = races[0]["position"] if races else None
    if best is not None and best <= 3:
        return f"p{best}"
    return "pt" if any((row["points"] or 0) > 0 for row in races) else ""


def _heading(history: History, links: Links, season: int, round_number: int) -> Markup:
    race = history.races.get((season, round_number), {"race_name": None, "round_number": round_number})
    name = race["race_name"] or f"Round {round_number}"
    name = name.removesuffix(GENERATED_MARK)  # the page says that it is generated
    return Markup("<span>{}</span>").format(links.race(race, short_race_name(name)))


def _by_driver_and_round(rows: Iterable[Row]) -> Mapping[str, dict[int, list[Row]]]:
    found: dict[str, dict[int, list[Row]]] = {}
    for row in rows:
        found.setdefault(row["driver_id"], {}).setdefault(row["round_number"], []).append(row)
    return found


def _best(rounds: Mapping[int, Sequence[Row]]) -> int:
    return min((row["position"] for rows in rounds.values() for row in rows if row["position"]), default=1000)


def _points(standing: Row) -> str:
    """Points that count, and all points in parentheses where they are more."""
    counted, gross = points(standing["points"]), points(standing["gross_points"])
    return counted if gross in (counted, points(None)) else f"{counted} ({gross})"
