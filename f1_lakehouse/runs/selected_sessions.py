"""Which sessions a load means, by name, key, meeting or season; calendars that the lake lacks are pulled.

Belongs here: from a selection to sessions of the calendar. Does not belong here: what of them is due (load_sessions.py), and what a name
means (session_names.py).
"""

import logging
from datetime import UTC, datetime
from typing import Any

import orjson

from f1_lakehouse.lakehouse import Lake
from f1_lakehouse.runs.report import StageListener
from f1_lakehouse.runs.selection import LoadError, Selection
from f1_lakehouse.session_names import NamedSession, match, parse, resolve
from f1_lakehouse.sources.openf1.calendar import LIVE_MARGIN, Session
from f1_lakehouse.sources.openf1.endpoints import SEASON_ENDPOINTS
from f1_lakehouse.sources.openf1.pull_policy import WATCHED, season_due
from f1_lakehouse.sources.openf1.schedule import FIRST_SEASON
from f1_lakehouse.sources.openf1.urls import Filter, request_url
from f1_lakehouse.storage.landing import OpenPull

logger = logging.getLogger(__name__)


def selected_sessions(
    lake: Lake, selection: Selection, listener: StageListener, now: datetime
) -> list[Session]:
    """Return the selected sessions; calendars that the lake lacks are pulled.

    Raises:
        LoadError: a selected session does not exist or cannot be loaded.
        SessionNameError: the name does not mean one session.
    """
    for season in selection.seasons:
        check_season(season, now)
        know_season(lake, season, listener, now, selection.force)
        if not lake.calendar([season]):
            raise LoadError(f"season {season} has no sessions at {lake.client.base_url}")
    if selection.is_open:
        know_season(lake, now.year, listener, now, selection.force)
        chosen = [
            one for one in lake.calendar([now.year]) if now - one.end <= WATCHED and one.is_finished(now)
        ]
        return [one for one in chosen if not selection.categories or one.category in selection.categories]
    chosen_keys: set[int] = set()
    if selection.name:
        chosen_keys.add(named_session(lake, selection.name, listener, now).key)
    for text in selection.sessions:
        chosen_keys.add(_know(lake, "session", text, listener, now).key)
    meeting_keys = {_know(lake, "meeting", text, listener, now).meeting_key for text in selection.meetings}
    chosen = [
        one
        for one in lake.calendar()
        if one.key in chosen_keys or one.meeting_key in meeting_keys or one.season in selection.seasons
    ]
    chosen = [one for one in chosen if not selection.categories or one.category in selection.categories]
    if not chosen:
        kinds = ", ".join(selection.categories)
        raise LoadError(f"the selection has no session of type {kinds}")
    for one in chosen:
        if one.key in chosen_keys and one.is_cancelled:
            raise LoadError(f"{one.partition} was cancelled: there is nothing to load")
        if one.key in chosen_keys and not one.is_finished(now):
            raise LoadError(
                f"{one.partition} is not over yet; it can be loaded from {one.end + LIVE_MARGIN:%Y-%m-%d %H:%M} UTC on"
            )
    return chosen


def named_session(lake: Lake, text: str, listener: StageListener, now: datetime) -> NamedSession:
    """Return the session with a name such as `2024 singapore race`; the calendar of its season is pulled if the lake lacks it.

    Raises:
        LoadError: the name has no season, or one that OpenF1 does not have, or nothing else.
        SessionNameError: it does not mean one session.
    """
    name = parse(text)
    if name.season is None:
        raise LoadError(
            f"{text!r} names no season; begin with the year, for example f1 load {now.year} {text}"
        )
    check_season(name.season, now)
    if not (name.words or name.round_number or name.kinds):
        raise LoadError(
            f"{text!r} names a season, not a session: f1 load --season {name.season} loads all of it, "
            f"f1 sessions {name.season} lists its sessions"
        )
    know_season(lake, name.season, listener, now)
    known = lake.named_sessions([name.season])
    found = resolve(known, name)
    if match(known, name).is_typo:
        logger.warning("%r is taken as %s", text, found.title)
    return found


def check_season(season: int, now: datetime) -> None:
    """Raise LoadError for a season whose sessions OpenF1 does not have."""
    if FIRST_SEASON <= season <= now.year + 1:
        return
    earlier = f"; earlier races are loaded by season: f1 load --season {season}"
    raise LoadError(
        f"season {season}: OpenF1 has seasons from {FIRST_SEASON} to {now.year}{earlier if season < FIRST_SEASON else ''}"
    )


def _know(lake: Lake, what: str, text: str, listener: StageListener, now: datetime) -> Session:
    """Return a session (of the meeting) of that key, from the lake's calendar or after a request for its season."""
    if text != "latest" and not text.isdigit():
        raise LoadError(f"--{what} {text}: a {what} key is a number (or the word latest)")
    attribute = "key" if what == "session" else "meeting_key"
    if text != "latest":
        known = [one for one in lake.calendar() if getattr(one, attribute) == int(text)]
        if known:
            return known[0]
    lookup = (
        lake.landing.begin(f"{what}_lookup", int(text), 0, now, "which season") if text != "latest" else None
    )
    row = _look_up(lake, what, text, lookup)
    know_season(lake, int(row["year"]), listener, now, force=True)
    if lookup is not None:
        lookup.commit(datetime.now(UTC))
    for one in lake.calendar([int(row["year"])]):
        if getattr(one, attribute) == row[f"{what}_key"]:
            return one
    raise LoadError(f"{what} {text} is not in the calendar of {row['year']} that OpenF1 serves")


def _look_up(lake: Lake, what: str, text: str, lookup: OpenPull | None) -> dict[str, Any]:
    """Return a row of `sessions` of that key. It lands, so that a load that is killed before the calendar is pulled does not repeat it."""
    if lookup is not None and lookup.answers:
        return dict(orjson.loads(lake.landing.body(lookup.folder, lookup.answers[0]))[0])
    answer = lake.client.get(
        request_url(
            lake.client.base_url,
            "sessions",
            [Filter(f"{what}_key", "=", text if text == "latest" else int(text))],
        )
    )
    if answer.is_empty:
        raise LoadError(f"unknown {what} key {text}: OpenF1 at {lake.client.base_url} has no such {what}")
    if lookup is not None:
        lookup.add(answer)
    return dict(orjson.loads(answer.body)[0])


def know_season(lake: Lake, season: int, listener: StageListener, now: datetime, force: bool = False) -> None:
    """Pull the calendar of a season if it is due, or with `force`. Raises LoadError if that fails."""
    names = [
        e.name
        for e in SEASON_ENDPOINTS
        if force or season_due(now, season, lake.bronze.pull_log.of(e.name, season))
    ]
    if not names:
        return
    from f1_lakehouse.instance.dagster_instance import current_instance
    from f1_lakehouse.instance.orphaned_runs import fail_orphaned_runs
    from f1_lakehouse.runs.run_job import run_job

    listener.stage(f"calendar of {season}")
    fail_orphaned_runs(current_instance())
    outcome = run_job("calendar", partition=str(season), assets=names, why="f1 load", force=force)
    if outcome.failures:
        raise LoadError(f"calendar of {season}: {outcome.failures[0]}")
