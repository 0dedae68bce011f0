"""`f1 status`: what is loaded by season, and what is due or failed, from the pull log and the calendar.

Does not belong here: what is due (pull_policy.py of each source).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from f1_lakehouse.cli.command import Command
from f1_lakehouse.cli.lake_folder import lake_settings
from f1_lakehouse.errors import F1LakehouseError

if TYPE_CHECKING:
    from rich.console import Console

    from f1_lakehouse.lakehouse import Lake
    from f1_lakehouse.settings import Settings
    from f1_lakehouse.sources.jolpica.work import HistoryWork
    from f1_lakehouse.sources.openf1.calendar import Session
    from f1_lakehouse.sources.openf1.pull_policy import Due
    from f1_lakehouse.storage.pull_log import PullLog

MAX_DUE_SHOWN = 15
"""Sessions in the list of what is due; `--all` shows every one."""
MAX_STALE_DAYS = 35
"""Days after its end in which a session that is not loaded is reported; later it is history that nobody asked for."""


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
    states = _states(lake, calendar, now)
    _print_seasons(console, states, calendar, now)
    if is_long:
        _print_sessions(console, "Sessions", states)
    else:
        _print_due(console, [one for one in states if one.is_shown(now)])
    _print_history(console, lake, now, is_long=is_long)
    return 0


class _State(NamedTuple):
    """What of a session is loaded. `loaded`: endpoints with an answer, of `applicable`; `failed`: whose last pull failed."""

    session: Session
    applicable: int
    loaded: int
    rows: int
    pulled_at: datetime | None
    due: Sequence[Due]
    failed: Sequence[str]

    def is_shown(self, now: datetime) -> bool:
        """Whether something is due or failed. The first pull of an old session, or of its telemetry, waits for a user and is not shown."""
        from f1_lakehouse.sources.openf1.pull_policy import WATCHED

        is_watched = now - self.session.end <= WATCHED
        return bool(self.failed) or any(is_watched or entry.why != "first pull" for entry in self.due)


def _states(lake: Lake, calendar: list[Session], now: datetime) -> list[_State]:
    """The sessions that were pulled, or that are recent enough to be watched."""
    from f1_lakehouse.sources.openf1.endpoints import SESSION_ENDPOINTS
    from f1_lakehouse.sources.openf1.pull_policy import WATCHED, due

    log = lake.bronze.pull_log
    pulled = {scope for endpoint, scope in log.scopes() if endpoint not in ("meetings", "sessions")}
    found = []
    for one in calendar:
        if one.key not in pulled and not (one.is_finished(now) and now - one.end <= WATCHED):
            continue
        names = [endpoint.name for endpoint in SESSION_ENDPOINTS if one.has(endpoint)]
        answers = [a for name in names if (a := log.last_answer(name, one.key)) is not None]
        found.append(
            _State(
                session=one,
                applicable=len(names),
                loaded=len(answers),
                rows=sum(t.rows for name in names if (t := log.current_pull(name, one.key)) is not None),
                pulled_at=max((a.at for a in answers), default=None),
                due=due(now, [one], log.of, patient=False),
                failed=[name for name in names if (p := log.of(name, one.key)) and not p[-1].is_answer],
            )
        )
    return found


def _print_seasons(console: Console, states: list[_State], calendar: list[Session], now: datetime) -> None:
    """One row per season of OpenF1."""
    from rich.table import Table

    table = Table(title="OpenF1", title_justify="left")
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


def _print_due(console: Console, states: list[_State]) -> None:
    """The sessions with something due or failed, the newest last."""
    if not states:
        console.print("no session is due (f1 status --all shows every session)")
        return
    shown = states[-MAX_DUE_SHOWN:]
    _print_sessions(console, "Due or failed", shown)
    if len(states) > len(shown):
        console.print(f"and {len(states) - len(shown)} earlier sessions: f1 status --all")


def _print_sessions(console: Console, title: str, states: list[_State]) -> None:
    """One row per session."""
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for name in ("session", "endpoints", "rows", "last pull (UTC)", "due", "failed"):
        table.add_column(name, justify="right" if name in ("endpoints", "rows") else "left")
    for one in states:
        table.add_row(
            one.session.partition,
            f"{one.loaded}/{one.applicable}",
            f"{one.rows:,}",
            f"{one.pulled_at:%Y-%m-%d %H:%M}" if one.pulled_at else "never",
            "; ".join(f"{entry.why}: {_names(entry.endpoints)}" for entry in one.due),
            ", ".join(one.failed),
        )
    console.print(table)


def _print_history(console: Console, lake: Lake, now: datetime, *, is_long: bool) -> None:
    """Seasons of Jolpica that were pulled: resources, rounds with laps, rows, and what is due.

    Unless `is_long`, consecutive seasons without anything due or failed share a row.
    """
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
    rows = [_HistoryRow.of(log, season, pulled, waiting.get(season)) for season in seasons]
    for first, last in _row_groups(rows, is_long=is_long):
        group = rows[first : last + 1]
        table.add_row(*_HistoryRow.joined(group))
    console.print(table)


class _HistoryRow(NamedTuple):
    """A season of Jolpica as the table has it; season 0 has the resources without a season."""

    season: int
    resources: int
    rounds: int
    rows: int
    pulled_at: datetime | None
    due: str
    failed: str

    @classmethod
    def of(
        cls, log: PullLog, season: int, pulled: Sequence[tuple[str, int]], due_now: HistoryWork | None
    ) -> _HistoryRow:
        """The row of a season. `pulled`: resources and partitions in the pull log."""
        from f1_lakehouse.sources.jolpica.partitions import season_of

        here = [(name, key) for name, key in pulled if season_of(key) == season]
        current = [t for name, key in here if (t := log.current_pull(name, key)) is not None]
        answers = [a for name, key in here if (a := log.last_answer(name, key)) is not None]
        return cls(
            season=season,
            resources=len({a.endpoint for a in answers if a.scope == season}),
            rounds=sum(t.endpoint == "jolpica_laps" for t in current),
            rows=sum(t.rows for t in current),
            pulled_at=max((a.at for a in answers), default=None),
            due=f"{due_now.why}: {_names(due_now.endpoints)}" if due_now else "",
            failed=", ".join(name for name, key in here if not log.of(name, key)[-1].is_answer),
        )

    @staticmethod
    def joined(rows: Sequence[_HistoryRow]) -> list[str]:
        """The cells of one season, or of several as one row."""
        first, last = rows[0], rows[-1]
        pulled_at = max((one.pulled_at for one in rows if one.pulled_at), default=None)
        counts = sorted({one.resources for one in rows})
        return [
            "all"
            if not first.season
            else f"{first.season}"
            if first is last
            else f"{first.season}-{last.season}",
            "-".join(map(str, dict.fromkeys((counts[0], counts[-1])))),
            str(sum(one.rounds for one in rows)),
            f"{sum(one.rows for one in rows):,}",
            f"{pulled_at:%Y-%m-%d %H:%M}" if pulled_at else "never",
            first.due,
            first.failed,
        ]


def _row_groups(rows: Sequence[_HistoryRow], *, is_long: bool) -> Iterator[tuple[int, int]]:
    """The first and last index of the rows that are shown as one: consecutive seasons without anything due or failed."""
    first = 0
    for index, one in enumerate(rows):
        following = rows[index + 1] if index + 1 < len(rows) else None
        is_plain = one.season and not (one.due or one.failed or is_long)
        joins_next = (
            is_plain
            and following is not None
            and following.season == one.season + 1
            and not (following.due or following.failed)
        )
        if not joins_next:
            yield first, index
            first = index + 1


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
    "status", "Show what is loaded by season, and what is due or failed", _status, _add_arguments
)
