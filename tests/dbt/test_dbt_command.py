"""The changes that the lakehouse makes to dbt (f1_lakehouse/dbt/command.py)."""

import importlib.util
import inspect
import io
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from threading import RLock
from types import ModuleType, SimpleNamespace
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from dbt import compilation
from dbt.adapters.duckdb.column import DuckDBColumn
from dbt.adapters.duckdb.environments.local import LocalEnvironment
from dbt.adapters.duckdb.impl import DuckDBAdapter
from dbt.adapters.duckdb.relation import DuckDBRelation
from dbt.adapters.duckdb.utils import SourceConfig
from dbt.artifacts.schemas import base
from dbt.cli import requires
from dbt.contracts.graph.nodes import InjectedCTE
from dbt.graph import selector_methods
from dbt.graph.selector_methods import QualifiedNameSelectorMethod
from dbt.task.runnable import GraphRunnableTask
from dbt.tracking import track_behavior_change_warn
from dbt_common.clients import agate_helper
from dbt_common.events import base_types, event_manager
from dbt_common.events.base_types import BaseEvent, EventLevel, EventMsg
from dbt_common.events.event_manager import EventManager
from dbt_common.events.logger import LineFormat, LoggerConfig
from dbt_common.events.types import Note, PrintEvent
from dbt_common.exceptions import DbtRuntimeError
from dbt_common.exceptions.events import EventCompilationError
from library_versions import set_tested

from f1_lakehouse.dbt import command, node_turns


