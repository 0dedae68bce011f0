"""The two partitionings: sessions for what a session has, seasons for the calendar."""

import dagster as dg

sessions = dg.DynamicPartitionsDefinition(name="sessions")
seasons = dg.TimeWindowPartitionsDefinition(cron_schedule="0 0 1 1 *", start="2023", fmt="%Y", end_offset=1)
