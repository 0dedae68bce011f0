"""Landing and bronze on s3:// keep the guarantees of a local disk; commits are conditional puts."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from f1_lakehouse.operations.backup import copy_landing
from f1_lakehouse.operations.history import Changes
from f1_lakehouse.operations.maintenance import optimize, plan_restore, restore, vacuum
from f1_lakehouse.operations.rebuild import rebuild
from f1_lakehouse.operations.verify import check_bronze, check_landing
from f1_lakehouse.simulator.generate import generate
from f1_lakehouse.simulator.server import ReplayServer
from f1_lakehouse.storage.bronze import Bronze
from f1_lakehouse.storage.landing import Landing
from f1_lakehouse.storage.object_store import ObjectStore

F1 = str(Path(sys.executable).parent / "f1")
KILLED = -9
CrashScenario = Any


@pytest.fixture(autouse=True)
def s3(object_store: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in object_store.items():
        monkeypatch.setenv(name, value)


def counts(uri: str) -> tuple[int, int, int]:
    """Return the number of rows of laps, of quarantine and of the pull log."""
    return tuple(  # type: ignore[return-value]
        DeltaTable(f"{uri}/bronze/{name}").to_pyarrow_table().num_rows
        for name in ("laps", "_quarantine", "_pulls")
    )


def test_object_store_writes_lists_and_moves_files() -> None:
    store = ObjectStore("s3://lake/files")
    assert store.folders() == []
    store.write("laps/1/a.json", b"one")
    store.write("laps/2/b.json", b"")
    store.write("c.json.zst", b"compressed by who writes it, or not")
    assert store.read("c.json.zst") == b"compressed by who writes it, or not"
    assert (store.read("laps/1/a.json"), store.read("laps/2/b.json")) == (b"one", b"")
    assert (store.folders("laps"), store.files("laps/1")) == (["1", "2"], ["a.json"])
    assert (store.exists("laps/1/a.json"), store.exists("laps/1"), store.exists("laps/3/a.json")) == (
        True,
        False,
        False,
    )
    with pytest.raises(FileNotFoundError):
        store.read("laps/3/a.json")
    store.move("laps", "aside/laps")
    assert list(store.walk()) == ["aside/laps/1/a.json", "aside/laps/2/b.json", "c.json.zst"]


@pytest.mark.slow
def test_lake_in_an_object_store_is_loaded_killed_repaired_and_maintained(
    make_scenario: Callable[..., CrashScenario], s3_crash_process: Any, tmp_path: Path
) -> None:
    """One test for all steps, because creating a lake in the store takes seconds."""
    scenario, uri = make_scenario(new=True), "s3://lake/scenario"
    scenario.crash_process = s3_crash_process
    for at in (120, 45):  # during telemetry; after the manifest of the laps
        assert scenario.run(store_uri=uri, kill_at=at)[0] in (KILLED, 0)
        landing = Landing(f"{uri}/landing")
        landed = {landing.answer(n).url for n in landing.store.walk() if n.endswith(".meta.json")}
        scenario.served_urls()
    ended = scenario.run_several(store_uri=uri, processes=2)
    assert [code for code, _ in ended] == [0, 0], ended
    assert not {u.removeprefix(scenario.server.origin) for u in landed} & set(scenario.served_urls())
    assert not (scenario.root / "bronze").exists()
    assert not (scenario.root / "landing").exists()

    bronze = Bronze(f"{uri}/bronze")
    assert counts(uri)[:2] == (14, 1)
    assert len([p for p in bronze.pull_log.all() if p.is_applied]) == 6
    assert (check_landing(landing).problems, check_bronze(bronze).problems) == ([], [])

    backup = Landing(str(tmp_path / "backup"))
    assert copy_landing(landing, backup).problems == []
    damaged = next(n for n in landing.store.walk("laps") if n.endswith(".zst"))
    landing.store.write(damaged, b"x")
    assert len(check_landing(landing).problems) == 1
    assert copy_landing(backup, landing).files == 1

    before = counts(uri)
    store = ObjectStore(f"{uri}/bronze")
    for name in list(store.walk("laps")):
        if name.endswith(".parquet"):
            store.write(name, b"PAR1")
    [laps] = [one for one in rebuild(landing, Bronze(f"{uri}/bronze")) if one.table == "laps"]
    assert (laps.restored, laps.problems) == (1, [])
    assert counts(uri) == before

    optimize(bronze, ["_pulls"])
    assert vacuum(bronze, ["laps"])[0].removed == 0
    changes = Changes(Bronze(f"{uri}/bronze"), landing)
    restore(changes, plan_restore(changes, "laps", 0))
    assert counts(uri)[0] == 0


@pytest.mark.slow
def test_load_writes_everything_except_duckdb_files_to_the_object_store(
    tmp_path: Path, object_store: dict[str, str]
) -> None:
    folder = generate(tmp_path / "source", season=2024, meetings=1, telemetry=False, seed=4).folder
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("F1_", "DAGSTER_"))}
    with ReplayServer(folder) as server:
        environment = clean | object_store | {
            "F1_LAKEHOUSE_ROOT": str(tmp_path / "lake"),
            "F1_STORE_URI": "s3://lake/loaded",
            "F1_OPENF1_URL": server.url,
            "F1_OPENF1_REQUESTS_PER_SECOND": "0",
            "F1_OPENF1_REQUESTS_PER_MINUTE": "0",
            "F1_SOURCES": "openf1",
        }  # fmt: skip
        for _ in range(2):
            done = subprocess.run(
                [F1, "load", "--session", "2024015", "--no-telemetry"],
                env=environment, capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
        assert "up to date: nothing to load" in done.stderr
    bronze = DeltaTable("s3://lake/loaded/bronze/laps").to_pyarrow_table().num_rows
    assert DeltaTable("s3://lake/loaded/gold/fact_laps").to_pyarrow_table().num_rows == bronze > 0
    assert (tmp_path / "lake" / "gold.duckdb").exists()
    shutil.rmtree(tmp_path / "lake")
