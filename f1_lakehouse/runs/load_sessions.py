"""The part of a load that pulls sessions: find them in the calendar, find what is due, run one job per session.

Sessions are those of OpenF1, whose calendar is the lake's; a key that the lake does not know is looked up there. Does not belong
here: seasons and rounds (load_seasons.py), and when a pull is due (sources/openf1/pull_policy.py).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from f1_lakehouse.ingest import loading
from f1_lakehouse.lakehouse import Lake
from f1_lakehouse.runs.report import Listener, Report
from f1_lakehouse.runs.selection import LoadError, Selection
from f1_lakehouse.sources.openf1.calendar import LIVE_MARGIN, Session, grid_session
from f1_lakehouse.sources.openf1.endpoints import BY_NAME, SEASON_ENDPOINTS
from f1_lakehouse.sources.openf1.pull_policy import WATCHED, Due, due, season_due
from f1_lakehouse.sources.openf1.schedule import FIRST_SEASON
from f1_lakehouse.sources.openf1.source import OPENF1
from f1_lakehouse.sources.openf1.urls import Filter, request_url
from f1_lakehouse.sources.source import Work
from f1_lakehouse.storage.landing import OpenPull
from f1_lakehouse.storage.pull_log import Pull


def load_sessions(lake: Lake, selection: Selection, listener: Listener, now: datetime) -> Report:
    """Load the selected sessions that are due, up to bronze. Raises LoadError, and SourceError about the calendar."""
    wanted = selection.endpoint_names()
    report = Report()
    sessions = _resolve(lake, selection, listener, now)
    report.unfinished = sum(not one.is_finished(now) and not one.is_cancelled for one in sessions)
    _refuse_if_live(lake, now)

    # Read before anything is planned: pulls of a concurrent load count as answered.
    pull_log = lake.bronze.pull_log
    before = {asked: pull_log.last_answer(*asked) for asked in pull_log.scopes()}
    work = _work(lake, sessions, wanted, now, selection.force)
    listener.planned(work)
    if work:
        with loading(lake.settings.root, OPENF1.name):
            _ingest(lake, work, before, listener, report, selection.force)
    return report


def _ingest(
    lake: Lake,
    work: Sequence[Work],
    before: Mapping[tuple[str, int], Pull | None],
    listener: Listener,
    report: Report,
    force: bool,
) -> None:
    """Run the job `ingest` for each session and add the results to the report. `before`: the last answered pulls of the lake."""
    # Dagster takes seconds to import, and a load with nothing to do does not need it.
    from f1_lakehouse.defs.partitions import ensure_partitions
    from f1_lakehouse.instance.dagster_instance import current_instance
    from f1_lakehouse.instance.orphaned_runs import fail_orphaned_runs
    from f1_lakehouse.runs.run_job import run_job

    fail_orphaned_runs(current_instance())
    partitions = ensure_partitions(current_instance(), OPENF1, [one.partition for one in work])
    for one in work:
        listener.session_started(one)
        outcome = run_job(
            "ingest",
            partition=partitions[one.partition.key],
            assets=(*one.endpoints, *one.beyond),
            why=f"f1 load: {one.why}",
            force=force,
        )
        report.asked.append(one)
        report.checks += outcome.checks
        report.failed_checks += outcome.failed_checks
        if lake.budget.spent:
            report.failures.append(lake.budget.spent)
            break
        report.failures += outcome.failures
        # The result of a run is read from the pull log: a skipped step reports nothing. Not by time: a response that had
        # landed before a crash has the time of that landing.
        unanswered = [
            name
            for name in one.endpoints
            if lake.bronze.pull_log.last_answer(name, one.partition.key)
            == before.get((name, one.partition.key))
        ]
        if unanswered and not outcome.failures:
            report.failures.append(
                f"{one.partition.label}: run {outcome.run_id} left out {', '.join(unanswered)}"
            )


def _resolve(lake: Lake, selection: Selection, listener: Listener, now: datetime) -> list[Session]:
    """Return the selected sessions; calendars that the lake lacks are pulled."""
    for season in selection.seasons:
        if not FIRST_SEASON <= season <= now.year + 1:
            raise LoadError(f"season {season}: OpenF1 has seasons from {FIRST_SEASON} to {now.year}")
        _know_season(lake, season, listener, now, selection.force)
        if not lake.calendar([season]):
            raise LoadError(f"season {season} has no sessions at {lake.client.base_url}")
    if selection.is_open:
        _know_season(lake, now.year, listener, now, selection.force)
        chosen = [
            one for one in lake.calendar([now.year]) if now - one.end <= WATCHED and one.is_finished(now)
        ]
        return [one for one in chosen if not selection.categories or one.category in selection.categories]
    chosen_keys: set[int] = set()
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


def _know(lake: Lake, what: str, text: str, listener: Listener, now: datetime) -> Session:
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
    _know_season(lake, int(row["year"]), listener, now, force=True)
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


def _know_season(lake: Lake, season: int, listener: Listener, now: datetime, force: bool) -> None:
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


def _refuse_if_live(lake: Lake, now: datetime) -> None:
    live = next((one for one in lake.calendar() if one.is_live(now)), None)
    if live is not None and not lake.settings.openf1_username:
        raise LoadError(
            f"{live.partition} is live: OpenF1 is closed until {live.end + LIVE_MARGIN:%H:%M} UTC (to others than its "
            "sponsors: F1_OPENF1_USERNAME); come back then"
        )


def _work(
    lake: Lake, sessions: Sequence[Session], wanted: set[str], now: datetime, force: bool
) -> list[Work]:
    """Return one entry per session with all that is due; for races and sprints, the session of their grid is included."""
    pull_log = lake.bronze.pull_log
    found = due(now, sessions, pull_log.of, endpoints=wanted, force=force, patient=False)
    chosen = {one.key for one in sessions}
    calendar = lake.calendar({one.season for one in sessions}) if "starting_grid" in wanted else []
    for one in sessions:
        grid = grid_session(one, calendar)
        if grid is not None and grid.key not in chosen and one.is_finished(now):
            found += due(now, [grid], pull_log.of, endpoints={"starting_grid"}, force=force, patient=False)
    by_session: dict[Session, list[Due]] = {}
    for entry in found:
        by_session.setdefault(entry.session, []).append(entry)
    order = [endpoint.name for endpoint in BY_NAME.values()]
    merged = [
        Due(one, tuple(sorted({n for e in entries for n in e.endpoints}, key=order.index)), entries[0].why)
        for one, entries in sorted(by_session.items())
    ]
    return [Work(one.session, one.endpoints, one.why, beyond=one.beyond) for one in merged]
