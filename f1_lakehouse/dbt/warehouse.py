"""The pipeline's DuckDB file between two dbt commands: what a build has left in it.

Only while no dbt process runs: DuckDB allows one process to write. What is published from the file is in publishing/.
"""

import contextlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from f1_lakehouse.errors import F1LakehouseError

MAX_FAILING_ROWS = 20
"""Failing rows of a test that are read."""
MEMORY_BETWEEN_QUERIES = "64MiB"
"""The memory that DuckDB may keep of what one model or the tests of a table have read until the next one."""


class WarehouseError(F1LakehouseError):
    """The warehouse cannot be opened. `is_damaged`: retrying does not help."""

    def __init__(self, message: str, *, is_damaged: bool) -> None:
        super().__init__(message)
        self.is_damaged = is_damaged


@dataclass(frozen=True)
class Limits:
    """Memory and threads of a DuckDB, as its settings."""

    memory: str
    threads: int


def release_memory(con: Any, limits: Limits | None = None) -> Limits:
    """Let DuckDB release what it has read, and return its limits, which are as they were.

    DuckDB keeps what it has read until memory is short, and so needs more with every season. A limit while a query runs would be too small
    for some. `limits`: the value that an earlier call returned, which a model may have changed (dbt_f1/macros/limit_memory.sql); DuckDB
    rounds the value that it shows down.
    """
    if limits is None:
        query = "select current_setting('memory_limit'), current_setting('threads')"
        limits = Limits(*con.execute(query).fetchone())
    with contextlib.suppress(duckdb.OutOfMemoryException):  # memory in use is not released
        con.execute(f"set memory_limit = '{MEMORY_BETWEEN_QUERIES}'")
    con.execute(f"set memory_limit = '{limits.memory}'")
    con.execute(f"set threads = {limits.threads}")
    return limits


def holds_much(con: Any) -> bool:
    """Return whether DuckDB holds more than it may keep between two queries: only then is there something to release."""
    query = "select sum(memory_usage_bytes) > parse_formatted_bytes(?) from duckdb_memory()"
    [(holds,)] = con.execute(query, [MEMORY_BETWEEN_QUERIES]).fetchall()
    return bool(holds)


def limit_memory(con: Any, limits: Limits) -> None:
    """Limit DuckDB until `release_memory`; a smaller limit that it has stays."""
    con.execute(f"set threads = {limits.threads}")
    [(least,)] = con.execute(
        "select least(parse_formatted_bytes(current_setting('memory_limit')), parse_formatted_bytes(?))",
        [limits.memory],
    ).fetchall()
    with contextlib.suppress(duckdb.OutOfMemoryException):  # memory in use is not released
        con.execute(f"set memory_limit = '{least}B'")


def check_readable(warehouse: Path) -> None:
    """Open and close the file, if there is one.

    Raises:
        WarehouseError: another process has it open, or it is damaged.
    """
    if not warehouse.exists():
        return
    try:
        duckdb.connect(str(warehouse)).close()
    except duckdb.Error as error:
        if "lock" in str(error).lower():
            raise WarehouseError(
                f"another process holds {warehouse} open: close it and try again", is_damaged=False
            ) from error
        raise WarehouseError(
            f"{warehouse} is damaged: remove it and its .wal, and run f1 transform; everything but the snapshots is rebuilt from bronze",
            is_damaged=True,
        ) from error


def drop_other_tables(warehouse: Path, made: Collection[tuple[str, str]]) -> None:
    """Drop the tables of silver and gold that are not in `made` (schema, name).

    Every table of gold is published, and a table of an earlier version of the project would stay as it was. Snapshots are not touched.
    """
    with duckdb.connect(str(warehouse)) as con:
        tables = con.execute(
            "select schema_name, table_name from duckdb_tables() where schema_name in ('silver', 'gold')"
        ).fetchall()
        for schema, table in sorted(set(tables) - set(made)):
            con.execute(f'drop table "{schema}"."{table}"')


def row_counts(warehouse: Path) -> dict[tuple[str, ...], int]:
    """Return (schema, table) → rows, of silver, gold and snapshots."""
    if not warehouse.exists():
        return {}
    with duckdb.connect(str(warehouse), read_only=True) as con:
        tables = con.execute(
            "select schema_name, table_name from duckdb_tables() where schema_name in ('silver', 'gold', 'snapshots')"
        ).fetchall()
        return {
            (schema, table): con.execute(f'select count(*) from "{schema}"."{table}"').fetchall()[0][0]
            for schema, table in tables
        }


def failing_rows(warehouse: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the alias of each failed test → the first rows that failed it; dbt_f1/macros/store_failing_rows.sql stores them."""
    if not warehouse.exists():
        return {}
    with duckdb.connect(str(warehouse), read_only=True) as con:
        tables = con.execute(
            "select table_name from duckdb_tables() where schema_name = 'failures'"
        ).fetchall()
        found = {}
        for (table,) in tables:
            rows = con.execute(f'select * from failures."{table}" limit {MAX_FAILING_ROWS}')
            names = [column for column, *_ in rows.description]
            found[table] = [dict(zip(names, row, strict=True)) for row in rows.fetchall()]
        return found
