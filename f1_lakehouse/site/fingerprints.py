"""Fingerprints: hashes of the rows that a page is rendered from. A page whose fingerprint has not changed is not rendered again.

Belongs here: which tables of gold a page depends on. Does not belong here: what the page shows of them.
"""

import hashlib

from f1_lakehouse.site.queries import DRIVERS_SQL, Gold

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
    "race_pace",
    "result_revisions",
    "session_leaderboard",
    "steady_pace_gaps",
)
"""The tables behind the page of a session, except names, source changes and telemetry."""

SEASON_TABLES = ("dim_meetings", "championship_progression", "team_round_pace", "teammate_head_to_head")
"""The tables behind the page of a season, in addition to those of its sessions."""


def session_fingerprints(gold: Gold) -> dict[int, str]:
    """Session key → a hash of all rows in gold behind the session's page."""
    parts: dict[int, list[str]] = {}
    drivers = f"({DRIVERS_SQL})"
    changes = (
        "(select cast(entity_id as integer) as session_key, * from source_changes where entity = 'session')"
    )
    meetings = "(select s.session_key, m.* from dim_sessions as s join dim_meetings as m using (meeting_key))"
    forecasts = ("pit_wall",) if gold.has_forecasts else ()
    for source in (*SESSION_TABLES, *forecasts, drivers, changes, meetings):
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


def season_fingerprint(gold: Gold, season: int) -> str:
    """A hash of the rows behind the season's page, without those of its sessions."""
    parts = []
    for table in SEASON_TABLES:
        [row] = gold.select(
            f"select count(*) || '-' || sum(hash(t)::hugeint) as digest from {table} as t where season = ?",
            season,
        )
        parts.append(f"{table}:{row['digest']}")
    return _digest(*parts)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
