"""The part of a load that pulls sessions: find what is due of them, run one job per session.

Sessions are those of OpenF1, whose calendar is the lake's. Does not belong here: which sessions are selected
(selected_sessions.py), seasons and rounds (load_seasons.py), and when a pull is due (sources/openf1/pull_policy.py).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from f1_lakehouse.dbt.waiting_process import start_waiting
from f1_lakehouse.ingest import loading
from f1_lakehouse.lakehouse import Lake
from f1_lakehouse.runs.estimate import Confirm, estimate_of
from f1_lakehouse.runs.report import Listener, Report
from f1_lakehouse.runs.selected_sessions import selected_sessions
from f1_lakehouse.runs.selection import LoadError, Selection
from f1_lakehouse.sources.openf1.calendar import LIVE_MARGIN, Session, grid_session
from f1_lakehouse.sources.openf1.endpoints import BY_NAME
from f1_lakehouse.sources.openf1.pull_policy import Due, due
from f1_lakehouse.sources.openf1.source import OPENF1
from f1_lakehouse.sources.source import Work
from f1_lakehouse.storage.pull_log import Pull

LAST_SESSIONS = 2
"""The last sessions of a load, while which dbt starts: a race, and the session of its grid."""


def load_sessions(
    lake: Lake, selection: Selection, listener: Listener, now: datetime, confirm: Confirm
) -> Report:
    """Load the selected sessions that are due, up to bronze. `confirm` is called when only calendars have been requested.

    Raises LoadError, SessionNameError, and SourceError about the calendar.
    """
    wanted = selection.endpoint_names()
    report = Report()
    sessions = selected_sessions(lake, selection, listener, now)
    report.unfinished = sum(not one.is_finished(now) and not one.is_cancelled for one in sessions)
    _refuse_if_live(lake, now)

    # Read before anything is planned: pulls of a concurrent load count as answered.
    pull_log = lake.bronze.pull_log
    before = {asked: pull_log.last_answer(*asked) for asked in pull_log.scopes()}
    work = _work(lake, sessions, wanted, now, selection.force)
    confirm(estimate_of(lake, OPENF1, work))
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
    _start_dbt_before_the_last(work)  # next to the import of Dagster
    # Dagster takes seconds to import, and a load with nothing to do does not need it.
    from f1_lakehouse.defs.partitions import ensure_partitions
    from f1_lakehouse.instance.dagster_instance import current_instance
    from f1_lakehouse.instance.orphaned_runs import fail_orphaned_runs
    from f1_lakehouse.runs.run_job import run_job

    fail_orphaned_runs(current_instance())
    partitions = ensure_partitions(current_instance(), OPENF1, [one.partition for one in work])
    for number, one in enumerate(work):
        _start_dbt_before_the_last(work[number:])
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


def _start_dbt_before_the_last(work: Sequence[Work]) -> None:
    """Start dbt when the last sessions are left: it takes as long as they do. A pull of telemetry takes minutes and needs the memory."""
    names = {name for one in work for name in one.endpoints}
    if len(work) <= LAST_SESSIONS and not any(BY_NAME[name].by_driver for name in names):
        start_waiting()


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
    return [
        Due(
            one, tuple(sorted({n for e in entries for n in e.endpoints}, key=order.index)), entries[0].why
        ).work
        for one, entries in sorted(by_session.items())
    ]
