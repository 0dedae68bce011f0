"""Runs whose process was killed.

Such a run stays STARTED and keeps its pool slot, so that the next run would wait indefinitely. A run's tags name its process
(run_tags.py), so that any other process of the same host can tell.

Non-public API: the concurrency methods of `event_log_storage`, which is an undocumented attribute. There is no public way to free a
slot immediately; with a version of Dagster that was not tested, Dagster's daemon frees the slots of finished runs after
`run_monitoring.free_slots_after_run_end_seconds` (dagster.yaml).
"""

import socket

import dagster as dg

from f1_lakehouse.instance.run_tags import HOST_TAG, PID_TAG, STARTED_TAG
from f1_lakehouse.processes import process_started
from f1_lakehouse.tested_versions import is_tested

_RUNNING = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.CANCELING]


def fail_orphaned_runs(instance: dg.DagsterInstance) -> list[str]:
    """Fail the runs whose process has ended, and free their pool slots.

    Slots of finished runs are freed too: the daemon notices a killed worker immediately, but keeps its slots for minutes.

    Returns:
        the ids of the runs that were failed.
    """
    failed = []
    for run in instance.get_runs(
        filters=dg.RunsFilter(statuses=_RUNNING, tags={HOST_TAG: socket.gethostname()})
    ):
        pid = int(run.tags.get(PID_TAG, "0"))
        if pid and process_started(pid) != run.tags.get(STARTED_TAG):
            instance.report_run_failed(run, message="The process of this run is gone.")
            free_slots(instance, run.run_id)
            failed.append(run.run_id)
    if is_tested("dagster"):
        storage = instance.event_log_storage
        for pool in storage.get_concurrency_infos(list(storage.get_concurrency_keys())).values():
            for holder in pool.active_run_ids:
                run_of_slot = instance.get_run_by_id(holder)
                if run_of_slot is None or run_of_slot.is_finished:
                    free_slots(instance, holder)
    return failed


def free_slots(instance: dg.DagsterInstance, run_id: str) -> None:
    """Free the pool slots of a run."""
    if is_tested("dagster"):
        instance.event_log_storage.free_concurrency_slots_for_run(run_id)
