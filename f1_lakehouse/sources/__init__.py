"""The public data providers, one package for each, and the HTTP parts that they share.

Belongs here: what is specific to a provider (its endpoints, requests, responses, calendar), rate limits, retries. Does not
belong here: storage, Dagster, dbt.
"""
