"""OpenF1: endpoints, request plan, responses, authentication, calendar and pull policy.

Does not belong here: storage, Dagster, dbt, and HTTP rules that hold for any source (`sources`).
"""
