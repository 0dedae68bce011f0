"""The part of a load that pulls seasons and rounds of one source: plans what is due, and runs one job after the other.

Belongs here: planning and running. Does not belong here: when a pull is due (`Source.partitions`) and what an asset does
(defs/bronze.py).
"""

import math
from collections.abc import Collection, Sequence
from contextlib import nullcontext
from datetime import datetime

from f1_lakehouse.counts import counted
from f1_lakehouse.dbt.waiting_process import start_waiting
from f1_lakehouse.lakehouse import Lake
from f1_lakehouse.runs.report import Report, StageListener
from f1_lakehouse.sources.catalog import Scope
from f1_lakehouse.sources.source import Source, Work

HOUR = 3600.0
STEPS = ({Scope.ALL, Scope.SEASON}, {Scope.ROUND})
"""What is planned together: the first step pulls the races, whose rounds the second one needs."""


def load_seasons(
    lake: Lake,
    source: Source,
    seasons: Sequence[int],
    wanted: Collection[str],
    now: datetime,
    listener: StageListener,
    *,
    every_round: bool = False,
    force: bool = False,
    may_wait: bool = True,
) -> Report:
    """Pull what is due of these seasons. After a failure of the source the rest is left for the next load.

    `may_wait`: False in a load whose other part must not be delayed. Then the part ends at the first failed request, and
    before it would wait for a window of an hour.
    """
    report = Report()
    with nullcontext() if may_wait else lake.clients[source.name].http.giving_up_early():
        for scopes in STEPS:
            work = source.partitions.due(
                lake,
                now,
                scopes=scopes,
                seasons=seasons,
                endpoints=wanted,
                force=force,
                every_round=every_round,
            )
            _run(lake, source, work, listener, report, force=force, may_wait=may_wait)
            if report.failures:
                break
    return report


def _run(
    lake: Lake,
    source: Source,
    work: list[Work],
    listener: StageListener,
    report: Report,
    *,
    force: bool,
    may_wait: bool,
) -> None:
    if not work:
        return
    # Dagster takes seconds to import: a load with nothing to do does without.
    from f1_lakehouse.defs.partitions import ensure_partitions
    from f1_lakehouse.instance.dagster_instance import current_instance
    from f1_lakehouse.instance.orphaned_runs import fail_orphaned_runs
    from f1_lakehouse.runs.run_job import run_job

    instance = current_instance()
    fail_orphaned_runs(instance)
    rounds = [one.partition for one in work if one.partition.scope is Scope.ROUND]
    names = ensure_partitions(instance, source, rounds)
    for index, one in enumerate(work):
        if one is work[-1]:
            start_waiting()
        _, left = _window_of_an_hour(lake, source)
        if not may_wait and one.requests > left:
            report.failures.append("its requests of this hour are used up; run the same command later")
            return
        listener.stage(f"{source.title}: {one.partition.label}{_to_go(lake, source, work[index:])}")
        scope, key = one.partition.scope, one.partition.key
        outcome = run_job(
            source.job_of(scope).name,
            partition=None if scope is Scope.ALL else names.get(key, one.partition.label),
            assets=one.endpoints,
            why=f"f1 load: {one.why}",
            force=force,
        )
        report.seasons.append(one)
        report.checks += outcome.checks
        report.failed_checks += outcome.failed_checks
        if lake.budget.spent:
            report.failures.append(lake.budget.spent)
        else:
            report.failures += outcome.failures
        if report.failures:
            return


def _window_of_an_hour(lake: Lake, source: Source) -> tuple[int, float]:
    """Return the requests of the source's window of an hour, and how many of them are left; (0, infinity) without one."""
    limiter = lake.clients[source.name].http.limiter
    left = limiter.remaining().get(HOUR)
    if left is None:
        return 0, math.inf
    return next(window.requests for window in limiter.windows if window.seconds == HOUR), left


def _to_go(lake: Lake, source: Source, work: Sequence[Work]) -> str:
    """How many requests are left, and how long the hour window makes them take."""
    requests = sum(one.requests for one in work)
    per_hour, left = _window_of_an_hour(lake, source)
    if not per_hour or requests <= 1:
        return ""
    # The window is free again after an hour; the requests within one hour take seconds.
    hours = math.ceil(max(0, requests - left) / per_hour)
    time = f", up to {hours} h to go at {per_hour} requests per hour" if hours else ""
    return f" · about {counted(requests, 'request')}{time}"
