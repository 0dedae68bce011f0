"""The races of a season, and its meetings without a race, as a table."""

from collections.abc import Sequence

from markupsafe import Markup

from f1_lakehouse.site.history import History
from f1_lakehouse.site.links import Links
from f1_lakehouse.site.model import Session
from f1_lakehouse.site.page import NONE, Section, Table, link, text
from f1_lakehouse.site.queries import Row

SHORT = {"Practice": "P", "Qualifying": "Q", "Sprint Qualifying": "SQ", "Sprint": "S", "Race": "R"}


def calendar_section(history: History, links: Links, season: int) -> Section | None:
    """The calendar: races with their winners, tests, cancelled meetings."""
    pages: dict[int | None, list[Session]] = {}
    for one in (one for one in history.gold.sessions if one.season == season):
        pages.setdefault(one.meeting_key, []).append(one)
    meetings = {row["meeting_key"]: row for row in history.gold.calendar(season)}
    races = [row for (year, _), row in history.races.items() if year == season]
    held = {row["meeting_key"] for row in races}
    entries = [
        *((_date(row, meetings), row, meetings.get(row["meeting_key"])) for row in races),
        *((row["date_start"], None, row) for key, row in meetings.items() if key not in held),
    ]
    entries.sort(key=lambda entry: f"{entry[0] or '9999'}")
    has_sprints = any(row["session_category"] == "Sprint" for row in history.results_of(season=season))
    rows = []
    for date, race, meeting in entries:
        of_meeting = pages.get(meeting["meeting_key"], []) if meeting else []
        rows.append(
            (
                text(race["round_number"] if race else meeting["round_number"] if meeting else None),
                _name(links, race, meeting, of_meeting),
                f"{date:%d %b}" if date else NONE,
                _circuit(links, race, meeting),
                *_firsts(
                    history, links, season, race, meeting, has_sprints=has_sprints, has_pages=bool(pages)
                ),
                *((_links(links, of_meeting),) if pages else ()),
            )
        )
    if not rows:
        return None
    columns = (
        "Round",
        "Race",
        "Date",
        "Circuit",
        "Winner",
        *(() if pages else ("Constructor",)),
        "Pole position",
        *(("Sprint winner",) if has_sprints else ()),
        *(("Pages",) if pages else ()),
    )
    codes = "; P practice, Q qualifying, SQ sprint qualifying, S sprint, R race" if pages else ""
    caption = f"Races of the season{codes}"
    table = Table(caption, columns, rows, text=range(1, len(columns)), head=1)
    return Section("calendar", "Calendar", [table])


def _date(race: Row, meetings: dict[int, Row]) -> object:
    meeting = meetings.get(race["meeting_key"])
    return race["race_date"] or (meeting and meeting["date_start"])


def _name(links: Links, race: Row | None, meeting: Row | None, sessions: Sequence[Session]) -> object:
    main = next((one for one in reversed(sessions) if one.category == "Race"), None)
    if main is not None:
        return link(f"{links.root}{main.page}", main.shown_title)
    return text(race["race_name"] if race else meeting["meeting_name"] if meeting else None)


def _circuit(links: Links, race: Row | None, meeting: Row | None) -> object:
    name = meeting["circuit_short_name"] if meeting else ""
    return links.circuit(race["circuit_id"] if race else None, name or "")


def _firsts(
    history: History,
    links: Links,
    season: int,
    race: Row | None,
    meeting: Row | None,
    *,
    has_sprints: bool,
    has_pages: bool,
) -> list[object]:
    """Winner, constructor where there is space next to links to pages, pole position, winner of the sprint in a season with sprints."""
    number = race["round_number"] if race else None
    winners = history.wins_of(season=season, round_number=number)
    poles = history.poles_of(season=season, round_number=number)
    sprint = history.winners_of(season=season, round_number=number, session_category="Sprint")
    is_cancelled = meeting is not None and meeting["is_cancelled"]
    return [
        "cancelled" if is_cancelled else links.drivers(winners),
        *([] if has_pages else [links.constructors(winners)]),
        links.drivers(poles),
        *([links.drivers(sprint)] if has_sprints else []),
    ]


def _links(links: Links, sessions: Sequence[Session]) -> Markup | str:
    found = [link(f"{links.root}{one.page}", _code(one, sessions)) for one in sessions]
    return Markup(" ").join(found) if found else NONE


def _code(one: Session, weekend: Sequence[Session]) -> str:
    alike = [other for other in weekend if other.category == one.category]
    return SHORT[one.category] + (str(alike.index(one) + 1) if len(alike) > 1 else "")
