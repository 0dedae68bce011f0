"""A circuit over the seasons: winners, those with the most victories, fastest laps."""

from f1_lakehouse.site.history import History
from f1_lakehouse.site.links import Links
from f1_lakehouse.site.page import NONE, Section, Table, lap_time, race_time, text
from f1_lakehouse.site.sections.career import day


def winners_section(history: History, links: Links, circuit: str) -> Section | None:
    """The winner and the pole position of each race, newest first."""
    results = history.results_of(circuit_id=circuit)
    races = {(row["season"], row["round_number"]): row for row in results}
    cells = []
    for (season, number), race in sorted(races.items(), reverse=True):
        winners = history.wins_of(season=season, round_number=number)
        cells.append(
            (
                links.season(season),
                links.race(winners[0] if winners else race),
                day(race["race_date"]),
                links.drivers(winners),
                links.constructors(winners),
                race_time(winners[0]["race_time_s"]) if winners else NONE,
                links.drivers(history.poles_of(season=season, round_number=number)),
            )
        )
    if not cells:
        return None
    columns = ("Season", "Race", "Date", "Winner", "Constructor", "Time", "Pole position")
    table = Table("Grands Prix at this circuit, newest first", columns, cells, text=(0, 1, 3, 4, 6), head=1)
    return Section("winners", "Winners", [table])


def circuit_entrants_section(
    history: History, links: Links, entrant_type: str, circuit: str
) -> Section | None:
    """Drivers or constructors with a victory at the circuit."""
    found = history.circuit_rows(entrant_type, circuit)
    if not found:
        return None
    rows = [
        (
            links.entrant(entrant_type, row["entrant_id"], row["entrant_name"]),
            row["wins"],
            row["podiums"],
            row["poles"],
            row["starts"],
            row["first_season"],
            row["last_season"],
        )
        for row in found
    ]
    title = entrant_type.capitalize()
    columns = (title, "Wins", "Podiums", "Poles", "Starts", "First", "Last")
    caption = f"{title}s by victories at this circuit; first and last season here"
    return Section(f"{entrant_type}s", f"{title}s", [Table(caption, columns, rows)])


def lap_records_section(history: History, links: Links, circuit: str) -> Section | None:
    """The fastest laps of races and of qualifying."""
    found = history.lap_records(circuit)
    parts = []
    for category, title in (
        ("Race", "Fastest laps of races (since 2004)"),
        ("Qualifying", "Fastest laps of qualifying"),
    ):
        rows = [
            (
                row["record_rank"],
                lap_time(row["lap_time_s"]),
                links.driver(row["driver_id"], row["full_name"]),
                text(row["constructor_name"]),
                links.season(row["season"]),
            )
            for row in found
            if row["session_category"] == category
        ]
        if rows:
            columns = ("Rank", "Lap time", "Driver", "Constructor", "Season")
            parts.append(
                Table(f"{title}, over all layouts of the circuit", columns, rows, text=(2, 3, 4), head=1)
            )
    return Section("laps", "Lap records", parts) if parts else None
