"""Service levels: how long a load may take, and how fast published gold must answer.

The freshness of gold is checked in quality/freshness.py.
"""

import time
from collections.abc import Iterable
from datetime import datetime, timedelta

import duckdb

from f1_lakehouse.observability.health import SLOW
from f1_lakehouse.observability.run_log import RunRecord

LOOKED_AT = timedelta(days=7)
ANSWER_WITHIN = timedelta(milliseconds=500)
"""The longest that the rows of one session in one table of published gold should take."""


def slow_runs(runs: Iterable[RunRecord], now: datetime) -> list[RunRecord]:
    """The loads and transforms of the last week that took longer than they should."""
    return [
        run
        for run in runs
        if run.job in ("ingest", "transform")
        and now - run.ended_at <= LOOKED_AT
        and run.ended_at - run.started_at > SLOW
    ]


def answer_times(con: duckdb.DuckDBPyConnection, schema: str) -> dict[str, float]:
    """Measure how long the rows of the newest session take to read from each table: seconds, the better of two reads; slowest first.

    Args:
        con: published gold, whose tables need no schema name.
        schema: the schema of its tables.
    """
    newest = con.execute(
        "select session_key from dim_sessions semi join fact_laps using (session_key) order by date_start desc limit 1"
    ).fetchall()
    tables = con.execute(
        "select table_name from duckdb_columns() where database_name = 'gold' and schema_name = ? "
        "and column_name = 'session_key'",
        [schema],
    ).fetchall()
    took = {}
    for (table,) in tables if newest else ():
        tries = []
        for _ in range(2):
            began = time.perf_counter()
            con.execute(f'select * from "{table}" where session_key = ?', newest[0]).fetchall()
            tries.append(time.perf_counter() - began)
        took[table] = min(tries)
    return dict(sorted(took.items(), key=lambda one: -one[1]))
