"""Restore, compaction and vacuum: a current pull keeps its rows, and a needed file is never removed."""

import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from f1_lakehouse.operations import maintenance
from f1_lakehouse.operations.history import Changes
from f1_lakehouse.operations.maintenance import MaintenanceError, optimize, plan_restore, restore, vacuum
from f1_lakehouse.sources.openf1.pull_policy import why_due
from f1_lakehouse.storage.bronze import Bronze
from f1_lakehouse.storage.pull_log import Outcome

NOON = datetime(2024, 9, 22, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
Lap = Callable[..., dict[str, Any]]
BronzeSetup = Any


@pytest.fixture
def changes(bronze_setup: BronzeSetup) -> Changes:
    return Changes(bronze_setup.bronze, bronze_setup.landing)


def numbers(bronze_setup: BronzeSetup, scope: int = 9606) -> list[int]:
    return sorted(row["lap_number"] for row in bronze_setup.current_rows(scope=scope))


def restore_version(changes: Changes, version: int) -> int:
    return restore(changes, plan_restore(changes, "laps", version))


# Restore


def test_restore_plan_shows_lost_pulls_and_changes_nothing(
    bronze_setup: BronzeSetup, changes: Changes, lap: Lap
) -> None:
    first, second = bronze_setup.pull([lap(1)]), bronze_setup.pull([lap(1), lap(2)])
    other = bronze_setup.pull([lap(7, session_key=9607)], scope=9607)
    plan = plan_restore(changes, "laps", 1)
    assert (plan.version, plan.version_now) == (1, 3)
    assert (set(plan.lost), plan.back) == ({second, other}, ())
    assert plan.current_pulls == ((9606, second, first), (9607, other, None))
    assert (bronze_setup.version(), len(bronze_setup.pulls())) == (3, 3)
    assert plan_restore(changes, "laps", 3).is_nothing


def test_restored_table_is_a_new_version_and_in_the_pull_log(
    bronze_setup: BronzeSetup, changes: Changes, lap: Lap
) -> None:
    first, _ = bronze_setup.pull([lap(1)]), bronze_setup.pull([lap(1), lap(2)])
    bronze_setup.pull([lap(7, session_key=9607)], scope=9607)
    before = bronze_setup.bronze.pull_log.version()
    assert restore_version(changes, 1) == bronze_setup.version() == 4
    assert (numbers(bronze_setup), numbers(bronze_setup, 9607)) == ([1], [])
    assert bronze_setup.bronze.pull_log.current_pull("laps", 9606) == first
    assert bronze_setup.bronze.pull_log.current_pull("laps", 9607) is None
    assert bronze_setup.bronze.pull_log.version() != before
    assert Bronze(bronze_setup.bronze.uri).pull_log.current_pull("laps", 9606) == first


def test_lost_pull_is_due_and_pulled_again(bronze_setup: BronzeSetup, changes: Changes, lap: Lap) -> None:
    bronze_setup.pull([lap(1)])
    lost = bronze_setup.pull([lap(1), lap(2)])
    restore_version(changes, 1)
    end = NOON - HOUR
    assert why_due(end, datetime.now(UTC), bronze_setup.bronze.pull_log.of("laps", 9606)) == ("restored", 0)
    assert bronze_setup.bronze.pull_log.holds(
        lost.pull_id, "laps", 9606
    )  # landing has it, and it is not applied again
    again = bronze_setup.pull([lap(1), lap(2)], at=datetime.now(UTC))
    assert again.outcome == "appended"
    assert numbers(bronze_setup) == [1, 2]


def test_restored_table_is_append_only_and_has_every_column(
    bronze_setup: BronzeSetup, changes: Changes, lap: Lap
) -> None:
    bronze_setup.pull([lap(1)])
    bronze_setup.pull([lap(1, tyre_temp=90)])
    restore_version(changes, 1)
    table = DeltaTable(bronze_setup.bronze.table_uri("laps"))
    assert table.metadata().configuration["delta.appendOnly"] == "true"
    one = pa.Table.from_pylist([{}], pa.schema(table.schema().to_arrow()))
    with pytest.raises(Exception, match="append"):
        write_deltalake(table, one, mode="overwrite")
    Bronze(bronze_setup.bronze.uri).create()
    bronze_setup.pull([lap(1, tyre_temp=91)], at=datetime.now(UTC))
    assert [row["tyre_temp"] for row in bronze_setup.current_rows()] == [91.0]


def test_restore_can_be_undone_by_a_restore(bronze_setup: BronzeSetup, changes: Changes, lap: Lap) -> None:
    bronze_setup.pull([lap(1)])
    second = bronze_setup.pull([lap(1), lap(2)])
    restore_version(changes, 1)
    plan = plan_restore(changes, "laps", 2)
    assert (plan.lost, plan.back) == ((), (second,))
    restore(changes, plan)
    assert numbers(bronze_setup) == [1, 2]
    assert [s.pull.outcome for s in changes.steps("laps")] == ["appended"] * 2 + ["restored"] * 2
    assert [(s.added, s.gone) for s in changes.steps("laps")] == [(1, 0), (1, 0), (0, 1), (1, 0)]


def test_unchanged_pull_is_lost_with_the_pull_that_it_equals(
    bronze_setup: BronzeSetup, changes: Changes, lap: Lap
) -> None:
    bronze_setup.pull([lap(1)])
    bronze_setup.pull([lap(2)])
    bronze_setup.pull([lap(2)])
    restore_version(changes, 1)
    assert numbers(bronze_setup) == [1]


class Crash(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("back", [1, 2], ids=["to an older version", "to a newer version"])
@pytest.mark.parametrize("at", range(3))
def test_interrupted_restore_keeps_current_rows_and_is_completed_by_the_next(
    bronze_setup: BronzeSetup, changes: Changes, lap: Lap, monkeypatch: pytest.MonkeyPatch, at: int, back: int
) -> None:
    bronze_setup.pull([lap(1)])
    bronze_setup.pull([lap(1), lap(2)])
    bronze_setup.pull([lap(7, session_key=9607)], scope=9607)
    if back == 2:
        restore_version(changes, 1)
    target = 1 if back == 1 else 3
    steps = 0

    def counted(original: Callable[..., Any]) -> Callable[..., Any]:
        def step(*args: Any, **rest: Any) -> Any:
            nonlocal steps
            if steps == at:
                raise Crash
            steps += 1
            return original(*args, **rest)

        return step

    with monkeypatch.context() as patch:
        patch.setattr(maintenance, "_enter", counted(maintenance._enter))
        patch.setattr(DeltaTable, "restore", counted(DeltaTable.restore))
        with pytest.raises(Crash):
            restore_version(changes, target)
    for scope in (9606, 9607):
        current = bronze_setup.bronze.pull_log.current_pull("laps", scope)
        assert len(bronze_setup.current_rows(scope=scope)) == (current.rows if current else 0)
    restore_version(changes, target)
    expected = ([1], []) if back == 1 else ([1, 2], [7])
    assert (numbers(bronze_setup), numbers(bronze_setup, 9607)) == expected


def test_version_with_removed_files_is_one_line(
    bronze_setup: BronzeSetup, changes: Changes, lap: Lap
) -> None:
    bronze_setup.pull([lap(1)])
    bronze_setup.pull([lap(2)])
    restore_version(changes, 1)
    for uri in set(DeltaTable(bronze_setup.bronze.table_uri("laps"), version=2).file_uris()) - set(
        DeltaTable(bronze_setup.bronze.table_uri("laps")).file_uris()
    ):
        Path(uri).unlink()
    plan = maintenance.SetBack("laps", 2, 3, (), (bronze_setup.bronze.pull_log.all()[1],), ())
    with pytest.raises(MaintenanceError, match=r"version 2.*files are gone.*rebuild-bronze"):
        restore(changes, plan)


# Optimize


def many_pulls(bronze_setup: BronzeSetup, lap: Lap, pulls: int = 5) -> None:
    for n in range(pulls):
        bronze_setup.pull([lap(k, lap_duration=float(n)) for k in range(1, 20)])


def content(bronze_setup: BronzeSetup, endpoint: str = "laps") -> list[Any]:
    return sorted(map(repr, bronze_setup.table(endpoint)))


def sample(driver: int, second: int) -> dict[str, Any]:
    date = (NOON + timedelta(seconds=second)).isoformat()
    return {"date": date, "session_key": 9606, "meeting_key": 1, "driver_number": driver, "speed": second}


def test_optimize_compacts_files_and_keeps_rows_history_and_properties(
    bronze_setup: BronzeSetup, changes: Changes, lap: Lap
) -> None:
    many_pulls(bronze_setup, lap)
    before, current = content(bronze_setup), numbers(bronze_setup)
    [done] = optimize(bronze_setup.bronze, ["laps"])
    assert (done.table, done.files_before, done.files_after) == ("laps", 5, 1)
    assert done.bytes_after < done.bytes_before
    assert (content(bronze_setup), numbers(bronze_setup)) == (before, current)
    table = DeltaTable(bronze_setup.bronze.table_uri("laps"))
    assert table.metadata().configuration["delta.appendOnly"] == "true"
    assert changes.rows("laps", version=1).num_rows == 19
    assert bronze_setup.pull([lap(k, lap_duration=4.0) for k in range(1, 20)]).outcome == "unchanged"


def test_telemetry_is_sorted_again_only_after_new_rows(bronze_setup: BronzeSetup) -> None:
    for hour in range(3):
        rows = [sample(driver, second + hour) for second in range(50) for driver in (81, 4, 1)]
        bronze_setup.pull(rows, "car_data")
    before = content(bronze_setup, "car_data")
    [as_written] = optimize(bronze_setup.bronze, ["car_data"])
    assert as_written.files_after == 3
    [done] = optimize(bronze_setup.bronze, ["car_data"], z_order=True)
    assert (done.files_before, done.files_after) == (3, 1)
    assert content(bronze_setup, "car_data") == before
    version = bronze_setup.version("car_data")
    optimize(bronze_setup.bronze, ["car_data"], z_order=True)
    assert bronze_setup.version("car_data") == version
    bronze_setup.pull([sample(4, 999)], "car_data")
    assert optimize(bronze_setup.bronze, ["car_data"], z_order=True)[0].files_after == 1


def test_optimize_covers_every_table_and_refuses_unknown_ones(bronze_setup: BronzeSetup, lap: Lap) -> None:
    many_pulls(bronze_setup, lap, 2)
    told: list[str] = []
    assert (
        [one.table for one in optimize(bronze_setup.bronze, progress=told.append)]
        == bronze_setup.bronze.names()
        == told
    )
    with pytest.raises(MaintenanceError, match="there is no table 'lap'; there are: meetings"):
        optimize(bronze_setup.bronze, ["lap"])


def test_loads_and_reads_work_during_optimize(bronze_setup: BronzeSetup, lap: Lap) -> None:
    many_pulls(bronze_setup, lap, 3)
    reader = DeltaTable(bronze_setup.bronze.table_uri("laps"))
    stop = threading.Event()

    def upkeep() -> None:
        while not stop.is_set():
            optimize(bronze_setup.bronze, ["laps", "_pulls"])

    thread = threading.Thread(target=upkeep)
    thread.start()
    try:
        for n in range(8):
            bronze_setup.pull([lap(1, lap_duration=float(n), session_key=1 + n)], scope=1 + n)
    finally:
        stop.set()
        thread.join()
    assert [len(bronze_setup.current_rows(scope=1 + n)) for n in range(8)] == [1] * 8
    assert len(bronze_setup.table()) == 3 * 19 + 8
    assert len(bronze_setup.pulls()) == 3 + 8
    assert reader.to_pyarrow_table().num_rows == 57  # its files still exist


# Vacuum


def set_age(folder: Path, days: float) -> None:
    then = (datetime.now(UTC) - timedelta(days=days)).timestamp()
    for path in folder.rglob("*.parquet"):
        os.utime(path, (then, then))


def test_vacuum_keeps_files_of_week_old_versions(
    bronze_setup: BronzeSetup, changes: Changes, lap: Lap
) -> None:
    many_pulls(bronze_setup, lap)
    optimize(bronze_setup.bronze, ["laps"])
    [done] = vacuum(bronze_setup.bronze, ["laps"], dry_run=False)
    assert done.removed == 0
    assert changes.rows("laps", version=5).num_rows == 19
    restore_version(changes, 3)
    assert {row["lap_duration"] for row in bronze_setup.current_rows()} == {2.0}


def test_vacuum_removes_old_files_of_a_crashed_write_only_if_requested(
    bronze_setup: BronzeSetup, lap: Lap
) -> None:
    bronze_setup.pull([lap(1)])
    folder = Path(bronze_setup.bronze.table_uri("laps"))
    [committed] = folder.rglob("*.parquet")
    young, stale = (committed.with_name(f"part-{n}-left.parquet") for n in (1, 2))
    for path in (stale, young):
        path.write_bytes(committed.read_bytes())
    set_age(folder, 8)
    os.utime(young)
    [planned] = vacuum(bronze_setup.bronze, ["laps"])
    assert (planned.removed, stale.exists()) == (1, True)
    [done] = vacuum(bronze_setup.bronze, ["laps"], dry_run=False)
    assert (done.removed, stale.exists(), young.exists(), committed.exists()) == (1, False, True, True)
    assert numbers(bronze_setup) == [1]


def test_too_short_retention_is_refused(bronze_setup: BronzeSetup) -> None:
    with pytest.raises(MaintenanceError, match="a retention of 6 days is too short"):
        vacuum(bronze_setup.bronze, retention=timedelta(days=6), dry_run=False)


def test_restored_entry_is_a_response_without_rows(
    bronze_setup: BronzeSetup, changes: Changes, lap: Lap
) -> None:
    bronze_setup.pull([lap(1)])
    bronze_setup.pull([lap(2)])
    restore_version(changes, 1)
    [entry] = [p for p in bronze_setup.bronze.pull_log.all() if p.outcome == Outcome.RESTORED]
    assert (entry.rows, entry.is_answer, entry.is_applied) == (0, True, False)
    assert entry.why == "restore to version 1"
