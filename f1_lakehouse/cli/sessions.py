"""`f1 sessions`: the calendar, with the name of each session, its key, and what of it is loaded.

Does not belong here: what a name means (session_names.py), and which calendars are pulled (runs/selected_sessions.py).
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from f1_lakehouse.cli.command import Command
from f1_lakehouse.cli.lake_folder import lake_settings
from f1_lakehouse.errors import F1LakehouseError

if TYPE_CHECKING:
    from f1_lakehouse.lakehouse import Lake
    from f1_lakehouse.session_names import NamedSession, SessionName
    from f1_lakehouse.settings import Settings
    from f1_lakehouse.sources.openf1.calendar import Session

MAX_REASONS_SHOWN = 3


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = """\
Without a year: this season, or with words every season in the lake. A calendar that the lake lacks is requested (2 requests);
without a connection, the newest season in the lake is listed.

examples:
  f1 sessions                  this season
  f1 sessions 2024             the season 2024
  f1 sessions 2024 singapore   its sessions at Singapore
  f1 sessions monaco race      the race of Monaco in every season of the lake
The names in the list can be used in f1 load NAME and, in Python, as lake.laps(2024, "Singapore", "R")."""
    parser.add_argument(
        "name", nargs="*", metavar="NAME", help="a year, and words that the sessions must have"
    )


def _sessions(given: argparse.Namespace) -> int:
    return print_sessions(lake_settings(must_exist=False), " ".join(given.name))


def print_sessions(settings: Settings, text: str) -> int:
    """Print the sessions that a text means, for example `2024 singapore`; the exit code.

    Raises:
        LoadError: the season does not exist, or its calendar cannot be pulled.
        SessionNameError: no session has this name.
    """
    from f1_lakehouse.lakehouse import current_lake
    from f1_lakehouse.session_names import find, parse

    name = parse(text)
    if settings.root.exists() and not os.access(settings.root, os.W_OK | os.X_OK):
        from f1_lakehouse.publishing.calendar import published_calendar

        lake, known = None, published_calendar(settings)
    else:
        lake = current_lake()
        known = _calendar(lake, name)
    _print(find(known, name), known, lake)
    return 0


def _calendar(lake: Lake, name: SessionName) -> list[NamedSession]:
    """The sessions of the seasons that the name can mean; a calendar that is due is pulled."""
    from f1_lakehouse.observability.log_output import tell
    from f1_lakehouse.runs.selected_sessions import check_season, know_season

    now = datetime.now(UTC)
    held = {season for endpoint, season in lake.bronze.pull_log.scopes() if endpoint == "sessions"}
    if name.season is None and held and (name.words or name.round_number or name.kinds):
        return lake.named_sessions()
    season = name.season or now.year
    check_season(season, now)
    try:
        know_season(lake, season, _Silent(), now)
    except F1LakehouseError as error:
        if season not in held and (name.season or not held):
            raise
        if season in held:
            tell(f"warning: the calendar may be out of date: {error}", "warning")
        else:
            tell(f"warning: there is no calendar of {season}, this is {max(held)}: {error}", "warning")
            season = max(held)
    return lake.named_sessions([season])


class _Silent:
    """A listener that prints nothing."""

    def stage(self, name: str) -> None:
        """Another step begins."""


def _print(found: list[NamedSession], known: list[NamedSession], lake: Lake | None) -> None:
    """Print one line per session, below a heading for each meeting."""
    from f1_lakehouse.session_names import name_of

    states = _states(found, lake)
    by_season: dict[int, list[NamedSession]] = {}
    for one in known:
        by_season.setdefault(one.season, []).append(one)
    meeting = None
    for one in found:
        if one.meeting_key != meeting:
            print(("" if meeting is None else "\n") + _heading(one))
            meeting = one.meeting_key
        name = name_of(one, by_season[one.season]) or f"{one.season} {one.session_name}"
        print(f"  {name:<34} {one.start:%Y-%m-%d %H:%M}  {one.key:>7}  {states.get(one.key, '')}".rstrip())


def _heading(one: NamedSession) -> str:
    number = f"round {one.round_number}" if one.round_number is not None else "no round"
    place = ", ".join(dict.fromkeys(filter(None, (one.location, one.country_name))))
    return f"{one.season} {number}: {one.meeting_name}, {place} (times are UTC)"


def _states(found: Iterable[NamedSession], lake: Lake | None) -> dict[int, str]:
    """Session key → what of it is loaded, and what is due. Empty for a lake that this user can only read."""
    if lake is None:
        return {}
    now = datetime.now(UTC)
    calendar = {one.key: one for one in lake.calendar({one.season for one in found})}
    return {one.key: _state(lake, calendar[one.key], now) for one in found if one.key in calendar}


def _state(lake: Lake, one: Session, now: datetime) -> str:
    from f1_lakehouse.cli.session_state import due_by_reason, session_endpoints

    if one.is_cancelled:
        return "cancelled"
    if one.is_live(now):
        return "live"
    if not one.is_finished(now):
        return "not over yet"
    log = lake.bronze.pull_log
    applicable = [endpoint for endpoint in session_endpoints(lake) if one.has(endpoint)]
    answered = [endpoint for endpoint in applicable if log.last_answer(endpoint.name, one.key) is not None]
    missing = [endpoint for endpoint in applicable if endpoint not in answered]
    if not answered:
        return "not loaded"
    if not all(endpoint.by_driver for endpoint in missing):
        return f"{len(answered)} of {len(applicable)} endpoints loaded"
    reasons = due_by_reason(lake, answered, one, now)
    loaded = "loaded, no telemetry" if missing else "loaded"
    return ", ".join([loaded, *(f"due: {why}" for why in sorted(reasons)[:MAX_REASONS_SHOWN])])


SESSIONS = Command(
    "sessions",
    "List the sessions of a season, their names and keys, and what is loaded",
    _sessions,
    _add_arguments,
)
