"""The partitions of OpenF1 in a lake, and what of them is due: what Dagster, the command line and the status work with.

Belongs here: reading the calendar of the lake. Does not belong here: what is due given the calendar (pull_policy.py), and what
a session is (calendar.py).
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from f1_lakehouse.sources.catalog import Endpoint, Partition, Scope, SeasonPartition
from f1_lakehouse.sources.openf1.calendar import LIVE_MARGIN, Session, session_key_of
from f1_lakehouse.sources.openf1.endpoints import SEASON_ENDPOINTS
from f1_lakehouse.sources.openf1.pull_policy import WATCHED, due, why_season_due
from f1_lakehouse.sources.pull_history import last_answer
from f1_lakehouse.sources.source import LakeView, UnknownPartitionError, Work

FIRST_SEASON = 2023


class OpenF1Partitions:
    """See `source.Partitions`: seasons, and sessions, which the endpoint `sessions` lists."""

    first_season = FIRST_SEASON
    listed_by = "sessions"

    def named(
        self, view: LakeView, endpoint: Endpoint, name: str | None, now: datetime
    ) -> SeasonPartition | Session:
        """The partition of that name. Raises UnknownPartitionError for a session that is not in the lake's calendar."""
        assert name is not None
        if endpoint.scope is Scope.SEASON:
            return SeasonPartition(int(name))
        key = session_key_of(name)
        found: Session | None = next((one for one in view.calendar() if one.key == key), None)
        if found is None:
            raise UnknownPartitionError(
                f"session {key} is not in the calendar of this lake; materialize bronze/sessions of {name[:4]} first"
            )
        return found

    def ended(self, view: LakeView, now: datetime) -> Sequence[Session]:
        """The finished sessions."""
        return [one for one in view.calendar() if one.is_finished(now)]

    def not_applicable(self, endpoint: Endpoint, partition: Partition) -> str | None:
        """An endpoint that sessions of that category do not have: no starting grid of a practice."""
        if not isinstance(partition, Session) or partition.has(endpoint):
            return None
        return f"a {partition.category} has no {endpoint.name}"

    def not_yet(self, partition: Partition, now: datetime) -> str | None:
        """A session can be pulled half an hour after its end."""
        if not isinstance(partition, Session) or partition.is_finished(now):
            return None
        minutes = int(LIVE_MARGIN.total_seconds() // 60)
        return f"{partition.label} is not over yet; it can be pulled {minutes} min after its end"

    def due(
        self,
        view: LakeView,
        now: datetime,
        *,
        scopes: Collection[Scope] = tuple(Scope),
        seasons: Sequence[int] | None = None,
        endpoints: Collection[str] | None = None,
        force: bool = False,
        patient: bool = False,
        every_round: bool = False,
        followed: Collection[int] | None = None,
    ) -> list[Work]:
        """See `source.Partitions.due`. By default: the calendar of the current season, and sessions of the last 35 days.

        Nothing of a session while any session is live: then OpenF1 serves only paying users.
        """
        work: list[Work] = []
        if Scope.SEASON in scopes:
            for season in [now.year] if seasons is None else seasons:
                work += self._calendar(view, now, season, force=force, patient=patient)
        sessions = view.calendar(seasons)
        is_closed = any(one.is_live(now) for one in sessions) and not view.settings.openf1_username
        if Scope.SESSION in scopes and not is_closed:
            found = due(
                now,
                sessions,
                view.pulls_of,
                endpoints=endpoints,
                force=force,
                patient=patient,
                watched=WATCHED if seasons is None else None,
            )
            work += [one.work for one in found]
        return work

    def unlisted_requests(self, view: LakeView, seasons: Sequence[int], endpoints: Collection[str]) -> int:
        """None: a load pulls the calendar before it estimates its sessions."""
        return 0

    def _calendar(
        self, view: LakeView, now: datetime, season: int, *, force: bool, patient: bool
    ) -> list[Work]:
        """Both endpoints of a season, if one of them is due: they describe the same weekends."""
        pulls = [view.pulls_of(endpoint.name, season) for endpoint in SEASON_ENDPOINTS]
        reasons = [why_season_due(now, season, each, patient=patient) for each in pulls]
        if not force and not any(reasons):
            return []
        names = tuple(endpoint.name for endpoint in SEASON_ENDPOINTS)
        attempt = max(last_answer(each)[1] for each in pulls)
        return [Work(SeasonPartition(season), names, "daily", attempt, len(names))]

    def title(self, endpoint: Endpoint, key: int, season: int) -> tuple[str, str]:
        """The calendar of a season, or the session's key, and the command that loads it."""
        if endpoint.scope is Scope.SEASON:
            return f"calendar of {key}", f"f1 load --season {key}"
        return f"session {key}", f"f1 load --session {key}"

    def covers(self, endpoint: Endpoint) -> str:
        """The categories of sessions that have rows."""
        return f"Available for {endpoint.availability}"
