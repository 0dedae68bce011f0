"""`f1 sql`: arguments and call; a query, statements from stdin, or a shell.

Does not belong here: running queries (query.py) and the shell (sql_shell.py).
"""

import argparse
import sys
from pathlib import Path

from f1_lakehouse.cli.command import Command
from f1_lakehouse.cli.errors import CliError
from f1_lakehouse.cli.lake_folder import lake_settings


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--as-of",
        metavar="TIME",
        help="query gold as of this time (UTC), for example 2024-09-22T20:00; builds it first",
    )
    parser.add_argument(
        "query",
        metavar="SQL",
        nargs="?",
        help='for example "from session_leaderboard limit 5"; - reads it from stdin; without it, a shell',
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="comma-separated values")
    form.add_argument("--json", action="store_true", help="one JSON array of objects")
    form.add_argument("--parquet", type=Path, metavar="FILE", help="write a Parquet file")


def _sql(given: argparse.Namespace) -> int:
    is_shell = given.query is None and all(one and one.isatty() for one in (sys.stdin, sys.stdout))
    query = given.query
    if query == "-" or (query is None and not is_shell):
        query = sys.stdin.read() if sys.stdin else ""
    if not is_shell and not query.strip():
        raise CliError('the query is empty; try f1 sql "show tables"')
    if is_shell and (given.csv or given.json or given.parquet):
        raise CliError(
            '--csv, --json and --parquet need a query; try f1 sql --csv "from session_leaderboard"'
        )
    settings = lake_settings(writes=given.as_of is not None)
    form = "csv" if given.csv else "json" if given.json else "parquet" if given.parquet else "table"
    as_of = None
    if given.as_of is not None:
        from f1_lakehouse.cli.history import moment

        as_of = moment(given.as_of)
    if is_shell:
        from f1_lakehouse.cli.sql_shell import run_shell

        return run_shell(settings, as_of)
    from f1_lakehouse.cli.query import run_query

    return run_query(settings, query, form, given.parquet, as_of)


SQL = Command("sql", "Query published gold and the logs: runs, pulls, alerts", _sql, _add_arguments)
