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
from dbt_common.events.contextvars import get_node_info
from deltalake import DeltaTable

from f1_lakehouse.storage.delta import scan

KEPT = "64MiB"
"""What DuckDB may keep of what a model has read until the next one."""


class Plugin(BasePlugin):
    """The plugin of a dbt process."""

    def initialize(self, config: dict[str, Any]) -> None:
        """Begin with nothing opened."""
        # By the name that dbt-duckdb gives a dataset in its view of the source.
        self._opened: dict[str, Any] = {}
        self._limit: str | None = None

    def load(self, source_config: SourceConfig) -> Any:
        """The dataset of a source."""
        name = f"{source_config.table_name().replace('.', '_')}_df"
        if name not in self._opened:
            self._opened[name] = scan(DeltaTable(source_config["delta_table_path"]))
        return self._opened[name]

    def default_materialization(self) -> str:
        """A view on the dataset. In capitals: if it is a `view`, dbt registers all of them with every cursor.

        That takes 14 ms, of which a build with hundreds of tests has hundreds.
        """
        return "VIEW"

    def configure_cursor(self, cursor: Any) -> None:
        """Before each model and test: give back what DuckDB has read for the last one, and show it bronze.

        DuckDB would keep what it has read until memory is short, and so take more with every season. A limit that holds while a
        model is built would be one that a large session may not fit in. A data test is not shown bronze: none asks it, and most
        of what dbt runs are tests.
        """
        if self._limit is None:  # once: DuckDB says it rounded, and would round it down further each time
            [(self._limit,)] = cursor.execute("select current_setting('memory_limit')").fetchall()
        with contextlib.suppress(duckdb.OutOfMemoryException):  # what is in use stays
            cursor.execute(f"set memory_limit = '{KEPT}'")
        cursor.execute(f"set memory_limit = '{self._limit}'")
        if get_node_info().get("resource_type") != "test":
            for name, dataset in self._opened.items():
                cursor.register(name, dataset)
