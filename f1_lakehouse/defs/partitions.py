"""The two partitionings: sessions for what a session has, seasons for the calendar."""

from collections.abc import Iterable

import dagster as dg

from f1_lakehouse.sources.openf1.calendar import Session, session_key_of

sessions = dg.DynamicPartitionsDefinition(name="sessions")
seasons = dg.TimeWindowPartitionsDefinition(cron_schedule="0 0 1 1 *", start="2023", fmt="%Y", end_offset=1)


def ensure_partitions(instance: dg.DagsterInstance, found: Iterable[Session]) -> dict[int, str]:
    """Return session key → partition of each session; missing partitions are added in date order.

    A session that was postponed or renamed keeps its partition: the session key at its end is its identity.
    """
    wanted = sorted(found)
    names = {session_key_of(name): name for name in instance.get_dynamic_partitions("sessions")}
    new = [one for one in wanted if one.key not in names]
    if new:
        instance.add_dynamic_partitions("sessions", [one.partition for one in new])
    return {one.key: names.get(one.key, one.partition) for one in wanted}
