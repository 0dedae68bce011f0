"""A lake, opened: the parts that pulls, commands and Dagster work with, built from the settings.

The parts themselves are in sources/ and storage/; nothing is decided here. No Dagster, and nothing slow to import: a
read-only command should answer immediately.
"""

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from f1_lakehouse.budget import Budget
from f1_lakehouse.observability.notifications import AlertLog
from f1_lakehouse.observability.run_log import RunLog
from f1_lakehouse.session_names import NamedSession, numbered
from f1_lakehouse.settings import Settings, load_settings
from f1_lakehouse.sources.catalog import Endpoint
from f1_lakehouse.sources.client import SourceClient
from f1_lakehouse.sources.exchange import Clock
from f1_lakehouse.sources.http import HttpClient
from f1_lakehouse.sources.openf1.calendar import Session, session
from f1_lakehouse.sources.rate_limiter import RateLimiter
from f1_lakehouse.sources.registry import SOURCES, source_of
from f1_lakehouse.sources.source import Source
from f1_lakehouse.storage.bronze import Bronze
from f1_lakehouse.storage.landing import Landing
from f1_lakehouse.storage.pull_log import Pull


@dataclass(frozen=True)
class Lake:
    """The parts that a pull needs, for one lake, and its logs of runs and alerts. `clients`: by the name of the source.

    To its sources it is a `source.LakeView`.
    """

    settings: Settings
    sources: tuple[Source, ...]
    budget: Budget
    clients: Mapping[str, SourceClient]
    landing: Landing
    bronze: Bronze
    runs: RunLog
    told: AlertLog
    _seasons: dict[int, tuple[tuple[str, str | None], list[Session]]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @classmethod
    def open(cls, settings: Settings, sources: Iterable[Source] = SOURCES) -> "Lake":
        """The lake of these settings; missing bronze tables are created."""
        sources = tuple(sources)
        settings.root.mkdir(parents=True, exist_ok=True)
        budget = Budget(settings)
        clients = {source.name: connect(source, settings, budget) for source in sources}
        bronze = Bronze(settings.bronze, {one.name: one for source in sources for one in source.endpoints})
        bronze.create()
        runs, told = RunLog(f"{settings.records}/runs"), AlertLog(f"{settings.records}/alerts")
        return cls(settings, sources, budget, clients, Landing(settings.landing), bronze, runs, told)

    @property
    def client(self) -> SourceClient:
        """The client of the source that has sessions: it serves the calendar."""
        return next(self.clients[source.name] for source in self.sources if source.has_sessions)

    @property
    def followed(self) -> list[Source]:
        """The sources that this lake loads (`F1_SOURCES`), and those that are not in the registry."""
        known = {source.name for source in SOURCES}
        wanted = self.settings.sources
        return [source for source in self.sources if source.name in wanted or source.name not in known]

    def source_of(self, endpoint: str) -> Source:
        """The source that serves the endpoint of that name."""
        return source_of(self.bronze.endpoints[endpoint], self.sources)

    def client_of(self, endpoint: Endpoint) -> SourceClient:
        """The client of the source that serves an endpoint."""
        return self.clients[endpoint.source]

    def calendar(self, seasons: Iterable[int] | None = None) -> list[Session]:
        """The sessions of the lake's calendar, in date order; of these seasons or of all."""
        wanted = set(seasons) if seasons is not None else self.pulled("sessions")
        return sorted(one for year in wanted for one in self._season(year))

    def _season(self, year: int) -> list[Session]:
        """The sessions of a season; read again only when another pull says what they or their meetings are."""
        current, meetings = (
            self.bronze.pull_log.current_pull("sessions", year),
            self.bronze.pull_log.current_pull("meetings", year),
        )
        if current is None:
            return []
        pulls = current.pull_id, meetings.pull_id if meetings else None
        if year not in self._seasons or self._seasons[year][0] != pulls:
            rows = self.bronze.rows_of("sessions", [current]).to_pylist()
            held = self.bronze.rows_of("meetings", [meetings]).to_pylist() if meetings else []
            flags = {row["meeting_key"]: row["is_cancelled"] for row in held}
            cancelled = {key for key, is_cancelled in flags.items() if is_cancelled}
            found = [one for row in rows if (one := session(row, cancelled)) is not None]
            # A session that is listed twice is loaded once, as the row that was served last has it.
            self._seasons[year] = pulls, list({one.key: one for one in found}.values())
        return self._seasons[year][1]

    def named_sessions(self, seasons: Iterable[int] | None = None) -> list[NamedSession]:
        """The sessions of the lake's calendar with their names and round numbers; of these seasons or of all."""
        found = []
        by_season: dict[int, list[Session]] = {}
        for one in self.calendar(seasons):
            by_season.setdefault(one.season, []).append(one)
        for season, sessions in by_season.items():
            meetings = {row["meeting_key"]: row for row in self.current_rows("meetings", [season])}
            rows = {row["session_key"]: row for row in self.current_rows("sessions", [season])}
            found += [_named(one, rows[one.key], meetings.get(one.meeting_key, {})) for one in sessions]
        return numbered(found)

    def pulls_of(self, endpoint: str, key: int) -> list[Pull]:
        """The pulls of an endpoint and partition, oldest first."""
        return self.bronze.pull_log.of(endpoint, key)

    def pulled(self, endpoint: str) -> set[int]:
        """The keys of the partitions of an endpoint that were ever pulled."""
        return {scope for name, scope in self.bronze.pull_log.scopes() if name == endpoint}

    def current_rows(self, endpoint: str, keys: Collection[int]) -> list[dict[str, Any]]:
        """The rows of the current pulls of these partitions, as bronze has them."""
        found = (self.bronze.pull_log.current_pull(endpoint, key) for key in keys)
        current = [pull for pull in found if pull is not None]
        return self.bronze.rows_of(endpoint, current).to_pylist() if current else []

    def drivers(self, session_key: int) -> list[int]:
        """The car numbers of a session in bronze."""
        numbers = self.bronze.rows("drivers", session_key)["driver_number"].to_pylist()
        return sorted({number for number in numbers if number is not None})


def _named(one: Session, row: dict[str, Any], meeting: dict[str, Any]) -> NamedSession:
    """A session with the names in its row and in the row of its meeting."""
    return NamedSession(
        start=one.start,
        key=one.key,
        season=one.season,
        meeting_key=one.meeting_key,
        session_name=one.name,
        meeting_name=meeting.get("meeting_name") or "",
        location=one.location,
        circuit=row.get("circuit_short_name") or "",
        country_name=row.get("country_name") or "",
        country_code=row.get("country_code") or "",
        is_cancelled=one.is_cancelled,
    )


def connect(
    source: Source,
    settings: Settings,
    budget: Budget,
    limiter: RateLimiter | None = None,
    clock: Clock | None = None,
) -> SourceClient:
    """A client of a source. `limiter` and `clock` are for tests; by default the source's limiter of this lake."""
    connection = source.connect(settings)
    if limiter is None:
        limiter = RateLimiter(settings.root / f"{source.name}_limits.sqlite", connection.windows)
    http = HttpClient(source, connection, limiter, clock=clock, may_send=budget.spend_request)
    return SourceClient(source, connection, http)


def current_settings() -> Settings:
    """The settings of this process, also put into the environment so that dbt and child processes see the same lake."""
    os.environ.update(load_settings().environment())
    # Read again: the first reading and the later ones must be the same, or a process would open the lake twice.
    return load_settings()


def current_lake(sources: tuple[Source, ...] = SOURCES) -> Lake:
    """The lake that the environment names; opened once per process, so that its pull log is read once."""
    return open_once(current_settings(), sources)


@cache
def open_once(settings: Settings, sources: tuple[Source, ...] = SOURCES) -> Lake:
    """The lake of these settings, opened at the first call. Tests forget it with `open_once.cache_clear()`."""
    return Lake.open(settings, sources)
