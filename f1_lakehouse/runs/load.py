"""A load of the command line: the part of each source, one after another, then gold.

The steps are Dagster runs in this process (run_job.py). Output is printed in cli/, which is called through `Listener`. Sessions are in
load_sessions.py, seasons and rounds in load_seasons.py.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime

from f1_lakehouse.dbt.engine_choice import engine_of_build
from f1_lakehouse.dbt.waiting_process import dbt_may_wait, start_waiting
from f1_lakehouse.dbt.warehouse import WarehouseError, check_readable
from f1_lakehouse.ingest import loading
from f1_lakehouse.lakehouse import Lake, current_lake
from f1_lakehouse.observability.run_log import SUCCESS
from f1_lakehouse.publishing.build_record import built_by, last_build, must_rebuild
from f1_lakehouse.publishing.publication import find_lag, publication
from f1_lakehouse.runs.estimate import Confirm, Estimate, estimate_seasons
from f1_lakehouse.runs.load_seasons import load_seasons
from f1_lakehouse.runs.load_sessions import load_sessions
from f1_lakehouse.runs.report import Listener, Report
from f1_lakehouse.runs.selection import LoadError, Selection
from f1_lakehouse.sources.catalog import Scope
from f1_lakehouse.sources.source import Source
from f1_lakehouse.storage.memory import release_freed


def load(
    selection: Selection, listener: Listener, *, transform: bool = True, confirm: Confirm = lambda _: None
) -> Report:
    """Load what is selected and due, from its sources to published gold.

    `confirm` is called with the estimate of the requests, when only calendars have been requested.

    Raises:
        LoadError: the load is impossible as requested.
        SessionNameError: the name does not mean one session.
        SourceError: the source of the sessions did not answer about the calendar.
    """
    lake = current_lake()
    now = datetime.now(UTC)
    sources = selected_sources(lake, selection, now)
    of_sessions = selection.sessions_part(sources)
    of_seasons = [source for source in sources if not source.has_sessions]
    sessions_since = min((one.partitions.first_season for one in lake.sources if one.has_sessions), default=0)
    waits = {
        source.name: of_sessions is None
        or is_needed(source, selection, _seasons_of(source, selection, now), sessions_since)
        for source in of_seasons
    }
    # Next to sessions, other sources do not delay a load: they cost no time that must be confirmed.
    expected = Estimate()
    for source in of_seasons:
        if waits[source.name]:
            expected += _estimate(lake, source, selection, now)
    with dbt_may_wait(lake.settings) if transform else nullcontext():
        if of_sessions is None:
            report = Report()
            confirm(expected)
        else:
            report = load_sessions(
                lake, of_sessions, listener, now, lambda estimate: confirm(estimate + expected)
            )
        for source in of_seasons:
            if not lake.budget.spent:
                with loading(lake.settings.root, source.name):
                    _load_seasons_of(
                        lake, source, selection, listener, now, report, may_wait=waits[source.name]
                    )
        if transform:
            run_transform(lake, listener, report)
    return report


def selected_sources(lake: Lake, selection: Selection, now: datetime) -> list[Source]:
    """Return the sources that a load requests. Raises LoadError for an unknown source or season."""
    for name in selection.sources:
        if name not in lake.clients:
            raise LoadError(f"there is no source {name!r}; there are: {', '.join(lake.clients)}")
    sources = [
        source
        for source in lake.sources
        if (source.name in selection.sources if selection.sources else source in lake.followed)
    ]
    of_seasons = [source for source in sources if not source.has_sessions]
    if of_seasons and (wrong := check_seasons(selection.seasons, of_seasons, now)):
        raise LoadError(wrong)
    if selection.sources and sources == of_seasons and not any(map(selection.names_of, sources)):
        raise LoadError(
            f"--source {' '.join(selection.sources)}: it has no sessions and meetings; name seasons with --season"
        )
    return sources


def check_seasons(seasons: Sequence[int], sources: Sequence[Source], now: datetime) -> str | None:
    """Return the error in the seasons that a user named; None if one of the sources has each of them."""
    oldest = min(sources, key=lambda source: source.partitions.first_season)
    first = oldest.partitions.first_season
    unknown = [season for season in seasons if not first <= season <= now.year + 1]
    if not unknown:
        return None
    return f"season {unknown[0]}: {oldest.title} has seasons from {first} to {now.year}"


def is_needed(source: Source, selection: Selection, seasons: Sequence[int], sessions_since: int) -> bool:
    """Return whether a load must have what it selects of a source without sessions: seasons or rounds that only that source has.

    `seasons`: the selected ones that the source has. `sessions_since`: the first season with sessions.
    """
    has_rounds = any(endpoint.scope is Scope.ROUND for endpoint in source.endpoints)
    return any(season < sessions_since for season in seasons) or (selection.lap_times and has_rounds)


def _seasons_of(source: Source, selection: Selection, now: datetime) -> list[int]:
    """The seasons of a selection that a source has."""
    seasons = sorted(set(selection.seasons)) or [now.year]
    return [season for season in seasons if season >= source.partitions.first_season]


def _estimate(lake: Lake, source: Source, selection: Selection, now: datetime) -> Estimate:
    """The estimate for the part of a source without sessions."""
    wanted = selection.names_of(source)
    if not wanted:
        return Estimate()
    return estimate_seasons(
        lake,
        source,
        _seasons_of(source, selection, now),
        wanted,
        now,
        every_round=selection.lap_times,
        force=selection.force,
    )


def _load_seasons_of(
    lake: Lake,
    source: Source,
    selection: Selection,
    listener: Listener,
    now: datetime,
    report: Report,
    *,
    may_wait: bool,
) -> None:
    """The part of a source without sessions. Unless it may wait, it neither fails nor delays the load: it ends at its first failed request."""
    wanted = selection.names_of(source)
    if not wanted:
        return
    done = load_seasons(
        lake,
        source,
        _seasons_of(source, selection, now),
        wanted,
        now,
        listener,
        every_round=selection.lap_times,
        force=selection.force,
        may_wait=may_wait,
    )
    report.checks += done.checks
    report.failed_checks += done.failed_checks
    report.seasons += done.seasons
    if may_wait:
        report.failures += done.failures
    else:
        report.warnings += [f"{source.title}: {line}" for line in done.failures[:1]]


def nothing_to_build(lake: Lake) -> bool:
    """Return whether a transform would give what is there: all steps of the last one succeeded, with this code on this bronze.

    The warehouse must be readable too: a transform says how to mend it.
    """
    version, build = lake.bronze.pull_log.version(), last_build(lake.settings)
    if build is None or build.bronze_version != version or find_lag(lake.settings, version) is not None:
        return False
    # A transform that was killed after its build, or failed at the pages, is not the newest success of the run log.
    transforms = [run for run in lake.runs.all() if run.job == "transform"]
    newest = max(transforms, key=lambda run: run.started_at, default=None)
    if newest is None or newest.run_id != build.run_id or newest.outcome != SUCCESS:
        return False
    if must_rebuild(lake.settings) or built_by(lake.settings) is not lake.settings.engine:
        return False
    try:
        check_readable(lake.settings.warehouse)
    except WarehouseError:
        return False
    return engine_of_build(lake.settings).exist()


def run_transform(
    lake: Lake,
    listener: Listener,
    report: Report | None = None,
    *,
    full_refresh: bool = False,
    always: bool = False,
    only_changed: bool = True,
) -> Report:
    """Build gold and publish it, if published gold lags behind bronze or the code (or `always`).

    `only_changed`: leave out the tables that would be made again as they are. A run that succeeded without publishing is a failure.
    """
    report = report or Report()
    if lake.bronze.pull_log.is_empty:
        raise LoadError(f"there is nothing in bronze at {lake.bronze.uri}; load something first: f1 load")
    if not always and find_lag(lake.settings, lake.bronze.pull_log.version()) is None:
        return report
    with dbt_may_wait(lake.settings):
        start_waiting()
        return _run_transform(lake, listener, report, full_refresh=full_refresh, only_changed=only_changed)


def _run_transform(lake: Lake, listener: Listener, report: Report, **config: bool) -> Report:
    # Dagster takes seconds to import.
    from f1_lakehouse.instance.dagster_instance import current_instance
    from f1_lakehouse.instance.orphaned_runs import fail_orphaned_runs
    from f1_lakehouse.runs.run_job import run_job

    everything = ", all of it: the code has changed" if must_rebuild(lake.settings) else ""
    if lake.settings.engine is not built_by(lake.settings):
        everything = f", all of it: now with {lake.settings.engine}"
    listener.stage(f"silver, gold and their tests (dbt){everything}")
    began = datetime.now(UTC)
    fail_orphaned_runs(current_instance())
    release_freed()  # of the pulls: dbt needs its own next to this process
    outcome = run_job("transform", why="f1", config={"dbt_build": {"config": config}})
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
