"""`f1 status`: loaded sessions, when they were loaded, and what is due, from the pull log and the calendar.

Does not belong here: what is due (`Source.why_due`).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from f1_lakehouse.cli.command import Command
from f1_lakehouse.cli.lake_folder import lake_settings
from f1_lakehouse.errors import F1LakehouseError

if TYPE_CHECKING:
    from rich.console import Console

    from f1_lakehouse.lakehouse import Lake
    from f1_lakehouse.settings import Settings
    from f1_lakehouse.sources.catalog import Endpoint
    from f1_lakehouse.sources.openf1.calendar import Session
    from f1_lakehouse.sources.source import Source

MAX_STALE_DAYS = 35
"""Days after its end in which a session that is not loaded is reported; later it is history that nobody asked for."""


class StatusError(F1LakehouseError):
    """A status that cannot be shown; one line."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--session", type=int, metavar="KEY", help="show each endpoint of one session")


def _status(given: argparse.Namespace) -> int:
    return print_status(lake_settings(), given.session)


def print_status(settings: Settings, session_key: int | None = None) -> int:
    """Print the state of a lake, or of one of its sessions; the exit code.

    Raises:
        StatusError: the calendar of the lake does not have the session.
    """
    from f1_lakehouse.cli.tables import stdout
    from f1_lakehouse.lakehouse import Lake

    console = stdout()
    lake = Lake.open(settings)
    now = datetime.now(UTC)
    calendar = lake.calendar()
    if session_key is not None:
        found = next((one for one in calendar if one.key == session_key), None)
        if found is None:
            raise StatusError(
                f"session {session_key} is not in the calendar of this lake; load it: f1 load --session {session_key}"
            )
        _print_session(console, lake, found, now)
        return 0
    _print_lake(console, lake)
    _print_sessions(console, lake, calendar, now)
    for source in lake.sources:
        if not source.has_sessions:
            _print_seasons(console, lake, source, now)
    return 0


def _print_sessions(console: Console, lake: Lake, calendar: list[Session], now: datetime) -> None:
    """One row per session that was pulled, or that is recent enough to be watched."""
    from rich.table import Table

    table = Table(title="Sessions", title_justify="left")
    for name in ("session", "endpoints", "rows", "last pull (UTC)", "due", "failed"):
        table.add_column(name, justify="right" if name in ("endpoints", "rows") else "left")
    pull_log = lake.bronze.pull_log
    pulled = {scope for endpoint, scope in pull_log.scopes() if endpoint not in ("meetings", "sessions")}
    recent = timedelta(days=MAX_STALE_DAYS)
    shown = [
        one for one in calendar if one.key in pulled or (one.is_finished(now) and now - one.end <= recent)
    ]
    for one in shown:
        applicable = [endpoint.name for endpoint in _session_endpoints(lake) if one.has(endpoint)]
        answers = [a for name in applicable if (a := pull_log.last_answer(name, one.key)) is not None]
        rows = sum(t.rows for name in applicable if (t := pull_log.current_pull(name, one.key)) is not None)
        due: dict[str, list[str]] = {}
        for name in applicable:
            if (why := _why_due(lake, name, one, now)) is not None:
                due.setdefault(why, []).append(name)
        failed = [name for name in applicable if (p := pull_log.of(name, one.key)) and not p[-1].is_answer]
        table.add_row(
            one.partition,
            f"{len(answers)}/{len(applicable)}",
            f"{rows:,}",
            f"{max(a.at for a in answers):%Y-%m-%d %H:%M}" if answers else "never",
            "; ".join(f"{why}: {_names(names)}" for why, names in due.items()),
            ", ".join(failed),
        )
    console.print(table)


