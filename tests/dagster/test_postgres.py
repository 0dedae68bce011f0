"""Dagster's storage in a real PostgreSQL, configured by the environment: the guarantees of the file storage apply."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import postgres
import pytest

from f1_lakehouse import lakehouse
from f1_lakehouse.cli import app
from f1_lakehouse.cli.errors import in_one_line
from f1_lakehouse.instance import dagster_instance, sqlite_storage
from f1_lakehouse.instance.dagster_instance import StorageError, current_instance
from f1_lakehouse.instance.orphaned_runs import fail_orphaned_runs
from f1_lakehouse.instance.run_tags import STARTED_TAG, command_tags
from f1_lakehouse.runs.repository import repository
from f1_lakehouse.settings import SettingsError, load_settings
from f1_lakehouse.simulator.server import ReplayServer
from f1_lakehouse.sources.openf1.calendar import session_key_of

pytestmark = pytest.mark.skipif(not postgres.is_there(), reason="no PostgreSQL for this platform on PyPI")

F1 = str(Path(sys.executable).parent / "f1")


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Postgres]:
    with postgres.Postgres() as running:
        yield running


@pytest.fixture
def url(server: postgres.Postgres, request: pytest.FixtureRequest) -> str:
    """The URL of a new empty database."""
    return server.database(request.node.name)


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    lakehouse.open_once.cache_clear()
    monkeypatch.delenv("F1_STORE_URI", raising=False)
    monkeypatch.setenv("F1_LAKEHOUSE_ROOT", str(tmp_path / "lake"))
    return tmp_path / "lake"


def use_storage(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("F1_DAGSTER_STORAGE", url)


def load_environment(openf1: ReplayServer) -> dict[str, str]:
    """Return the environment variables of a load from this server."""
    windows = ("F1_OPENF1_REQUESTS_PER_SECOND", "F1_OPENF1_REQUESTS_PER_MINUTE")
    return {"F1_OPENF1_URL": openf1.url, **dict.fromkeys(windows, "0")}


def load(key: int) -> list[str]:
    return ["load", "--session", str(key), "--endpoint", "drivers", "laps", "--no-transform"]


def finished_loads(keys: set[int]) -> dg.DagsterInstance:
    """Return the instance, after asserting that it contains these loads."""
    found = current_instance()
    runs = found.get_runs(dg.RunsFilter(job_name="ingest"))
    assert {run.status for run in runs} == {dg.DagsterRunStatus.SUCCESS}
    assert {session_key_of(run.tags["dagster/partition"]) for run in runs} == keys
    assert all(found.all_logs(run.run_id) for run in runs)
    assert {session_key_of(one) for one in found.get_dynamic_partitions("sessions")} >= keys
    assert len(found.get_materialized_partitions(dg.AssetKey(["bronze", "laps"]))) == len(keys)
    pool = found.event_log_storage.get_concurrency_info("openf1")
    assert (pool.slot_count, pool.active_slot_count) == (1, 0)
    return found


def test_load_stores_its_runs_in_the_database_and_the_password_nowhere(
    weekend: Path,
    root: Path,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    use_storage(monkeypatch, url)
    with ReplayServer(weekend) as openf1:
        for name, value in load_environment(openf1).items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            app.main(load(2024015))
    output = capfd.readouterr()
    assert ended.value.code == 0, output.err
    found = finished_loads({2024015})

    files = [path for path in root.rglob("*") if path.is_file()]
    assert not [path for path in files if path.suffix == ".db"]
    assert not [path for path in files if postgres.PASSWORD.encode() in path.read_bytes()]
    assert postgres.PASSWORD not in output.out + output.err + found.info_str() + repr(found.get_ref())


def run_concurrently(commands: list[list[str]], **more: str) -> None:
    """Run the commands concurrently and assert that all succeed."""
    processes = [
        subprocess.Popen(
            one, env=os.environ | more, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for one in commands
    ]
    output = [process.communicate(timeout=300)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(commands), output


def test_concurrent_processes_can_create_a_new_database(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use_storage(monkeypatch, url)
    opens = "from f1_lakehouse.instance.dagster_instance import current_instance; assert current_instance().get_runs() == []"
    run_concurrently([[sys.executable, "-c", opens]] * 2)


@pytest.mark.slow
def test_concurrent_loads_wait_for_the_shared_pool(
    weekend: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_storage(monkeypatch, url)
    with ReplayServer(weekend) as openf1:
        run_concurrently([[F1, *load(key)] for key in (2024015, 2024014)], **load_environment(openf1))
    finished_loads({2024015, 2024014})


@pytest.mark.slow
def test_load_that_loses_its_database_ends_with_one_line_and_is_resumed_by_the_next(
    weekend: Path, server: postgres.Postgres, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_storage(monkeypatch, url)
    with ReplayServer(weekend) as openf1:
        cut = subprocess.Popen(
            [F1, *load(2024015)], env=os.environ | load_environment(openf1), text=True, stderr=subprocess.PIPE
        )
        assert cut.stderr is not None
        first = next(line for line in cut.stderr if "drivers: appended" in line)
        server.stop()
        try:
            output = first + cut.communicate(timeout=120)[1]
        finally:
            server.start()
        assert cut.returncode == 1, output
        assert "Traceback" not in output, output
        requests_before = len(openf1.requests)
        run_concurrently([[F1, *load(2024015)]], **load_environment(openf1))
        assert 1 <= len(openf1.requests) - requests_before <= 2
    finished = current_instance().get_runs(dg.RunsFilter(job_name="ingest"))
    assert {run.status for run in finished} <= {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE}


def test_killed_run_and_its_pool_slot_are_reaped(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use_storage(monkeypatch, url)
    found, job = current_instance(), repository(with_dbt=False).get_job("calendar")
    gone = {**command_tags(), STARTED_TAG: "another process of that number"}
    dead, alive = (
        found.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=tags)
        for tags in (gone, command_tags())
    )
    storage = found.event_log_storage
    storage.set_concurrency_slots("openf1", 1)
    assert storage.claim_concurrency_slot("openf1", dead.run_id, "bronze_laps").is_claimed
    assert fail_orphaned_runs(found) == [dead.run_id]
    assert found.get_run_by_id(dead.run_id).status is dg.DagsterRunStatus.FAILURE
    assert found.get_run_by_id(alive.run_id).status is dg.DagsterRunStatus.STARTED
    assert storage.claim_concurrency_slot("openf1", alive.run_id, "bronze_laps").is_claimed


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("postgresql://f1:wr0ng@127.0.0.1:{port}/postgres", "password authentication failed for user"),
        ("postgresql://f1:wr0ng@127.0.0.1:1/postgres", "Connection refused"),
        ("postgresql://f1:wr0ng@wr0ng@127.0.0.1:{port}/postgres", "not known"),
        ("postgresql://f1:wr0ng%@127.0.0.1/postgres", "malformed"),
        ("postgresql://f1:wr0ng:wr0ng@127.0.0.1:wr0ng/postgres", "malformed"),
    ],
)
def test_unusable_storage_is_one_line_without_the_password(
    server: postgres.Postgres, monkeypatch: pytest.MonkeyPatch, wrong: str, message: str
) -> None:
    use_storage(monkeypatch, wrong.format(port=server.port))
    with pytest.raises(StorageError, match=message) as refused:
        current_instance()
    assert "wr0ng" not in str(refused.value)
    assert in_one_line(refused.value) == str(refused.value)


def test_url_of_another_scheme_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    use_storage(monkeypatch, "mysql://f1:wr0ng@host/db")
    with pytest.raises(SettingsError, match=r"^F1_DAGSTER_STORAGE: must start with postgresql://$"):
        load_settings()


def test_lake_with_runs_in_postgresql_creates_no_second_history(
    url: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_storage(monkeypatch, url)
    current_instance()
    monkeypatch.delenv("F1_DAGSTER_STORAGE")
    dagster_instance._open.cache_clear()
    with pytest.raises(StorageError, match="set F1_DAGSTER_STORAGE"):
        current_instance()
    (root / "dagster" / "dagster.yaml").unlink()
    assert isinstance(current_instance().event_log_storage, sqlite_storage.EventLogStorage)


def test_missing_extra_is_named(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use_storage(monkeypatch, url)
    monkeypatch.setitem(sys.modules, "dagster_postgres", None)
    with pytest.raises(StorageError, match=r"pip install 'f1-lakehouse\[postgres\]'"):
        current_instance()
