"""The states of one lake, recorded once for all dbt tests: first load, nothing new, corrections, a rebuild.

dbt is slow to start, so each test reads a recorded state.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jolpica_rows
import scenario_rows
from dbt_lake import Lake

from f1_lakehouse.dbt.build_selection import unchanged_tables
from f1_lakehouse.dbt.data_tests import EXCLUDED_FROM_BUILD, data_tests_of, run_data_tests
from f1_lakehouse.storage.pull_log import PullLog

NO_TESTS = ("--exclude-resource-type", "unit_test", "test")
AFTER_BUILD = ("--exclude", EXCLUDED_FROM_BUILD)
NO_JSON = "--no-write-json"
"""Without dbt's artifacts, which take 3 s to write and which only the first build is asked for."""
ACCUMULATED = ("--select", "+config.materialized:incremental", "+data_quality_metrics", "+source_changes")
"""The models whose tables depend on earlier runs, with all that they read: all others are replaced by each run."""
Tables = dict[str, list[str]]


@dataclass
class LakeStates:
    """Node statuses, tables, compiled SQL and query results, by the name of the state."""

    statuses: dict[str, dict[str, str]] = field(default_factory=dict)
    tables: dict[str, Tables] = field(default_factory=dict)
    compiled: dict[str, dict[str, str]] = field(default_factory=dict)
    telemetry: dict[str, dict[str, str]] = field(default_factory=dict)
    rows: dict[str, dict[str, list[tuple[Any, ...]]]] = field(default_factory=dict)
    manifest: dict[str, Any] = field(default_factory=dict)
    loaded_at: datetime | None = None
    """After the pulls of the first load, before the corrections."""


QUERIES = {
    "laps of 102": "select driver_number, lap_number, lap_duration from silver.silver_laps where session_key = 102",
    "positions": "select count(*) from silver.silver_positions where session_key = 102",
    "radio": "select count(*) from silver.silver_team_radio",
    "stints": "select count(*) from silver.silver_stints",
    "leaderboard": """
        select position, driver_number, fastest_lap_time, fastest_lap_number, classified_position
        from gold.session_leaderboard where session_key = 102 order by position""",
    "fact_laps": """
        select driver_number, lap_number, driver_lap_rank, session_lap_time_rank, compound, track_status,
               position_at_lap_end, max_speed
        from gold.fact_laps where session_key = 102 order by 1, 2""",
    "results": """
        select driver_number, position, status, grid_position, positions_gained, laps_down
        from gold.fact_results where session_key = 102 order by position""",
    "teams of 43": """
        select session_key, driver_id, team_name from gold.fact_laps where driver_number = 43 group by all order by 1""",
    "drivers of 50": "select session_key, driver_id from silver.silver_drivers where driver_number = 50 order by 1",
    "periods of colapinto": """
        select team_id, cast(valid_from as date)::text, cast(valid_to as date)::text, is_current
        from gold.dim_drivers where driver_id = 'franco-colapinto' order by valid_from""",
    "teams": "select team_id, team_rank, fastest_lap_time, intra_team_gap from gold.team_performance "
    "where session_key = 102 order by team_rank, team_id",
    "summary": "select driver_number, total_laps, valid_laps, theoretical_best_lap, top_speed "
    "from gold.driver_session_summary where session_key = 102 order by 1",
    "revisions of 81": """
        select revision, change, changed_columns, gap_to_leader_s, is_current
        from gold.result_revisions where session_key = 102 and driver_number = 81 order by revision""",
    "changes": "select entity, entity_id, attribute, value from gold.source_changes order by 1, 2, 3",
    "states of 201": "select date_end, dbt_valid_to is null from snapshots.session_snapshot "
    "where session_key = 201 order by dbt_valid_from",
    "quality of laps": """
        select check_type, checked_rows, failed_rows, status from gold.data_quality_metrics
        where table_name = 'silver.silver_laps' order by run_date desc, check_type limit 3""",
    "days of quality": "select distinct run_date::text from gold.data_quality_metrics order by 1",
    "corners": "select circuit_id, corner_label, lap_distance_m, position_x from gold.circuit_corners order by 2",
    "rounds": "select season, meeting_name, round_number from gold.dim_meetings order by 1, 3 nulls first",
}


