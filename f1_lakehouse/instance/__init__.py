"""The Dagster instance of a lake: how it is opened, its storage, and the tags and events of its runs.

The only package that uses non-public APIs of Dagster and dagster-dbt. Each module states which ones, what is gained, and what happens
with a version that was not tested (f1_lakehouse/tested_versions.py).
"""
