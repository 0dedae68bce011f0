"""`f1 status`: what is loaded by season, and what is due or failed, from the pull log and the calendar.

Does not belong here: what of a session is loaded (session_state.py), seasons of sources without sessions (status_seasons.py), and
what is due (`Source.why_due`).
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from f1_lakehouse.cli.command import Command
from f1_lakehouse.cli.lake_folder import lake_settings
from f1_lakehouse.errors import F1LakehouseError

if TYPE_CHECKING:
    from rich.console import Console

    from f1_lakehouse.cli.session_state import SessionState
    from f1_lakehouse.lakehouse import Lake
    from f1_lakehouse.settings import Settings
    from f1_lakehouse.sources.openf1.calendar import Session

MAX_DUE_SHOWN = 15
"""Sessions in the list of what is due; `--all` shows every one."""


class StatusError(F1LakehouseError):
    """A status that cannot be shown; one line."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--session", type=int, metavar="KEY", help="show each endpoint of one session")
    which.add_argument(
        "--all", action="store_true", help="show each session and season, not only what is due"
    )


def _status(given: argparse.Namespace) -> int:
    return print_status(lake_settings(), given.session, is_long=given.all)


def print_status(settings: Settings, session_key: int | None = None, *, is_long: bool = False) -> int:
    """Print the state of a lake by season, or of one of its sessions; the exit code.

    `is_long`: also sessions and seasons without anything due.

    Raises:
        StatusError: the calendar of the lake does not have the session.
    """
    from f1_lakehouse.cli.session_state import session_states
    from f1_lakehouse.cli.status_seasons import print_seasons
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
    _print_lake(console, lake, calendar, now)
    states = session_states(lake, calendar, now)
    _print_calendar(console, lake, states, calendar, now)
    if is_long:
        _print_sessions(console, "Sessions", states)
    else:
        _print_due(console, [one for one in states if one.is_shown(now)])
    for source in lake.sources:
        if not source.has_sessions:
            print_seasons(console, lake, source, now, is_long=is_long)
    return 0


def _print_calendar(
    console: Console, lake: Lake, states: list[SessionState], calendar: list[Session], now: datetime
) -> None:
    """One row per season of the source that has sessions."""
    from rich.table import Table

    titles = [source.title for source in lake.sources if source.has_sessions]
    table = Table(title=", ".join(titles), title_justify="left")
    for name in ("season", "sessions", "rows", "last pull (UTC)", "due", "failed"):
        table.add_column(name, justify="left" if name == "season" else "right")
    for season in sorted({one.season for one in calendar}):
        finished = sum(one.is_finished(now) for one in calendar if one.season == season)
        here = [one for one in states if one.session.season == season]
        last = max((one.pulled_at for one in here if one.pulled_at), default=None)
        table.add_row(
            str(season),
            f"{sum(one.loaded > 0 for one in here)} of {finished}",
            f"{sum(one.rows for one in here):,}",
            f"{last:%Y-%m-%d %H:%M}" if last else "never",
            str(sum(one.is_shown(now) and bool(one.due) for one in here) or ""),
            str(sum(bool(one.failed) for one in here) or ""),
        )
    if table.row_count:
        console.print(table)


def _print_due(console: Console, states: list[SessionState]) -> None:
    """The sessions with something due or failed, the newest last."""
    if not states:
        console.print("no session is due (f1 status --all shows every session)")
        return
    shown = states[-MAX_DUE_SHOWN:]
    _print_sessions(console, "Due or failed", shown)
    if len(states) > len(shown):
        console.print(f"and {len(states) - len(shown)} earlier sessions: f1 status --all")


def _print_sessions(console: Console, title: str, states: list[SessionState]) -> None:
    """One row per session."""
    from rich.table import Table

    from f1_lakehouse.cli.tables import named_endpoints

    table = Table(title=title, title_justify="left")
    for name in ("session", "endpoints", "rows", "last pull (UTC)", "due", "failed"):
        # A shortened name could not be copied into the next command; the lists of endpoints can wrap.
        table.add_column(
            name, justify="right" if name in ("endpoints", "rows") else "left", no_wrap=name == "session"
        )
    for one in states:
        table.add_row(
            one.session.partition,
            f"{one.loaded}/{one.applicable}",
            f"{one.rows:,}",
            f"{one.pulled_at:%Y-%m-%d %H:%M}" if one.pulled_at else "never",
            "; ".join(f"{why}: {named_endpoints(names)}" for why, names in one.due.items()),
            ", ".join(one.failed),
        )
    console.print(table)


def _print_lake(console: Console, lake: Lake, calendar: list[Session], now: datetime) -> None:
    """Print the folder, the URL of the source, the state of gold, and a session that should be loaded."""
    from f1_lakehouse.cli.session_state import MAX_STALE
    from f1_lakehouse.publishing.publication import find_lag, publication

    published = publication(lake.settings)
    version = lake.bronze.pull_log.version()
    width = max(len(name) for name in ("stale", *(source.title for source in lake.sources)))

    def line(name: str, text: str) -> None:
        console.print(f"{name:<{width}} {text}")

    line("lake", str(lake.settings.root))
    for source in lake.sources:
        line(source.title, lake.clients[source.name].base_url)
    if published is None:
        line("gold", "nothing published yet: f1 transform")
    else:
        lag = find_lag(lake.settings, version)
        state = "current" if lag is None else f"stale, {lag}: f1 transform"
        line("gold", f"published {published.published_at:%Y-%m-%d %H:%M} UTC, {state}")
    done = [one for one in calendar if one.is_finished(now)]
    loaded = {scope for endpoint, scope in lake.bronze.pull_log.scopes() if endpoint == "session_result"}
    if done and done[-1].key not in loaded:
        late = now - done[-1].end
        if late <= MAX_STALE:
            line("stale", f"{done[-1].partition} ended {late.days} days ago and is not loaded")


def _print_session(console: Console, lake: Lake, one: Session, now: datetime) -> None:
    """One row per endpoint of a session."""
    from rich.table import Table

    from f1_lakehouse.cli.session_state import due_by_reason, session_endpoints

    table = Table(title=one.partition, title_justify="left")
    for name in ("endpoint", "rows", "pulls", "last pull (UTC)", "outcome", "due"):
        table.add_column(name, justify="right" if name in ("rows", "pulls") else "left")
    pull_log = lake.bronze.pull_log
    for endpoint in session_endpoints(lake):
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
            ", ".join(due_by_reason(lake, [endpoint], one, now)),
        )
    console.print(table)


STATUS = Command(
    "status", "Show what is loaded by season, and what is due or failed", _status, _add_arguments
)
