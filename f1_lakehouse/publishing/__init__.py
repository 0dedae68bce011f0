"""Published gold: `gold.duckdb`, its Delta export and the data card.

Does not belong here: how gold is computed (`dbt_f1/`).
"""
