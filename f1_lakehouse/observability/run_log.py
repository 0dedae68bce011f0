"""The run log, `metrics/runs`: each run with its user, code version, input, cost and outcome.

One row per run, appended when the run has ended and never changed: metrics, alerts, audits and replays read it. Pulls are in the pull log
(storage/pull_log.py), here are their sums. How the runs are found is in defs/monitoring.py.
"""

import getpass
import os
import shlex
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from f1_lakehouse import __version__
from f1_lakehouse.storage.append_only_log import AppendOnlyLog
from f1_lakehouse.storage.pull_log import Pull

PROJECT = Path(__file__).parents[2]
SUCCESS, FAILURE, CANCELED = "success", "failure", "canceled"
COMMAND = "f1 "
"""Prefix of the `job` of a command that is not a Dagster run."""
LONGEST_ERROR = 500
"""Characters of one error that are stored; an error of dbt may be long, and Dagster has all of it."""


@dataclass(frozen=True)
class CheckResult:
    """The result of an asset check in a run. `severity`: ERROR or WARN; `partition`: None for a check of a complete table."""

    asset: str
    check: str
    partition: str | None
    passed: bool
    severity: str
    message: str

    @property
    def key(self) -> tuple[str, str, str | None]:
        """Asset, check and partition: what the result belongs to."""
        return self.asset, self.check, self.partition


@dataclass(frozen=True)
class RunRecord:
    """One run, or one command that changed the lake. Times are UTC, `seconds` the duration.

    `origin`: the command line, schedule or sensor that started it. `bronze_version` and `seen_at`: the state of bronze that a build read;
    `tables`: the rows of each table that it built; `gold` and `delta_versions`: fingerprint and version of each table that it published
    (JSON objects). `rows`, `bytes`, `requests`, `retries` and `waited_s` (on rate limits) are sums over its pulls. `checks`: those that
    failed, and those that passed again.
    """

    run_id: str
    job: str
    partition: str | None
    why: str | None
    user: str
    host: str
    origin: str
    started_at: datetime
    ended_at: datetime
    outcome: str
    errors: list[str] = field(default_factory=list)
    code_version: str | None = None
    dbt_version: str | None = None
    config: str | None = None
    bronze_version: str | None = None
    seen_at: datetime | None = None
    gold: str | None = None
    tables: str | None = None
    delta_versions: str | None = None
    seconds: float = 0.0
    sessions: int = 0
    pulls: int = 0
    failed_pulls: int = 0
    rows: int = 0
    bytes: int = 0
    requests: int = 0
    retries: int = 0
    waited_s: float = 0.0
    quarantined: int = 0
    checks_passed: int = 0
    checks_failed: int = 0
    checks: list[CheckResult] = field(default_factory=list)

    def with_pulls(self, pulls: Iterable[Pull]) -> "RunRecord":
        """Return the run with the sums over its pulls."""
        mine = [pull for pull in pulls if pull.run_id == self.run_id]
        return replace(
            self,
            code_version=self.code_version or (mine[0].code_version if mine else None),
            seconds=round((self.ended_at - self.started_at).total_seconds(), 3),
            sessions=len({pull.scope for pull in mine}),
            pulls=len(mine),
            failed_pulls=sum(not pull.is_answer for pull in mine),
            rows=sum(pull.rows for pull in mine),
            bytes=sum(pull.bytes for pull in mine),
            requests=sum(pull.requests for pull in mine),
            retries=sum(pull.retries or 0 for pull in mine),
            waited_s=round(sum(pull.waited_s for pull in mine), 3),
            quarantined=sum(pull.quarantined for pull in mine),
        )


