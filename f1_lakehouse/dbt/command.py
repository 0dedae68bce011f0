"""`python -m f1_lakehouse.dbt.command`: dbt, changed so that it takes less time.

Belongs here: the changes to dbt, and when they are made. They replace non-public functions, and only those of a tested version: another
version runs unchanged.

- dbt reads its cache of a parse only if every field of the connection is as it was when the cache was written, so each new lake would parse
  the project again (11 s of CPU), although nothing that is parsed depends on the path of the warehouse. `_connection_keys` of dbt-duckdb
  lists the fields that are compared and shown by `dbt debug`.
- dbt makes two protobuf messages of each event, and compares its text with every secret of the environment, before the logger drops those
  below its level: four of five events, forty for each node. `BaseEvent` and `fire_event` of dbt-common make them.
- dbt compiles, makes and searches macros in ways that take half of the time outside of queries: faster_macros.py.
- dbt parses a query with sqlparse to put the inputs of a unit test, and ephemeral models, after its first `with`: more than a third of the
  time of a unit test. `inject_ctes_into_sql` of dbt-core does it; here a query that begins with `with`, or has none, is not parsed.
- dbt calls a macro for the columns of a table, and makes a context of all macros for that call: a fifth of the time of a unit test.
  `get_columns_in_relation` of dbt-duckdb calls it; here the query of that macro runs directly. So do the statements of `rename_relation`
  and `drop_relation`: three for each table.
- dbt makes the types of a result's columns for each result, with a calendar for each type. `build_type_tester` and `empty_table` of
  dbt-common make them; here once for each set of text columns, and one table for all statements without a result.
- dbt-duckdb opens a source, and creates its view, for each reference to it. `load_source` of dbt-duckdb does it; here once per run, in one
  thread.
- dbt runs one node after the other, because the limits of a model hold for all. Here two at a time: node_turns.py.
- dbt compares each name of a selection with each part of the names of all nodes: 0.4 s for the tables that a build leaves out. `search` of
  `QualifiedNameSelectorMethod` does it; here with the nodes that have the last part of the name.
- dbt writes its artifacts (5 MB each) with the part of Python's json that is written in Python. `write_json` of dbt-common does it; here
  orjson. It writes manifest.json twice per build; here `parse_manifest` of dbt-core does not, and the end of the build does.
"""

import logging
import os
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from threading import RLock
from typing import Any

import orjson

from f1_lakehouse import allocators, quick_exit
from f1_lakehouse.dbt.faster_macros import (
    find_macros_in_one_dictionary,
    keep_compiled_templates,
    keep_macros,
    make_macros_directly,
)
from f1_lakehouse.dbt.node_turns import run_nodes_in_turns
from f1_lakehouse.dbt.parse_ahead import may_use_parse, parse_ahead
from f1_lakehouse.dbt.replacing import if_tested, replace
from f1_lakehouse.dbt.waiting_process import WAIT, wait_for_arguments
from f1_lakehouse.settings import load_settings

FIRST_WITH = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*with\s+(?!recursive\b)", re.IGNORECASE | re.DOTALL)
"""The beginning of a query that starts with common table expressions, after comments."""
WILDCARDS = {*"*?[]"}
"""The characters of a name in a selection that stand for others."""
ANY_WITH = re.compile(r"\bwith\b", re.IGNORECASE)
"""The word anywhere."""


@if_tested("dbt-duckdb")
def ignore_the_path_of_the_warehouse() -> None:
    """Take the path of the warehouse out of the fields of the connection that dbt compares. Call before dbt reads its profile."""
    from dbt.adapters.duckdb.credentials import DuckDBCredentials

    fields = DuckDBCredentials._connection_keys

    def without_path(self: DuckDBCredentials) -> tuple[str, ...]:
        return tuple(field for field in fields(self) if field != "path")

    replace(DuckDBCredentials, "_connection_keys", without_path)


@if_tested("dbt-common")
def skip_events_below_the_level() -> None:
    """Do not make messages of the events that no logger writes."""
    from dbt.tracking import track_behavior_change_warn
    from dbt_common.events.event_manager import EventManager
    from dbt_common.events.logger import PRINT_EVENT_NAMES

    fire_event = EventManager.fire_event

    def fire_event_if_shown(
        self: EventManager,
        e: Any,
        level: Any = None,
        node: Any = None,
        force_warn_or_error_handling: bool = False,
    ) -> None:
        name = str((level or e.level_tag()).value).upper()
        number = logging.getLevelNamesMapping().get(name, logging.DEBUG)
        is_shown = (
            # dbt raises warnings as errors, or silences them, when they are messages
            number >= logging.WARNING
            or force_warn_or_error_handling
            or any(one is not track_behavior_change_warn for one in self.callbacks)  # it reads warnings only
            or type(e).__name__ in PRINT_EVENT_NAMES
            or any(
                one._python_logger is None or one._python_logger.isEnabledFor(number) for one in self.loggers
            )
        )
        if is_shown:
            fire_event(self, e, level, node, force_warn_or_error_handling)

    replace(EventManager, "fire_event", fire_event_if_shown)


