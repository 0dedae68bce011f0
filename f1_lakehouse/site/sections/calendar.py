"""The meetings of a season, as a table."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from f1_lakehouse.site.model import Session
from f1_lakehouse.site.page import NONE, Section, Table, link, swatch, text
from f1_lakehouse.site.queries import Gold, Row

SHORT = {"Practice": "P", "Qualifying": "Q", "Sprint Qualifying": "SQ", "Sprint": "S", "Race": "R"}


def calendar_section(
    gold: Gold, season: int, calendar: Sequence[Row], colours: Mapping[str, str]
) -> Section | None:
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
                "cancelled" if meeting["is_cancelled"] else first(key, "Race"),
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
