"""The changes that the lakehouse makes to dbt (f1_lakehouse/dbt/command.py)."""

import io

import pytest
from dbt import compilation
from dbt.context.macros import MacroNamespace
from dbt.contracts.graph.nodes import InjectedCTE
from dbt_common.events import logger
from dbt_common.events.base_types import EventLevel, msg_from_base_event
from dbt_common.events.logger import LineFormat, LoggerConfig
from dbt_common.events.types import Note

from f1_lakehouse.dbt import command
from f1_lakehouse.tested_versions import TESTED


@pytest.fixture
def dbt_as_it_was(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """dbt's functions after a test are those of before."""
    monkeypatch.setattr(logger._Logger, "write_line", logger._Logger.write_line)
    monkeypatch.setattr(MacroNamespace, "__getitem__", MacroNamespace.__getitem__)
    monkeypatch.setattr(compilation, "inject_ctes_into_sql", compilation.inject_ctes_into_sql)
    return monkeypatch


@pytest.mark.parametrize("tested", [True, False])
def test_events_below_the_level_are_not_formatted_with_a_tested_version(
    dbt_as_it_was: pytest.MonkeyPatch, tested: bool
) -> None:
    if not tested:
        dbt_as_it_was.setitem(TESTED, "dbt-common", ("0", "0.1"))
    written = io.StringIO()
    config = LoggerConfig("test", level=EventLevel.WARN, line_format=LineFormat.Json, output_stream=written)
    shown = logger._JsonLogger(config)
    formatted: list[str] = []
    create_line = shown.create_line
    dbt_as_it_was.setattr(
        shown, "create_line", lambda msg: formatted.append(msg.info.level) or create_line(msg)
    )
    command.skip_events_below_the_level()
    for level in (EventLevel.DEBUG, EventLevel.INFO, EventLevel.WARN, EventLevel.ERROR):
        shown.write_line(msg_from_base_event(Note(msg=f"at {level.value}"), level=level))
    assert "at warn" in written.getvalue()
    assert "at error" in written.getvalue()
    assert "at info" not in written.getvalue()
    if tested:
        assert formatted == ["warn", "error"]


@pytest.mark.parametrize("tested", [True, False])
def test_macro_is_found_in_the_order_of_dbt(dbt_as_it_was: pytest.MonkeyPatch, tested: bool) -> None:
    """The package of the node, the project, other packages, dbt: a project may replace a macro of dbt."""
    if not tested:
        dbt_as_it_was.setitem(TESTED, "dbt-core", ("0", "0.1"))
    command.find_macros_in_one_dictionary()
    found = MacroNamespace(
        global_namespace={"a": "project", "b": "project"},
        local_namespace={"a": "node"},
        global_project_namespace={"a": "dbt", "b": "dbt", "c": "dbt", "d": "dbt"},
        packages={"c": {"a": "package"}},
    )
    assert {name: found[name] for name in found} == {
        "a": "node",
        "b": "project",
        "c": {"a": "package"},
        "d": "dbt",
        "dbt": found.global_project_namespace,
    }
    with pytest.raises(KeyError):
        found["e"]


@pytest.mark.parametrize("tested", [True, False])
@pytest.mark.parametrize(
    "sql",
    [
        "with a as (select 1) select * from a",
        "-- with x as\n/* a\ncomment */\n\nWITH  a as (\n  with b as (select 1) select * from b\n) select * from a",
        "with recursive a as (select 1) select * from a",
        "select * from (with a as (select 1) select * from a)",
        "/* only */ select 1 as within",
    ],
)
def test_tables_are_inserted_where_dbt_inserts_them(
    dbt_as_it_was: pytest.MonkeyPatch, sql: str, tested: bool
) -> None:
    if not tested:
        dbt_as_it_was.setitem(TESTED, "dbt-core", ("0", "0.1"))
    by_dbt = compilation.inject_ctes_into_sql
    command.insert_tables_after_with()
    changed = compilation.inject_ctes_into_sql
    ctes = [InjectedCTE("1", "one as (select 1)"), InjectedCTE("2", "two as (select 2)")]
    assert changed(sql, ctes) == by_dbt(sql, ctes)
    assert changed(sql, []) == sql
    assert (changed is by_dbt) == (not tested)
