"""Runs in this process, for the command line: the same jobs as in the UI, recorded in the same instance.

Also the reaper: a process that is killed leaves its run STARTED and its pool slot taken, and the next run would wait
for ever; runs carry the host, pid and start of their process (the daemon's by LakeResource), so that anyone can tell.
"""

import contextlib
import fcntl
import io
import logging
import os
import re
import socket
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.compute_log_manager import CapturedLogContext
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._serdes import ConfigurableClassData
from dagster._utils import touch_file

from f1_lakehouse import interrupts
from f1_lakehouse.dbt.project import DAGSTER_CONFIG
from f1_lakehouse.errors import F1LakehouseError
from f1_lakehouse.lakehouse import current_settings
from f1_lakehouse.observability.run_log import CheckResult, code_version, command, one_line, user
from f1_lakehouse.settings import Settings
from f1_lakehouse.storage.object_store import write_whole

log = logging.getLogger(__name__)

HOST_TAG, PID_TAG, STARTED_TAG = "f1/host", "f1/pid", "f1/process_started"
USER_TAG, ORIGIN_TAG, CODE_TAG = "f1/user", "f1/command", "f1/code"
IN_POSTGRESQL = "\nstorage: { postgres: { postgres_url: { env: F1_DAGSTER_STORAGE } } }\n"
IN_FILES = (
    "\nstorage: { custom: { module: f1_lakehouse.instance.sqlite_storage, class: Storage, "
    "config: { base_dir: { env: DAGSTER_HOME } } } }\n"
)
_LIVE = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.CANCELING]
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class StorageError(F1LakehouseError):
    """Dagster's storage cannot be used; one line, which never shows the URL."""


def dagster_home(settings: Settings) -> Path:
    """The lake's Dagster folder with its dagster.yaml in it: the project's, and where the storage is.

    Raises:
        StorageError: the lake's runs are in PostgreSQL, and this process was not told where.
    """
    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    target = home / "dagster.yaml"
    found = target.read_text() if target.exists() else ""
    if settings.dagster_storage is None and found.endswith(IN_POSTGRESQL):
        # Without a word it would begin another history, with pools that hold nobody back.
        raise StorageError(
            f"the runs of this lake are in PostgreSQL: set F1_DAGSTER_STORAGE, or remove {target} to keep them here from now on"
        )
    config = DAGSTER_CONFIG.read_text() + (IN_POSTGRESQL if settings.dagster_storage else IN_FILES)
    if found != config:
        write_whole(target, config.encode())
    return home


def reach(url: str) -> None:
    """See that PostgreSQL takes connections, once, where Dagster would try for long and then show its whole stack.

    Raises:
        StorageError: it does not, or what speaks to it is not installed.
    """
    try:
        import dagster_postgres  # noqa: F401
        import psycopg2
    except ImportError:
        raise StorageError("F1_DAGSTER_STORAGE needs pip install 'f1-lakehouse[postgres]'") from None
    try:
        psycopg2.connect(url, connect_timeout=10).close()
    except psycopg2.Error as error:
        # Of the message only what is known to be no part of the URL: a password with an @ in it ends up as a host.
        said = re.findall(r"(?:failed|to address|FATAL): +([^:\n]+)$", str(error), re.MULTILINE)
        raise StorageError(
            f"F1_DAGSTER_STORAGE: PostgreSQL cannot be used ({said[-1] if said else 'the URL is malformed'}); "
            "start it, or correct the variable"
        ) from None


class NoComputeLogs(LocalComputeLogManager):
    """Leaves the output of steps where it is, and notes for the UI that there is no more of it to come.

    Dagster would put a file in the place of stderr for each step and start four processes to copy it to the terminal: progress
    would be drawn late and between other lines, and those processes, which get Ctrl-C too, would print their tracebacks.
    """

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "NoComputeLogs":
        """This class: Dagster's method makes one of its own."""
        return cls(inst_data=inst_data, **config_value)

    @contextlib.contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Iterator[CapturedLogContext]:
        """Capture nothing."""
        yield CapturedLogContext(log_key)
        touch_file(self.complete_artifact_path(log_key))


_instances: dict[Path, dg.DagsterInstance] = {}


