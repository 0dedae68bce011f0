"""What a lake promises its readers, as numbers, and whether it keeps to it: how long a load takes, how fast gold answers.

That gold is fresh is judged by freshness.py.
"""

import time
from collections.abc import Iterable
from datetime import datetime, timedelta

from f1_lakehouse.observability.health import SLOW
from f1_lakehouse.observability.run_log import Run
from f1_lakehouse.publishing.publish import connect_gold, gold_schema
from f1_lakehouse.settings import Settings

LOOKED_AT = timedelta(days=7)
ANSWER_WITHIN = timedelta(milliseconds=500)
"""The longest that the rows of one session in one table of published gold should take."""


def slow_runs(runs: Iterable[Run], now: datetime) -> list[Run]:
    """The loads and transforms of the last week that took longer than they should."""
    return [
        run
        for run in runs
        if run.job in ("ingest", "transform")
        and now - run.ended_at <= LOOKED_AT
        and run.ended_at - run.started_at > SLOW
    ]


def answer_times(settings: Settings) -> dict[str, float]:
    """Seconds that the newest session's rows of each published table took to read, the better of two; slowest first."""
    with connect_gold(settings) as con:
        newest = con.execute(
            "select session_key from dim_sessions semi join fact_laps using (session_key) order by date_start desc limit 1"
        ).fetchall()
        tables = con.execute(
            "select table_name from duckdb_columns() where database_name = 'gold' and schema_name = ? "
            "and column_name = 'session_key'",
            [gold_schema(con)],
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
