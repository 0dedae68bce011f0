"""`python -m f1_lakehouse.dbt.command`: dbt, changed so that it takes less time.

Belongs here: the changes to dbt. They replace non-public functions, and only those of a tested version: another version runs unchanged.

- dbt reads its cache of a parse only if every field of the connection is as it was when the cache was written, so each new lake would parse
  the project again (11 s of CPU), although nothing that is parsed depends on the path of the warehouse. `_connection_keys` of dbt-duckdb
  lists the fields that are compared and shown by `dbt debug`.
- dbt formats each event as JSON or text, and compares it with every secret of the environment, before the logger drops those below its
  level: four of five events. `write_line` of dbt-common formats them.
- dbt makes a mapping of all 700 macros for each node and each macro that an adapter calls, and searches up to five dictionaries for each
  name of it. `MacroNamespace` of dbt-core is that mapping; here it is one dictionary.
- dbt parses a query with sqlparse to put the inputs of a unit test, and ephemeral models, after its first `with`: more than a third of the
  time of a unit test. `inject_ctes_into_sql` of dbt-core does it; here a query that begins with `with` is not parsed.
"""

import logging
import re
import sys
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

from f1_lakehouse.tested_versions import is_tested

FIRST_WITH = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*with\s+(?!recursive\b)", re.IGNORECASE | re.DOTALL)
"""The beginning of a query that starts with common table expressions, after comments."""


def ignore_the_path_of_the_warehouse() -> None:
    """Take the path of the warehouse out of the fields of the connection that dbt compares. Call before dbt reads its profile."""
    if not is_tested("dbt-duckdb"):
        return
    from dbt.adapters.duckdb.credentials import DuckDBCredentials

    fields = DuckDBCredentials._connection_keys

    def without_path(self: DuckDBCredentials) -> tuple[str, ...]:
        return tuple(field for field in fields(self) if field != "path")

    _replace(DuckDBCredentials, "_connection_keys", without_path)


def skip_events_below_the_level() -> None:
    """Do not format the events that a logger does not write."""
    if not is_tested("dbt-common"):
        return
    from dbt_common.events import logger

    write_line = logger._Logger.write_line

    def write_line_if_shown(self: logger._Logger, msg: Any) -> None:
        level = logging.getLevelNamesMapping().get(str(msg.info.level).upper(), logging.DEBUG)
        is_shown = self._python_logger is not None and self._python_logger.isEnabledFor(level)
        if is_shown or logger._is_print_event(msg):
            write_line(self, msg)

    _replace(logger._Logger, "write_line", write_line_if_shown)


def find_macros_in_one_dictionary() -> None:
    """Look a macro up in one dictionary instead of up to five."""
    if not is_tested("dbt-core"):
        return
    from dbt.context.macros import MacroNamespace

    def macro(self: MacroNamespace, name: str) -> Any:
        found = self.__dict__.get("_by_name")
        if found is None:
            found = {}
            for names in reversed(list(self._search_order())):
                found |= names
            self.__dict__["_by_name"] = found
        return found[name]

    _replace(MacroNamespace, "__getitem__", macro)


def insert_tables_after_with() -> None:
    """Insert common table expressions into a query that begins with `with` without parsing it."""
    if not is_tested("dbt-core"):
        return
    from dbt import compilation

    inject = compilation.inject_ctes_into_sql

    def inject_after_with(sql: str, ctes: list[Any]) -> str:
        found = FIRST_WITH.match(sql)
        if not ctes or found is None:
            return inject(sql, ctes)
        return f"{sql[: found.end()]}{', '.join(cte.sql for cte in ctes)}, {sql[found.end() :]}"

    _replace(compilation, "inject_ctes_into_sql", inject_after_with)


def _replace(owner: ModuleType | type, name: str, function: Callable[..., Any]) -> None:
    """Replace a function of dbt, which must be there: a misspelled one would be added and never called."""
    getattr(owner, name)
    setattr(owner, name, function)


@cache
def change_dbt() -> None:
    """Make all changes, once per process; call before dbt reads its profile."""
    ignore_the_path_of_the_warehouse()
    skip_events_below_the_level()
    find_macros_in_one_dictionary()
    insert_tables_after_with()


if __name__ == "__main__":
    from dbt.cli.main import cli

    change_dbt()
    if "--target=spark" in sys.argv:
        from f1_lakehouse.dbt.spark_session import open_session

        open_session()
    cli()
