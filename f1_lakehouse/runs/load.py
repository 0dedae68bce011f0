"""A load of the command line: find the sessions, find what is due, run the jobs one after another.

The steps are Dagster runs in this process (run_job.py); what is due is decided in sources/openf1/calendar.py. Output is printed in cli/,
which is called through `Listener`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from f1_lakehouse.lakehouse import Lake, current_lake
from f1_lakehouse.observability.run_log import CheckResult
from f1_lakehouse.publishing.build_record import must_rebuild
from f1_lakehouse.publishing.publication import find_lag, publication
from f1_lakehouse.runs.estimate import Confirm, Estimate, jolpica_estimate, openf1_estimate
from f1_lakehouse.runs.load_history import check_seasons, load_history
from f1_lakehouse.runs.selected_sessions import selected_sessions
from f1_lakehouse.runs.selection import FIRST_SEASON, LoadError, Selection
from f1_lakehouse.sources.jolpica.work import HistoryWork
from f1_lakehouse.sources.openf1.calendar import LIVE_MARGIN, Session, grid_session
from f1_lakehouse.sources.openf1.endpoints import BY_NAME
from f1_lakehouse.sources.openf1.pull_policy import Due, due
from f1_lakehouse.storage.pull_log import Pull


class Listener(Protocol):
    """The observer of a load."""

    def planned(self, work: Sequence[Due]) -> None:
        """Called with what will be pulled, session by session."""

    def session_started(self, one: Due) -> None:
        """Called when a session's run begins."""

    def stage(self, name: str) -> None:
        """Called when another step begins."""


@dataclass
class Report:
    """The result of a load. `failures` and `warnings`: one line each. `checks`: the number of checks that were evaluated."""

    sessions: list[Session] = field(default_factory=list)
    asked: list[Due] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    failed_checks: list[CheckResult] = field(default_factory=list)
    checks: int = 0
    transformed: bool = False
    unfinished: list[Session] = field(default_factory=list)
    history: list[HistoryWork] = field(default_factory=list)

    @property
    def is_success(self) -> bool:
        """Whether every pull was answered and gold was built."""
        return not self.failures


def load(
    selection: Selection, listener: Listener, *, transform: bool = True, confirm: Confirm = lambda _: None
) -> Report:
    """Load what is selected and due, from its sources to published gold.

    `confirm` is called with the estimate of the requests, when only calendars have been requested.

    Raises:
        LoadError: the load is impossible as requested.
        SessionNameError: the name does not mean one session.
        SourceError: OpenF1 did not answer about the calendar.
    """
    lake = current_lake()
    now = datetime.now(UTC)
    sources = _sources(lake, selection)
    openf1 = selection.openf1_part(sources)
    # Next to OpenF1, Jolpica does not delay a load: it costs no time that must be confirmed.
    is_waited_for = "jolpica" in sources and (openf1 is None or _has_history_of_its_own(selection))
    history = _history_estimate(lake, selection, now) if is_waited_for else Estimate()
    if openf1 is None:
        report = Report()
        confirm(history)
    else:
        report = _load_openf1(lake, openf1, listener, now, lambda estimate: confirm(estimate + history))
    if "jolpica" in sources and not lake.budget.spent:
        _load_jolpica(lake, selection, listener, now, report, is_only_source=openf1 is None)
    if transform:
        run_transform(lake, listener, report)
    return report


def _sources(lake: Lake, selection: Selection) -> Sequence[str]:
    """The sources that a load requests. Raises LoadError for an unknown source or season."""
    for name in selection.sources:
        if name not in lake.clients:
            raise LoadError(f"there is no source {name!r}; there are: {', '.join(lake.clients)}")
    sources = selection.sources or lake.settings.sources
    if "jolpica" in sources and (wrong := check_seasons(selection.seasons, datetime.now(UTC))):
        raise LoadError(wrong)
    if selection.sources and "openf1" not in sources and not selection.history_names():
        raise LoadError("--source jolpica: it has no sessions and meetings; name seasons with --season")
    return sources


def _load_jolpica(
    lake: Lake,
    selection: Selection,
    listener: Listener,
    now: datetime,
    report: Report,
    *,
    is_only_source: bool,
) -> None:
    """Jolpica's part of a load. Next to OpenF1 it neither fails nor delays the load: it ends at its first failed request."""
    wanted = selection.history_names()
    if not wanted:
        return
    seasons = sorted(set(selection.seasons)) or [now.year]
    is_only_source = is_only_source or _has_history_of_its_own(selection)
    done = load_history(
        lake,
        seasons,
        wanted,
        now,
        listener,
        lap_times=selection.lap_times,
        force=selection.force,
        may_wait=is_only_source,
    )
    report.checks += done.checks
    report.failed_checks += done.failed_checks
    report.history += done.work
    if is_only_source:
        report.failures += done.failures
    else:
        report.warnings += [f"Jolpica: {line}" for line in done.failures[:1]]


