"""A Formula 1 lakehouse: OpenF1 into Delta bronze, dbt silver and gold, orchestrated by Dagster.

`openf1` knows the API, `lake` knows storage, `quality` knows what good data looks like, `replay` is the
embedded OpenF1, `defs` is the thin Dagster layer over them. Nothing outside `defs` imports Dagster.
"""

__version__ = "0.1.0"
