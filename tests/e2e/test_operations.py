"""Maintenance commands, and the steps of docs/runbook.md after data is lost or damaged."""

import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from deltalake import DeltaTable

from f1_lakehouse import lakehouse
from f1_lakehouse.cli import app, load
from f1_lakehouse.counts import counted
from f1_lakehouse.ingest import _alone, no_pulls, pull
from f1_lakehouse.publishing.build_record import current_digest
from f1_lakehouse.settings import Settings
from f1_lakehouse.simulator.ergast import History
from f1_lakehouse.simulator.generate import generate, publish_corrections
from f1_lakehouse.simulator.history import write_history
from f1_lakehouse.simulator.jolpica import JolpicaApi, JolpicaServer
from f1_lakehouse.simulator.server import ReplayServer
from f1_lakehouse.sources.catalog import SeasonPartition
from f1_lakehouse.sources.jolpica.calendar import JolpicaPartition
from f1_lakehouse.sources.registry import BY_NAME

RACE = 2024015
OTHER = "jolpica_results"
"""A table of another source, with two pulls as `laps` has."""
TABLES = pytest.mark.parametrize("table", ["laps", OTHER])


@dataclass
class Done:
    """The exit code and output of a command."""

    code: int
    out: str
    err: str

    @property
    def is_one_line(self) -> bool:
        return self.code != 0 and self.err.count("\n") == 1 and self.err.startswith("f1: ")


@dataclass
class Lake:
    """A separate lake for one test, and `f1` on it in this process."""

    root: Path
    f1: Callable[..., Done]

    def rows(self, name: str) -> list[str]:
        return sorted(map(repr, DeltaTable(str(self.root / "bronze" / name)).to_pyarrow_table().to_pylist()))

    def all_rows(self) -> dict[str, list[str]]:
        names = ("laps", "drivers", "sessions", "stints", OTHER, "_quarantine")
        return {name: self.rows(name) for name in names}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplayServer]:
    folder = tmp_path_factory.mktemp("openf1")
    generate(folder, season=2024, meetings=1, telemetry=False, seed=5)
    with ReplayServer(folder) as running:
        yield running


def environment(root: Path, server: ReplayServer) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("F1_", "DAGSTER_"))}
    return clean | {
        "F1_LAKEHOUSE_ROOT": str(root),
        "F1_OPENF1_URL": server.url,
        "F1_OPENF1_REQUESTS_PER_SECOND": "0",
        "F1_OPENF1_REQUESTS_PER_MINUTE": "0",
        "F1_SOURCES": "openf1",
    }


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, server: ReplayServer) -> Path:
    """A race and its correction in bronze, as f1 load pulls them; once per module."""
    root = tmp_path_factory.mktemp("original") / "lake"
    api = JolpicaApi(History(write_history(tmp_path_factory.mktemp("jolpica"))))
    with JolpicaServer(api) as jolpica:
        settings = Settings(
            lakehouse_root=root,
            openf1_url=server.url,
            openf1_requests_per_second=0,
            openf1_requests_per_minute=0,
            jolpica_url=jolpica.url,
        )
        opened = lakehouse.Lake.open(settings)
        for force in (False, True):
            pull(opened, BY_NAME[OTHER], JolpicaPartition(1957), why="f1 load", run_id="run-0", force=force)
            api.history.tables["results"][0]["points"] = "3.5"
            api.history.forget()
    for name in ("meetings", "sessions"):
        pull(opened, BY_NAME[name], SeasonPartition(2024), why="f1 load", run_id="run-1")
    race = next(one for one in opened.calendar() if one.key == RACE)
    for name in ("drivers", "laps", "stints", "session_result", "race_control"):
        pull(opened, BY_NAME[name], race, why="f1 load: first pull", run_id="run-2")
    publish_corrections(server.store.folder)
    pull(opened, BY_NAME["laps"], race, why="f1 load: forced", run_id="run-3", force=True)
    return root


