"""Dagster, thin: each module turns something of the core into assets, checks, jobs, schedules or sensors."""
