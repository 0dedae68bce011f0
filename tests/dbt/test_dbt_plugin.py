"""The plugin through which dbt reads bronze."""

import os
from contextlib import AbstractContextManager
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from dbt.adapters.duckdb.utils import SourceConfig
from dbt_common.events.contextvars import log_contextvars
from deltalake import write_deltalake
from library_versions import set_tested

from f1_lakehouse.dbt import duckdb_plugin
from f1_lakehouse.dbt.duckdb_plugin import Plugin
from f1_lakehouse.dbt.node_turns import Turns

HELD = "select coalesce(sum(memory_usage_bytes), 0) / 1024 ** 2 from duckdb_memory() where tag = 'BASE_TABLE'"
LIMIT = "select current_setting('memory_limit')"


def source(path: Path) -> SourceConfig:
    os.environ["F1_BRONZE_URI"] = str(path.parent)
    return SourceConfig(path.name, path.name, "bronze", None, {}, [])


def test_all_models_of_a_run_read_one_version_of_a_table(tmp_path: Path) -> None:
    write_deltalake(tmp_path / "pulls", pa.table({"pull_id": ["first"]}))
    plugin = Plugin("delta", {})
    before = plugin.load(source(tmp_path / "pulls"))
    write_deltalake(tmp_path / "pulls", pa.table({"pull_id": ["second"]}), mode="append")
    assert plugin.load(source(tmp_path / "pulls")) is before
    assert before.to_table()["pull_id"].to_pylist() == ["first"]
    assert Plugin("delta", {}).load(source(tmp_path / "pulls")).count_rows() == 2


@pytest.mark.parametrize(
    ("reader", "running", "tested", "sees"),
    [
        (("model", "laps", "incremental"), ("model", "laps", "incremental"), True, True),
        (("model", "laps", "incremental"), ("model", "weather", "incremental"), True, False),
        (("model", "laps", "incremental"), ("model", "weather", "incremental"), False, True),
        (("model", "states", "ephemeral"), ("model", "laps", "table"), True, True),
        (("model", "laps", "incremental"), ("snapshot", "drivers", "snapshot"), True, True),
        (("model", "laps", "incremental"), None, True, True),
        (("model", "laps", "incremental"), ("test", "not_null", "test"), True, False),
        (("model", "laps", "incremental"), ("unit_test", "times", None), True, False),
        (("model", "laps", "incremental"), ("seed", "aliases", "seed"), True, False),
    ],
)
def test_cursor_has_the_tables_that_its_node_reads_with_a_tested_version_of_dbt(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    reader: tuple[str, str, str],
    running: tuple[str, str, str | None] | None,
    tested: bool,
    sees: bool,
) -> None:
    """dbt registers nothing automatically except a `view`: see `default_materialization`."""
    set_tested(monkeypatch, "dbt-common", tested)
    write_deltalake(tmp_path / "pulls", pa.table({"pull_id": ["first"]}))
    plugin = Plugin("delta", {})
    assert plugin.default_materialization() == "VIEW"

    def during(node: tuple[str, str, str | None] | None) -> AbstractContextManager[None]:
        names = ("resource_type", "unique_id", "materialized")
        return log_contextvars(node_info=dict(zip(names, node, strict=True)) if node else {})

    with during(reader):
        plugin.load(source(tmp_path / "pulls"))
    con = duckdb.connect()
    with during(running):
        plugin.configure_cursor(con)
    found = con.execute("select view_name from duckdb_views() where temporary and not internal").fetchall()
    # dbt-duckdb uses this name in the view that it creates.
    name = source(tmp_path / "pulls").table_name().replace(".", "_") + "_df"
    assert found == ([(name,)] if sees else [])


def test_memory_of_a_model_is_released_before_the_next_within_the_limit(tmp_path: Path) -> None:
    con = duckdb.connect(str(tmp_path / "warehouse.duckdb"), config={"memory_limit": "1GiB"})
    con.execute("create table samples as select random() as speed from range(15_000_000)")
    con.execute("checkpoint")
    con.execute("select sum(speed) from samples").fetchall()
    [(held,)] = con.execute(HELD).fetchall()
    assert held > 72
    cursor = con.cursor()
    Plugin("delta", {}).configure_cursor(cursor)
    [(held,)] = cursor.execute(HELD).fetchall()
    assert held <= 64
    assert cursor.execute(LIMIT).fetchall() == [("1.0 GiB",)]


def test_memory_limit_is_unchanged_after_hundreds_of_models(tmp_path: Path) -> None:
    con = duckdb.connect(str(tmp_path / "warehouse.duckdb"), config={"memory_limit": "18.8GiB"})
    plugin = Plugin("delta", {})
    limits = []
    for _ in range(400):
        plugin.configure_cursor(cursor := con.cursor())
        limits += cursor.execute(LIMIT).fetchall()
    assert {round(float(limit.removesuffix(" GiB"))) for (limit,) in limits} == {19}
    assert len(set(limits)) == 1


def test_limits_of_a_model_end_with_it(tmp_path: Path) -> None:
    con = duckdb.connect(str(tmp_path / "warehouse.duckdb"), config={"memory_limit": "1GiB", "threads": 3})
    plugin = Plugin("delta", {})
    plugin.configure_cursor(con.cursor())
    con.execute("set memory_limit = '128MiB'; set threads = 1")
    plugin.configure_cursor(cursor := con.cursor())
    assert cursor.execute(f"{LIMIT}, current_setting('threads')").fetchall() == [("1.0 GiB", 3)]


def test_node_that_runs_in_its_turn_does_not_change_the_limits_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The turns release memory while no node runs (node_turns.py), and have the connection from the plugin."""
    mine = Turns()
    monkeypatch.setattr(duckdb_plugin, "turns", lambda: mine)
    con = duckdb.connect(str(tmp_path / "warehouse.duckdb"), config={"memory_limit": "1GiB"})
    plugin = Plugin("delta", {})
    plugin.configure_connection(con)
    mine.are_taken = True
    with mine.turn(alone=True):
        plugin.configure_cursor(con.cursor())
        con.execute("set memory_limit = '128MiB'")
        plugin.configure_cursor(con.cursor())
        assert con.execute(LIMIT).fetchall() == [("128.0 MiB",)]
    assert con.execute(LIMIT).fetchall() == [("1.0 GiB",)]


def test_memory_in_use_does_not_fail_the_release(tmp_path: Path) -> None:
    """A temporary table that cannot be moved to disk."""
    here = {"memory_limit": "1GiB", "temp_directory": ""}
    con = duckdb.connect(str(tmp_path / "warehouse.duckdb"), config=here)
    con.execute("create temporary table samples as select random() as speed from range(10_000_000)")
    Plugin("delta", {}).configure_cursor(con.cursor())
    assert con.execute(LIMIT).fetchall() == [("1.0 GiB",)]
    assert con.execute("select count(*) from samples").fetchall() == [(10_000_000,)]
