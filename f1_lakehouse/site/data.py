"""The page about the data: time of the publication, checks that are not OK, known gaps, rows of each session by table."""

import orjson
from markupsafe import Markup

from f1_lakehouse.counts import counted
from f1_lakehouse.site.model import Session
from f1_lakehouse.site.page import NONE, Page, Section, Table, link, number, text
from f1_lakehouse.site.queries import Gold, Row

COVERED = {  # column of session_coverage → heading
    "result_rows": "Results",
    "lap_rows": "Laps",
    "stint_rows": "Stints",
    "pit_stop_rows": "Stops",
    "overtake_rows": "Overtakes",
    "race_control_rows": "Race control",
    "weather_rows": "Weather",
}


def data_page(gold: Gold) -> Page:
    """The page about the data, with a link to each session that has a page."""
    published = gold.published()
    newest = gold.sessions[-1] if gold.sessions else None
    return Page(
        title="About the data",
        of=[one.key for one in gold.sessions],
        lead="Every number on this site is read from published gold, which is replaced as one unit after its tests have passed.",
        facts=[
            ("Published (UTC)", str(published["published_at"])[:16]),
            ("Newest session", f"{newest.shown_title} {newest.season}: {newest.name}" if newest else NONE),
            ("Bronze version", published["bronze_version"]),
            ("Code version", published["code_version"]),
        ],
        sections=[
            one
            for one in (
                _checks(gold),
                _gaps(gold),
                _forecasts(gold),
                _coverage(gold),
                _tables(published["tables"]),
            )
            if one
        ],
        trail=[("index.html", "All seasons")],
    )


def _checks(gold: Gold) -> Section | None:
    rows = gold.quality()
    if not rows:
        return None
    failing = [row for row in rows if row["status"] != "OK"]
    summary = f"Measured on the data pulled on {rows[0]['run_date']}: {counted(len(rows), 'check')}, {len(failing)} not OK."
    parts: list[Table | str] = [summary]
    if failing:
        columns = ("Table", "Check", "Rows", "Failed", "Passed, %", "Status")
        cells = [
            (
                row["table_name"],
                row["check_type"],
                row["checked_rows"],
                row["failed_rows"],
                number(row["pass_rate"], 2),
                row["status"],
            )
            for row in failing
        ]
        parts.append(Table("Checks that are not OK, the worst first", columns, cells, text=(0, 1, 5)))
    return Section("checks", "Checks", parts)


def _gaps(gold: Gold) -> Section:
    pages = {one.key: one for one in gold.sessions}
    rows = [
        (_linked(pages[row["session_key"]]), missing)
        for row in gold.coverage()
        if row["session_key"] in pages
        for missing in sorted(_missing(row))
    ]
    if not rows:
        return Section(
            "gaps", "Known gaps", ["None: every session in the lake has a result, its laps and a grid."]
        )
    return Section(
        "gaps",
        "Known gaps",
        [Table("What the source did not serve", ("Session", "Missing"), rows, text=(0, 1))],
    )


def _forecasts(gold: Gold) -> Section | None:
    if not gold.has_forecasts:
        return None
    record = Markup("The pit wall of a race shows forecasts. {}").format(
        link("strategy.html", "What they are worth")
    )
    return Section("forecasts", "Forecasts", [record])


def _missing(row: Row) -> list[str]:
    """What is missing of a session, in words; `row` is one of session_coverage."""
    laps = f"{counted(row['missing_laps'], 'lap')} of {counted(row['drivers_with_missing_laps'], 'driver')} missing"
    words = {
        "no result": row["has_laps_without_result"],
        "a result and no laps": row["has_result_without_laps"],
        laps: row["missing_laps"] > 0,
        "no grid": row["is_grid_missing"],
        "no messages of race control: no lap is known to be under a safety car": row[
            "is_race_control_missing"
        ],
    }
    return [text for text, is_missing in words.items() if is_missing]


def _linked(one: Session) -> Markup:
    return link(one.page, f"{one.season} {one.shown_title}: {one.name}")


def _coverage(gold: Gold) -> Section | None:
    counts = {row["session_key"]: row for row in gold.coverage()}
    rows = [
        (
            _linked(one),
            *(counts[one.key][column] for column in COVERED),
            "yes" if one.key in gold.telemetry_sessions else "no",
        )
        for one in reversed(gold.sessions)
    ]
    if not rows:
        return None
    table = Table(
        "Rows of each session by table, the newest first",
        ("Session", *COVERED.values(), "Telemetry"),
        rows,
        text=(0, 8),
    )
    return Section("coverage", "Coverage", [table])


def _tables(tables: str) -> Section:
    rows = sorted(orjson.loads(tables).items())
    return Section(
        "tables", "Tables", [Table("Published tables", ("Table", "Rows"), [(text(t), n) for t, n in rows])]
    )
