"""The lakehouse's plugin in a dbt process: how dbt reads bronze, and how much memory its DuckDB keeps.

Each table of bronze is opened once per run, not for every reference to a source: all models read the same version of the pull log. dbt
loads the plugin because dbt_f1/profiles.yml names it. Which table a source is: sources.py. What is read of it: the models.

Non-public API: `get_node_info` of dbt-common, to tell whether the node is a data test. Data tests do not read bronze; registering it
takes 14 ms, and most nodes of a build are tests. With a version that was not tested, bronze is registered for every node.
"""

import os
from typing import Any

from dbt.adapters.duckdb.plugins import BasePlugin
from dbt.adapters.duckdb.utils import SourceConfig
from deltalake import DeltaTable

from f1_lakehouse.dbt.warehouse import Limits, release_memory
from f1_lakehouse.storage.delta import scan
from f1_lakehouse.storage.memory import release_freed
from f1_lakehouse.tested_versions import is_tested


class Plugin(BasePlugin):
    """The plugin of a dbt process."""

    def initialize(self, config: dict[str, Any]) -> None:
        """Start without open tables."""
        # By the name of the dataset in dbt-duckdb's view of the source.
        self._opened: dict[str, Any] = {}
        self._limits: Limits | None = None

    def load(self, source_config: SourceConfig) -> Any:
        """Return the dataset of a source: the table of its name in bronze (`F1_BRONZE_URI`)."""
        name = f"{source_config.table_name().replace('.', '_')}_df"
        if name not in self._opened:
            # The path is not in the project: what dbt parses is the same for every lake (parse_cache.py).
            self._opened[name] = scan(DeltaTable(f"{os.environ['F1_BRONZE_URI']}/{source_config.name}"))
        return self._opened[name]

    def default_materialization(self) -> str:
        """Return the kind of relation: a view on the dataset. In lower case, dbt-duckdb would register all of them with every cursor.

        That takes 14 ms per cursor, and a build with hundreds of tests has hundreds of cursors.
        """
        return "VIEW"

    def configure_cursor(self, cursor: Any) -> None:
        """Before each model and test: release the memory of the last one, undo its limits, and register bronze."""
        self._limits = release_memory(cursor, self._limits)
        release_freed()
        if not _is_data_test():
            for name, dataset in self._opened.items():
                cursor.register(name, dataset)


def _is_data_test() -> bool:
    """Return whether dbt is running a data test; False if that cannot be told."""
    if not is_tested("dbt-common"):
        return False
    from dbt_common.events.contextvars import get_node_info

    return bool(get_node_info().get("resource_type") == "test")
