"""The lakehouse's plugin in a dbt process: how dbt reads bronze, and how much memory its DuckDB keeps.

Each table of bronze is opened once per run, not for every reference to a source: all models read the same version of the pull log. dbt
loads the plugin because dbt_f1/profiles.yml names it. Which table a source is: sources.py. What is read of it: the models.

Non-public API: `get_node_info` of dbt-common, to tell whether the node is a data test. Data tests do not read bronze; registering it
takes 14 ms, and most nodes of a build are tests. With a version that was not tested, bronze is registered for every node.
"""

import contextlib
from typing import Any

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt.adapters.duckdb.utils import SourceConfig
from deltalake import DeltaTable

from f1_lakehouse.storage.delta import scan
from f1_lakehouse.tested_versions import is_tested

MEMORY_BETWEEN_NODES = "64MiB"
"""The memory that DuckDB may keep of what a model has read until the next one."""


class Plugin(BasePlugin):
    """The plugin of a dbt process."""

    def initialize(self, config: dict[str, Any]) -> None:
        """Start without open tables."""
        # By the name of the dataset in dbt-duckdb's view of the source.
        self._opened: dict[str, Any] = {}
        self._limit: str | None = None

    def load(self, source_config: SourceConfig) -> Any:
        """Return the dataset of a source."""
        name = f"{source_config.table_name().replace('.', '_')}_df"
        if name not in self._opened:
            self._opened[name] = scan(DeltaTable(source_config["delta_table_path"]))
        return self._opened[name]

    def default_materialization(self) -> str:
        """Return the kind of relation: a view on the dataset. In lower case, dbt-duckdb would register all of them with every cursor.

        That takes 14 ms per cursor, and a build with hundreds of tests has hundreds of cursors.
        """
        return "VIEW"

    def configure_cursor(self, cursor: Any) -> None:
        """Before each model and test: release the memory of the last one, and register bronze.

        DuckDB keeps what it has read until memory is short, and so needs more with every season. A limit while a model is built would be
        too small for a large session.
        """
        if self._limit is None:  # once: DuckDB rounds the value down each time
            [(self._limit,)] = cursor.execute("select current_setting('memory_limit')").fetchall()
        with contextlib.suppress(duckdb.OutOfMemoryException):  # memory in use is not released
            cursor.execute(f"set memory_limit = '{MEMORY_BETWEEN_NODES}'")
        cursor.execute(f"set memory_limit = '{self._limit}'")
        if not _is_data_test():
            for name, dataset in self._opened.items():
                cursor.register(name, dataset)


def _is_data_test() -> bool:
    """Return whether dbt is running a data test; False if that cannot be told."""
    if not is_tested("dbt-common"):
        return False
    from dbt_common.events.contextvars import get_node_info

    return bool(get_node_info().get("resource_type") == "test")
