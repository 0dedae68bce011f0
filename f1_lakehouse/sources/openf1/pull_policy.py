"""When OpenF1 must be pulled: the one place that decides what is due, and why.

Pure: the calendar is compared with the pull log at a given time. The sensor `session_due`, the weekly schedule and the
command line are thin callers. Does not belong here: what a session is (calendar.py), rules that hold for every source
(sources/pull_history.py).
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from f1_lakehouse.sources.catalog import Endpoint, Partition, PastPull, Reason, Scope
from f1_lakehouse.sources.openf1.calendar import Session
from f1_lakehouse.sources.openf1.endpoints import BY_NAME, SESSION_ENDPOINTS
from f1_lakehouse.sources.pull_history import (
    is_backing_off,
    last_answer,
    pulled_at,
    reason_without_answer,
)
from f1_lakehouse.sources.source import Work

CORRECTIONS: dict[str, timedelta] = {
    "+1h": timedelta(hours=1),
    "+1d": timedelta(days=1),
    "+3d": timedelta(days=3),
    "+8d": timedelta(days=8),
    "+30d": timedelta(days=30),
}
"""When after its end a session is pulled again: the API corrects rows silently for weeks."""

CONFIRM_AFTER = timedelta(hours=1)
"""How long after an empty response where rows were the endpoint is pulled again."""

WATCHED = timedelta(days=35)
"""How far back the sensor and the schedule look: past the last correction. Older sessions need a backfill."""

REQUESTS_PER_TELEMETRY_PULL = 20
"""An estimate: one request per driver."""

PullsOf = Callable[[str, int], Sequence[PastPull]]


@dataclass(frozen=True)
class Due:
    """Endpoints of one session that must be pulled, and why. `attempt` counts failures since the last answer."""

    session: Session
    endpoints: tuple[str, ...]
    why: str
    attempt: int = 0

    @property
    def beyond(self) -> tuple[str, ...]:
        """With the first pull of a session's drivers: the endpoints that the session cannot have.

        These cost no request, and are recorded as not applicable instead of missing.
        """
        if self.why != "first pull" or "drivers" not in self.endpoints:
            return ()
        return tuple(endpoint.name for endpoint in SESSION_ENDPOINTS if not self.session.has(endpoint))

    @property
    def work(self) -> Work:
        """The same for callers that know no source."""
        requests = sum(
            REQUESTS_PER_TELEMETRY_PULL if BY_NAME[name].by_driver else 1 for name in self.endpoints
        )
        return Work(self.session, self.endpoints, self.why, self.attempt, requests, self.beyond)


def why_due(
    end: datetime, now: datetime, pulls: Sequence[PastPull], *, patient: bool = True
) -> tuple[str, int] | None:
    """Why one endpoint of a finished session must be pulled now, and how often that has failed since the last answer.

    Args:
        end: when the session ended.
        now: the moment of the decision.
        pulls: earlier pulls, oldest first.
        patient: back off after a failure (5 minutes, doubling, at most 6 hours) before it is due again; commands of a
            user do not back off.

    Returns:
        None when nothing is due.
    """
    last, failures = last_answer(pulls)
    if patient and is_backing_off(now, pulls, failures):
        return None
    if last is None or last.outcome == "restored":
        return reason_without_answer(last, failures)
    last_pulled_at = pulled_at(last, now)
    if last.outcome == "empty_unconfirmed" and now >= last_pulled_at + CONFIRM_AFTER:
        return ("confirm empty", failures)
    for why, after in reversed(CORRECTIONS.items()):
        if last_pulled_at < end + after <= now:
            return (why, failures)
    return None


def why_pull_due(
    endpoint: Endpoint, partition: Partition, now: datetime, pulls: Sequence[PastPull], back_off: bool
) -> Reason | None:
    """Why an endpoint of a session or season must be pulled now: the `Source.why_due` of OpenF1, on which `due` is built."""
    if endpoint.scope is Scope.SEASON:
        return why_season_due(now, partition.season, pulls, patient=back_off)
    assert isinstance(partition, Session)
    if not partition.is_finished(now) or not partition.has(endpoint):
        return None
    return why_due(partition.end, now, pulls, patient=back_off)


def due(
    now: datetime,
    calendar: Iterable[Session],
    pulls_of: PullsOf,
    *,
    endpoints: Collection[str] | None = None,
    force: bool = False,
    patient: bool = True,
    watched: timedelta | None = None,
) -> list[Due]:
    """Everything that must be pulled now, oldest session first; one entry per session and reason.

    Args:
        now: UTC.
        calendar: the sessions to consider.
        pulls_of: (endpoint, session key) → its pulls, oldest first.
        endpoints: only these; all by default.
        force: pull everything again.
        patient: see `why_due`.
        watched: leave out sessions that ended longer ago than this.

    Sessions that are cancelled, unfinished or in the live window are never due; an endpoint that a session cannot
    have is never due.
    """
    found: list[Due] = []
    for one in sorted(calendar):
        if not one.is_finished(now) or (watched is not None and now - one.end > watched):
            continue
        reasons: dict[tuple[str, int], list[str]] = {}
        for endpoint in SESSION_ENDPOINTS:
            if not one.has(endpoint) or (endpoints is not None and endpoint.name not in endpoints):
                continue
            if force:
                reason: tuple[str, int] | None = ("forced", 0)
            else:
                reason = why_pull_due(endpoint, one, now, pulls_of(endpoint.name, one.key), patient)
            if reason:
                reasons.setdefault(reason, []).append(endpoint.name)
        found += [Due(one, tuple(names), why, attempt) for (why, attempt), names in reasons.items()]
    return found


def why_season_due(
    now: datetime, season: int, pulls: Sequence[PastPull], *, patient: bool = False
) -> Reason | None:
    """Why the calendar of a season must be pulled: current and coming seasons daily, past ones once after their end.

    `patient` and the result as in `why_due`.
    """
    last, failures = last_answer(pulls)
    if patient and is_backing_off(now, pulls, failures):
        return None
    if last is None or last.outcome == "restored":
        return reason_without_answer(last, failures)
    # A past season is final once it was pulled after its end.
    last_pulled_at = pulled_at(last, now)
    is_due = last_pulled_at.year <= season and now - last_pulled_at >= timedelta(days=1)
    return ("daily", failures) if is_due else None


def season_due(now: datetime, season: int, pulls: Sequence[PastPull], *, patient: bool = False) -> bool:
    """Whether the calendar of a season must be pulled; see `why_season_due`."""
    return why_season_due(now, season, pulls, patient=patient) is not None
