"""`f1 status`: loaded sessions, when they were loaded, and what is due, from the pull log and the calendar.

Does not belong here: what is due (pull_policy.py of each source).
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from f1_lakehouse.cli.command import Command
from f1_lakehouse.cli.lake_folder import lake_settings
from f1_lakehouse.errors import F1LakehouseError

if TYPE_CHECKING:
    from rich.console import Console

    from f1_lakehouse.lakehouse import Lake
    from f1_lakehouse.settings import Settings
    from f1_lakehouse.sources.openf1.calendar import Session

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
    _print_history(console, lake, now)
    return 0


def _print_sessions(console: Console, lake: Lake, calendar: list[Session], now: datetime) -> None:
    """One row per session that was pulled, or that is recent enough to be watched."""
    from rich.table import Table

    from f1_lakehouse.sources.openf1.endpoints import SESSION_ENDPOINTS
    from f1_lakehouse.sources.openf1.pull_policy import WATCHED, due

    table = Table(title="Sessions", title_justify="left")
    for name in ("session", "endpoints", "rows", "last pull (UTC)", "due", "failed"):
        table.add_column(name, justify="right" if name in ("endpoints", "rows") else "left")
    pull_log = lake.bronze.pull_log
    pulled = {scope for endpoint, scope in pull_log.scopes() if endpoint not in ("meetings", "sessions")}
    shown = [
        one for one in calendar if one.key in pulled or (one.is_finished(now) and now - one.end <= WATCHED)
    ]
    for one in shown:
        applicable = [endpoint.name for endpoint in SESSION_ENDPOINTS if one.has(endpoint)]
        answers = [a for name in applicable if (a := pull_log.last_answer(name, one.key)) is not None]
        rows = sum(t.rows for name in applicable if (t := pull_log.current_pull(name, one.key)) is not None)
        waiting = due(now, [one], pull_log.of, patient=False)
        failed = [name for name in applicable if (p := pull_log.of(name, one.key)) and not p[-1].is_answer]
        table.add_row(
            one.partition,
            f"{len(answers)}/{len(applicable)}",
            f"{rows:,}",
            f"{max(a.at for a in answers):%Y-%m-%d %H:%M}" if answers else "never",
            "; ".join(f"{entry.why}: {_names(entry.endpoints)}" for entry in waiting),
            ", ".join(failed),
        )
    console.print(table)


def _print_history(console: Console, lake: Lake, now: datetime) -> None:
    """Seasons of Jolpica that were pulled: resources, rounds with laps, rows, and what is due."""
    from rich.table import Table

    from f1_lakehouse.sources.jolpica.partitions import season_of
    from f1_lakehouse.sources.jolpica.source import BY_NAME as HISTORY_NAMES
    from f1_lakehouse.sources.jolpica.work import season_work

    log = lake.bronze.pull_log
    pulled = [(name, key) for name, key in log.scopes() if name in HISTORY_NAMES]
    seasons = sorted({season_of(key) for _, key in pulled})
    if not seasons:
        return
    table = Table(title="Jolpica", title_justify="left")
    for name in ("season", "resources", "rounds with laps", "rows", "last pull (UTC)", "due", "failed"):
        table.add_column(name, justify="left" if name in ("season", "due", "failed") else "right")
    races = lake.races({*seasons, now.year})
    known = [season for season in seasons if season]
    work = season_work(races, log.of, known, HISTORY_NAMES, now, followed=())
    waiting = {one.partition.key: one for one in work}
    for season in seasons:
        here = [(name, key) for name, key in pulled if season_of(key) == season]
        current = [t for name, key in here if (t := log.current_pull(name, key)) is not None]
        answers = [a for name, key in here if (a := log.last_answer(name, key)) is not None]
        failed = [name for name, key in here if not log.of(name, key)[-1].is_answer]
        due_now = waiting.get(season)
        table.add_row(
            str(season) if season else "all",
            str(len({a.endpoint for a in answers if a.scope == season})),
            str(sum(t.endpoint == "jolpica_laps" for t in current)),
            f"{sum(t.rows for t in current):,}",
            f"{max(a.at for a in answers):%Y-%m-%d %H:%M}" if answers else "never",
            f"{due_now.why}: {_names(due_now.endpoints)}" if due_now else "",
            ", ".join(failed),
        )
    console.print(table)


def _print_lake(console: Console, lake: Lake) -> None:
    """Print the folder, the URL of the source, the state of gold, and a session that should be loaded."""
    from f1_lakehouse.publishing.publication import find_lag, publication

    published = publication(lake.settings)
    version = lake.bronze.pull_log.version()
    console.print(f"lake       {lake.settings.root}")
    console.print(f"OpenF1     {lake.client.base_url}")
    console.print(f"Jolpica    {lake.clients['jolpica'].base_url}")
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

    from f1_lakehouse.sources.openf1.endpoints import SESSION_ENDPOINTS
    from f1_lakehouse.sources.openf1.pull_policy import due

    table = Table(title=one.partition, title_justify="left")
    for name in ("endpoint", "rows", "pulls", "last pull (UTC)", "outcome", "due"):
        table.add_column(name, justify="right" if name in ("rows", "pulls") else "left")
    pull_log = lake.bronze.pull_log
    for endpoint in SESSION_ENDPOINTS:
        if not one.has(endpoint):
            table.add_row(endpoint.name, "", "", "", "not applicable", "")
            continue
        pulls = pull_log.of(endpoint.name, one.key)
        current = pull_log.current_pull(endpoint.name, one.key)
        waiting = due(now, [one], pull_log.of, endpoints={endpoint.name}, patient=False)
        table.add_row(
            endpoint.name,
            f"{current.rows:,}" if current else "",
            str(len(pulls)),
            f"{pulls[-1].at:%Y-%m-%d %H:%M:%S}" if pulls else "never",
            f"{pulls[-1].outcome} {pulls[-1].error or ''}".strip() if pulls else "",
            waiting[0].why if waiting else "",
        )
    console.print(table)


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{len(names)} endpoints"


STATUS = Command(
    "status", "Show loaded sessions, when they were loaded, and what is due", _status, _add_arguments
)
