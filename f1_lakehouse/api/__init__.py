"""The Python API: published gold by names of sessions and drivers, as polars, pandas, Arrow or plain rows.

`f1_lakehouse.open()` is the entry. Belongs here: reading. Does not belong here: loading (runs/), what a name means
(session_names.py), and how `gold.duckdb` is opened (publishing/gold_file.py). Imports neither Dagster nor dbt, and polars, pandas,
pyarrow and deltalake only when a result needs them.
"""