@pytest.fixture
def lake(
    original: Path,
    server: ReplayServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Lake:
    shutil.copytree(original, tmp_path / "lake")
    for name, value in environment(tmp_path / "lake", server).items():
        monkeypatch.setenv(name, value)
    # Variables that a command sets for its child processes are removed after the test.
    for name in ("F1_STORE_URI", "F1_BRONZE_URI", "F1_WAREHOUSE", "F1_ENV", "DAGSTER_HOME"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("COLUMNS", "200")

    def f1(*arguments: str) -> Done:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            app.main(arguments)
        said = capsys.readouterr()
        return Done(int(ended.value.code or 0), said.out, said.err)

    return Lake(tmp_path / "lake", f1)


# History


@TABLES
def test_history_shows_each_pull_and_its_changes(lake: Lake, table: str) -> None:
    done = lake.f1("history", table)
    assert done.code == 0
    assert (f"race-{RACE}" if table == "laps" else "1957") in done.out
    steps = json.loads(lake.f1("history", table, "--json").out)
    assert [step["outcome"] for step in steps] == ["appended", "appended"]
    assert steps[1]["changed"] + steps[1]["gone"] + steps[1]["added"] > 0
    assert all(step["run_id"] and step["why"].startswith("f1 load") for step in steps)
    assert [step["delta_version"] for step in steps] == [1, 2]


def test_the_change_feed_and_the_diff_of_a_correction_are_equal(lake: Lake) -> None:
    second = json.loads(lake.f1("history", "laps", "--json").out)[1]
    first_at = json.loads(lake.f1("history", "laps", "--json").out)[0]["at"]
    lines = lake.f1("history", "laps", "--changes", "--since", first_at, "--json").out.splitlines()
    assert {json.loads(line)["pull_id"] for line in lines} == {second["pull_id"]}
    assert len(lines) == second["changed"] + second["gone"] + second["added"]
    assert len(lake.f1("history", "laps", "--diff", "1", "2", "--json").out.splitlines()) == len(lines)
    assert f"\n{counted(len(lines), 'row')}" in lake.f1("history", "laps", "--diff", "1", "2").out


def test_a_table_is_read_as_of_a_version_and_as_of_a_time(lake: Lake) -> None:
    steps = json.loads(lake.f1("history", "laps", "--json").out)
    then = lake.f1("history", "laps", "--version", "1", "--json").out.splitlines()
    assert len(then) == steps[0]["rows"]
    assert lake.f1("history", "laps", "--at", steps[0]["at"], "--json").out.splitlines() == then
    assert len(lake.f1("history", "laps", "--version", "2", "--json").out.splitlines()) == steps[1]["rows"]
    assert "as of version 1" in lake.f1("history", "laps", "--version", "1").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["history", "lap"], "there is no table 'lap'; there are: car_data"),
        (["history", "laps", "--version", "9"], "laps has no version 9; it has 0 to 2"),
        (["history", "laps", "--at", "noon"], "'noon' is not a time"),
        (["history", "laps", "--session", "1"], "laps was never pulled for 1"),
        (["restore", "lap", "--version", "1"], "there is no table 'lap'"),
        (["restore", "laps", "--version", "7", "--yes"], "laps has no version 7"),
        (["optimize", "lap"], "there is no table 'lap'"),
        (["vacuum", "--days", "1", "--yes"], "a retention of 1 days is too short"),
        (["rebuild-bronze", "--endpoint", "lap"], "there is no table 'lap'"),
        (["verify", "nowhere"], "nowhere has no raw responses; name the folder of a backup"),
        (["backup", "nowhere", "--restore"], "nowhere has no raw responses to copy; name the folder"),
    ],
)
def test_an_invalid_argument_is_one_line(lake: Lake, arguments: list[str], said: str) -> None:
    done = lake.f1(*arguments)
    assert done.is_one_line, done.err
    assert said in done.err


# Maintenance


@TABLES
def test_restore_shows_its_effect_and_changes_the_table_only_with_yes(lake: Lake, table: str) -> None:
    before = lake.rows(table)
    asked = lake.f1("restore", table, "--version", "1")
    assert asked.code == 1
    assert "removes 1 pull" in asked.out
    assert "--yes" in asked.err
    assert lake.rows(table) == before
    assert lake.f1("restore", table, "--version", "1", "--yes").code == 0
    assert len(lake.rows(table)) < len(before)
    assert f"restored: {table}" in " ".join(lake.f1("status").out.split())
    assert "nothing to do" in lake.f1("restore", table, "--version", "1").out
    assert lake.f1("restore", table, "--version", "2", "--yes").code == 0
    assert lake.rows(table) == before


