"""The guard of non-public APIs: behaviour with a tested and with an untested version of a library."""

import importlib.metadata
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from library_versions import set_tested
from packaging.version import Version

from f1_lakehouse import lakehouse, tested_versions
from f1_lakehouse.dbt import manifest, parse_cache
from f1_lakehouse.instance import dagster_instance, sqlite_storage
from f1_lakehouse.instance.dagster_instance import current_instance
from f1_lakehouse.instance.orphaned_runs import fail_orphaned_runs
from f1_lakehouse.instance.run_events import latest_check_results
from f1_lakehouse.instance.run_tags import STARTED_TAG, command_tags
from f1_lakehouse.storage.object_store import write_atomically
from f1_lakehouse.tested_versions import TESTED, is_tested


@pytest.fixture
def untested(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    return lambda name: set_tested(monkeypatch, name, tested=False)


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("F1_DAGSTER_STORAGE", "F1_STORE_URI"):
        monkeypatch.delenv(name, raising=False)
    for name in ("DAGSTER_HOME", "F1_BRONZE_URI", "F1_WAREHOUSE"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("F1_LAKEHOUSE_ROOT", str(tmp_path))
    lakehouse.open_once.cache_clear()


@pytest.mark.parametrize(
    ("version", "tested"), [("1.13.26", False), ("1.13.27", True), ("1.13.99", True), ("1.14.0", False)]
)
def test_lowest_version_is_tested_and_the_upper_bound_is_not(
    monkeypatch: pytest.MonkeyPatch, version: str, tested: bool
) -> None:
    monkeypatch.setattr(tested_versions, "installed_version", lambda _: Version(version))
    assert is_tested("dagster") is tested


def test_installed_versions_are_tested() -> None:
    assert all(is_tested(name) for name in TESTED)


def one_check(instance: dg.DagsterInstance) -> None:
    @dg.asset(check_specs=[dg.AssetCheckSpec("fast", asset="laps")])
    def laps() -> dg.MaterializeResult:
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(check_name="fast", passed=False)])

    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    assert dg.materialize([laps], instance=instance, run_config=quiet).success


@pytest.mark.usefixtures("lake")
def test_untested_dagster_opens_the_same_files_with_its_own_storage(
    untested: Callable[[str], None],
) -> None:
    opened = current_instance()
    assert isinstance(opened.event_log_storage, sqlite_storage.EventLogStorage)
    one_check(opened)
    runs = [run.run_id for run in opened.get_runs()]
    keys = [dg.AssetCheckKey(dg.AssetKey("laps"), "fast")]
    results = latest_check_results(opened, keys)
    opened.dispose()

    untested("dagster")
    dagster_instance._open.cache_clear()
    fallback = current_instance()
    assert type(fallback.event_log_storage) is SqliteEventLogStorage
    assert [run.run_id for run in fallback.get_runs()] == runs
    assert latest_check_results(fallback, keys) == results != []
    fallback.dispose()
    dagster_instance._open.cache_clear()


@pytest.mark.usefixtures("lake")
@pytest.mark.parametrize("tested", [True, False])
def test_orphaned_run_is_failed_with_every_version_of_dagster(
    untested: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, tested: bool
) -> None:
    if not tested:
        untested("dagster")
    dagster_instance._open.cache_clear()
    instance = current_instance()
    freed: list[str] = []
    monkeypatch.setattr(
        instance.event_log_storage, "free_concurrency_slots_for_run", lambda run_id: freed.append(run_id)
    )
    tags = {**command_tags(), STARTED_TAG: "1"}

    @dg.job
    def empty() -> None: ...

    run = instance.create_run_for_job(empty, status=dg.DagsterRunStatus.STARTED, tags=tags)
    assert fail_orphaned_runs(instance) == [run.run_id]
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    assert found.status is dg.DagsterRunStatus.FAILURE
    assert freed == ([run.run_id] if tested else [])
    instance.dispose()
    dagster_instance._open.cache_clear()


IMPORTS = """
import json, sys
import dagster  # starts a process itself, to find out about the platform
events = []
sys.addaudithook(lambda name, _: events.append(name) if name in ("subprocess.Popen", "os.system", "os.posix_spawn") else None)
from f1_lakehouse.storage.object_store import write_atomically
from f1_lakehouse.tested_versions import TESTED
if sys.argv[1] == "untested":
    TESTED["dagster-dbt"] = ("0", "0.1")
import f1_lakehouse.definitions
after_import = sorted({name.split(".")[0] for name in sys.modules} & {"dbt", "dbt_common"})
at_import = list(events)
graph = f1_lakehouse.definitions.defs().get_repository_def().asset_graph
print(json.dumps({
    "at_import": at_import, "in_all": events, "dbt": after_import,
    "assets": sorted(key.to_user_string() for key in graph.get_all_asset_keys()), "checks": len(graph.asset_check_keys),
}))
"""


def test_importing_the_definitions_starts_no_process_and_imports_no_dbt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an untested version of dagster-dbt it imports dbt, and the definitions are equal."""
    monkeypatch.setenv("F1_LAKEHOUSE_ROOT", str(tmp_path))
    stored = f"manifest-{parse_cache.digest_of_parsed_files()}-{importlib.metadata.version('dbt-core')}.json"
    write_atomically(tmp_path / "dbt" / stored, json.dumps(manifest.manifest()).encode())
    found = []
    for version in ("tested", "untested"):
        command = [sys.executable, "-c", IMPORTS, version]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found.append(json.loads(done.stdout.splitlines()[-1]))
    tested, untested = found
    assert (tested["at_import"], tested["in_all"], tested["dbt"]) == ([], [], [])
    assert "dbt" in untested["dbt"]
    assert (tested["assets"], tested["checks"]) == (untested["assets"], untested["checks"])
