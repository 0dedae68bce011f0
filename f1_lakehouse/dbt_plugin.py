"""dbt-duckdb's delta plugin, but for opening each table once a run instead of at every mention of a source.

Named in dbt_f1/profiles.yml; loaded by dbt, not by the lakehouse. All models of a run so see one and the same ledger.
Which table a source is, the sources say; what is read of it, the models.
"""

from typing import Any

from dbt.adapters.duckdb.plugins import delta
from dbt.adapters.duckdb.utils import SourceConfig


class Plugin(delta.Plugin):
    """The plugin of a dbt process."""

    def initialize(self, config: dict[str, Any]) -> None:
        """Begin with nothing opened."""
        self._opened: dict[str, Any] = {}

    def load(self, source_config: SourceConfig) -> Any:
        """The dataset of a source."""
        path = source_config["delta_table_path"]
        if path not in self._opened:
            self._opened[path] = super().load(source_config)
        return self._opened[path]