_UTC = pa.timestamp("us", tz="UTC")
_CHECK = pa.struct(
    [
        ("asset", pa.string()),
        ("check", pa.string()),
        ("partition", pa.string()),
        ("passed", pa.bool_()),
        ("severity", pa.string()),
        ("message", pa.string()),
    ]
)
_TYPES: dict[str, pa.DataType] = {
    "started_at": _UTC,
    "ended_at": _UTC,
    "seen_at": _UTC,
    "errors": pa.list_(pa.string()),
    "checks": pa.list_(_CHECK),
    "seconds": pa.float64(),
    "waited_s": pa.float64(),
}
_COUNTS = {one.name for one in fields(RunRecord) if one.type is int}
SCHEMA = pa.schema(
    [
        (one.name, _TYPES.get(one.name, pa.int64() if one.name in _COUNTS else pa.string()))
        for one in fields(RunRecord)
    ]
)


class RunLog:
    """The recorded runs of a lake."""

    def __init__(self, uri: str) -> None:
        self._log = AppendOnlyLog(
            uri, SCHEMA, "Every run on this lake: its user, time, input, cost and outcome"
        )

    def all(self) -> list[RunRecord]:
        """Return every run, in the order in which they ended."""
        found = (_run(row) for row in self._log.rows())
        return sorted(found, key=lambda run: (run.ended_at, run.run_id))

    def of(self, run_id: str) -> list[RunRecord]:
        """Return the runs whose id has this prefix."""
        return [run for run in self.all() if run.run_id.startswith(run_id)]

    def append(self, runs: Iterable[RunRecord]) -> None:
        """Append finished runs."""
        self._log.append(asdict(run) for run in runs)


def failing(runs: Iterable[RunRecord]) -> dict[tuple[str, str, str | None], tuple[CheckResult, datetime]]:
    """Return the checks whose last result is a failure, each with the end of the run since which it fails.

    Args:
        runs: oldest first.
    """
    found: dict[tuple[str, str, str | None], tuple[CheckResult, datetime]] = {}
    for run in runs:
        for check in run.checks:
            if check.passed:
                found.pop(check.key, None)
            else:
                since = found[check.key][1] if check.key in found else run.ended_at
                found[check.key] = (check, since)
    return found


def _run(row: dict[str, Any]) -> RunRecord:
    return RunRecord(**{**row, "checks": [CheckResult(**check) for check in row["checks"] or ()]})


def on_record(runs: RunLog, name: str, do: Callable[[], int]) -> int:
    """Run a command that changes the lake without a Dagster run (restore, vacuum …) and record it as `f1 NAME`, also if it fails.

    Args:
        do: returns the exit code, which is returned.
    """
    started, outcome, errors = datetime.now(UTC), FAILURE, list[str]()
    try:
        code = do()
        outcome = FAILURE if code else SUCCESS
        return code
    except Exception as error:
        errors = [one_line(str(error))]
        raise
    except BaseException:
        outcome = CANCELED
        raise
    finally:
        ended = datetime.now(UTC)
        entry = RunRecord(
            run_id=str(uuid.uuid4()),
            job=f"{COMMAND}{name}",
            partition=None,
            why="by hand",
            user=user(),
            host=socket.gethostname(),
            origin=command(),
            started_at=started,
            ended_at=ended,
            outcome=outcome,
            errors=errors,
            code_version=code_version(),
        )
        runs.append([entry.with_pulls(())])


def user() -> str:
    """Return the user of this process; a number if the system has no name for it, as in a container."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def command() -> str:
    """Return the command line of this process, as it would be typed."""
    return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])


@cache
def code_version() -> str:
    """The package's version and, in a checkout, the commit: `0.1.0+455e8fd1c2ab`, with `-dirty` if files differ; read once per process."""
    if not (PROJECT / ".git").exists():
        return __version__
    asked = ["git", "-C", str(PROJECT), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        found = subprocess.run(asked, capture_output=True, text=True, timeout=5, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return __version__
    return f"{__version__}+{found}"


def one_line(text: str) -> str:
    """Return an error as one line of bounded length."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_ERROR else line[: LONGEST_ERROR - 1] + "…"
