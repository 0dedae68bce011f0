"""Landing zone, Delta tables of bronze, the pull log, and object storage.

Does not belong here: HTTP, Dagster, dbt, and operations on complete lakes (`operations`).
"""
