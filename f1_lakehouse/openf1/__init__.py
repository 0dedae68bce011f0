"""All that is known of the OpenF1 API; nothing of storage, Dagster or dbt belongs here."""