def record_states(lake: Lake) -> LakeStates:
    """Load, correct and rebuild a lake; return its states."""
    states = LakeStates()

    def record(state: str, statuses: dict[str, str]) -> None:
        states.statuses[state] = statuses
        states.tables[state] = lake.tables()
        states.compiled[state] = lake.compiled_silver()
        states.telemetry[state] = lake.compiled_telemetry()
        states.rows[state] = {name: lake.query(sql) for name, sql in QUERIES.items()}

    start = lake.now
    for endpoint, scope, season, rows in jolpica_rows.first_pulls():
        lake.pull(endpoint, scope, season, rows)
    lake.pull("multiviewer_corners", 2024, 2024, scenario_rows.CORNERS)
    lake.now = start  # the days of OpenF1's pulls do not depend on the number of resources of Jolpica
    for endpoint, scope, season, rows in scenario_rows.first_pulls():
        lake.pull(endpoint, scope, season, rows)
    states.loaded_at = lake.now
    built = lake.dbt("build", *AFTER_BUILD)
    states.manifest = lake.manifest()
    parsed = lake.parsed()
    tests = data_tests_of(parsed)
    states.manifest["nodes"] |= {test["unique_id"]: test for test in tests}
    results = run_data_tests(parsed, lake.warehouse, tests, [])
    record("first load", built | {result.test["name"]: result.status for result in results})
    record("nothing new", lake.dbt("run", *ACCUMULATED, NO_JSON))

    lake.now += timedelta(days=7)
    before = PullLog(str(lake.bronze / "_pulls")).versions()

    race = [row for row in scenario_rows.LAPS[102] if (row["driver_number"], row["lap_number"]) != (81, 3)]
    race = [
        row | {"lap_duration": 93.0} | scenario_rows.sectors(31.0, 30.0, 32.0)
        if row["driver_number"] == 4 and row["lap_number"] == 3
        else row
        for row in race
    ]
    read_before = list((lake.bronze / "laps").rglob("*.parquet"))
    lake.pull("laps", 102, 2024, race)
    results = [
        row | {"gap_to_leader": 21.945} if row["driver_number"] == 81 else row
        for row in scenario_rows.RESULTS[102]
    ]
    lake.pull("session_result", 102, 2024, scenario_rows.of(102, results))
    sessions = [row | {"date_end": "2025-10-05T14:30:00+00:00"} for row in scenario_rows.SESSIONS[2025]]
    lake.pull("sessions", 2025, 2025, sessions)
    lake.pull("position", 102, 2024, [], "emptied")
    lake.pull("team_radio", 102, 2024, [], "empty_unconfirmed")
    lake.pull("stints", 102, 2024, [], "failed")
    lake.pull("weather", 102, 2024, [{}], "unchanged")
    lake.pull("intervals", 201, 2025, [], "empty")
    # As f1 does: tables that are made only from endpoints without new current pulls are left out.
    after = PullLog(str(lake.bronze / "_pulls")).versions()
    left_out = unchanged_tables(parsed, {one for one in after if after[one] != before.get(one)})
    paths = [".".join(parsed["nodes"][one]["fqn"]) for one in left_out]
    assert len(paths) > 20
    with out_of_reach(read_before):
        record("corrected", lake.dbt("build", *NO_TESTS, NO_JSON, "--exclude", *paths))
    record("rebuilt", lake.dbt("run", "--full-refresh", NO_JSON))
    return states


@contextmanager
def out_of_reach(files: list[Path]) -> Iterator[None]:
    """Rename the files for the duration of the context."""
    for file in files:
        file.rename(file.with_suffix(".away"))
    yield
    for file in files:
        file.with_suffix(".away").rename(file)
