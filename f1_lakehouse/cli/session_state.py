"""What of a session is loaded, and what is due or failed, for `f1 status` and `f1 sessions`.

Does not belong here: when a pull is due (`Source.why_due`), and printing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from f1_lakehouse.lakehouse import Lake
    from f1_lakehouse.sources.catalog import Endpoint
    from f1_lakehouse.sources.openf1.calendar import Session

MAX_STALE = timedelta(days=35)
"""How long after its end a session that is not loaded is reported; later it is history that nobody asked for."""


class SessionState(NamedTuple):
    """What of a session is loaded. `loaded`: endpoints with an answer, of `applicable`; `due`: reason → endpoints; `failed`: endpoints
    whose last pull failed."""

    session: Session
    applicable: int
    loaded: int
    rows: int
    pulled_at: datetime | None
    due: Mapping[str, Sequence[str]]
    failed: Sequence[str]

    def is_shown(self, now: datetime) -> bool:
        """Whether something is due or failed. The first pull of an old session, or of its telemetry, waits for a user and is not shown."""
        is_recent = now - self.session.end <= MAX_STALE
        return bool(self.failed) or any(is_recent or why != "first pull" for why in self.due)


def session_states(lake: Lake, calendar: Sequence[Session], now: datetime) -> list[SessionState]:
    """The sessions that were pulled, or that have ended recently, in date order."""
    log = lake.bronze.pull_log
    endpoints = session_endpoints(lake)
    names = {endpoint.name for endpoint in endpoints}
    pulled = {scope for endpoint, scope in log.scopes() if endpoint in names}
    found = []
    for one in calendar:
        if one.key not in pulled and not (one.is_finished(now) and now - one.end <= MAX_STALE):
            continue
        applicable = [endpoint for endpoint in endpoints if one.has(endpoint)]
        answers = [a for e in applicable if (a := log.last_answer(e.name, one.key)) is not None]
        found.append(
            SessionState(
                session=one,
                applicable=len(applicable),
                loaded=len(answers),
                rows=sum(t.rows for e in applicable if (t := log.current_pull(e.name, one.key)) is not None),
                pulled_at=max((a.at for a in answers), default=None),
                due=due_by_reason(lake, applicable, one, now),
                failed=[e.name for e in applicable if (p := log.of(e.name, one.key)) and not p[-1].is_answer],
            )
        )
    return found


def session_endpoints(lake: Lake) -> list[Endpoint]:
    """The endpoints that are pulled by session."""
    from f1_lakehouse.sources.catalog import Scope

    return [one for one in lake.bronze.endpoints.values() if one.scope is Scope.SESSION]


def due_by_reason(
    lake: Lake, endpoints: Sequence[Endpoint], one: Session, now: datetime
) -> dict[str, list[str]]:
    """Why endpoints of a session must be pulled now, by the policy of their source: reason → names."""
    found: dict[str, list[str]] = {}
    for endpoint in endpoints:
        pulls = lake.pulls_of(endpoint.name, one.key)
        if reason := lake.source_of(endpoint.name).why_due(endpoint, one, now, pulls, False):
            found.setdefault(reason[0], []).append(endpoint.name)
    return found