def instance() -> dg.DagsterInstance:
    """The lake's Dagster instance; opened once a process, which takes half a second.

    Raises:
        StorageError: its storage cannot be used.
    """
    settings = current_settings()
    home = dagster_home(settings)
    if home not in _instances:
        if settings.dagster_storage is not None:
            reach(settings.dagster_storage.get_secret_value())
        # Two processes that make the storage of a new lake at once get in each other's way.
        with (home / "instance.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            logs = {
                "module": __name__,
                "class": NoComputeLogs.__name__,
                "config": {"base_dir": str(home / "storage")},
            }
            _instances[home] = dg.DagsterInstance.from_ref(
                InstanceRef.from_dir(str(home), overrides={"compute_logs": logs})
            )
    return _instances[home]


@cache
def repository(*, with_dbt: bool) -> dg.RepositoryDefinition:
    """The project's definitions, put together once a process; those of bronze alone need no dbt, which takes 3.5 s to import."""
    if with_dbt:
        from f1_lakehouse.definitions import defs

        return defs().get_repository_def()
    from f1_lakehouse.defs import bronze, jobs, jolpica, resources

    found = dg.Definitions(
        assets=[*bronze.bronze_assets, *jolpica.jolpica_assets],
        jobs=[jobs.calendar, jobs.ingest, jolpica.history, jolpica.history_rounds],
        resources={"lake": resources.LakeResource()},
    )
    return found.get_repository_def()


def process_started(pid: int) -> str | None:
    """When a process began, as the system tells it; None if it is gone. Tells a process from a later one of its pid."""
    stat = Path(f"/proc/{pid}/stat")
    if stat.parent.parent.exists() and Path("/proc/self/stat").exists():
        try:
            return stat.read_text().rsplit(")", 1)[1].split()[19]
        except FileNotFoundError:
            return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return "alive"


def place_tags() -> dict[str, str]:
    """The tags that say which process a run lives in."""
    return {
        HOST_TAG: socket.gethostname(),
        PID_TAG: str(os.getpid()),
        STARTED_TAG: process_started(os.getpid()) or "",
    }


def process_tags() -> dict[str, str]:
    """The tags that say which process a run lives in, whose it is, how it was called, and by which code."""
    return {
        **place_tags(),
        USER_TAG: user(),
        ORIGIN_TAG: command(),
        CODE_TAG: code_version(),
    }


def reap(instance: dg.DagsterInstance) -> list[str]:
    """Fail the runs whose process is gone and free their pool slots; the ids of those runs.

    Freed too is what runs hold that are over: of a killed worker the daemon knows at once, but keeps its slots for minutes.
    """
    reaped = []
    for run in instance.get_runs(
        filters=dg.RunsFilter(statuses=_LIVE, tags={HOST_TAG: socket.gethostname()})
    ):
        pid = int(run.tags.get(PID_TAG, "0"))
        if pid and process_started(pid) != run.tags.get(STARTED_TAG):
            instance.report_run_failed(run, message="The process of this run is gone.")
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
            reaped.append(run.run_id)
    storage = instance.event_log_storage
    for pool in storage.get_concurrency_infos(list(storage.get_concurrency_keys())).values():
        for holder in pool.active_run_ids:
            held_by = instance.get_run_by_id(holder)
            if held_by is None or held_by.is_finished:
                storage.free_concurrency_slots_for_run(holder)
    return reaped


@dataclass
class Outcome:
    """What a run came to. `failures`: one line for each step that failed. `checks`: how many were evaluated."""

    run_id: str
    success: bool
    failures: list[str] = field(default_factory=list)
    failed_checks: list[CheckResult] = field(default_factory=list)
    checks: int = 0