def _print_seasons(console: Console, lake: Lake, source: Source, now: datetime) -> None:
    """Seasons that were pulled of a source without sessions: endpoints, rounds, rows, and what is due."""
    from rich.table import Table

    from f1_lakehouse.sources.catalog import Scope

    log, endpoints = lake.bronze.pull_log, source.by_name
    pulled = [(name, key) for name, key in log.scopes() if name in endpoints]
    season_of = {key: log.of(name, key)[-1].season for name, key in pulled}
    seasons = sorted(set(season_of.values()))
    if not seasons:
        return
    table = Table(title=source.title, title_justify="left")
    for column in ("season", "resources", "rounds", "rows", "last pull (UTC)", "due", "failed"):
        table.add_column(column, justify="left" if column in ("season", "due", "failed") else "right")
    known = [season for season in seasons if season]
    work = source.partitions.due(lake, now, scopes={Scope.ALL, Scope.SEASON}, seasons=known, followed=())
    waiting = {one.partition.key: one for one in work}
    for season in seasons:
        here = [(name, key) for name, key in pulled if season_of[key] == season]
        current = [t for name, key in here if (t := log.current_pull(name, key)) is not None and t.rows]
        answers = [a for name, key in here if (a := log.last_answer(name, key)) is not None]
        rounds = {t.scope for t in current if endpoints[t.endpoint].scope is Scope.ROUND}
        due_now = waiting.get(season)
        table.add_row(
            str(season) if season else "all",
            str(len({a.endpoint for a in answers if endpoints[a.endpoint].scope is not Scope.ROUND})),
            str(len(rounds)),
            f"{sum(t.rows for t in current):,}",
            f"{max(a.at for a in answers):%Y-%m-%d %H:%M}" if answers else "never",
            f"{due_now.why}: {_names(due_now.endpoints)}" if due_now else "",
            ", ".join(name for name, key in here if not log.of(name, key)[-1].is_answer),
        )
    console.print(table)


def _print_lake(console: Console, lake: Lake) -> None:
    """Print the folder, the URL of the source, the state of gold, and a session that should be loaded."""
    from f1_lakehouse.publishing.publication import find_lag, publication

    published = publication(lake.settings)
    version = lake.bronze.pull_log.version()
    console.print(f"lake       {lake.settings.root}")
    for source in lake.sources:
        console.print(f"{source.title:<10} {lake.clients[source.name].base_url}")
    if published is None:
        console.print("gold       nothing published yet: f1 transform")
    else:
        lag = find_lag(lake.settings, version)
        state = "current" if lag is None else f"stale, {lag}: f1 transform"
        console.print(f"gold       published {published.published_at:%Y-%m-%d %H:%M} UTC, {state}")
    calendar = lake.calendar()
    done = [one for one in calendar if one.is_finished(datetime.now(UTC))]
    loaded = {scope for endpoint, scope in lake.bronze.pull_log.scopes() if endpoint == "session_result"}
    if done and done[-1].key not in loaded:
        late = datetime.now(UTC) - done[-1].end
        if late <= timedelta(days=MAX_STALE_DAYS):
            console.print(f"stale      {done[-1].partition} ended {late.days} days ago and is not loaded")


def _print_session(console: Console, lake: Lake, one: Session, now: datetime) -> None:
    """One row per endpoint of a session."""
    from rich.table import Table

    table = Table(title=one.partition, title_justify="left")
    for name in ("endpoint", "rows", "pulls", "last pull (UTC)", "outcome", "due"):
        table.add_column(name, justify="right" if name in ("rows", "pulls") else "left")
    pull_log = lake.bronze.pull_log
    for endpoint in _session_endpoints(lake):
        if not one.has(endpoint):
            table.add_row(endpoint.name, "", "", "", "not applicable", "")
            continue
        pulls = pull_log.of(endpoint.name, one.key)
        current = pull_log.current_pull(endpoint.name, one.key)
        table.add_row(
            endpoint.name,
            f"{current.rows:,}" if current else "",
            str(len(pulls)),
            f"{pulls[-1].at:%Y-%m-%d %H:%M:%S}" if pulls else "never",
            f"{pulls[-1].outcome} {pulls[-1].error or ''}".strip() if pulls else "",
            _why_due(lake, endpoint.name, one, now) or "",
        )
    console.print(table)


def _session_endpoints(lake: Lake) -> list[Endpoint]:
    """The endpoints that are pulled by session."""
    from f1_lakehouse.sources.catalog import Scope

    return [one for one in lake.bronze.endpoints.values() if one.scope is Scope.SESSION]


def _why_due(lake: Lake, endpoint: str, one: Session, now: datetime) -> str | None:
    """Why an endpoint of a session must be pulled now, by the policy of its source."""
    known = lake.bronze.endpoints[endpoint]
    reason = lake.source_of(endpoint).why_due(known, one, now, lake.pulls_of(endpoint, one.key), False)
    return reason[0] if reason else None


def _names(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{len(names)} endpoints"


STATUS = Command(
    "status", "Show loaded sessions, when they were loaded, and what is due", _status, _add_arguments
)
