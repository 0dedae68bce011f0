"""Monitor a lake: record finished runs, evaluate the lake's health, notify receivers, write metrics and lineage.

Called by the daemon's sensor and at the end of each command that changes the lake, by one process at a time. The state is compared with
the logs of runs and alerts, so an interrupted call is completed by the next one.
"""

import fcntl
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from f1_lakehouse.lakehouse import Lake
from f1_lakehouse.lineage import openlineage
from f1_lakehouse.observability import metrics, notifications
from f1_lakehouse.observability.health import Condition, LakeState, conditions
from f1_lakehouse.observability.run_log import RunLog, RunRecord
from f1_lakehouse.publishing.publication import find_lag, publication, published_sessions
from f1_lakehouse.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MonitorResult:
    """The result: runs that were recorded, the conditions of the lake, and failures of notifications, metrics and lineage, one line each."""

    entered: Sequence[RunRecord] = ()
    conditions: Sequence[Condition] = ()
    problems: list[str] = field(default_factory=list)


def monitor_lake(
    lake: Lake,
    settings: Settings,
    *,
    over: Callable[[RunLog], Sequence[RunRecord]] = lambda _: (),
    running: Sequence[RunRecord] = (),
    now: datetime | None = None,
) -> MonitorResult:
    """Record finished runs, evaluate the lake's health and notify.

    Args:
        lake: the lake.
        settings: those of the environment now, which may differ from the lake's.
        over: returns the finished runs that are not in the given run log.
        running: the unfinished runs.
        now: UTC.
    """
    folder = lake.settings.root / "locks"
    folder.mkdir(exist_ok=True)
    with (folder / "observe.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        pulls = lake.bronze.pull_log.all()
        entered = [run.with_pulls(pulls) for run in over(lake.runs)]
        # Lineage first: it may be sent twice after a crash, while a recorded run is not processed again.
        problems = openlineage.send(pulls, settings, entered) if entered else []
        lake.runs.append(entered)
        state = state_of(lake, running, now or datetime.now(UTC))
        found = conditions(state)
        problems += notifications.notify(lake.told, found, settings, state.now)
        if entered or not settings.metrics.exists():
            problems += metrics.write(state, found, settings)
    for problem in problems:
        log.warning("%s", problem)
    return MonitorResult(entered, found, problems)


def state_of(lake: Lake, running: Sequence[RunRecord] = (), now: datetime | None = None) -> LakeState:
    """Return the state of a lake from which its conditions are computed."""
    published = publication(lake.settings)
    pulls = lake.bronze.pull_log.all()
    lag = find_lag(lake.settings, lake.bronze.pull_log.version()) if published else None
    # The first pull that is not in the publication; none if only the code has changed, at an unknown time.
    unseen = [pull.at for pull in pulls if published and published.seen_at and pull.at > published.seen_at]
    return LakeState(
        now=now or datetime.now(UTC),
        calendar=lake.calendar(),
        pulls=pulls,
        runs=lake.runs.all(),
        published=frozenset(published_sessions(lake.settings)),
        published_at=published.published_at if published else None,
        lag=lag,
        lag_since=(unseen[0] if unseen else published.published_at) if published else None,
        running=running,
        sources=lake.sources,
    )
