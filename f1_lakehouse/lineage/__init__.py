"""Lineage: columns of the dbt models (sqlglot) and OpenLineage events of runs."""
