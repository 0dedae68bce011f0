"""The engine that builds silver and gold, as the build, its checks and publish use it.

Belongs here: the interface. Which engine that is, and the switch to another one, is in engine_choice.py; DuckDB is in duckdb_engine.py, an
engine behind Spark Connect in spark_engine.py.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Protocol

import duckdb

from f1_lakehouse.dbt.data_tests import DataTestResult
from f1_lakehouse.errors import F1LakehouseError
from f1_lakehouse.publishing.built_tables import BuiltTables

MEMORY = (
    ("snapshots", "driver_snapshot"),
    ("snapshots", "session_snapshot"),
    ("gold", "data_quality_metrics"),
)
"""The tables with rows of earlier builds that cannot be made again from bronze. A test compares the list with the project."""


class EngineError(F1LakehouseError):
    """The engine cannot be used; the message has the cause and the cure."""


class Engine(BuiltTables, Protocol):
    """An engine, with the tables that it has built of one lake."""

    dbt_arguments: tuple[str, ...]
    """Options of every dbt command that builds."""
    tests_after_build: bool
    """Whether most tests run when dbt has ended (`test_after_build`). Only such a build can leave out tables: dbt would leave out their tests."""

    def check_ready(self) -> None:
        """Raise an error with its cure (`EngineError`, `WarehouseError`) if a build cannot start."""

    def test_after_build(
        self, manifest: Mapping[str, Any], tests: Collection[Mapping[str, Any]], not_built: Collection[str]
    ) -> Iterator[DataTestResult]:
        """Run those of these tests that are not part of dbt's build; see `data_tests.run_data_tests`."""

    def row_counts(self) -> dict[tuple[str, ...], int]:
        """Return (schema, table) → rows, of silver, gold and snapshots."""

    def failing_rows(self) -> dict[str, list[dict[str, Any]]]:
        """Return the alias of each test that has failed → the first rows that failed it."""

    def drop_other_tables(self, made: Collection[tuple[str, str]]) -> None:
        """Drop the tables of silver and gold that are not in `made` (schema, name). Snapshots are not touched."""

    def tidy(self) -> None:
        """Remove the files that the last build has left behind, and that nothing reads any more."""

    def connect(self) -> duckdb.DuckDBPyConnection:
        """Open a connection with the tables of silver and gold in the schemas of these names."""

    def read_memory(self) -> dict[tuple[str, str], Any]:
        """Return the tables of `MEMORY` that there are, as Arrow tables; times are UTC."""

    def write_memory(self, tables: dict[tuple[str, str], Any]) -> None:
        """Replace the tables of `MEMORY` by these."""
