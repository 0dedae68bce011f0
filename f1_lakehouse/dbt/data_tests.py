"""dbt's data tests as queries on the warehouse that a build has left.

Belongs here: which tests run here, in which order, and what their results are. What a test queries, its severity and its thresholds are in
dbt's manifest: the SQL is the one that dbt has compiled (manifest.py). A test as a node of dbt's build takes about 20 ms, and its query 1 ms
together with those of the other tests of its table. With 500 tests that is a third of a build. `dbt build` and `dbt test` run the same tests as
nodes, and a test compares their results with those of this module.

In dbt's build remain the tests of the models that a snapshot is built from (`meta: {after_build: false}`): a snapshot keeps what it has seen,
so rows that fail such a test must not get into it.
"""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import duckdb

from f1_lakehouse.dbt.build_selection import tables_made_from
from f1_lakehouse.dbt.warehouse import Limits, holds_much, limit_memory, release_memory
from f1_lakehouse.settings import DUCKDB_MEMORY

log = logging.getLogger(__name__)

EXCLUDED_FROM_BUILD = "config.meta.after_build:true"
"""dbt's selection of the tests that run here and not in `dbt build`."""
MAX_STORED_FAILURES = 1000
"""Failing rows of a test that are stored: var max_stored_failures of dbt_f1/dbt_project.yml."""
LIMITS = Limits(memory="64MiB", threads=2)
"""The memory of DuckDB for a test: what the largest tables need beyond it is on disk. A test that fails for lack of memory runs again with all
of the memory that a build may have."""


@dataclass(frozen=True)
class DataTestResult:
    """The result of a test.

    Attributes:
        test: the node of the test in dbt's manifest.
        status: `pass`, `warn`, `fail`, or `error` if the query itself failed.
        failures: the number of failing rows; None if the query failed.
        seconds: how long its query took; of tests that ran in one query, each has its share.
        error: why the query failed.
    """

    test: Mapping[str, Any]
    status: str
    failures: int | None
    seconds: float
    error: str = ""

    @property
    def stops_the_build(self) -> bool:
        """Return whether the tables must not be published."""
        return self.status in ("fail", "error")


