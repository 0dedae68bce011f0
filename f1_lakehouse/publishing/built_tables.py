"""Where the tables that publish reads have been built: the attached database `warehouse`, whichever engine built them.

Belongs here: the interface, and the default engine's file. The tables of an engine behind Spark Connect are read in dbt/spark_engine.py.
"""

from typing import Protocol

import duckdb

from f1_lakehouse.lake_paths import LakePaths


class BuiltTables(Protocol):
    """The tables of the last build."""

    def exist(self) -> bool:
        """Return whether anything was built."""

    def attach(self, con: duckdb.DuckDBPyConnection) -> None:
        """Attach the database `warehouse`, with the tables of gold in its schema `gold`, as tables or views with their descriptions.

        Raises:
            PublishError: a table is not what its contract says.
        """

    def cursor(self, con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
        """Return a second cursor of such a connection, which can read the same tables."""


class WarehouseFile:
    """The tables in `warehouse.duckdb`."""

    def __init__(self, settings: LakePaths) -> None:
        self._file = settings.warehouse

    def exist(self) -> bool:
        """See `BuiltTables`."""
        return self._file.exists()

    def attach(self, con: duckdb.DuckDBPyConnection) -> None:
        """See `BuiltTables`."""
        text = str(self._file).replace("'", "''")
        con.execute(f"attach '{text}' as warehouse (read_only)")

    def cursor(self, con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
        """See `BuiltTables`."""
        return con.cursor()
