"""The part of a load that comes from Jolpica: which seasons and rounds, what of them is due, then one run after the other.

Belongs here: planning and running. Does not belong here: when a pull is due (sources/jolpica/pull_policy.py) and what an
asset does (defs/jolpica.py).
"""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Protocol

from f1_lakehouse.lakehouse import Lake
from f1_lakehouse.observability.run_log import CheckResult
from f1_lakehouse.sources.catalog import Endpoint, Scope
from f1_lakehouse.sources.jolpica.calendar import JolpicaPartition, Race, partition_of
from f1_lakehouse.sources.jolpica.endpoints import BY_TABLE
from f1_lakehouse.sources.jolpica.pages import PAGE, exists
from f1_lakehouse.sources.jolpica.partitions import FIRST_SEASON, WHOLE
from f1_lakehouse.sources.jolpica.pull_policy import is_recent, why_due
from f1_lakehouse.sources.jolpica.source import ENDPOINTS

HOUR = 3600.0
_ROWS: dict[str, int] = {
    "jolpica_constructors": 212,
    "jolpica_drivers": 864,
    "jolpica_status": 139,
    "jolpica_results": 420,
    "jolpica_qualifying": 420,
    "jolpica_laps": 1100,
}
"""Rows of a first pull that needs more than one request, for the estimate of the time."""


@dataclass(frozen=True)
class HistoryWork:
    """Resources of one partition that must be pulled, and why. `attempt` counts failures since the last answer."""

    partition: JolpicaPartition
    endpoints: tuple[str, ...]
    why: str
    attempt: int = 0

    @property
    def requests(self) -> int:
        """About how many requests they take."""
        return sum(math.ceil(_ROWS.get(name, 1) / PAGE) for name in self.endpoints)


@dataclass
class HistoryReport:
    """What the part came to. `failures`: one line each; `checks`: how many were evaluated."""

    work: list[HistoryWork]
    failures: list[str]
    failed_checks: list[CheckResult]
    checks: int = 0


class HistoryListener(Protocol):
    """Receives what a load does."""

    def stage(self, name: str) -> None:
        """Something begins."""


def season_work(
    lake: Lake,
    seasons: Sequence[int],
    wanted: Collection[str],
    now: datetime,
    *,
    force: bool = False,
    patient: bool = False,
    followed: Collection[int] | None = None,
) -> list[HistoryWork]:
    """What is due of these seasons: first the resources without a season, then season by season.

    `followed`: the seasons that are due although they were never pulled; all by default. `patient`: back off after a failure.
    """
    races = lake.races({*seasons, now.year})
    current = partition_of(WHOLE, [one for one in races if one.season == now.year], followed=True)
    found = [_work(lake, current, _of(Scope.ALL, wanted), now, force, patient)]
    for season in seasons:
        partition = partition_of(season, races, followed=followed is None or season in followed)
        found.append(_work(lake, partition, _of(Scope.SEASON, wanted), now, force, patient))
    return [one for one in found if one is not None]


def round_work(
    lake: Lake,
    seasons: Sequence[int],
    wanted: Collection[str],
    now: datetime,
    *,
    lap_times: bool = False,
    force: bool = False,
    patient: bool = False,
) -> list[HistoryWork]:
    """What is due of the rounds of these seasons: those younger than 30 days, or all with `lap_times`."""
    found = []
    for one in _races(lake, seasons, now):
        if lap_times or is_recent(one, now):
            partition = partition_of(one.partition, [one], followed=True)
            found.append(_work(lake, partition, _of(Scope.ROUND, wanted), now, force, patient))
    return [one for one in found if one is not None]


def _races(lake: Lake, seasons: Sequence[int], now: datetime) -> Iterable[Race]:
    return [one for one in lake.races(seasons) if one.end <= now]


def _of(scope: Scope, wanted: Collection[str]) -> list[Endpoint]:
    return [endpoint for endpoint in ENDPOINTS if endpoint.scope is scope and endpoint.name in wanted]


def _work(
    lake: Lake,
    partition: JolpicaPartition,
    endpoints: Iterable[Endpoint],
    now: datetime,
    force: bool,
    patient: bool,
) -> HistoryWork | None:
    names: list[str] = []
    reason, attempt = "forced", 0
    for endpoint in endpoints:
        if not exists(BY_TABLE[endpoint.name], partition.key):
            continue
        pulls = lake.bronze.ledger.of(endpoint.name, partition.key)
        found = ("forced", 0) if force else why_due(endpoint, partition, now, pulls, patient)
        if found is not None:
            reason, attempt = found if not names else (reason, attempt)
            names.append(endpoint.name)
    return HistoryWork(partition, tuple(names), reason, attempt) if names else None


def check_seasons(seasons: Sequence[int], now: datetime) -> str | None:
    """What is wrong with the seasons that a user named; None if Jolpica has them all."""
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
) -> HistoryReport:
    """Pull what is due of these seasons. After a failure of the source the rest is left for the next load."""
    report = HistoryReport([], [], [])
    for plan in (season_work, partial(round_work, lap_times=lap_times)):
        work = plan(lake, seasons, wanted, now, force=force)
        _run(lake, work, listener, report, force=force)
        if report.failures:
            break
    return report


def _run(
    lake: Lake, work: list[HistoryWork], listener: HistoryListener, report: HistoryReport, *, force: bool
) -> None:
    if not work:
        return
    # Dagster takes seconds to import: a load with nothing to do does without.
    from f1_lakehouse.defs.jolpica import know_rounds
    from f1_lakehouse.runs.run_job import instance, reap, run_job

    reap(instance())
    names = know_rounds(
        instance(), [one.partition.races[0] for one in work if one.partition.scope is Scope.ROUND]
    )
    for index, one in enumerate(work):
        listener.stage(f"Jolpica: {one.partition.label}{_to_go(lake, work[index:])}")
        is_round = one.partition.scope is Scope.ROUND
        key = names[one.partition.key] if is_round else one.partition.label
        config: dict[str, object] = {}
        if force:
            config = {f"bronze_{name}": {"config": {"force": True}} for name in one.endpoints}
        outcome = run_job(
            "history_rounds" if is_round else "history",
            partition=None if one.partition.scope is Scope.ALL else key,
            assets=one.endpoints,
            why=f"f1 load: {one.why}",
            config=config,
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
    # Whole hours pass until enough of the window is free; within one the requests take seconds.
    hours = math.ceil(max(0, requests - left) / per_hour)
    time = f", up to {hours} h to go at {per_hour} requests per hour" if hours else ""
    return f" · about {requests} requests{time}"