def test_optimize_and_vacuum_print_what_they_did(lake: Lake) -> None:
    before = lake.all_rows()
    done = lake.f1("optimize")
    assert (done.code, "laps" in done.out) == (0, True)
    assert len(DeltaTable(str(lake.root / "bronze" / "laps")).file_uris()) == 1
    assert "nothing to remove" in lake.f1("vacuum").out
    assert "0 files removed" in lake.f1("vacuum", "--yes").out
    assert lake.all_rows() == before


def test_every_log_line_of_a_command_is_json_in_the_json_format(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("F1_LOG_FORMAT", "json")
    monkeypatch.setattr("f1_lakehouse.cli.progress.PROGRESS_INTERVAL_S", 0.0)
    shutil.rmtree(lake.root / "bronze" / "laps")
    for command, failed in (
        ("verify", True),
        ("rebuild-bronze", False),
        ("optimize", False),
        ("status", False),
    ):
        lines = [json.loads(line) for line in lake.f1(command).err.splitlines()]
        assert [one["level"] for one in lines].count("error") == failed, command
        assert {"progress", "done"} <= {one.get("event") for one in lines} or command == "status"
        assert not [one for one in lines if one["event"] == "done" and one["seconds"] < 0]
    monkeypatch.delenv("F1_LOG_FORMAT")
    assert "optimizing: " in lake.f1("optimize").err


# Lost and damaged data


def test_a_deleted_bronze_table(lake: Lake, server: ReplayServer) -> None:
    before, asked = lake.all_rows(), len(server.requests)
    shutil.rmtree(lake.root / "bronze" / "laps")
    for command in (["status"], ["load", "--session", str(RACE)], ["transform"], ["history", "laps"]):
        refused = lake.f1(*command)
        assert refused.is_one_line, refused.err
        assert "bronze/laps is gone: run f1 rebuild-bronze" in refused.err
    assert "bronze/laps cannot be read" in lake.f1("verify").err
    assert lake.f1("rebuild-bronze").code == 0
    assert lake.all_rows() == before
    assert lake.f1("verify").code == 0
    assert len(server.requests) == asked


@TABLES
def test_a_damaged_bronze_table(lake: Lake, table: str) -> None:
    before = lake.all_rows()
    for path in (lake.root / "bronze" / table).rglob("*.parquet"):
        path.write_bytes(path.read_bytes()[:200])
    assert f"bronze/{table} cannot be read" in lake.f1("verify").err
    done = lake.f1("rebuild-bronze", "--endpoint", table)
    assert (done.code, f"_set_aside/{table}-" in done.out) == (0, True)
    assert lake.all_rows() == before


def test_a_lost_pull_log(lake: Lake) -> None:
    before, outcomes = lake.all_rows(), lake.f1("history", "laps", "--json").out.count("appended")
    shutil.rmtree(lake.root / "bronze" / "_pulls")
    assert lake.f1("status").is_one_line
    assert lake.f1("rebuild-bronze").code == 0
    assert lake.all_rows() == before
    assert lake.f1("history", "laps", "--json").out.count("appended") == outcomes
    assert lake.f1("status").code == 0


@TABLES
def test_a_damaged_landing_file_is_restored_from_a_backup(lake: Lake, tmp_path: Path, table: str) -> None:
    backup = str(tmp_path / "backup")
    assert lake.f1("backup", backup).code == 0
    damaged = min((lake.root / "landing" / table).rglob("*.zst"))
    good = damaged.read_bytes()
    damaged.write_bytes(good[:-5])
    found = lake.f1("verify")
    assert (found.code, damaged.name in found.err) == (1, True)
    assert "1 damaged files" in found.out
    assert "1 file" in lake.f1("backup", backup, "--restore").out
    assert (damaged.read_bytes(), lake.f1("verify").code) == (good, 0)


def test_the_restore_drill(lake: Lake, tmp_path: Path) -> None:
    before, backup = lake.all_rows(), str(tmp_path / "backup")
    lake.f1("backup", backup)
    assert lake.f1("verify", backup).code == 0
    shutil.rmtree(lake.root)
    assert lake.f1("backup", backup, "--restore").code == 0
    assert lake.f1("rebuild-bronze").code == 0
    assert lake.all_rows() == before
    assert lake.f1("verify").code == 0


def test_a_restore_and_a_pull_wait_for_each_other(lake: Lake) -> None:
    opened = lakehouse.Lake.open(Settings(lakehouse_root=lake.root))
    pulled = threading.Event()

    def restore() -> None:
        assert lake.f1("restore", "laps", "--version", "1", "--yes").code == 0

    def ask() -> None:
        with _alone(opened, BY_NAME["laps"], RACE):
            pulled.set()

    for hold, other in (
        (lambda: _alone(opened, BY_NAME["laps"], RACE), restore),
        (lambda: no_pulls(lake.root), ask),
    ):
        thread = threading.Thread(target=other)
        with hold():
            thread.start()
            thread.join(0.5)
            assert thread.is_alive()
        thread.join(60)
        assert not thread.is_alive()
    assert pulled.is_set()


# Promotion to another environment


@pytest.fixture
def published_lake(lake: Lake) -> Lake:
    """The lake with a gold that is marked as built from all of bronze by the current dbt models."""
    opened = lakehouse.Lake.open(Settings(lakehouse_root=lake.root))
    with duckdb.connect(str(lake.root / "gold.duckdb")) as con:
        con.execute("create schema meta")
        con.execute(
            "create table meta.publication as select ? as bronze_version, timestamp '2026-01-01 00:00:00' "
            "as published_at, '0.1' as code_version, '{}'::json as tables, ? as digest",
            [opened.bronze.pull_log.version(), current_digest()],
        )
    return lake


def promote(published_lake: Lake, to: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    monkeypatch.setenv("F1_LAKEHOUSE_ROOT", str(to))
    # The target has a different store than the source.
    monkeypatch.setenv("F1_STORE_URI", str(to))
    return lambda *arguments: published_lake.f1("promote", str(published_lake.root), *arguments)


def test_promotion_shows_its_effect_and_changes_nothing_without_yes(
    published_lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = promote(published_lake, tmp_path / "stage", monkeypatch)()
    assert (done.code, done.is_one_line) == (1, True)
    assert "files (0.1 MB) new to" in done.out
    assert "--yes" in done.err
    assert not (tmp_path / "stage").exists()


def test_promotion_copies_bronze_without_a_request_and_only_once(
    published_lake: Lake, tmp_path: Path, server: ReplayServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Building gold is tested with `f1 transform`.
    monkeypatch.setattr(load, "build_gold", lambda: 0)
    asked, before = len(server.requests), published_lake.all_rows()
    f1 = promote(published_lake, tmp_path / "stage", monkeypatch)
    assert f1("--yes").code == 0
    assert Lake(tmp_path / "stage", published_lake.f1).all_rows() == before
    assert "0 files (0.0 MB) new" in f1().out
    assert len(server.requests) == asked
    assert published_lake.f1("verify").code == 0
    assert published_lake.all_rows() == before


def test_a_lake_without_current_published_gold_is_not_promoted(
    published_lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    f1 = promote(published_lake, tmp_path / "stage", monkeypatch)
    damaged = min((published_lake.root / "landing" / OTHER).rglob("*.zst"))
    good = damaged.read_bytes()
    damaged.write_bytes(good[:-5])
    assert "does not match its sha256" in f1("--yes").err
    damaged.write_bytes(good)

    monkeypatch.setattr("f1_lakehouse.publishing.build_record.current_digest", lambda: "others")
    assert "was built by another version of the dbt models" in f1("--yes").err
    with duckdb.connect(str(published_lake.root / "gold.duckdb")) as con:
        con.execute("update meta.publication set bronze_version = 'an older one'")
    assert "is older than its bronze; run f1 transform there first" in f1("--yes").err
    (published_lake.root / "gold.duckdb").unlink()
    assert "nothing is published in" in f1("--yes").err
    assert not (tmp_path / "stage" / "bronze").exists()

    monkeypatch.setenv("F1_LAKEHOUSE_ROOT", str(published_lake.root))
    assert "is the target lake itself" in f1("--yes").err


@pytest.mark.slow
def test_promotion_ends_in_published_gold(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lake.f1("transform").code == 0
    done = promote(lake, tmp_path / "stage", monkeypatch)("--yes")
    assert done.code == 0, done.err
    names = [json.loads(lake.f1("sql", "--json", "select count(*) as n from fact_laps").out)]
    monkeypatch.setenv("F1_LAKEHOUSE_ROOT", str(lake.root))
    names += [json.loads(lake.f1("sql", "--json", "select count(*) as n from fact_laps").out)]
    assert names[0] == names[1]