@pytest.fixture
def dbt_as_it_was(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """dbt's functions after a test are those of before."""
    for owner, name in (
        (EventManager, "fire_event"),
        (compilation, "inject_ctes_into_sql"),
        (DuckDBAdapter, "get_columns_in_relation"),
        (DuckDBAdapter, "rename_relation"),
        (DuckDBAdapter, "drop_relation"),
        (agate_helper, "build_type_tester"),
        (agate_helper, "empty_table"),
        (LocalEnvironment, "load_source"),
        (base, "write_json"),
        (requires, "parse_manifest"),
        (QualifiedNameSelectorMethod, "search"),
        (GraphRunnableTask, "call_runner"),
    ):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    return monkeypatch


def second_copy(module: ModuleType) -> Any:
    """A second copy of a module of dbt: another test may have changed the first one."""
    spec = importlib.util.spec_from_file_location(f"{module.__name__}_of_dbt", str(module.__file__))
    assert spec is not None
    assert spec.loader is not None
    copy = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(copy)
    return copy


@pytest.mark.parametrize("tested", [True, False])
def test_events_below_the_level_make_no_message_with_a_tested_version(
    dbt_as_it_was: pytest.MonkeyPatch, tested: bool
) -> None:
    set_tested(dbt_as_it_was, "dbt-common", tested)
    made: list[str] = []
    make = event_manager.msg_from_base_event

    def noted(event: BaseEvent, level: EventLevel | None = None) -> EventMsg:
        made.append((level or event.level_tag()).value)
        return make(event, level=level)

    dbt_as_it_was.setattr(event_manager, "msg_from_base_event", noted)
    dbt_as_it_was.setattr(EventManager, "fire_event", EventManager.fire_event)
    command.skip_events_below_the_level()
    written, seen = io.StringIO(), []
    manager = EventManager()
    config = LoggerConfig("test", level=EventLevel.WARN, line_format=LineFormat.Json, output_stream=written)
    manager.add_logger(config)
    manager.add_callback(track_behavior_change_warn)
    every = (EventLevel.DEBUG, EventLevel.INFO, EventLevel.WARN, EventLevel.ERROR)
    for level in every:
        manager.fire_event(Note(msg=f"at {level.value}"), level=level)
    manager.fire_event(PrintEvent(msg="what a macro prints"))
    assert "at warn" in written.getvalue()
    assert "at error" in written.getvalue()
    assert "at info" not in written.getvalue()
    assert "what a macro prints" in written.getvalue()
    if tested:
        assert made == ["warn", "error", "info"]
    manager.add_callback(lambda message: seen.append(message.info.level))
    for level in every:
        manager.fire_event(Note(msg="for a callback"), level=level)
    assert seen == [level.value for level in every]
    # With --quiet nothing shows a warning, and as an error it ends dbt all the same.
    quiet = EventManager()
    quiet.add_logger(LoggerConfig("quiet", level=EventLevel.ERROR, output_stream=io.StringIO()))
    quiet.require_warn_or_error_handling = quiet.warn_error = True
    with pytest.raises(EventCompilationError):
        quiet.fire_event(Note(msg="deprecated"), level=EventLevel.WARN)


@pytest.mark.parametrize("tested", [True, False])
def test_event_is_filled_when_it_is_read_with_a_tested_version(
    monkeypatch: pytest.MonkeyPatch, tested: bool
) -> None:
    set_tested(monkeypatch, "dbt-common", tested)
    of_dbt = second_copy(base_types)
    monkeypatch.setitem(sys.modules, base_types.__name__, of_dbt)
    filled: list[dict[str, Any]] = []
    fill = of_dbt.ParseDict

    def noted(fields: dict[str, Any], message: Any) -> Any:
        filled.append(fields)
        return fill(fields, message)

    monkeypatch.setattr(of_dbt, "ParseDict", noted)
    note = type("Note", (of_dbt.BaseEvent,), {})
    formatting = type("Formatting", (of_dbt.BaseEvent,), {})
    by_dbt = [note(msg=1), formatting("one line")]
    assert len(filled) == 2
    command.fill_events_when_read()
    new = [note(msg=1), formatting("one line")]
    assert len(filled) == (2 if tested else 4)
    assert [event.to_dict() for event in new] == [event.to_dict() for event in by_dbt]
    assert (new[0].msg, new[1].pb_msg.msg) == ("1", "one line")
    changed = note(msg="before")
    changed.msg = "after"
    assert changed.to_json() == '{"msg": "after"}'
    assert len(filled) == 5
    with pytest.raises(AttributeError):
        _ = note(msg="a").column
    with pytest.raises(Exception, match="Unable to parse logging event"):
        _ = note(column="a").msg


@pytest.mark.parametrize("tested", [True, False])
def test_artifacts_are_those_of_dbt(dbt_as_it_was: pytest.MonkeyPatch, tmp_path: Path, tested: bool) -> None:
    set_tested(dbt_as_it_was, "dbt-core", tested)
    by_dbt = base.write_json
    command.write_artifacts_with_orjson()
    assert (base.write_json is by_dbt) == (not tested)
    moment = datetime(2024, 9, 22, 12, tzinfo=UTC)
    data = {"é": [1, 2.5, None, True], "number": Decimal("1.5"), "at": moment, 7: {"error": ValueError("no")}}
    for write, name in ((by_dbt, "dbt"), (base.write_json, "new")):
        assert write(str(tmp_path / name / "manifest.json"), data)
    found = [json.loads((tmp_path / name / "manifest.json").read_text("utf-8")) for name in ("dbt", "new")]
    assert datetime.fromisoformat(found[1].pop("at")) == datetime.fromisoformat(found[0].pop("at"))
    assert found[1] == found[0]


@pytest.mark.parametrize("tested", [True, False])
@pytest.mark.parametrize(
    "sql",
    [
        "with a as (select 1) select * from a",
        "-- with x as\n/* a\ncomment */\n\nWITH  a as (\n  with b as (select 1) select * from b\n) select * from a",
        "with recursive a as (select 1) select * from a",
        "select * from (with a as (select 1) select * from a)",
        "/* only */ select 1 as within",
        "\n\n  select * from laps -- no table before it\n",
        "select 1; select 2",
        "select 'with' as one",
    ],
)
def test_tables_are_inserted_where_dbt_inserts_them(
    dbt_as_it_was: pytest.MonkeyPatch, sql: str, tested: bool
) -> None:
    set_tested(dbt_as_it_was, "dbt-core", tested)
    by_dbt = compilation.inject_ctes_into_sql
    command.insert_tables_after_with()
    changed = compilation.inject_ctes_into_sql
    ctes = [InjectedCTE("1", "one as (select 1)"), InjectedCTE("2", "two as (select 2)")]
    assert changed(sql, ctes) == by_dbt(sql, ctes)
    assert changed(sql, []) == sql
    assert (changed is by_dbt) == (not tested)


@pytest.mark.parametrize("tested", [True, False])
def test_columns_of_a_table_are_read_without_a_macro_with_a_tested_version(
    dbt_as_it_was: pytest.MonkeyPatch, tested: bool
) -> None:
    set_tested(dbt_as_it_was, "dbt-duckdb", tested)
    by_dbt = DuckDBAdapter.get_columns_in_relation
    command.read_columns_directly()
    changed = DuckDBAdapter.get_columns_in_relation
    assert (changed is by_dbt) == (not tested)
    if not tested:
        return
    con = duckdb.connect()
    con.execute("create schema silver; create schema bronze")
    con.execute("create table silver.laps (lap int, time decimal(9, 3), sectors double[], day date)")
    con.register("served", pa.table({"driver": ["VER"], "speed": [1]}))
    con.execute("create view bronze.speeds as select * from served")
    con.unregister("served")  # as on the cursor of a unit test: the view cannot be read

    def query(sql: str, auto_begin: bool) -> tuple[None, duckdb.DuckDBPyConnection]:
        try:
            return None, con.execute(sql)
        except duckdb.Error as error:
            raise DbtRuntimeError(str(error)) from error

    adapter = SimpleNamespace(connections=SimpleNamespace(add_query=query), Column=DuckDBColumn)

    def columns(schema: str, name: str) -> list[tuple[str, str]]:
        relation = DuckDBRelation.create(database="memory", schema=schema, identifier=name)
        return [(one.name, one.dtype) for one in changed(adapter, relation)]

    laps = [("lap", "INTEGER"), ("time", "DECIMAL(9,3)"), ("sectors", "DOUBLE[]"), ("day", "DATE")]
    assert columns("silver", "laps") == laps
    assert columns("silver", "stints") == []
    assert columns("bronze", "speeds") == [("driver", "VARCHAR"), ("speed", "BIGINT")]
    assert columns("bronze", "stints") == []
    with pytest.raises(DbtRuntimeError, match="syntax"):
        changed(adapter, SimpleNamespace(schema="gold", identifier="x", render=lambda: "from from"))


@pytest.mark.parametrize("tested", [True, False])
def test_manifest_of_a_build_is_not_written_after_its_parse(
    dbt_as_it_was: pytest.MonkeyPatch, tested: bool
) -> None:
    set_tested(dbt_as_it_was, "dbt-core", tested)
    writes: list[bool] = []

    def parse(config: object, write_perf_info: bool, write: bool, write_json: bool, active: object) -> str:
        writes.append(write)
        return f"manifest of {config}, {write_perf_info}, {write_json}, {active}"

    assert list(inspect.signature(requires.parse_manifest).parameters)[2] == "write"
    dbt_as_it_was.setattr(requires, "parse_manifest", parse)
    command.write_the_manifest_of_a_build_once()
    assert requires.parse_manifest("f1", False, True, True, []) == "manifest of f1, False, True, []"
    assert writes == [not tested]


@pytest.mark.parametrize("tested", [True, False])
def test_tables_are_renamed_and_dropped_without_a_macro_with_a_tested_version(
    dbt_as_it_was: pytest.MonkeyPatch, tested: bool
) -> None:
    set_tested(dbt_as_it_was, "dbt-duckdb", tested)
    by_macro: list[str] = []
    dbt_as_it_was.setattr(DuckDBAdapter, "drop_relation", lambda _, one: by_macro.append(one.identifier))
    dbts = DuckDBAdapter.rename_relation, DuckDBAdapter.drop_relation
    command.rename_and_drop_directly()
    rename, drop = DuckDBAdapter.rename_relation, DuckDBAdapter.drop_relation
    assert ((rename, drop) == dbts) == (not tested)
    if not tested:
        return
    con = duckdb.connect()
    con.execute(
        'create schema silver; create table silver."laps 2" (lap int); create view silver.fast as select 1'
    )
    cached: list[tuple[str, ...]] = []
    adapter = SimpleNamespace(
        connections=SimpleNamespace(add_query=lambda sql, auto_begin=True: con.execute(sql)),
        cache_renamed=lambda one, other: cached.append((one.identifier, other.identifier)),
        cache_dropped=lambda one: cached.append((one.identifier,)),
        quote=lambda name: f'"{name}"',
        is_ducklake=lambda one: one.identifier == "lake",
    )
    lap_2, lap_3, lake, unknown, fast = (
        DuckDBRelation.create(database="memory", schema="silver", identifier=name, type=kind)
        for name, kind in [
            ("laps 2", "table"),
            ("laps 3", "table"),
            ("lake", "table"),
            ("unknown", None),
            ("fast", "view"),
        ]
    )
    rename(adapter, lap_2, lap_3)
    tables = "select table_name from information_schema.tables"
    assert sorted(con.execute(tables).fetchall()) == [("fast",), ("laps 3",)]
    drop(adapter, fast)
    assert con.execute(tables).fetchall() == [("laps 3",)]
    for one in (lap_3, lap_3, lake, unknown):
        drop(adapter, one)
    assert con.execute(tables).fetchall() == []
    assert cached == [("laps 2", "laps 3"), ("fast",), ("laps 3",), ("laps 3",)]
    assert by_macro == ["lake", "unknown"]


@pytest.mark.parametrize("tested", [True, False])
def test_values_of_a_result_have_the_types_that_dbt_gives_them(
    dbt_as_it_was: pytest.MonkeyPatch, tested: bool
) -> None:
    set_tested(dbt_as_it_was, "dbt-common", tested)
    results = [
        [
            {"code": "005", "lap": 5, "at": datetime(2024, 9, 22, tzinfo=UTC)},
            {"code": "", "lap": None, "at": None},
        ],
        [{"code": 5, "lap": "null", "sectors": [1, 2]}],
        [],
    ]

    def tables() -> list[object]:
        found = [
            agate_helper.table_from_data_flat(rows, list(rows[0]) if rows else ["lap"]) for rows in results
        ]
        return [
            ([type(one).__name__ for one in table.column_types], [list(row) for row in table.rows])
            for table in found
        ]

    by_dbt, build = tables(), agate_helper.build_type_tester
    command.make_column_types_once()
    assert (agate_helper.build_type_tester is build) == (not tested)
    assert tables() == tables() == by_dbt
    one, other = (agate_helper.build_type_tester(names) for names in ({"a", "b"}, ["b", "a"]))
    assert one is other or not tested
    without_result = agate_helper.empty_table()
    assert (len(without_result.rows), len(without_result.columns)) == (0, 0)
    assert agate_helper.empty_table() is without_result or not tested


@pytest.mark.parametrize("tested", [True, False])
def test_source_is_opened_once_per_run_and_each_reader_is_noted(
    dbt_as_it_was: pytest.MonkeyPatch, tested: bool
) -> None:
    set_tested(dbt_as_it_was, "dbt-duckdb", tested)
    opened: list[str] = []
    noted: list[str] = []
    dbt_as_it_was.setattr(LocalEnvironment, "load_source", lambda self, plugin, one: opened.append(one.name))
    command.open_sources_once()

    class Run(LocalEnvironment):
        def __init__(self) -> None:
            self.conn = None
            self._plugins = {"delta": SimpleNamespace(load=lambda one: noted.append(one.name))}

    laps, pits = (SourceConfig(name, name, "bronze", None, {}, []) for name in ("laps", "pits"))
    first, second = Run(), Run()
    for run, source in ((first, laps), (first, laps), (first, pits), (second, laps)):
        run.load_source("delta", source)
    assert opened == (["laps", "pits", "laps"] if tested else ["laps", "laps", "pits", "laps"])
    assert noted == (["laps"] if tested else [])


def test_two_nodes_do_not_open_a_source_at_the_same_time(dbt_as_it_was: pytest.MonkeyPatch) -> None:
    """DuckDB refuses the second of two transactions that create the same view."""
    lock, free = RLock(), []

    def opened(*_: Any) -> None:
        with ThreadPoolExecutor(1) as another_node:
            free.append(another_node.submit(lock.acquire, blocking=False).result())

    dbt_as_it_was.setattr(LocalEnvironment, "load_source", opened)
    dbt_as_it_was.setattr(command, "RLock", lambda: lock)
    command.open_sources_once()
    laps = SourceConfig("laps", "laps", "bronze", None, {}, [])
    LocalEnvironment.load_source(SimpleNamespace(), "delta", laps)  # type: ignore[arg-type]
    assert free == [False]


@pytest.mark.parametrize("tested", [True, False])
def test_names_of_a_selection_find_the_nodes_that_dbt_finds(
    dbt_as_it_was: pytest.MonkeyPatch, tested: bool
) -> None:
    of_dbt = second_copy(selector_methods)
    nodes = {
        name: SimpleNamespace(fqn=name.split("/"), name=name.rpartition("/")[2], is_versioned="@" in name)
        for name in (
            "f1/silver/silver_laps",
            "f1/gold/core/fact_laps",
            "f1/gold/core/laps",
            "f1/laps/gold",
            "f1/gold/lap.times",
            "f1/gold/results/v1@",
            "other/silver/silver_laps",
        )
    }
    selectors = [
        *("f1.silver.silver_laps", "silver.silver_laps", "silver_laps", "f1", "gold", "f1.gold.core", "laps", "f1.gold.*"),
        *("times", "f1.gold.lap.times", "lap.times", "results", "results.v1@", "results_v1@", "nothing", "*_laps", "f1.gold"),
    ]  # fmt: skip

    def found(of: type[Any], selector: str, among: set[str]) -> set[str]:
        method = of.__new__(of)
        method.non_source_nodes = lambda included: [one for one in nodes.items() if one[0] in included]
        return set(method.search(among, selector))

    set_tested(dbt_as_it_was, "dbt-core", tested)
    before = QualifiedNameSelectorMethod.search
    command.compare_names_with_few_nodes()
    assert (QualifiedNameSelectorMethod.search is not before) is tested
    some = set(list(nodes)[::2])
    for among in (set(nodes), some):
        expected = {one: found(of_dbt.QualifiedNameSelectorMethod, one, among) for one in selectors}
        assert {one: found(QualifiedNameSelectorMethod, one, among) for one in selectors} == expected
        assert sum(map(bool, expected.values())) > 8


@pytest.mark.parametrize(
    ("arguments", "threads", "given"),
    [
        (["build"], 2, ["--threads", "2"]),
        (["build"], None, []),  # another version of dbt
        (["build", "--target=spark"], 2, []),
        (["test"], 2, []),
    ],
)
def test_nodes_of_a_build_on_duckdb_run_in_two_threads(
    dbt_as_it_was: pytest.MonkeyPatch, arguments: list[str], threads: int | None, given: list[str]
) -> None:
    found: list[list[str]] = []
    dbt_as_it_was.setattr("dbt.cli.main.cli", lambda obj: found.append(sys.argv[1:]))
    dbt_as_it_was.setattr(command, "change_dbt", lambda: None)
    dbt_as_it_was.setattr(command, "keep_compiled_templates", lambda: None)
    dbt_as_it_was.setattr(command, "run_nodes_in_turns", lambda: threads)
    dbt_as_it_was.setattr("f1_lakehouse.dbt.spark_session.open_session", lambda: None)
    dbt_as_it_was.setattr(sys, "argv", ["dbt", *arguments])
    command.run_dbt()
    assert found == [[*arguments, *given]]


@pytest.mark.parametrize("tested", [True, False])
def test_dbt_runs_its_nodes_in_turns_with_a_tested_version(
    dbt_as_it_was: pytest.MonkeyPatch, tested: bool
) -> None:
    set_tested(dbt_as_it_was, "dbt-core", tested)
    mine, asked = node_turns.Turns(), []

    @contextmanager
    def turn(*, alone: bool) -> Iterator[None]:
        asked.append(alone)
        yield

    dbt_as_it_was.setattr(mine, "turn", turn)
    dbt_as_it_was.setattr(node_turns, "turns", lambda: mine)
    dbt_as_it_was.setattr(node_turns.sys, "setswitchinterval", lambda seconds: None)
    dbt_as_it_was.setattr(GraphRunnableTask, "call_runner", lambda self, runner: runner)
    threads = node_turns.run_nodes_in_turns()
    runners = [
        SimpleNamespace(node=SimpleNamespace(config=SimpleNamespace(meta=meta)))
        for meta in ({}, {node_turns.ALONE: True})
    ]
    call: Any = GraphRunnableTask.call_runner
    assert [call(None, runner) for runner in runners] == runners
    assert (threads, mine.are_taken, asked) == (
        (node_turns.THREADS, True, [False, True]) if tested else (None, False, [])
    )
