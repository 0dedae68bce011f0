"""Events that Dagster's SQLite storage may store together, and the rows that Dagster makes of them.

Belongs here: what is decided and made of events and rows alone. When they are stored, and in which file, is in sqlite_storage.py.

Non-public API: the tables and events of Dagster, as in that module.
"""

from collections.abc import Mapping
from typing import Any

from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS, DagsterEventType
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from sqlalchemy import Connection, bindparam, select

WAITING = {
    DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
    DagsterEventType.ASSET_CHECK_EVALUATION,
    DagsterEventType.STEP_OUTPUT,
    DagsterEventType.STEP_SUCCESS,
}
"""The kinds of events that wait: those that come in hundreds, and after which another kind follows immediately."""


def may_wait(event: EventLogEntry) -> bool:
    """Return whether an event may wait: results of checks outside of runs, and plans of several partitions, take Dagster's way."""
    if event.dagster_event_type not in WAITING or not event.run_id:
        return False
    subset = getattr(event.get_dagster_event().event_specific_data, "partitions_subset", None)
    return subset is None or (
        event.dagster_event_type is DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED and len(subset) == 1
    )


def is_indexed(event: EventLogEntry) -> bool:
    """Return whether Dagster stores an event in the index too."""
    return event.dagster_event_type in ASSET_EVENTS or event.dagster_event_type in ASSET_CHECK_EVENTS


def check_row(event: EventLogEntry, row: Mapping[str, Any], event_id: int) -> dict[str, Any]:
    """Return the row of a check that is planned, or was evaluated."""
    said: Any = event.get_dagster_event().event_specific_data
    status, materialization = AssetCheckExecutionRecordStatus.PLANNED, None
    subset = getattr(said, "partitions_subset", None)
    partition = next(iter(subset.get_partition_keys())) if subset is not None else None
    if event.dagster_event_type is DagsterEventType.ASSET_CHECK_EVALUATION:
        passed = AssetCheckExecutionRecordStatus.SUCCEEDED
        status = passed if said.passed else AssetCheckExecutionRecordStatus.FAILED
        materialization, partition = said.target_materialization_data, said.partition
    return {
        "asset_key": said.asset_key.to_string(),
        "check_name": said.check_name,
        "partition": partition,
        "run_id": event.run_id,
        "execution_status": status.value,
        "evaluation_event": row["event"],
        "evaluation_event_timestamp": row["timestamp"],
        "evaluation_event_storage_id": event_id,
        "materialization_event_storage_id": materialization.storage_id if materialization else None,
    }


def store_checks(con: Connection, rows: list[dict[str, Any]]) -> None:
    """Write each result into the row of its plan; a plan, and the result of a check that was not planned, is a new row."""
    table = AssetCheckExecutionsTable.c
    of_plan = (table.asset_key, table.check_name, table.run_id, table.partition)
    runs = {row["run_id"] for row in rows}
    plans = select(*of_plan).where(table.run_id.in_(runs))
    planned = {tuple(plan) for plan in con.execute(plans)} if runs else set()
    new, results = [], []
    for row in rows:
        key = tuple(row[column.name] for column in of_plan)
        if row["execution_status"] != AssetCheckExecutionRecordStatus.PLANNED.value and key in planned:
            results.append({f"_{name}": value for name, value in row.items()})
        else:
            new.append(row)
            planned.add(key)
    # Plans first: a result may be of a plan that waited with it.
    if new:
        con.execute(AssetCheckExecutionsTable.insert(), new)
    if results:
        con.execute(
            AssetCheckExecutionsTable.update()
            .where(*(column.is_not_distinct_from(bindparam(f"_{column.name}")) for column in of_plan))
            .values({name: bindparam(f"_{name}") for name in rows[0]}),
            results,
        )
