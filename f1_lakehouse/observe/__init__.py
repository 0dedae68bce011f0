"""What happened on a lake and what is wrong with it now: runs on record, alerts, metrics, lineage, audit. No Dagster."""
