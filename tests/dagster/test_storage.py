"""Dagster's storage with connections that stay open: the files have Dagster's format and no event is lost."""

import errno
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

import dagster as dg
import pytest
from dagster._core.events import DagsterEvent, DagsterEventType
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from defs_instance import instance_in
from sqlalchemy import Engine, text

from f1_lakehouse.instance import sqlite_storage
from f1_lakehouse.instance.dagster_instance import current_instance, warn_of_other_instance
from f1_lakehouse.settings import load_settings

STORED_AND_KILLED = """
import os, signal, sys
from pathlib import Path
import dagster as dg
from defs_instance import instance_in
with instance_in(Path(sys.argv[1])) as instance:
    instance.report_runless_asset_event(dg.AssetMaterialization("laps"))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def run_with_checks(instance: dg.DagsterInstance, checks: int) -> str:
    """Run an asset with this number of checks; return the run id."""
    names = [f"check_{number}" for number in range(checks)]

    @dg.asset(check_specs=[dg.AssetCheckSpec(name, asset="laps") for name in names])
    def laps() -> dg.MaterializeResult:
        return dg.MaterializeResult(
            check_results=[dg.AssetCheckResult(check_name=n, passed=True) for n in names]
        )

    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    return dg.materialize([laps], instance=instance, run_config=quiet).run_id


def open_files(folder: Path) -> set[str]:
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            name = str(descriptor.readlink())
        except FileNotFoundError:
            continue
        if name.startswith(str(folder)) and name.endswith(".db"):
            found.add(name)
    return found


def test_lake_uses_this_storage_at_dagsters_default_location(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("F1_LAKEHOUSE_ROOT", str(tmp_path / "lake"))
    monkeypatch.delenv("F1_DAGSTER_STORAGE", raising=False)
    from f1_lakehouse import lakehouse

    lakehouse.open_once.cache_clear()
    lakehouse.current_lake()
    instance = current_instance()
    assert isinstance(instance.event_log_storage, sqlite_storage.EventLogStorage)
    home = load_settings().dagster_home
    run_id = run_with_checks(instance, 1)
    by_itself = SqliteEventLogStorage(str(home / "history" / "runs"))
    assert len(by_itself.get_logs_for_run(run_id)) == len(instance.all_logs(run_id)) > 8


@pytest.mark.parametrize(
    ("program", "home", "warned"),
    [
        ("site-packages/dagster/__main__.py", None, True),
        ("site-packages/dagster/__main__.py", "elsewhere", True),
        ("site-packages/dagster/__main__.py", "lake/dagster", False),
        ("bin/f1", None, False),
    ],
    ids=["dagster dev", "another instance", "f1 ui", "a command of f1"],
)
def test_dagsters_own_command_warns_of_an_instance_that_is_not_the_lakes(
    program: str,
    home: str | None,
    warned: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("F1_LAKEHOUSE_ROOT", str(tmp_path / "lake"))
    monkeypatch.setattr(sys, "argv", [program])
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    if home is not None:
        monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / home))
    warn_of_other_instance.cache_clear()
    for _ in range(2):
        warn_of_other_instance()
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == warned
    assert all(f"export DAGSTER_HOME={tmp_path}/lake/dagster" in text for text in said)


def test_files_are_compatible_with_dagsters_own_storage_both_ways(tmp_path: Path) -> None:
    with instance_in(tmp_path) as ours, dg.DagsterInstance.local_temp(str(tmp_path)) as dagsters:
        assert type(dagsters.event_log_storage) is SqliteEventLogStorage
        first, second = run_with_checks(ours, 2), run_with_checks(dagsters, 2)
        for run_id in (first, second):
            assert [e.message for e in ours.all_logs(run_id)] == [
                e.message for e in dagsters.all_logs(run_id)
            ]
        assert ours.get_latest_materialization_event(dg.AssetKey("laps")).run_id == second


def rows_of(instance: dg.DagsterInstance, run_id: str) -> dict[str, list[tuple[object, ...]]]:
    """What the files have of a run, without ids and times."""
    queries = {
        run_id: "select dagster_event_type, step_key, asset_key, partition from event_logs order by id",
        "index": "select dagster_event_type, step_key, asset_key, partition from event_logs where run_id = ? order by id",
        "checks": "select c.asset_key, check_name, execution_status, c.partition, materialization_event_storage_id is null, "
        "dagster_event_type from asset_check_executions c join event_logs e on e.id = evaluation_event_storage_id "
        "and evaluation_event = event where c.run_id = ? order by c.id",
        "assets": "select asset_key, last_run_id = ?, last_materialization is null from asset_keys order by asset_key",
    }
    events = instance.event_log_storage
    assert isinstance(events, SqliteEventLogStorage)
    found = {}
    for name, query in queries.items():
        with sqlite3.connect(events.path_for_shard(run_id if name == run_id else "index")) as con:
            found[name if name != run_id else "run"] = con.execute(
                query, [run_id] * query.count("?")
            ).fetchall()
    return found


@pytest.mark.filterwarnings("ignore::dagster.PreviewWarning")  # of partitioned checks
@pytest.mark.parametrize("run_of", [[None], ["9606"], ["9606", "9607"]], ids=["none", "one", "range"])
def test_rows_are_those_that_dagster_makes_of_each_event(tmp_path: Path, run_of: list[str | None]) -> None:
    """In runs without partitions, of one, and of a range of them."""
    partitions = dg.StaticPartitionsDefinition(["9606", "9607"]) if run_of[0] else None
    range_tags = {
        f"dagster/asset_partition_range_{end}": run_of[at] or "" for end, at in (("start", 0), ("end", -1))
    }

    @dg.multi_asset(
        specs=[
            dg.AssetSpec("laps", partitions_def=partitions),
            dg.AssetSpec("pit", deps=["laps"], partitions_def=partitions),
            dg.AssetSpec("planned_only", skippable=True, partitions_def=partitions),
        ],
        check_specs=[
            dg.AssetCheckSpec(name, asset="laps", partitions_def=partitions)
            for name in ("in_time", "complete", "skipped")
        ],
        can_subset=True,
        partitions_def=partitions,
    )
    def pulled(context: dg.AssetExecutionContext) -> Iterator[object]:
        yield dg.MaterializeResult("laps", metadata={"rows": 3}, tags={"season": "2024"})
        for one in run_of:
            yield dg.AssetCheckEvaluation(
                asset_key=dg.AssetKey("laps"), check_name="in_time", passed=True, metadata={}, partition=one
            )
        yield dg.AssetCheckResult(asset_key="laps", check_name="complete", passed=False)
        context.log.info("not a result")
        yield dg.MaterializeResult("pit")

    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    (tmp_path / "dagsters").mkdir()
    with (
        instance_in(tmp_path / "ours") as ours,
        dg.DagsterInstance.local_temp(str(tmp_path / "dagsters")) as dagsters,
    ):
        found = [
            rows_of(
                one,
                dg.materialize(
                    [pulled],
                    instance=one,
                    run_config=quiet,
                    partition_key=run_of[0] if len(run_of) == 1 else None,
                    tags=range_tags if len(run_of) > 1 else None,
                ).run_id,
            )
            for one in (ours, dagsters)
        ]
    assert found[0] == found[1]
    statuses = {status for _, _, status, *_ in found[0]["checks"]}
    assert statuses == {"FAILED", "SUCCEEDED", "PLANNED"}
    assert {one for _, _, _, one, *_ in found[0]["checks"]} >= {*run_of}


def checked(name: str, run_id: str) -> EventLogEntry:
    """The event of a check that passed."""
    result = dg.AssetCheckEvaluation(asset_key=dg.AssetKey("laps"), check_name=name, passed=True, metadata={})
    kind = DagsterEventType.ASSET_CHECK_EVALUATION.value
    told = DagsterEvent(event_type_value=kind, job_name="load", event_specific_data=result)
    return EventLogEntry(
        error_info=None, level=10, user_message="", run_id=run_id, timestamp=time.time(), dagster_event=told
    )


def test_waiting_result_is_read_immediately_and_survives_a_failed_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with instance_in(tmp_path) as instance:
        run_id = run_with_checks(instance, 1)
        before = len(instance.all_logs(run_id))
        instance.event_log_storage.store_event(checked("check_0", run_id))
        assert len(instance.all_logs(run_id)) == before + 1
        instance.event_log_storage.store_event(checked("not_planned", run_id))
        with monkeypatch.context() as full:
            full.setattr(sqlite_storage, "store_checks", no_space)
            with pytest.raises(OSError, match="No space"):
                instance.all_logs(run_id)
        assert len(instance.all_logs(run_id)) == before + 2
        checks = rows_of(instance, run_id)["checks"]
        assert [(name, status) for _, name, status, *_ in checks] == [
            ("check_0", "SUCCEEDED"),
            ("not_planned", "SUCCEEDED"),
        ]


def no_space(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_results_of_a_burst_are_a_few_transactions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with instance_in(tmp_path) as instance:
        opened: list[str] = []
        monkeypatch.setattr(
            sqlite_storage.EventLogStorage, "_connect_alone", counted(sqlite_storage.EventLogStorage, opened)
        )
        counts = []
        for checks in (40, 400):
            opened.clear()
            run_with_checks(instance, checks)
            counts.append(len(opened))
        # One more for each second that the machine needs.
        assert counts[1] < counts[0] + 100


def counted(storage: type[sqlite_storage.EventLogStorage], opened: list[str]) -> object:
    connect = storage._connect_alone

    def connect_counted(self: sqlite_storage.EventLogStorage, shard: str) -> object:
        opened.append(shard)
        return connect(self, shard)

    return connect_counted


def test_number_of_connections_is_independent_of_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    connect = sqlite3.dbapi2.connect

    def counted(path: str, *args: object, **rest: object) -> sqlite3.Connection:
        if "/history/runs/" in str(path):
            made.append(path)
        return connect(path, *args, **rest)

    monkeypatch.setattr(sqlite3.dbapi2, "connect", counted)
    counts = []
    for checks in (1, 40):
        with instance_in(tmp_path / str(checks)) as instance:
            made.clear()
            run = instance.get_run_by_id(run_with_checks(instance, checks))
            for _ in range(checks):
                instance.report_engine_event("box, box", run)  # not stored together, as results of checks are
            counts.append(len(made))
    assert counts[0] == counts[1] > 0


def test_file_of_a_run_is_a_copy_of_an_empty_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    initialize = SqliteEventLogStorage._initdb

    def noted(self: SqliteEventLogStorage, engine: Engine, for_index_shard: bool = False) -> None:
        made.append(Path(str(engine.url.database)).stem)
        initialize(self, engine, for_index_shard)

    monkeypatch.setattr(SqliteEventLogStorage, "_initdb", noted)
    runs = []
    for _ in range(2):
        with instance_in(tmp_path) as instance:
            runs += [run_with_checks(instance, 1) for _ in range(2)]
    assert [name for name in made if name != "index"] == runs[:1]
    folder = tmp_path / "history" / "runs"
    [empty] = folder.glob("empty-*")
    schemas = []
    with dg.DagsterInstance.local_temp(str(tmp_path)) as dagsters:
        runs.append(run_with_checks(dagsters, 1))
    for run_id in runs:
        with sqlite3.connect(folder / f"{run_id}.db") as con:
            schemas.append(con.execute("select name, sql from sqlite_schema order by name").fetchall())
            schemas[-1] += con.execute("pragma journal_mode").fetchall()
            schemas[-1] += con.execute("select version_num from alembic_version").fetchall()
    assert all(one == schemas[-1] for one in schemas)
    # One that is damaged, or of another version, is not copied.
    made.clear()
    empty.write_bytes(b"damaged")
    with instance_in(tmp_path) as instance:
        damaged = run_with_checks(instance, 1)
        assert instance.all_logs(damaged)
        assert instance.all_logs(runs[0])
    assert damaged in made
    assert not list(folder.glob("*.partial"))


def test_only_recently_used_files_stay_open_and_none_after_dispose(tmp_path: Path) -> None:
    with instance_in(tmp_path) as instance:
        runs = [run_with_checks(instance, 1) for _ in range(sqlite_storage.MAX_OPEN_RUNS + 4)]
        mine = {Path(one).stem for one in open_files(tmp_path / "history" / "runs")}
        assert mine == {"index", *runs[-sqlite_storage.MAX_OPEN_RUNS :]}
        assert len(instance.all_logs(runs[0])) == len(instance.all_logs(runs[-1]))
    assert not open_files(tmp_path)


def test_removed_file_is_created_again(tmp_path: Path) -> None:
    with instance_in(tmp_path) as mine, instance_in(tmp_path) as other:
        before = run_with_checks(mine, 1)
        other.event_log_storage.wipe()
        assert mine.all_logs(before) == []
        after = run_with_checks(mine, 1)
        assert other.all_logs(after)


def test_events_of_a_killed_process_are_stored(tmp_path: Path) -> None:
    with instance_in(tmp_path) as instance:  # here, where its template is removed at the end
        assert instance.get_latest_materialization_event(dg.AssetKey("laps")) is None
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(
        [sys.executable, "-c", STORED_AND_KILLED, str(tmp_path)], env=environment, check=False
    )
    assert done.returncode == -signal.SIGKILL
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        assert instance.get_latest_materialization_event(dg.AssetKey("laps")) is not None


def test_threads_share_the_connection_of_a_file_one_after_another(tmp_path: Path) -> None:
    with instance_in(tmp_path) as instance, ThreadPoolExecutor(4) as threads:
        events = instance.event_log_storage
        inside: list[int] = []
        most: list[int] = []

        def turn(number: int) -> None:
            with events.index_connection() as connection:
                inside.append(number)
                # Long enough for another thread to interleave if nothing prevents it.
                counting = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000) select max(i) from n"
                connection.execute(text(counting)).fetchall()
                most.append(len(inside))
                inside.remove(number)

        list(threads.map(turn, range(60)))
        assert max(most) == 1


def test_watcher_of_a_run_receives_each_event_while_the_file_is_open(tmp_path: Path) -> None:
    """As the UI does. By file notifications alone the watcher would receive the events only when the run's process ends."""
    with instance_in(tmp_path) as runs, instance_in(tmp_path) as shows:
        run_id = run_with_checks(runs, 1)
        received: Queue[str] = Queue()
        cursor = shows.event_log_storage.get_records_for_run(run_id).cursor
        shows.watch_event_logs(run_id, cursor, lambda event, _: received.put(event.message))
        run = runs.get_run_by_id(run_id)
        for message in ("box, box", "stay out"):
            runs.report_engine_event(message, run)
            assert received.get(timeout=30) == message
