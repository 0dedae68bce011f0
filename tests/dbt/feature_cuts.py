"""The SQL of lap_features, run on the tables of races, complete and cut off: after a lap, or before the later races.

The SQL is what dbt compiled, so that a change of the models is tested; no dbt runs here. A table of silver that a race does not need
is empty. Every table that the models may read is named here with how it is cut.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import duckdb

MODELS = ("int_timed_laps", "int_timed_lap_telemetry", "lap_features")
Rewrite = Callable[[str, str], str]
"""Changes the SQL of a model: (name, SQL) to SQL."""

BY_LAP = {"silver_laps", "silver_pit_stops"}
BY_DATE = {"silver_race_control", "silver_weather", "silver_car_data"}
HINDSIGHT = "int_laps"
"""Laps as they are known after the session. Only columns named hindsight_ may depend on it, and which laps there are."""
SELECTS_LAPS = "is_after_chequered_flag"
BEFORE_THE_RACE = {
    "silver_sessions",
    "silver_meetings",
    "int_session_drivers",
    "race_distances",
    "dim_splits",
}
"""What is known when a race starts: no cut changes it."""
ALLOWED = {*MODELS, *BY_LAP, *BY_DATE, HINDSIGHT, "silver_stints", *BEFORE_THE_RACE} - {"lap_features"}
OTHER_VALUES = {
    "BOOLEAN": "not coalesce({0}, false)",
    "VARCHAR": "coalesce({0}, '') || '?'",
    "TIMESTAMP": "coalesce({0}, timestamp '2000-01-01') + interval 1 day",
}
"""Type → another value of a column; of numbers one more."""


def compiled(manifest: dict[str, Any]) -> dict[str, str]:
    """Return the SQL of the models by name, for session 1 and without the name of the database."""
    changed = re.compile(
        r"select session_key, built_from\s+from \(values .*?\) as changed \(session_key, built_from\)( where 1 = 0)?",
        re.DOTALL,
    )
    found = {}
    for name in MODELS:
        code = manifest["nodes"][f"model.f1.{name}"]["compiled_code"]
        code, replaced = changed.subn("select distinct session_key, 'x' as built_from from raced", code)
        assert replaced == 1
        found[name] = re.sub(r'"[^"]+"\.("silver"|"gold")\.', r"\1.", code)
    return found


def features(
    con: duckdb.DuckDBPyConnection, sql: dict[str, str], rewrite: Rewrite = lambda _, code: code
) -> dict[tuple[int, int, int], dict[str, Any]]:
    """Build the models in the connection; return the rows of lap_features by session, driver and lap, without hindsight."""
    con.execute("create or replace temp view raced as select distinct session_key from silver.silver_laps")
    for name in MODELS:
        schema = "gold" if name == "lap_features" else "silver"
        con.execute(f"create or replace table {schema}.{name} as {rewrite(name, sql[name])}")
    cursor = con.execute("select * from gold.lap_features")
    names = [column[0] for column in cursor.description or []]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return {
        (row["session_key"], row["driver_number"], row["lap_number"]): {
            name: value
            for name, value in row.items()
            if not name.startswith("hindsight_") and name not in ("built_from", "pulled_at")
        }
        for row in rows
    }


def tables_read(sql: dict[str, str]) -> set[str]:
    """Return the tables of silver and gold that the models read."""
    return {name for code in sql.values() for name in re.findall(r'\b(?:silver|gold)"?\."?(\w+)', code)}


def cut_by_lap(con: duckdb.DuckDBPyConnection, lap: int) -> None:
    """Leave the laps up to a number, and events up to the end of the last of them."""
    con.execute(
        f"create or replace temp table until as select session_key, max(lap_ended_at) as t from gold.lap_features "
        f"where lap_number <= {lap} group by session_key"
    )
    for table in sorted(BY_LAP):
        con.execute(f"delete from silver.{table} where lap_number > {lap}")
    _cut_events(con, lap)


def cut_by_time(con: duckdb.DuckDBPyConnection, lap: int) -> None:
    """Leave what was known when the first car had completed a lap: a lap in progress has no row."""
    con.execute(
        f"create or replace temp table until as select session_key, min(lap_ended_at) as t from gold.lap_features "
        f"where lap_number = {lap} group by session_key"
    )
    con.execute(
        "delete from silver.silver_laps using until, gold.lap_features as f where silver_laps.session_key = until.session_key "
        "and f.session_key = silver_laps.session_key and f.driver_number = silver_laps.driver_number "
        "and f.lap_number = silver_laps.lap_number and coalesce(f.lap_ended_at, f.lap_started_at) > t"
    )
    con.execute(
        "delete from silver.silver_pit_stops using until where silver_pit_stops.session_key = until.session_key and date > t"
    )
    _cut_events(con, lap)


def cut_later_races(con: duckdb.DuckDBPyConnection, lap: int) -> None:
    """Leave the first race, complete."""
    con.execute(
        "create or replace temp table until as select session_key, max(lap_ended_at) as t from gold.lap_features "
        "where session_key = (select min_by(session_key, date_start) from silver.silver_sessions) group by session_key"
    )
    for table in sorted(
        BY_LAP | BY_DATE | {"silver_stints", HINDSIGHT, "silver_sessions", "int_session_drivers"}
    ):
        con.execute(f"delete from silver.{table} where session_key not in (select session_key from until)")
    _change_hindsight(con)


def _change_hindsight(con: duckdb.DuckDBPyConnection) -> None:
    """Give every column of the laps as known after the session another value."""
    columns = con.execute(f"describe silver.{HINDSIGHT}").fetchall()
    changes = [
        f"{name} = {OTHER_VALUES.get(kind.split('(')[0], 'coalesce({0}, 0) + 1').format(name)}"
        for name, kind, *_ in columns
        if name not in ("session_key", "driver_number", "lap_number", SELECTS_LAPS)
    ]
    con.execute(f"update silver.{HINDSIGHT} set {', '.join(changes)}")


def _cut_events(con: duckdb.DuckDBPyConnection, lap: int) -> None:
    for table in sorted(BY_DATE):
        con.execute(
            f"delete from silver.{table} using until where {table}.session_key = until.session_key and date > t"
        )
    con.execute(f"delete from silver.silver_stints where lap_start > {lap}")
    con.execute(f"update silver.silver_stints set lap_end = least(lap_end, {lap})")
    _change_hindsight(con)


def differences(
    con: duckdb.DuckDBPyConnection,
    sql: dict[str, str],
    cut: Callable[[duckdb.DuckDBPyConnection, int], None],
    laps: Sequence[int],
    rewrite: Rewrite = lambda _, code: code,
) -> set[str]:
    """Return the columns that differ between the complete race and the race cut off after a lap, in the rows up to the cut.

    The race is cut at each of the laps in turn. The tables of silver are changed in transactions that are rolled back.
    """
    found: set[str] = set()
    whole = features(con, sql, rewrite)
    for lap in laps:
        con.execute("begin")
        try:
            cut(con, lap)
            until = dict(con.execute("select session_key, t from until").fetchall())
            known = features(con, sql, rewrite)
        finally:
            con.execute("rollback")
        rows = {
            key: row
            for key, row in whole.items()
            if row["lap_number"] <= lap
            and row["lap_ended_at"]
            and until.get(key[0])
            and row["lap_ended_at"] <= until[key[0]]
        }
        assert rows
        found |= {
            name
            for key, row in rows.items()
            for name, value in row.items()
            if known.get(key, {}).get(name) != value
        }
    return found
