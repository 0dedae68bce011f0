"""What good data looks like: expected counts, reconciliation, freshness. No Dagster here, no writing."""