@if_tested("dbt-common")
def fill_events_when_read() -> None:
    """Make the message within an event when something of it is first read."""
    from dbt_common.events.base_types import BaseEvent

    fill, get, put = BaseEvent.__init__, BaseEvent.__getattr__, BaseEvent.__setattr__

    def keep(self: BaseEvent, *values: Any, **named: Any) -> None:
        self.__dict__["_given"] = values, named

    def fill_once(self: BaseEvent) -> None:
        given = self.__dict__.pop("_given", None)
        if given is not None:
            fill(self, *given[0], **given[1])

    def get_filled(self: BaseEvent, key: str) -> Any:
        fill_once(self)
        return self.__dict__["pb_msg"] if key == "pb_msg" else get(self, key)

    def put_filled(self: BaseEvent, key: str, value: Any) -> None:
        fill_once(self)
        put(self, key, value)

    replace(BaseEvent, "__init__", keep)
    replace(BaseEvent, "__getattr__", get_filled)
    replace(BaseEvent, "__setattr__", put_filled)


@if_tested("dbt-core")
def insert_tables_after_with() -> None:
    """Insert common table expressions into a query without parsing it, if it begins with `with` or has none."""
    from dbt import compilation

    inject = compilation.inject_ctes_into_sql

    def inject_after_with(sql: str, ctes: list[Any]) -> str:
        if not ctes:
            return sql
        tables = ", ".join(cte.sql for cte in ctes)
        if found := FIRST_WITH.match(sql):
            return f"{sql[: found.end()]}{tables}, {sql[found.end() :]}"
        # The word may be within a statement, in a text or in a comment; of several statements dbt takes the first.
        if ";" in sql or ANY_WITH.search(sql):
            return inject(sql, ctes)
        query = sql.lstrip()
        return f"{sql[: len(sql) - len(query)]}with{tables} {query}"

    replace(compilation, "inject_ctes_into_sql", inject_after_with)


@if_tested("dbt-duckdb")
def read_columns_directly() -> None:
    """Read the columns of a table by the query of dbt-duckdb's macro, without the macro."""
    from dbt.adapters.duckdb.impl import DuckDBAdapter
    from dbt_common.exceptions import DbtRuntimeError

    def columns(self: DuckDBAdapter, relation: Any) -> list[Any]:
        if relation.schema == "bronze":
            # Its views are on tables that are registered for some nodes only (duckdb_plugin.py), but DuckDB has their columns.
            found = self.__dict__.setdefault("_columns_of_bronze", {})
            if relation.identifier not in found:
                found |= columns_of_views(self, "bronze")
            return [self.Column(*column) for column in found.get(relation.identifier, ())]
        try:
            _, cursor = self.connections.add_query(f"describe {relation.render()}", auto_begin=False)
        except DbtRuntimeError as error:
            if "does not exist" in str(error).lower():
                return []
            raise
        return [self.Column(name, kind) for name, kind, *_ in cursor.fetchall()]

    def columns_of_views(self: DuckDBAdapter, schema: str) -> dict[str, list[tuple[str, str]]]:
        query = f"""
            select table_name, list((column_name, data_type) order by column_index)
            from duckdb_columns() where schema_name = '{schema}' group by table_name"""
        return dict(self.connections.add_query(query, auto_begin=False)[1].fetchall())

    replace(DuckDBAdapter, "get_columns_in_relation", columns)


@if_tested("dbt-duckdb")
def rename_and_drop_directly() -> None:
    """Rename and drop tables by the statements of dbt-duckdb's macros, without the macros."""
    from dbt.adapters.duckdb.impl import DuckDBAdapter

    drop_relation = DuckDBAdapter.drop_relation

    def rename(self: DuckDBAdapter, from_relation: Any, to_relation: Any) -> None:
        self.cache_renamed(from_relation, to_relation)
        name = self.quote(to_relation.identifier)
        self.connections.add_query(f"alter {to_relation.type} {from_relation} rename to {name}")

    def drop(self: DuckDBAdapter, relation: Any) -> None:
        if relation.type is None or self.is_ducklake(relation):
            drop_relation(self, relation)
            return
        self.cache_dropped(relation)
        self.connections.add_query(f"drop {relation.type} if exists {relation} cascade", auto_begin=False)

    replace(DuckDBAdapter, "rename_relation", rename)
    replace(DuckDBAdapter, "drop_relation", drop)


