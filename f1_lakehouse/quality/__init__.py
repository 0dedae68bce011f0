"""Data quality: freshness, reconciliation of the layers, checks of the features.

Does not belong here: Dagster, writes, row counts that a source expects (`sources/<name>/row_counts.py`), and value ranges of columns (`validation`).
"""
