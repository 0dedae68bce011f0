"""What is the lakehouse's own in a dbt process: how it reads bronze, and what its DuckDB keeps in memory.

Each table of bronze is opened once a run, not at every mention of a source: all models see one and
the same ledger. Named in dbt_f1/profiles.yml; loaded by dbt, not by the lakehouse.
Which table a source is, the sources say; what is read of it, the models.
"""

import contextlib
from typing import Any

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt.adapters.duckdb.utils import SourceConfig
from deltalake import DeltaTable

from f1_lakehouse.lake.delta import scan

KEPT = "64MiB"
"""What DuckDB may keep of what a model has read until the next one."""


class Plugin(BasePlugin):
    """The plugin of a dbt process."""

    def initialize(self, config: dict[str, Any]) -> None:
        """Begin with nothing opened."""
        self._opened: dict[str, Any] = {}
        self._limit: str | None = None

    def load(self, source_config: SourceConfig) -> Any:
        """The dataset of a source."""
        path = source_config["delta_table_path"]
        if path not in self._opened:
            self._opened[path] = scan(DeltaTable(path))
        return self._opened[path]

    def default_materialization(self) -> str:
        """A source is a view on the dataset: dbt keeps it registered."""
        return "view"

    def configure_cursor(self, cursor: Any) -> None:
        """Before each model and test: give back what DuckDB has read for the last one.

        It would keep it until memory is short, and so take more with every season. A limit that holds while a model is built
        would be one that a large session may not fit in.
        """
        if self._limit is None:  # once: DuckDB says it rounded, and would round it down further each time
            [(self._limit,)] = cursor.execute("select current_setting('memory_limit')").fetchall()
        with contextlib.suppress(duckdb.OutOfMemoryException):  # what is in use stays
            cursor.execute(f"set memory_limit = '{KEPT}'")
        cursor.execute(f"set memory_limit = '{self._limit}'")
