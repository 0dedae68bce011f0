"""The page of the records of all seasons."""

from itertools import groupby

from f1_lakehouse.publishing.data_card import RaceCount
from f1_lakehouse.site.history import History
from f1_lakehouse.site.links import TRAIL, Links
from f1_lakehouse.site.model import short_race_name
from f1_lakehouse.site.page import NONE, Page, Section, Table, number
from f1_lakehouse.site.queries import Row

WORDS = {"todays": "today's"}
"""Parts of a record's name in gold that are written differently on the page."""

UNITS = {
    "days": "Age",
    "percent": "% of starts",
    "grid position": "Grid",
    "points": "Points",
    "count": "Number",
}
"""Unit in gold → heading of the column of values."""

DAYS_PER_YEAR = 365.25


def records_page(history: History) -> Page:
    """The best of each record, drivers first."""
    links = Links(history, root="")
    sections = []
    for record, group in groupby(history.records, key=lambda row: row["record"]):
        rows = list(group)
        unit = rows[0]["unit"]
        title = " ".join(WORDS.get(word, word) for word in record.split("_")).capitalize()
        table = Table(
            f"The query that proves it: {rows[0]['proof']}",
            ("Rank", "Holder", UNITS.get(unit, unit.capitalize()), "From", "To"),
            [
                (
                    row["record_rank"],
                    links.entrant(row["entrant_type"], row["entrant_id"], row["holder"]),
                    _value(row["value"], unit),
                    _moment(links, row, "from"),
                    _moment(links, row, "to"),
                )
                for row in rows
            ],
            text=(1, 3, 4),
            head=1,
        )
        sections.append(Section(record.replace("_", "-"), title, [table]))
    return Page(
        title="Records",
        of=(),
        races=RaceCount.of(history.races_held),
        lead="Grands Prix only. Equal values share the rank; a streak counts consecutive starts.",
        sections=sections,
        trail=[one for one in TRAIL if one[0] != "records.html"],
    )


def _value(value: float | None, unit: str) -> str:
    if value is None:
        return NONE
    if unit == "days":
        return f"{value / DAYS_PER_YEAR:.1f} years ({value:,.0f} days)"
    return number(value, 1) if unit == "percent" else f"{value:,g}"


def _moment(links: Links, row: Row, end: str) -> object:
    if row[f"{end}_season"] is None:
        return NONE
    race = short_race_name(row[f"{end}_race_name"] or "")
    season = links.season(row[f"{end}_season"])
    return season + f", {race}" if race else season
