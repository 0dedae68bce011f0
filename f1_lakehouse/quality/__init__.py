"""Data quality: expected row counts, freshness, reconciliation with the source.

Does not belong here: Dagster, writes, and value ranges of columns (`validation`).
"""
