"""Python next to dbt: the project's files, the DuckDB plugin, generated sources, data dictionary and diagrams.

Does not belong here: SQL (`dbt_f1/`) and the Dagster assets of the models (`defs`).
"""
