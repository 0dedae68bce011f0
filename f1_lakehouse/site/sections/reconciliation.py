"""Where the values of a season or a driver come from, on which of them the sources differ, which one is shown, and why."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from f1_lakehouse.counts import counted
from f1_lakehouse.site.history import History
from f1_lakehouse.site.links import Links
from f1_lakehouse.site.page import NONE, Section, Table, lap_time, points, race_time, text
from f1_lakehouse.site.queries import Row

SOURCES = {"jolpica": "Jolpica", "openf1": "OpenF1"}

VALUES = {  # column of gold → its name on the pages, and the column that has its source
    "position": ("Position", "position_source"),
    "points": ("Points", "points_source"),
    "grid_position": ("Grid", "grid_source"),
    "laps": ("Laps", "laps_source"),
    "race_time_s": ("Time", "time_source"),
    "fastest_lap_time_s": ("Fastest lap", "fastest_lap_source"),
    "q1_s": ("Q1", "times_source"),
    "q2_s": ("Q2", "times_source"),
    "q3_s": ("Q3", "times_source"),
    "driver_id": ("Driver", ""),
    "race_date": ("Date", "race_start_source"),
    "lap_time_s": ("Lap time", ""),
    "pit_lane_duration_s": ("Pit lane time", "duration_source"),
}

FORMATS: Mapping[str, Callable[[float], str]] = {
    "points": points,
    "race_time_s": race_time,
    **dict.fromkeys(("fastest_lap_time_s", "q1_s", "q2_s", "q3_s", "lap_time_s"), lap_time),
}
"""Column of gold → how its values are written on the pages, where that is not their text in source_reconciliation."""

MAX_ROWS = 150
"""Rows of a class that are listed. Lap 1 is longer in OpenF1 for every driver of every race."""

MAX_OPEN = 30
"""Rows of differences that are not folded."""

UNEXPLAINED = "not explained yet"
"""Shown for a difference of a new class."""


def written(column: str, value: str | None) -> str:
    """A value of source_reconciliation as the pages write it: 19 points, not 19.0."""
    return FORMATS[column](float(value)) if value and column in FORMATS else text(value)


def source_name(source: str | None) -> str:
    """The name of a source."""
    return SOURCES.get(source or "", NONE)


def sources_of(row: Row) -> str:
    """Where the values of a result come from: one source, or the source of the position and what has another."""
    main = row["position_source"] or row["points_source"]
    others: dict[str, list[str]] = {}
    for column in ("points", "grid_position", "laps", "race_time_s"):
        name, source = VALUES[column]
        if row[source] not in (None, main):
            others.setdefault(row[source], []).append(name.lower())
    rest = [f"{', '.join(names)} {source_name(source)}" for source, names in others.items()]
    return "; ".join([source_name(main), *rest])


def sources_section(history: History, links: Links, season: int) -> Section | None:
    """How many values of the season's results come from each source, and every difference between the two."""
    counted = history.season_sources(season)
    if not counted:
        return None
    rows = [
        (
            VALUES[row["column_name"]][0],
            f"{row['jolpica_rows']:,}",
            f"{row['openf1_rows']:,}",
            f"{row['rows_in_both']:,}",
        )
        for row in sorted(counted, key=lambda row: list(VALUES).index(row["column_name"]))
    ]
    used = Table(
        "Results of races and sprints by the source of their values",
        ("Value", "From Jolpica", "From OpenF1", "Results in both"),
        rows,
    )
    return Section("sources", "Sources", [used, *_differences(history, links, season)])


def _differences(history: History, links: Links, season: int) -> list[Table | str]:
    found = history.reconciliation(season)
    if not found:
        has_both = any(row["rows_in_both"] for row in history.season_sources(season))
        return ["The sources agree on every value that both have."] if has_both else []
    classes = Counter(
        (VALUES.get(row["column_name"], (row["column_name"],))[0], row["class"], why(row)) for row in found
    )
    summary = Table(
        "Values on which the sources differ, by the class of the difference, and why",
        ("Value", "Class", "Values", "Why"),
        [(value, kind, f"{number:,}", reason) for (value, kind, reason), number in sorted(classes.items())],
        text=(0, 1, 3),
        wrap=True,
    )
    return [summary, _rows(history, links, season, found)]


