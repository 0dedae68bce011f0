"""The lakehouse's plugin in a dbt process: how dbt reads bronze, and how much memory its DuckDB keeps.

Each table of bronze is opened once per run, not for every reference to a source: all models read the same version of the pull log. dbt
loads the plugin because dbt_f1/profiles.yml names it. Which table a source is: sources.py. What is read of it: the models.

Non-public API: `get_node_info` of dbt-common, to tell which node dbt is compiling or running. Registering all of bronze takes 14 ms per
cursor, and a build has hundreds. Few of their nodes read bronze. With a version that was not tested, each cursor has all tables.
"""

import os
from time import perf_counter
from typing import Any

from dbt.adapters.duckdb.plugins import BasePlugin
from dbt.adapters.duckdb.utils import SourceConfig
from deltalake import DeltaTable

from f1_lakehouse.dbt.node_turns import RELEASE_AFTER_S, turns
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
        self._read_by: dict[str, set[str]] = {}
        self._read_by_ephemeral: set[str] = set()
        self._limits: Limits | None = None
        self._since = perf_counter()

    def configure_connection(self, conn: Any) -> None:
        """Tell the turns of the nodes which DuckDB they share."""
        turns().opened(conn)

    def load(self, source_config: SourceConfig) -> Any:
        """Return the rows of a source, or where they are: the table of its name in bronze (`F1_BRONZE_URI`)."""
        name = f"{source_config.table_name().replace('.', '_')}_df"
        if name not in self._opened:
            # The path is not in the project: what dbt parses is the same for every lake (parse_cache.py).
            table = scan(DeltaTable(f"{os.environ['F1_BRONZE_URI']}/{source_config.name}"))
            # Each model of silver reads all of the pull log, which has a file per load until it is compacted: once per run.
            self._opened[name] = table.to_table() if source_config.name == "_pulls" else table
        node = _node()
        self._read_by.setdefault(node.get("unique_id", ""), set()).add(name)
        if node.get("materialized") == "ephemeral":
            self._read_by_ephemeral.add(name)
        return self._opened[name]

    def default_materialization(self) -> str:
        """Return the kind of relation: a view on the dataset. In lower case, dbt-duckdb would register all of them with every cursor.

        That takes 14 ms per cursor, and a build with hundreds of tests has hundreds of cursors.
        """
        return "VIEW"

    def configure_cursor(self, cursor: Any) -> None:
        """Before each node: register the tables of bronze that it reads; without turns, release the memory of the last one and undo its limits."""
        if not turns().are_taken:
            self._limits = release_memory(cursor, self._limits)
            now = perf_counter()
            # It takes 10 ms, and few nodes leave much.
            if now - self._since > RELEASE_AFTER_S:
                release_freed()
            self._since = now
        for name in self._needed():
            cursor.register(name, self._opened[name])

    def _needed(self) -> set[str]:
        node = _node()
        kind = node.get("resource_type")
        if kind in ("test", "seed", "unit_test"):
            return set()
        if kind == "model":
            # What it has asked for when it was compiled; a model without a table of its own may be compiled before it.
            return self._read_by.get(node["unique_id"], set()) | self._read_by_ephemeral
        return set(self._opened)


def _node() -> dict[str, Any]:
    """Return what dbt says about the node that it is compiling or running; empty if that cannot be told."""
    if not is_tested("dbt-common"):
        return {}
    from dbt_common.events.contextvars import get_node_info

    return get_node_info()
