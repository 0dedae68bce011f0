"""Freshness by the calendar: is the newest finished session in published gold?

The time of the last run does not matter: a backfill of an old session is recent and adds nothing new.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from f1_lakehouse.sources.openf1.calendar import Session
from f1_lakehouse.sources.source import Verdict

FRESH_WITHIN = timedelta(hours=48)
"""The time after its end in which a session may be missing in gold."""


def judge_freshness(now: datetime, calendar: Sequence[Session], published: Collection[int]) -> Verdict:
    """Check whether the newest session that should be published is published.

    Args:
        now: UTC.
        calendar: the sessions of the lake's calendar.
        published: keys of the sessions that have rows in published gold.
    """
    expected = [one for one in sorted(calendar) if one.is_finished(now) and now - one.end > FRESH_WITHIN]
    if not expected:
        return Verdict(True, False, "no session of the calendar is old enough to be expected")
    newest = expected[-1]
    if newest.key in published:
        return Verdict(True, False, f"{newest.partition} is published")
    behind = [one for one in expected if one.key not in published]
    return Verdict(
        False,
        False,
        f"{newest.partition} ended {(now - newest.end).days} days ago and is not published "
        f"({len(behind)} of {len(expected)} finished sessions are not); load it: f1 load --session {newest.key}",
    )
