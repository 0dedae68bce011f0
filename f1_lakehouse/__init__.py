"""A Formula 1 lakehouse: OpenF1 into Delta bronze, dbt silver and gold, orchestrated by Dagster.

The packages from the bottom up; each imports only packages before it:

- `simulator`: the embedded OpenF1, for tests and the demo; independent of the other packages
- `sources`: one package for each public API
- `validation`, `storage`: value ranges; landing zone, bronze, pull log
- `quality`, `observability`, `publishing`, `operations`, `lineage`, `site`, `dbt`: built on stored data
- `ingest`, `lakehouse`, `monitor`: one pull; a lake opened from its settings; one check of its health
- `instance`, `defs`, `definitions`, `runs`: Dagster
- `cli`: the command `f1`
"""

__version__ = "0.1.0"