@if_tested("dbt-common")
def make_column_types_once() -> None:
    """Make the types that a result may have once for each set of text columns; they have no state."""
    from dbt_common.clients import agate_helper

    made = cache(agate_helper.build_type_tester)

    def type_tester(text_columns: Iterable[str], string_null_values: Iterable[str] = ("null", "")) -> Any:
        return made(tuple(sorted(text_columns)), tuple(string_null_values))

    replace(agate_helper, "build_type_tester", type_tester)
    replace(agate_helper, "empty_table", cache(agate_helper.empty_table))


@if_tested("dbt-duckdb")
def open_sources_once() -> None:
    """Open each source at its first reference in a run."""
    from dbt.adapters.duckdb.environments.local import LocalEnvironment

    load_source, one_thread = LocalEnvironment.load_source, RLock()

    def load_once(self: LocalEnvironment, plugin_name: str, source_config: Any) -> None:
        with one_thread:
            loaded = self.__dict__.setdefault("_loaded_sources", set())
            if (plugin_name, source_config.table_name()) in loaded:
                self._plugins[plugin_name].load(source_config)  # it notes which node reads the source
                return
            load_source(self, plugin_name, source_config)
            loaded.add((plugin_name, source_config.table_name()))

    replace(LocalEnvironment, "load_source", load_once)


@if_tested("dbt-core")
def compare_names_with_few_nodes() -> None:
    """Compare a name of a selection with the nodes only whose complete name has its last part."""
    from dbt.graph.selector_methods import QualifiedNameSelectorMethod

    search = QualifiedNameSelectorMethod.search

    def search_among_few(
        self: QualifiedNameSelectorMethod, included_nodes: set[Any], selector: str
    ) -> Iterator[Any]:
        last = selector.rpartition(".")[2]
        if not WILDCARDS & {*selector}:
            included_nodes = {
                unique_id
                for unique_id, node in self.non_source_nodes(included_nodes)
                if last in node.fqn or node.is_versioned or "." in node.name
            }
        return search(self, included_nodes, selector)

    replace(QualifiedNameSelectorMethod, "search", search_among_few)


@if_tested("dbt-core")
def write_artifacts_with_orjson() -> None:
    """Write manifest.json and run_results.json with orjson."""
    from dbt.artifacts.schemas import base
    from dbt_common.utils.encoding import JSONEncoder

    def write_json(path: str, data: dict[str, Any]) -> bool:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(
            orjson.dumps(data, default=JSONEncoder().default, option=orjson.OPT_NON_STR_KEYS)
        )
        return True

    replace(base, "write_json", write_json)


@if_tested("dbt-core")
def write_the_manifest_of_a_build_once() -> None:
    """Do not write manifest.json after the parse: a build writes it at its end, with the compiled SQL."""
    from dbt.cli import requires

    parse_manifest = requires.parse_manifest

    def parse_without_writing(config: Any, write_perf_info: bool, write: bool, *others: Any) -> Any:
        return parse_manifest(config, write_perf_info, False, *others)

    replace(requires, "parse_manifest", parse_without_writing)


@cache
def change_dbt() -> None:
    """Make all changes, once per process; call before dbt reads its profile."""
    ignore_the_path_of_the_warehouse()
    skip_events_below_the_level()
    fill_events_when_read()
    find_macros_in_one_dictionary()
    make_macros_directly()
    keep_macros()
    insert_tables_after_with()
    read_columns_directly()
    rename_and_drop_directly()
    make_column_types_once()
    open_sources_once()
    compare_names_with_few_nodes()
    write_artifacts_with_orjson()


def run_dbt() -> None:
    """Run dbt with the arguments of this process."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import cli

    change_dbt()
    parsed: Any = None
    if sys.argv[1:] == [WAIT]:
        import_module("f1_lakehouse.dbt.duckdb_plugin")  # as dbt does when it opens the first connection
        before = dict(os.environ)
        parsed = parse_ahead(load_settings().root / "dbt")
        wait_for_arguments()
        if not may_use_parse(before, sys.argv):
            parsed = None
    if "build" in sys.argv:
        write_the_manifest_of_a_build_once()
    templates = keep_compiled_templates()
    if "--target=spark" in sys.argv:
        from f1_lakehouse.dbt.spark_session import open_session

        open_session()
    elif "build" in sys.argv and (threads := run_nodes_in_turns()):
        sys.argv += ["--threads", str(threads)]
    try:
        cli(obj={"manifest": parsed} if parsed is not None else {})
    except SystemExit as end:
        # It keeps the file open until the process ends, and its last changes are in the write-ahead log until the file is closed.
        DuckDBConnectionManager.close_all_connections()
        quick_exit.exit_quickly(end.code if isinstance(end.code, int) else int(end.code is not None))
    finally:
        if templates is not None:
            templates.save()


if __name__ == "__main__":
    quick_exit.prepare()
    allocators.collect_garbage_rarely()
    run_dbt()
