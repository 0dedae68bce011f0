"""Fingerprints: hashes of the rows that a page is rendered from. A page whose fingerprint has not changed is not rendered again.

Belongs here: which tables of gold a page depends on. Does not belong here: what the page shows of them.
"""

import hashlib

from f1_lakehouse.site.queries import CIRCUIT_PAGES_SQL, DRIVERS_SQL, Gold

SESSION_TABLES = (
    "dim_sessions",
    "driver_session_summary",
    "fact_laps",
    "fact_pit_stops",
    "fact_race_control",
    "fact_results",
    "fact_stints",
    "fact_weather",
    "lap_chart",
    "race_effects",
    "race_pace",
    "result_revisions",
    "session_leaderboard",
    "steady_pace_gaps",
)
"""The tables behind the page of a session, except names, source changes and telemetry."""

SEASON_TABLES = (
    "dim_meetings",
    "dim_races",
    "dim_team_seasons",
    "championship_progression",
    "season_sources",
    "source_reconciliation",
    "team_round_pace",
    "teammate_head_to_head",
    "teammate_history",
)
"""The tables behind the page of a season, in addition to its results and those of its sessions."""

_POLES = "(from fact_qualifying where is_pole)"
_NAMES = """(
    select r.season, r.driver_id, p.full_name, p.family_name
    from (select distinct season, driver_id from fact_race_results) as r join dim_people as p using (driver_id)
)"""
_LINEAGE = "(select a.constructor_id as of_constructor, b.* from dim_constructors as a join dim_constructors as b using (team_id))"

FAMILY_TABLES = {
    "seasons": [
        *((table, "season") for table in SEASON_TABLES),
        ("fact_qualifying", "season"),
        (_NAMES, "season"),
    ],
    "drivers": [
        ("dim_people", "driver_id"),
        (_POLES, "driver_id"),
        ("(from season_summary where entrant_type = 'driver')", "entrant_id"),
        ("(from career_summary where entrant_type = 'driver')", "entrant_id"),
        ("teammate_history", "driver_id"),
        ("teammate_history", "teammate_id"),
        ("driver_profiles", "driver_id"),
        ("driver_profiles_career", "driver_id"),
        ("(from source_reconciliation where column_name <> 'lap_time_s')", "driver_id"),
        (
            "(select season, round_number, driver_id, position_source, times_source from fact_qualifying)",
            "driver_id",
        ),
    ],
    "constructors": [
        (_LINEAGE, "of_constructor"),
        (_POLES, "constructor_id"),
        ("(from season_summary where entrant_type = 'constructor')", "entrant_id"),
        ("(from career_summary where entrant_type = 'constructor')", "entrant_id"),
        ("driver_constructor_summary", "constructor_id"),
    ],
    "circuits": [
        ("dim_circuits", "circuit_id"),
        (_POLES, "circuit_id"),
        ("circuit_summary", "circuit_id"),
        ("circuit_lap_records", "circuit_id"),
    ],
}
"""Family of pages → the tables behind them, each with the column that names the page; each has fact_race_results in addition."""

FAMILY_KEYS = {
    "seasons": "season",
    "drivers": "driver_id",
    "constructors": "constructor_id",
    "circuits": "circuit_id",
}
"""Family of pages → the column of fact_race_results that names the page."""


def session_fingerprints(gold: Gold) -> dict[int, str]:
    """Session key → a hash of all rows in gold behind the session's page."""
    parts: dict[int, list[str]] = {}
    drivers = f"({DRIVERS_SQL})"
    changes = (
        "(select cast(entity_id as integer) as session_key, * from source_changes where entity = 'session')"
    )
    meetings = "(select s.session_key, m.* from dim_sessions as s join dim_meetings as m using (meeting_key))"
    corners = "(select s.session_key, c.* from dim_sessions as s join circuit_corners as c using (season, circuit_key))"
    forecasts = ("pit_wall",) if gold.has_forecasts else ()
    for source in (
        *SESSION_TABLES,
        *forecasts,
        drivers,
        f"({CIRCUIT_PAGES_SQL})",
        changes,
        meetings,
        corners,
    ):
        # A sum and not an exclusive or, in which equal rows would cancel each other out.
        for row in gold.select(
            f"select session_key, count(*) || '-' || sum(hash(t)::hugeint) as digest from {source} as t group by 1"
        ):
            parts.setdefault(row["session_key"], []).append(f"{source}:{row['digest']}")
    for key, built_from in gold.telemetry_sessions.items():
        parts.setdefault(key, []).append(f"telemetry:{built_from}")
    return {one.key: _digest(*parts.get(one.key, ())) for one in gold.sessions}


def forecasts_fingerprint(gold: Gold) -> str:
    """A hash of the record of the forecasts; empty without forecasts."""
    return _digest(*map(str, (*gold.scorecard(), *gold.calibration()))) if gold.has_forecasts else ""


def history_fingerprints(gold: Gold) -> dict[str, dict[object, str]]:
    """Family → season, driver, constructor or circuit → a hash of all rows behind its page, without those of sessions."""
    addresses = {one.key: one.page for one in gold.sessions}
    [counted] = gold.select("select count(*) as results from fact_race_results")
    found: dict[str, dict[object, str]] = {}
    for family, tables in FAMILY_TABLES.items():
        key = FAMILY_KEYS[family]
        if not counted["results"] and family != "seasons":
            found[family] = {}
            continue
        # The names of circuits are on each page, the rest of their rows changes with every race.
        circuits = (
            f"(select r.{key}, c.circuit_id, c.circuit_name from fact_race_results as r join dim_circuits as c using (circuit_id))"
            if key != "circuit_id"
            else "dim_circuits"
        )
        parts: dict[object, list[str]] = {}
        for source, column in [*tables, ("fact_race_results", key), (circuits, key)]:
            for row in gold.select(
                f"select {column} as key, count(*) || '-' || sum(hash(t)::hugeint) as digest from {source} as t group by 1"
            ):
                parts.setdefault(row["key"], []).append(f"{source}:{row['digest']}")
        for row in gold.select(
            f"select {key} as key, list(distinct session_key order by session_key) as sessions "
            "from fact_race_results where session_key is not null group by 1"
        ):
            parts[row["key"]] += [addresses[one] for one in row["sessions"] if one in addresses]
        found[family] = {key: _digest(*values) for key, values in parts.items()}
    return found


def table_fingerprint(gold: Gold, *tables: str) -> str:
    """A hash of all rows of some tables."""
    parts = []
    for table in tables:
        [row] = gold.select(f"select count(*) || '-' || sum(hash(t)::hugeint) as digest from {table} as t")
        parts.append(f"{table}:{row['digest']}")
    return _digest(*parts)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