def run_job(
    name: str,
    *,
    partition: str | None = None,
    assets: Sequence[str] | None = None,
    why: str,
    config: dict[str, object] | None = None,
) -> Outcome:
    """Run one of the project's jobs here and now.

    Args:
        name: calendar, ingest, history, history_rounds or transform.
        partition: its partition key, for the partitioned ones.
        assets: bronze endpoints to restrict it to.
        why: the reason, kept as a tag.
        config: op configuration by op name.

    Raises:
        Interrupted: the process was asked to end; the run is recorded as canceled.
    """
    interrupts.check()
    found, run_id = instance(), str(uuid.uuid4())
    selection = [dg.AssetKey(["bronze", name]) for name in assets] if assets is not None else None
    job = repository(with_dbt=name == "transform").get_job(name)
    # dagster-dbt copies dbt's log to stdout; here it goes to the package's log, where progress is drawn from.
    with contextlib.redirect_stdout(_DbtLines()), _canceled_if_interrupted(found, run_id):
        result = job.execute_in_process(
            instance=found,
            run_id=run_id,
            partition_key=partition,
            asset_selection=selection,
            tags={"f1/why": why, **process_tags()},
            run_config={**_QUIET, **({"ops": config} if config else {})},
            raise_on_error=False,
        )
    failures = []
    for event in result.all_events:
        if event.is_step_failure:
            failures.append(step_error(event))
    done = result.get_asset_check_evaluations()
    failed_checks = [check_result(one) for one in done if not one.passed]
    return Outcome(result.run_id, result.success, failures, failed_checks, len(done))


@contextlib.contextmanager
def _canceled_if_interrupted(found: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """Dagster takes an interrupted run for a failed one, and returns: record it as canceled, and raise Interrupted."""

    def cancel() -> None:
        run = found.get_run_by_id(run_id)
        if run is not None and run.status not in (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.CANCELED):
            found.report_run_canceled(run, message="The command was interrupted.")
        found.event_log_storage.free_concurrency_slots_for_run(run_id)

    with interrupts.cleanup(cancel):
        try:
            yield
        except dg.DagsterExecutionInterruptedError:
            pass
        except KeyboardInterrupt:
            cancel()
            raise
        if interrupts.is_requested():
            cancel()
            raise interrupts.Interrupted


def step_error(event: dg.DagsterEvent) -> str:
    """What a step failed of, without the stack."""
    data = event.step_failure_data
    if data.user_failure_data is not None and data.user_failure_data.description:
        return str(data.user_failure_data.description)
    error = data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return f"{event.step_key}: {error.message.strip() if error else 'failed'}"


class _DbtLines(io.TextIOBase):
    """A stdout that turns each line into a log record."""

    def __init__(self) -> None:
        self._rest = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            log.info("%s", line, extra={"event": "dbt"})
        return len(text)


def check_result(done: dg.AssetCheckEvaluation) -> CheckResult:
    """An evaluation as the record of runs keeps it."""
    said, rows = done.metadata.get("message"), done.metadata.get("dagster_dbt/failed_row_count")
    message = (
        str(said.value) if said else f"{rows.value} rows" if rows and not done.passed else done.description
    )
    return CheckResult(
        asset=done.asset_key.to_user_string(),
        check=done.check_name,
        partition=done.partition,
        passed=done.passed,
        severity=done.severity.value,
        message=one_line(message or ""),
    )


def latest_checks() -> list[CheckResult]:
    """The last result of each asset check of this lake that was ever evaluated."""
    keys = repository(with_dbt=True).asset_graph.asset_check_keys
    found = instance().event_log_storage.get_latest_asset_check_execution_by_key(list(keys))
    events = [one.event.dagster_event for one in found.values() if one.event is not None]
    return [
        check_result(event.asset_check_evaluation_data)
        for event in events
        if event is not None and event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION
    ]


def check_descriptions() -> dict[tuple[str, str], str]:
    """What each asset check says of its table when it passes, by asset and name; without those that have no description.

    Of dbt's tests only where this process has loaded them: only then can one have failed in it.
    """
    with_dbt = "f1_lakehouse.defs.dbt" in sys.modules
    graph = repository(with_dbt=with_dbt).asset_graph
    tests: dict[str, str] = {}
    if with_dbt:
        from f1_lakehouse.defs.dbt import MANIFEST

        nodes = MANIFEST["nodes"].values()
        tests = {node["alias"]: node["description"] for node in nodes if node["resource_type"] == "test"}
    found = {
        (key.asset_key.to_user_string(), key.name): graph.get(key).description or tests.get(key.name, "")
        for key in graph.asset_check_keys
    }
    return {key: " ".join(text.split()) for key, text in found.items() if text}
