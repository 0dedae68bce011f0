"""A Formula 1 lakehouse: OpenF1 into Delta bronze, dbt silver and gold, orchestrated by Dagster.

The packages from the bottom up; each imports only packages before it:

- `simulator`: the embedded OpenF1, for tests and the demo; independent of the other packages
- `sources`: one package for each public API
- `validation`, `storage`: value ranges; landing zone, bronze, pull log
- `quality`, `observability`, `publishing`, `operations`, `lineage`, `site`, `dbt`: built on stored data
- `ingest`, `lakehouse`, `monitor`: one pull; a lake opened from its settings; one check of its health
- `api`: published gold for analysis in Python; `open` is its entry
- `instance`, `defs`, `definitions`, `runs`: Dagster
- `cli`: the command `f1`

Importing this package imports nothing else: `open` imports what it needs.
"""

from __future__ import annotations

from f1_lakehouse.errors import F1LakehouseError

TYPE_CHECKING = False  # typing takes 5 ms to import
if TYPE_CHECKING:
    from os import PathLike

    from f1_lakehouse.api.published_lake import PublishedLake

__all__ = ["F1LakehouseError", "__version__", "open"]

__version__ = "0.1.0"


def open(root: str | PathLike[str] | None = None) -> PublishedLake:
    """Open published gold of a lake for analysis: `lake = f1_lakehouse.open(); lake.laps(2024, "Singapore", "R").polars()`.

    Args:
        root: the folder of the lake; by default the one that `F1_LAKEHOUSE_ROOT` names, or `local_data`.

    Raises:
        F1LakehouseError: nothing is published there, or it cannot be read; one line with the cure.
    """
    from f1_lakehouse.api.published_lake import PublishedLake

    return PublishedLake.open(root)
