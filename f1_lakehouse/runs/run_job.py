"""A Dagster run in this process, for the command line: the same jobs as in the UI, recorded in the same instance."""

import contextlib
import io
import logging
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import dagster as dg

from f1_lakehouse import interrupts
from f1_lakehouse.instance.dagster_instance import current_instance
from f1_lakehouse.instance.orphaned_runs import free_slots
from f1_lakehouse.instance.run_events import check_result, step_error
from f1_lakehouse.instance.run_tags import WHY_TAG, command_tags
from f1_lakehouse.observability.run_log import CheckResult
from f1_lakehouse.runs.repository import repository

log = logging.getLogger(__name__)

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass
class RunResult:
    """The result of a run. `failures`: one line for each step that failed. `checks`: the number of checks that were evaluated."""

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
    force: bool = False,
    config: dict[str, object] | None = None,
) -> RunResult:
    """Run one of the project's jobs in this process.

    Args:
        name: a job of a source (`Source.jobs`), or transform.
        partition: its partition key, for the partitioned ones.
        assets: bronze endpoints to restrict it to.
        why: the reason, kept as a tag.
        force: pull the assets although they are not due.
        config: op configuration by op name.

    Raises:
        Interrupted: the process was asked to end; the run is recorded as canceled.
    """
    interrupts.check()
    found, run_id = current_instance(), str(uuid.uuid4())
    selection = [dg.AssetKey(["bronze", name]) for name in assets] if assets is not None else None
    ops = dict(config or {})
    if force:
        ops |= {f"bronze_{name}": {"config": {"force": True}} for name in assets or ()}
    job = repository(with_dbt=name == "transform").get_job(name)
    # dagster-dbt copies dbt's log to stdout; here it goes to the package's log, from which progress is drawn.
    with contextlib.redirect_stdout(_DbtLines()), _canceled_if_interrupted(found, run_id):
        result = job.execute_in_process(
            instance=found,
            run_id=run_id,
            partition_key=partition,
            asset_selection=selection,
            tags={WHY_TAG: why, **command_tags()},
            run_config={**_QUIET, **({"ops": ops} if ops else {})},
            raise_on_error=False,
        )
    failures = []
    for event in result.all_events:
        if event.is_step_failure:
            failures.append(step_error(event))
    done = result.get_asset_check_evaluations()
    failed_checks = [check_result(one) for one in done if not one.passed]
    return RunResult(result.run_id, result.success, failures, failed_checks, len(done))


@contextlib.contextmanager
def _canceled_if_interrupted(found: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """Record an interrupted run as canceled and raise Interrupted; Dagster would record it as failed and return."""

    def cancel() -> None:
        run = found.get_run_by_id(run_id)
        if run is not None and run.status not in (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.CANCELED):
            found.report_run_canceled(run, message="The command was interrupted.")
        free_slots(found, run_id)

    with interrupts.cleanup(cancel):
        try:
            yield
            is_interrupted = interrupts.is_requested()
        except dg.DagsterExecutionInterruptedError:
            is_interrupted = True  # Dagster's handler can be faster than the thread that notes the signal
        except KeyboardInterrupt:
            cancel()
            raise
        if is_interrupted:
            cancel()
            raise interrupts.Interrupted


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
