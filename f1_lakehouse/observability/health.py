"""The problems of a lake (conditions), as a pure function of its state: pull log, calendar, run log, published gold.

The same state always has the same conditions, so a crash loses none of them. Which receiver is notified of a condition is in
notifications.py.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from itertools import groupby, takewhile
from operator import itemgetter

from f1_lakehouse.observability.run_log import CANCELED, COMMAND, FAILURE, RunRecord, failing
from f1_lakehouse.quality.freshness import FRESH_WITHIN, judge_freshness
from f1_lakehouse.sources.catalog import Scope
from f1_lakehouse.sources.openf1.calendar import Session
from f1_lakehouse.sources.pull_history import last_answer
from f1_lakehouse.sources.registry import SOURCES
from f1_lakehouse.sources.source import Source
from f1_lakehouse.storage.pull_log import Pull

SLOW = timedelta(minutes=30)
"""The longest time that the load of one session, or a transform, should take."""

BEHIND_AFTER = timedelta(hours=1)
"""The time without a pull after which gold should follow bronze: during a load, gold waits for the last pull."""

SHOWN = 3


class ConditionKind(StrEnum):
    """The kinds of condition; each has a section of its name in docs/runbook.md."""

    LOAD_FAILED = "load failed"
    TRANSFORM_FAILED = "transform failed"
    RUN_FAILED = "run failed"
    CHECK_FAILED = "check failed"
    STALE = "gold is stale"
    BEHIND = "gold is behind"
    SLOW = "slow run"

    @property
    def anchor(self) -> str:
        """The anchor of its heading in the runbook."""
        return "alert-" + self.value.replace(" ", "-")


@dataclass(frozen=True)
class Condition:
    """A problem: its kind, its session or table, since when (UTC), and the first command of the cure."""

    kind: ConditionKind
    subject: str
    since: datetime
    what: str
    todo: str

    @property
    def key(self) -> tuple[str, str]:
        """Identifies the condition over time."""
        return self.kind.value, self.subject


@dataclass(frozen=True)
class LakeState:
    """The state that conditions are computed from; `pulls` and `runs` oldest first. `running`: unfinished runs, `ended_at` is now.

    `lag`: why the next transform has something to publish (`find_lag`), for a lake that has published before.
    """

    now: datetime
    calendar: Sequence[Session]
    pulls: Sequence[Pull]
    runs: Sequence[RunRecord]
    published: frozenset[int] = frozenset()
    published_at: datetime | None = None
    lag: str | None = None
    lag_since: datetime | None = None
    running: Sequence[RunRecord] = ()
    sources: Sequence[Source] = SOURCES

    @cached_property
    def by_scope(self) -> dict[tuple[str, int], list[Pull]]:
        """The pulls of each endpoint and partition, oldest first."""
        found: dict[tuple[str, int], list[Pull]] = {}
        for pull in self.pulls:
            found.setdefault((pull.endpoint, pull.scope), []).append(pull)
        return found

    def pulls_of(self, endpoint: str, scope: int) -> list[Pull]:
        """Return the pulls of one endpoint and partition."""
        return self.by_scope.get((endpoint, scope), [])


def conditions(state: LakeState) -> list[Condition]:
    """Return all conditions, the oldest first."""
    found = [
        *_failed_pulls(state),
        *_failed_runs(state),
        *_failed_checks(state),
        *_stale(state),
        *_behind(state),
        *_slow(state),
    ]
    return sorted(found, key=lambda one: (one.since, one.key))


def _failed_pulls(state: LakeState) -> Iterator[Condition]:
    """Return one condition per session (or season) with endpoints whose last pull failed."""
    sessions = {one.key: one for one in state.calendar}
    endpoints = {one.name: (source, one) for source in state.sources for one in source.endpoints}
    failed: dict[tuple[str, int], list[list[Pull]]] = {}
    for (name, scope), pulls in state.by_scope.items():
        streak = list(takewhile(lambda pull: not pull.is_answer, reversed(pulls)))
        # A source that is closed as planned, for example while a session is live, is pulled after it.
        if streak and name in endpoints and streak[0].error_type not in endpoints[name][0].planned_errors:
            failed.setdefault((endpoints[name][0].name, scope), []).append(streak)
    for (_, scope), streaks in failed.items():
        source, endpoint = endpoints[streaks[0][0].endpoint]
        subject, todo = source.partitions.title(endpoint, scope, streaks[0][0].season)
        if endpoint.scope is Scope.SESSION and scope in sessions:
            subject = sessions[scope].label
        yield Condition(
            ConditionKind.LOAD_FAILED,
            subject,
            min(streak[-1].at for streak in streaks),
            _reasons(streaks),
            todo,
        )


def _reasons(streaks: list[list[Pull]]) -> str:
    """Return the endpoints grouped by error: `laps, weather: the source answered 503 (3 times)`."""
    causes = sorted(((_cause(streak[0]), streak) for streak in streaks), key=itemgetter(0))
    parts = []
    for cause, group in groupby(causes, key=itemgetter(0)):
        found = [streak for _, streak in group]
        times = max(len(streak) for streak in found)
        parts.append(
            f"{_names([streak[0].endpoint for streak in found])}: {cause}"
            + (f" ({times} times)" if times > 1 else "")
        )
    return "; ".join(parts)


def _cause(pull: Pull) -> str:
    """The cause without the URL, which differs between endpoints; of a row from before `error_cause` the complete text."""
    return pull.error_cause or pull.error or "no usable response"


def _failed_runs(state: LakeState) -> Iterator[Condition]:
    """Return one condition per job (and partition) whose last run failed for a reason that is no failed pull or check."""
    latest: dict[tuple[str, str | None], RunRecord] = {}
    since: dict[tuple[str, str | None], datetime] = {}
    for run in state.runs:
        # Gold may also be built from the asset page of the UI. Commands report to their user directly.
        key = ("transform" if run.bronze_version else run.job, run.partition)
        if run.outcome == CANCELED or run.job.startswith(COMMAND):
            continue
        if run.outcome == FAILURE:
            since.setdefault(key, run.ended_at)
        else:
            since.pop(key, None)
        latest[key] = run
    for (job, partition), began in since.items():
        run = latest[job, partition]
        what = f"run {run.run_id[:8]}: {'; '.join(run.errors[:SHOWN]) or 'it ended without a reason'}"
        if partition is not None:
            if not run.failed_pulls and _is_due(state, job, partition):
                yield Condition(ConditionKind.LOAD_FAILED, partition, began, what, "f1 load")
        elif job == "transform":
            if not any(not check.passed and check.severity == "ERROR" for check in run.checks):
                yield Condition(
                    ConditionKind.TRANSFORM_FAILED, "gold", began, f"{what}; {_kept(state)}", "f1 transform"
                )
        else:
            yield Condition(ConditionKind.RUN_FAILED, job, began, what, "f1 ui")


def _is_due(state: LakeState, job: str, partition: str) -> bool:
    """Return whether an endpoint of a partition has to be pulled; completed pulls need no alert."""
    text = partition.rsplit("-", 1)[-1]
    if not text.isdigit():  # a range of partitions
        return False
    key = int(text)
    jobs = {one.name for source in state.sources for one in source.jobs}
    session = next((one for one in state.calendar if one.key == key), None)
    for source in state.sources:
        for endpoint in source.endpoints:
            if job in jobs and source.job_of(endpoint.scope).name != job:
                continue
            pulls = state.pulls_of(endpoint.name, key)
            if endpoint.scope is Scope.SESSION:
                if session is not None and source.why_due(endpoint, session, state.now, pulls, False):
                    return True
            elif endpoint.scope is not Scope.ALL and last_answer(pulls)[0] is None:
                return True
    return False


def _failed_checks(state: LakeState) -> Iterator[Condition]:
    """Return one condition per check of error severity whose last result is a failure."""
    for check, since in failing(state.runs).values():
        if check.severity != "ERROR":
            continue
        subject = " ".join(part for part in (check.asset, check.check, check.partition) if part)
        held = "" if check.asset.startswith("bronze/") else f"; {_kept(state)}"
        yield Condition(ConditionKind.CHECK_FAILED, subject, since, f"{check.message}{held}", "f1 ui")


def _kept(state: LakeState) -> str:
    if state.published_at is None:
        return "nothing is published yet"
    return f"published gold stays as of {state.published_at:%Y-%m-%d %H:%M} UTC"


def _stale(state: LakeState) -> Iterator[Condition]:
    """Return a condition if the newest session that should be in gold is missing, for a lake with the current season."""
    if not state.pulls_of("sessions", state.now.year):
        return
    verdict = judge_freshness(state.now, state.calendar, state.published)
    if verdict.passed:
        return
    newest = max(
        one for one in state.calendar if one.is_finished(state.now) and state.now - one.end > FRESH_WITHIN
    )
    yield Condition(
        ConditionKind.STALE,
        "gold",
        newest.end + FRESH_WITHIN,
        verdict.message.split(";")[0],
        f"f1 load --session {newest.key}",
    )


def _behind(state: LakeState) -> Iterator[Condition]:
    """Return a condition if published gold lags behind bronze or the code, and no run is about to change that."""
    if state.lag is None or state.lag_since is None or state.running:
        return
    if state.pulls and state.now - state.pulls[-1].at <= BEHIND_AFTER:
        return
    yield Condition(
        ConditionKind.BEHIND, "gold", state.lag_since, f"{state.lag}; {_kept(state)}", "f1 transform"
    )


def _slow(state: LakeState) -> Iterator[Condition]:
    """Return one condition per job (ingest, transform) whose last or current run takes longer than it should."""
    for job in ("ingest", "transform"):
        done = [run for run in state.runs if run.job == job][-1:]
        late = [
            run for run in [*done, *state.running] if run.job == job and run.ended_at - run.started_at > SLOW
        ]
        for run in late[-1:]:
            minutes = (run.ended_at - run.started_at) / timedelta(minutes=1)
            state_of_it = "has been running for" if run in state.running else "took"
            what = (
                f"run {run.run_id[:8]}{f' of {run.partition}' if run.partition else ''} {state_of_it} {minutes:.0f} min, "
                f"{run.waited_s / 60:.0f} of them waiting for the rate limit; {SLOW / timedelta(minutes=1):.0f} are allowed"
            )
            yield Condition(ConditionKind.SLOW, job, run.started_at + SLOW, what, "f1 status")


def _names(names: Iterable[str]) -> str:
    found = list(names)
    return (
        ", ".join(found)
        if len(found) <= SHOWN
        else f"{', '.join(found[:SHOWN])} and {len(found) - SHOWN} more"
    )