def _has_history_of_its_own(selection: Selection) -> bool:
    """Whether a load has something that only Jolpica has, for which it waits."""
    return selection.lap_times or any(season < FIRST_SEASON for season in selection.seasons)


def _history_estimate(lake: Lake, selection: Selection, now: datetime) -> Estimate:
    wanted = selection.history_names()
    if not wanted:
        return Estimate()
    seasons = sorted(set(selection.seasons)) or [now.year]
    return jolpica_estimate(lake, seasons, wanted, now, lap_times=selection.lap_times, force=selection.force)


def _load_openf1(
    lake: Lake, selection: Selection, listener: Listener, now: datetime, confirm: Confirm
) -> Report:
    """OpenF1's part of a load, up to bronze."""
    wanted = selection.endpoint_names()
    report = Report()
    report.sessions = selected_sessions(lake, selection, listener, now)
    report.unfinished = [one for one in report.sessions if not one.is_finished(now) and not one.is_cancelled]
    _refuse_if_live(lake, now)

    # Read before anything is planned: pulls of a concurrent load count as answered.
    pull_log = lake.bronze.pull_log
    before = {asked: pull_log.last_answer(*asked) for asked in pull_log.scopes()}
    work = _work(lake, report.sessions, wanted, now, selection.force)
    confirm(openf1_estimate(lake, work))
    listener.planned(work)
    if work:
        _ingest(lake, work, before, listener, report, selection.force)
    return report


def _ingest(
    lake: Lake,
    work: Sequence[Due],
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
    partitions = ensure_partitions(current_instance(), [one.session for one in work])
    for one in work:
        listener.session_started(one)
        outcome = run_job(
            "ingest",
            partition=partitions[one.session.key],
            assets=one.assets,
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
            if lake.bronze.pull_log.last_answer(name, one.session.key) == before.get((name, one.session.key))
        ]
        if unanswered and not outcome.failures:
            report.failures.append(
                f"{one.session.partition}: run {outcome.run_id} left out {', '.join(unanswered)}"
            )


def run_transform(
    lake: Lake,
    listener: Listener,
    report: Report | None = None,
    *,
    full_refresh: bool = False,
    always: bool = False,
) -> Report:
    """Build gold and publish it, if published gold lags behind bronze or the code (or `always`).

    A run that succeeded without publishing is a failure.
    """
    report = report or Report()
    if lake.bronze.pull_log.is_empty:
        raise LoadError(f"there is nothing in bronze at {lake.bronze.uri}; load something first: f1 load")
    if not always and find_lag(lake.settings, lake.bronze.pull_log.version()) is None:
        return report
    from f1_lakehouse.instance.dagster_instance import current_instance
    from f1_lakehouse.instance.orphaned_runs import fail_orphaned_runs
    from f1_lakehouse.runs.run_job import run_job

    everything = ", all of it: the code has changed" if must_rebuild(lake.settings) else ""
    listener.stage(f"silver, gold and their tests (dbt){everything}")
    began = datetime.now(UTC)
    fail_orphaned_runs(current_instance())
    config: dict[str, object] = {"dbt_build": {"config": {"full_refresh": True}}} if full_refresh else {}
    outcome = run_job("transform", why="f1", config=config)
    report.checks += outcome.checks
    report.transformed = outcome.success
    report.failures += outcome.failures
    report.failed_checks += outcome.failed_checks
    if not outcome.success and not outcome.failures:
        report.failures.append(f"transform: the run {outcome.run_id} failed")
    elif outcome.success:
        published = publication(lake.settings)
        if published is None or published.published_at < began:
            report.transformed = False
            report.failures.append(
                f"transform: the run {outcome.run_id} ended without an error, but published nothing; see it in f1 ui"
            )
    return report


def _refuse_if_live(lake: Lake, now: datetime) -> None:
    live = next((one for one in lake.calendar() if one.is_live(now)), None)
    if live is not None and not lake.settings.openf1_username:
        raise LoadError(
            f"{live.partition} is live: OpenF1 is closed until {live.end + LIVE_MARGIN:%H:%M} UTC (to others than its "
            "sponsors: F1_OPENF1_USERNAME); come back then"
        )


def _work(lake: Lake, sessions: Sequence[Session], wanted: set[str], now: datetime, force: bool) -> list[Due]:
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
    return [
        Due(one, tuple(sorted({n for e in entries for n in e.endpoints}, key=order.index)), entries[0].why)
        for one, entries in sorted(by_session.items())
    ]
