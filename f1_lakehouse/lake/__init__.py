"""All that is known of storage; nothing of HTTP, Dagster or dbt belongs here."""
