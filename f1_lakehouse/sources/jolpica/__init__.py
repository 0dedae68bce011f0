"""Jolpica, the successor of the Ergast API: every championship race since 1950.

Belongs here: its resources, the pages of a pull, the rows in its nested responses, and when a pull is due. Does not
belong here: HTTP, rate limits and retries (the modules above), storage, Dagster, dbt.
"""