def data_tests_of(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the tests of a manifest of dbt that run here."""
    nodes = manifest["nodes"].values()
    return [
        node
        for node in nodes
        if node["resource_type"] == "test" and node["config"]["meta"].get("after_build")
    ]


def run_data_tests(
    manifest: Mapping[str, Any],
    warehouse: Path,
    tests: Collection[Mapping[str, Any]],
    not_built: Collection[str],
    memory: str = DUCKDB_MEMORY,
) -> Iterator[DataTestResult]:
    """Run tests and store the rows that fail them, as dbt_f1/macros/store_failing_rows.sql does.

    As in `dbt build`, a table is not tested if it is made from the tables of a test that has failed: its faults are theirs.

    Args:
        manifest: dbt's manifest of the project, with the compiled SQL of the tests.
        warehouse: the file that dbt has built.
        tests: nodes of the manifest.
        not_built: unique ids of the tables that were to be built and were not, or that failed a test of dbt's build.
        memory: the memory that DuckDB may use for a test that `LIMITS` is too small for, as the setting `F1_DUCKDB_MEMORY`.

    Yields:
        the result of each test of a table that was built, tables in the order in which they are made.
    """
    made_from = tables_made_from(manifest)
    place = {table: number for number, table in enumerate(made_from)}
    by_last_table: dict[str, list[Mapping[str, Any]]] = {}
    for test in tests:
        if tables := test["depends_on"]["nodes"]:  # a test that reads no table tests code
            by_last_table.setdefault(max(tables, key=place.__getitem__), []).append(test)
    failed = [frozenset({table}) for table in not_built]
    database = next(iter(tests))["database"] if tests else ""
    with _opened(warehouse, database, memory) as con:
        stored = _stored_failures(con, database)
        limits = release_memory(con)
        limit_memory(con, LIMITS)
        for number, last in enumerate(sorted(by_last_table, key=place.__getitem__), start=1):
            step = {"event": "data_tests", "number": number, "total": len(by_last_table)}
            log.info("data tests of %s", last.rsplit(".", 1)[1], extra=step)
            if holds_much(con):
                release_memory(con, limits)
                limit_memory(con, LIMITS)
            due = [
                test
                for test in by_last_table[last]
                if not _is_left_out(frozenset(test["depends_on"]["nodes"]), not_built, failed, made_from)
            ]
            for counted in _run_together(con, due) or [_run(con, test, limits) for test in due]:
                result = _stored(con, counted, stored, limits)
                if result.stops_the_build:
                    failed.append(frozenset(result.test["depends_on"]["nodes"]))
                yield result


def _is_left_out(
    tables: frozenset[str],
    not_built: Collection[str],
    failed: Collection[frozenset[str]],
    made_from: Mapping[str, Set[str]],
) -> bool:
    """Return whether a test of these tables is not run: one was not built, or is made from the tables of a test that has failed."""
    return bool(tables & set(not_built)) or any(one <= made_from[table] for one in failed for table in tables)


@contextmanager
def _opened(warehouse: Path, database: str, memory: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the file under the name that the compiled SQL has for it, which is the name that it has in a lake."""
    with duckdb.connect(config={"temp_directory": f"{warehouse}.tmp", "memory_limit": memory}) as con:
        con.execute("set timezone = 'UTC'")
        if database:
            path = str(warehouse).replace("'", "''")
            con.execute(f"attach '{path}' as \"{database}\"")
            con.execute(f'use "{database}"')
        yield con


def _stored_failures(con: duckdb.DuckDBPyConnection, database: str) -> set[str]:
    """Return the tests that failed in an earlier build, so that their rows are stored."""
    rows = con.execute(
        "select table_name from duckdb_tables() where schema_name = 'failures' and database_name = ?",
        [database],
    )
    return {name for (name,) in rows.fetchall()}


def _run_together(con: duckdb.DuckDBPyConnection, tests: Sequence[Mapping[str, Any]]) -> list[DataTestResult]:
    """Run tests in one query, which takes two thirds of the time of one for each; no results if the query of one of them fails."""
    if not tests:
        return []
    started = perf_counter()
    numbered = (f"select {number} as test, * from ({_query(test)}\n)" for number, test in enumerate(tests))
    try:
        found = con.execute(" union all ".join(numbered)).fetchall()
    except duckdb.Error:
        return []
    share = (perf_counter() - started) / len(tests)
    return [_result(tests[number], counts, share) for number, *counts in sorted(found)]


def _run(con: duckdb.DuckDBPyConnection, test: Mapping[str, Any], most: Limits) -> DataTestResult:
    """Run one test."""
    started = perf_counter()
    try:
        [counts] = _executed(con, _query(test), most)
    except duckdb.Error as error:
        return DataTestResult(test, "error", None, perf_counter() - started, str(error))
    return _result(test, counts, perf_counter() - started)


def _executed(con: duckdb.DuckDBPyConnection, statement: str, most: Limits) -> list[Any]:
    """Return the rows of a statement, which runs again with `most` if the memory is too small for it."""
    try:
        return con.execute(statement).fetchall()
    except duckdb.OutOfMemoryException:
        release_memory(con, most)
        rows = con.execute(statement).fetchall()
        limit_memory(con, LIMITS)
        return rows


def _query(test: Mapping[str, Any]) -> str:
    """Return the query of one row: failing rows, and whether the test warns and fails, as `execute_data_test` of dbt-core defines it."""
    config = test["config"]
    count = config["fail_calc"]
    return (
        f"select {count} as failures, {count} {config['warn_if']} as warns, {count} {config['error_if']} as fails "
        f"from ({_failing(test)}) as failing"
    )


def _failing(test: Mapping[str, Any]) -> str:
    """Return the query of the failing rows."""
    limit = test["config"]["limit"]
    return f"select * from ({test['compiled_code']}\n) as failing" + (
        f" limit {limit}" if limit is not None else ""
    )


def _result(test: Mapping[str, Any], counts: Sequence[Any], seconds: float) -> DataTestResult:
    failures, warns, fails = counts
    if test["config"]["severity"].lower() == "error" and fails:
        return DataTestResult(test, "fail", failures, seconds)
    return DataTestResult(test, "warn" if warns else "pass", failures, seconds)


def _stored(
    con: duckdb.DuckDBPyConnection, result: DataTestResult, stored: Collection[str], most: Limits
) -> DataTestResult:
    """Keep the rows that failed a test until it passes. Return the result: an error if they cannot be kept."""
    test = result.test
    schema = f'"{test["database"]}"."{test["schema"]}"'
    table = f'{schema}."{test["alias"]}"'
    failing = f"from ({_failing(test)}) limit {MAX_STORED_FAILURES}"
    try:
        if result.failures:
            con.execute(f"create schema if not exists {schema}")
            _executed(con, f"create or replace table {table} as {failing}", most)
        elif result.failures == 0 and test["alias"] in stored:
            con.execute(f"drop table if exists {table}")
    except duckdb.Error as error:
        return replace(result, status="error", failures=None, error=str(error))
    return result