def why(row: Row) -> str:
    """Why the sources differ, in words."""
    return row.get("reason") or UNEXPLAINED


def driver_differences_section(history: History, links: Links, driver: str) -> Section | None:
    """The values of a driver's results on which the sources differ: which one is shown, which one is not, and why.

    Lap times are left out: lap 1 differs for every driver in every race.
    """
    found = [row for row in history.driver_reconciliation(driver) if row["column_name"] != "lap_time_s"]
    if not found:
        return None
    used = _sources(history.results_of(driver_id=driver), history.qualifying_sources(driver_id=driver))
    cells = [
        (
            links.season(row["season"]),
            links.race(history.races.get((row["season"], row["round_number"]), row | {"race_name": None})),
            row["session_category"],
            _value(row),
            *_shown(row, used.get(_key(row))),
            why(row),
        )
        for row in found
    ]
    columns = ("Season", "Race", "Session", "Value", "Shown", "Not shown", "Why")
    caption = f"Values on which the sources differ: {len(cells):,}, newest first"
    table = Table(
        caption,
        columns,
        cells,
        text=(0, 1, 2, 3, 4, 5, 6),
        head=1,
        wrap=True,
        is_folded=len(cells) > MAX_OPEN,
    )
    return Section("differences", "Where the sources differ", [table])


def _shown(row: Row, used: str | None) -> tuple[str, str]:
    """The value that gold has and the other one, each with its source; of a value without a recorded source, Jolpica is the first."""
    values = [
        f"{written(row['column_name'], row[f'{source}_value'])} ({name})" for source, name in SOURCES.items()
    ]
    first, second = values if used != SOURCES["openf1"] else reversed(values)
    return first, second


def _rows(history: History, links: Links, season: int, found: Sequence[Row]) -> Table:
    per_class = Counter(row["class"] for row in found)
    listed = [row for row in found if per_class[row["class"]] <= MAX_ROWS]
    omitted = [f"{kind} ({number:,})" for kind, number in per_class.items() if number > MAX_ROWS]
    used = _used(history, season)
    cells = [
        (
            links.race(history.races.get((season, row["round_number"]), row | {"race_name": None})),
            row["session_category"],
            _driver(history, links, row["driver_id"]),
            _value(row),
            written(row["column_name"], row["jolpica_value"]),
            written(row["column_name"], row["openf1_value"]),
            used.get(_key(row), NONE),
            why(row),
        )
        for row in listed
    ]
    caption = f"Each difference with the value of both sources: {counted(len(listed), 'row')}"
    if omitted:
        caption += f"; without {', '.join(omitted)}"
    columns = ("Race", "Session", "Driver", "Value", "Jolpica", "OpenF1", "Shown", "Why")
    return Table(caption, columns, cells, text=(0, 1, 2, 3, 6, 7), is_folded=len(cells) > MAX_OPEN)


def _used(history: History, season: int) -> Mapping[tuple[object, ...], str]:
    """(season, round, session category, driver, column) → the source whose value gold has."""
    found = _sources(history.results_of(season=season), history.qualifying_sources(season=season))
    for (year, number), race in history.races.items():
        if year == season and race["race_start_source"]:
            found[year, number, "Race", None, "race_date"] = source_name(race["race_start_source"])
    return found


def _sources(results: Iterable[Row], qualifying: Iterable[Row]) -> dict[tuple[object, ...], str]:
    """The sources of the values of results, by `_key`."""
    return {
        _key(row | {"column_name": column}): source_name(row[source])
        for row in (*results, *qualifying)
        for column, (_, source) in VALUES.items()
        if row.get(source)
    }


def _key(row: Row) -> tuple[object, ...]:
    return (row["season"], row["round_number"], row["session_category"], row["driver_id"], row["column_name"])


def _driver(history: History, links: Links, driver: str | None) -> object:
    if driver is None:
        return NONE
    known = history.people.get(driver)
    return links.driver(driver, known["full_name"] if known else driver)


def _value(row: Row) -> str:
    name = VALUES.get(row["column_name"], (row["column_name"],))[0]
    return f"{name}, lap {row['item_number']}" if row["item_number"] is not None else name
