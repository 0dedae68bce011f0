"""Run log, health conditions, notifications, metrics, service levels and log output. No Dagster."""
