"""Dagster definitions: each module turns functions of the core into assets, checks, jobs, schedules or sensors.

Does not belong here: logic that works without Dagster.
"""
