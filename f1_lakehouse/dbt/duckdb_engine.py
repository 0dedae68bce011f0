"""The engine `duckdb`, the default: dbt runs in this machine's memory, and its tables are in `warehouse.duckdb`.

Belongs here: how the interface of an engine is made from that file. What a build leaves in the file is read in warehouse.py.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import duckdb

from f1_lakehouse.dbt import warehouse
from f1_lakehouse.dbt.data_tests import DataTestResult, run_data_tests
from f1_lakehouse.dbt.engine import MEMORY
from f1_lakehouse.publishing.built_tables import WarehouseFile
from f1_lakehouse.settings import DUCKDB_MEMORY, Settings


class DuckDbEngine(WarehouseFile):
    """DuckDB, with all tables in `warehouse.duckdb`."""

    dbt_arguments: tuple[str, ...] = ()
    tests_after_build = True

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._memory = settings.duckdb_memory or DUCKDB_MEMORY

    def check_ready(self) -> None:
        """See `Engine`."""
        warehouse.check_readable(self._file)

    def test_after_build(
        self, manifest: Mapping[str, Any], tests: Collection[Mapping[str, Any]], not_built: Collection[str]
    ) -> Iterator[DataTestResult]:
        """See `Engine`."""
        return run_data_tests(manifest, self._file, tests, not_built, self._memory)

    def row_counts(self) -> dict[tuple[str, ...], int]:
        """See `Engine`."""
        return warehouse.row_counts(self._file)

    def failing_rows(self) -> dict[str, list[dict[str, Any]]]:
        """See `Engine`."""
        return warehouse.failing_rows(self._file)

    def drop_other_tables(self, made: Collection[tuple[str, str]]) -> None:
        """See `Engine`."""
        warehouse.drop_other_tables(self._file, made)

    def tidy(self) -> None:
        """See `Engine`. DuckDB uses the space of replaced tables again."""

    def connect(self) -> duckdb.DuckDBPyConnection:
        """See `Engine`."""
        return duckdb.connect(str(self._file), read_only=True)

    def read_memory(self) -> dict[tuple[str, str], Any]:
        """See `Engine`."""
        if not self.exist():
            return {}
        with self.connect() as con:
            there = con.execute("select schema_name, table_name from duckdb_tables()").fetchall()
            return {
                (schema, table): con.sql(f'select * from "{schema}"."{table}"').to_arrow_table()
                for schema, table in MEMORY
                if (schema, table) in there
            }

    def write_memory(self, tables: dict[tuple[str, str], Any]) -> None:
        """See `Engine`."""
        with duckdb.connect(str(self._file)) as con:
            con.execute("set timezone = 'UTC'")
            for (schema, table), rows in tables.items():
                con.register("moved", rows)
                # Silver and gold have plain UTC times.
                columns = [
                    f'"{name}" at time zone \'UTC\' as "{name}"' if "WITH TIME ZONE" in kind else f'"{name}"'
                    for name, kind, *_ in con.execute("describe moved").fetchall()
                ]
                con.execute(f'create schema if not exists "{schema}"')
                con.execute(
                    f'create or replace table "{schema}"."{table}" as select {", ".join(columns)} from moved'
                )
