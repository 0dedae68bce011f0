"""pandera schemas and value ranges, made from the catalog.

Does not belong here: row counts and freshness (`quality`).
"""
