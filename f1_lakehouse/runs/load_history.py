"""The part of a load from Jolpica: plans which seasons and rounds are due, and runs one job after the other.

Belongs here: planning and running. Does not belong here: when a pull is due (sources/jolpica/pull_policy.py) and what an
asset does (defs/jolpica.py).
"""

import math
from collections.abc import Collection, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Protocol

from f1_lakehouse.lakehouse import Lake
from f1_lakehouse.observability.run_log import CheckResult
from f1_lakehouse.sources.catalog import Scope
from f1_lakehouse.sources.jolpica.partitions import FIRST_SEASON
from f1_lakehouse.sources.jolpica.work import HistoryWork, round_work, season_work

HOUR = 3600.0


@dataclass
class HistoryReport:
    """The result of this part of a load. `failures`: one line each; `checks`: the number of checks that were evaluated."""

    work: list[HistoryWork]
    failures: list[str]
    failed_checks: list[CheckResult]
    checks: int = 0


class HistoryListener(Protocol):
    """Receives the progress of a load."""

    def stage(self, name: str) -> None:
        """A stage of the load begins."""


def check_seasons(seasons: Sequence[int], now: datetime) -> str | None:
    """Return the error in the seasons that a user named; None if Jolpica has them all."""
    unknown = [season for season in seasons if not FIRST_SEASON <= season <= now.year + 1]
    if not unknown:
        return None
    return f"season {unknown[0]}: Jolpica has seasons from {FIRST_SEASON} to {now.year}"


def load_history(
    lake: Lake,
    seasons: Sequence[int],
    wanted: Collection[str],
    now: datetime,
    listener: HistoryListener,
    *,
    lap_times: bool = False,
    force: bool = False,
    may_wait: bool = True,
) -> HistoryReport:
    """Pull what is due of these seasons. After a failure of the source the rest is left for the next load.

    `may_wait`: False in a load whose other part must not be delayed. Then the part ends at the first failed request, and
    before it would wait for the window of an hour.
    """
    report = HistoryReport([], [], [])
    with nullcontext() if may_wait else lake.clients["jolpica"].http.giving_up_early():
        for plan in (season_work, partial(round_work, lap_times=lap_times)):
            # The first step pulls the races that the second one needs.
            races = lake.races({*seasons, now.year})
            work = plan(races, lake.bronze.pull_log.of, seasons, wanted, now, force=force)
            _run(lake, work, listener, report, force=force, may_wait=may_wait)
            if report.failures:
                break
    return report


def _run(
    lake: Lake,
    work: list[HistoryWork],
    listener: HistoryListener,
    report: HistoryReport,
    *,
    force: bool,
    may_wait: bool,
) -> None:
    if not work:
        return
    # Dagster takes seconds to import: a load with nothing to do does without.
    from f1_lakehouse.defs.jolpica import ensure_rounds
    from f1_lakehouse.instance.dagster_instance import current_instance
    from f1_lakehouse.instance.orphaned_runs import fail_orphaned_runs
    from f1_lakehouse.runs.run_job import run_job

    instance = current_instance()
    fail_orphaned_runs(instance)
    names = ensure_rounds(
        instance, [one.partition.races[0] for one in work if one.partition.scope is Scope.ROUND]
    )
    for index, one in enumerate(work):
        left = lake.clients["jolpica"].http.limiter.remaining().get(HOUR, math.inf)
        if not may_wait and one.requests > left:
            report.failures.append("its requests of this hour are used up; run the same command later")
            return
        listener.stage(f"Jolpica: {one.partition.label}{_to_go(lake, work[index:])}")
        is_round = one.partition.scope is Scope.ROUND
        key = names[one.partition.key] if is_round else one.partition.label
        outcome = run_job(
            "history_rounds" if is_round else "history",
            partition=None if one.partition.scope is Scope.ALL else key,
            assets=one.endpoints,
            why=f"f1 load: {one.why}",
            force=force,
        )
        report.work.append(one)
        report.checks += outcome.checks
        report.failed_checks += outcome.failed_checks
        if lake.budget.spent:
            report.failures.append(lake.budget.spent)
        else:
            report.failures += outcome.failures
        if report.failures:
            return


def _to_go(lake: Lake, work: Sequence[HistoryWork]) -> str:
    """How many requests are left, and how long the hour window makes them take."""
    requests = sum(one.requests for one in work)
    limiter = lake.clients["jolpica"].http.limiter
    left = limiter.remaining().get(HOUR)
    if left is None or requests <= 1:
        return ""
    per_hour = next(window.requests for window in limiter.windows if window.seconds == HOUR)
    # The window is free again after an hour; the requests within one hour take seconds.
    hours = math.ceil(max(0, requests - left) / per_hour)
    time = f", up to {hours} h to go at {per_hour} requests per hour" if hours else ""
    return f" · about {requests} requests{time}"
