"""Freshness by the calendar: is the newest finished session in published gold?

The time of the last run does not matter: a backfill of an old session is recent and adds nothing new.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

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
        return Verdict(
            True, False, "no session of the calendar is old enough to be expected", {"sessions_behind": 0}
        )
    newest = expected[-1]
    behind = [one for one in expected if one.key not in published]
    # Hours of the calendar's breaks are not held against gold: the age is that of the oldest session that is newer than gold.
    late = [one for one in expected if one.end > _newest_end(expected, published)]
    numbers = {
        "sessions_behind": len(late),
        "sessions_not_published": len(behind),
        "hours_behind": round((now - late[0].end) / timedelta(hours=1), 1) if late else 0.0,
    }
    if newest.key in published:
        return Verdict(True, False, f"{newest.partition} is published", numbers)
    return Verdict(
        False,
        False,
        f"{newest.partition} ended {(now - newest.end).days} days ago and is not published "
        f"({len(behind)} of {len(expected)} finished sessions are not); load it: f1 load --session {newest.key}",
        numbers,
    )


def _newest_end(expected: Sequence[Session], published: Collection[int]) -> datetime:
    """Return the end of the newest published session; the beginning of time if none is."""
    return max(
        (one.end for one in expected if one.key in published), default=datetime.min.replace(tzinfo=UTC)
    )
