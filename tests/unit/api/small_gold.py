"""A small published file: the race of Singapore 2024 with three drivers, and a calendar with sessions that are not loaded."""

from pathlib import Path

import duckdb
import pyarrow as pa
from calendar_2024 import calendar

SINGAPORE = next(one for one in calendar() if one.meeting_name.startswith("Singapore") and one.kind == "R")
DRIVERS = (
    (4, "lando-norris", "NOR", "Lando NORRIS", "McLaren"),
    (44, "lewis-hamilton", "HAM", "Lewis HAMILTON", "Mercedes"),
    (27, "nico-hulkenberg", "HUL", "Nico HÜLKENBERG", "Haas"),
)
BY_DRIVER = ("fact_stints", "fact_pit_stops")
BY_TIME = ("fact_weather", "fact_race_control")


def publish(root: Path, *, laps: int = 3) -> None:
    """Write `gold.duckdb` as a publication does: to another file, then renamed."""
    new = root / "new.duckdb"
    sessions = [
        {
            "date_start": one.start.replace(tzinfo=None),
            "session_key": one.key,
            "season": one.season,
            "meeting_key": one.meeting_key,
            "session_name": one.session_name,
            "meeting_name": one.meeting_name,
            "location": one.location,
            "circuit_short_name": one.circuit,
            "country_name": one.country_name,
            "country_code": one.country_code,
            "round_number": one.round_number,
            "is_cancelled": one.is_cancelled,
        }
        for one in calendar()
    ]
    with duckdb.connect(str(new)) as con:
        con.execute("create schema meta")
        con.register("sessions", pa.Table.from_pylist(sessions))
        con.execute("create table dim_sessions as from sessions")
        drivers = f"(values {', '.join(map(str, DRIVERS))}) d(driver_number, driver_id, name_acronym, full_name, team_name)"
        key = f"{SINGAPORE.key} as session_key"
        con.execute(
            f"create table fact_results as select {key}, *, row_number() over () as position from {drivers}"
        )
        con.execute(
            f"create table fact_laps as select {key}, d.*, n::int as lap_number, 90.0 + n as lap_duration, "
            f"n > 1 as is_valid_lap from {drivers}, range(1, {laps + 1}) r(n)"
        )
        for table in BY_DRIVER:
            con.execute(
                f"create table {table} as select {key}, driver_number, 1 as stint_number, 2 as lap_number from {drivers}"
            )
        for table in BY_TIME:
            con.execute(f"create table {table} as select {key}, timestamp '2024-09-22 12:00:00' as date")
        con.execute(
            f"create table dim_drivers as select *, timestamp '2024-01-01' as valid_from from {drivers}"
        )
        con.execute("comment on table fact_laps is 'One row per driver and lap'")
    new.replace(root / "gold.duckdb")
