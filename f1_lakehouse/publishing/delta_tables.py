"""The tables that a query can read next to `gold.duckdb`: gold tables that are published as Delta only, and the logs.

Belongs here: registering them on a connection. Does not belong here: running queries (cli/query.py, api/).
"""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from f1_lakehouse.lake_paths import LakePaths
from f1_lakehouse.publishing.gold_file import PublishError
from f1_lakehouse.publishing.table_state import DELTA_ONLY

if TYPE_CHECKING:
    import pyarrow as pa


TABLES_NEXT_TO_GOLD = {
    **dict.fromkeys(sorted(DELTA_ONLY), "published as Delta"),
    **dict.fromkeys(("runs", "alerts", "pulls"), "a log of this lake"),
}
"""The tables outside `gold.duckdb` → what they are."""


def add_tables(con: duckdb.DuckDBPyConnection, settings: LakePaths, query: str) -> set[str]:
    """Register the Delta tables that a query names, and return the names of those that exist.

    A log exists before it has a row, so that it can be queried; a gold table that was not built does not.

    Raises:
        PublishError: this user cannot read a table.
    """
    named = [table for table in TABLES_NEXT_TO_GOLD if re.search(rf"\b{table}\b", query, re.IGNORECASE)]
    if not named:
        return set()
    # Only here: a query on gold.duckdb needs neither deltalake nor Arrow, which take 0.2 s to import.
    from deltalake import DeltaTable

    from f1_lakehouse.storage.delta import scan, with_columns

    found = set()
    for table in named:
        uri = _uri(settings, table)
        schema = _log_schema(table)
        if DeltaTable.is_deltatable(uri):
            con.register(table, with_columns(scan(DeltaTable(uri)), schema))
        elif not all(
            os.access(folder, os.R_OK | os.X_OK)
            for folder in (Path(uri).parent, Path(uri))
            if folder.exists()
        ):
            raise PublishError(f"{uri}: permission denied; use an account with read access to it")
        elif schema is not None:
            con.register(table, schema.empty_table())
        else:
            continue
        found.add(table)
    return found


def _uri(settings: LakePaths, table: str) -> str:
    if table in DELTA_ONLY:
        return f"{settings.published_tables}/{table}"
    return f"{settings.bronze}/_pulls" if table == "pulls" else f"{settings.records}/{table}"


def _log_schema(table: str) -> "pa.Schema | None":
    """The schema of a log; None for a gold table."""
    from f1_lakehouse.observability.notifications import SCHEMA as ALERTS
    from f1_lakehouse.observability.run_log import SCHEMA as RUNS
    from f1_lakehouse.storage.pull_log import SCHEMA as PULLS

    return {"runs": RUNS, "alerts": ALERTS, "pulls": PULLS}.get(table)
