"""What must be pulled of seasons and rounds now: one entry per partition, with its resources.

Pure: races and earlier pulls are arguments. The sensor, the command line and the status are thin callers. When one resource
is due is decided in pull_policy.py.
"""

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime

from f1_lakehouse.sources.catalog import Endpoint, PastPull, Scope
from f1_lakehouse.sources.jolpica.calendar import JolpicaPartition, Race, partition_of
from f1_lakehouse.sources.jolpica.endpoints import BY_TABLE
from f1_lakehouse.sources.jolpica.pages import PAGE, exists
from f1_lakehouse.sources.jolpica.partitions import WHOLE
from f1_lakehouse.sources.jolpica.pull_policy import is_recent, why_due
from f1_lakehouse.sources.jolpica.tables import ENDPOINTS
from f1_lakehouse.sources.source import Work

PullsOf = Callable[[str, int], Sequence[PastPull]]
"""The pulls of an endpoint and partition, oldest first."""

_ROWS: dict[str, int] = {
    "jolpica_constructors": 212,
    "jolpica_drivers": 864,
    "jolpica_status": 139,
    "jolpica_results": 420,
    "jolpica_qualifying": 420,
    "jolpica_laps": 1100,
}
"""Rows of a first pull that needs more than one request, for the estimate of the time."""


def expected_requests(endpoints: Iterable[str]) -> int:
    """About how many requests the first pulls of these resources of one partition take."""
    return sum(math.ceil(_ROWS.get(name, 1) / PAGE) for name in endpoints)


def season_work(
    races: Sequence[Race],
    pulls_of: PullsOf,
    seasons: Sequence[int],
    wanted: Collection[str],
    now: datetime,
    *,
    force: bool = False,
    patient: bool = False,
    followed: Collection[int] | None = None,
) -> list[Work]:
    """What is due of these seasons: first the resources without a season, then season by season.

    `followed`: the seasons that are due although they were never pulled; all by default. `patient`: back off after a failure.
    """
    current = partition_of(WHOLE, [one for one in races if one.season == now.year], followed=True)
    found = [_work(pulls_of, current, _of(Scope.ALL, wanted), now, force, patient)]
    for season in seasons:
        partition = partition_of(season, races, followed=followed is None or season in followed)
        found.append(_work(pulls_of, partition, _of(Scope.SEASON, wanted), now, force, patient))
    return [one for one in found if one is not None]


def round_work(
    races: Sequence[Race],
    pulls_of: PullsOf,
    seasons: Sequence[int],
    wanted: Collection[str],
    now: datetime,
    *,
    lap_times: bool = False,
    force: bool = False,
    patient: bool = False,
) -> list[Work]:
    """What is due of the rounds of these seasons: those younger than 30 days, or all with `lap_times`."""
    found = []
    for one in sorted(one for one in races if one.season in seasons and one.end <= now):
        if lap_times or is_recent(one, now):
            partition = partition_of(one.partition, [one], followed=True)
            found.append(_work(pulls_of, partition, _of(Scope.ROUND, wanted), now, force, patient))
    return [one for one in found if one is not None]


def _of(scope: Scope, wanted: Collection[str]) -> list[Endpoint]:
    return [endpoint for endpoint in ENDPOINTS if endpoint.scope is scope and endpoint.name in wanted]


def _work(
    pulls_of: PullsOf,
    partition: JolpicaPartition,
    endpoints: Iterable[Endpoint],
    now: datetime,
    force: bool,
    patient: bool,
) -> Work | None:
    names: list[str] = []
    reason, attempt = "forced", 0
    for endpoint in endpoints:
        if not exists(BY_TABLE[endpoint.name], partition.key):
            continue
        pulls = pulls_of(endpoint.name, partition.key)
        found = ("forced", 0) if force else why_due(endpoint, partition, now, pulls, patient)
        if found is not None:
            reason, attempt = found if not names else (reason, attempt)
            names.append(endpoint.name)
    if not names:
        return None
    return Work(partition, tuple(names), reason, attempt, expected_requests(names))
