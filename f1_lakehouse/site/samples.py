"""Queries of the pages on the samples of published telemetry, which is in Delta and not in gold.duckdb.

Belongs here: SELECT statements on telemetry. Does not belong here: how a lap is drawn (`sections`).
"""

from f1_lakehouse.site.model import Session
from f1_lakehouse.site.queries import Gold, Row

_WHOLE_SAMPLE = "lap_number is not null and speed is not null and lap_distance_m is not null and lap_elapsed_s is not null"


def lap_telemetry(gold: Gold, session: Session, driver: int, lap: int) -> list[Row]:
    """The samples of one lap in the order of time; empty when there are none."""
    if session.key not in gold.telemetry_sessions:
        return []
    return gold.select(
        "select lap_elapsed_s, lap_distance_m, speed, throttle, brake, position_x, position_y "
        f"from {gold.telemetry} where session_key = ? and driver_number = ? and lap_number = ? order by date",
        session.key,
        driver,
        lap,
    )


def telemetry_laps(gold: Gold, session: Session) -> list[Row]:
    """Driver, number, time and compound of each timed lap of a session that has samples, with their number."""
    if session.key not in gold.telemetry_sessions:
        return []
    return gold.select(
        f"""
        with sampled as (
            select driver_number, lap_number, count(*) as samples from {gold.telemetry}
            where session_key = ? and {_WHOLE_SAMPLE} group by all
        )
        select laps.driver_number, laps.lap_number, laps.lap_duration, laps.compound, sampled.samples
        from fact_laps as laps join sampled using (driver_number, lap_number)
        where laps.session_key = ? and laps.lap_duration is not null
        order by laps.driver_number, laps.lap_number
        """,
        session.key,
        session.key,
    )


def driver_telemetry(gold: Gold, session: Session, driver: int) -> list[Row]:
    """The samples of each lap of a driver, as one list per value in the order of time: 1/100 s, m, km/h, %, brake, gear."""
    return gold.select(
        f"""
        select lap_number, list(cast(round(100 * lap_elapsed_s) as integer) order by date) as elapsed,
            list(cast(round(lap_distance_m) as integer) order by date) as distance, list(speed order by date) as speed,
            list(throttle order by date) as throttle, list(brake order by date) as brake, list(n_gear order by date) as n_gear
        from {gold.telemetry}
        where session_key = ? and driver_number = ? and {_WHOLE_SAMPLE}
        group by lap_number order by lap_number
        """,
        session.key,
        driver,
    )
