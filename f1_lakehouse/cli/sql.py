"""`f1 sql`: SQL on published gold, on gold as of a time, and on the logs (runs, pulls, alerts).

Does not belong here: publishing (publishing/publish.py) and the logs (observability/run_log.py, storage/pull_log.py).
"""

from __future__ import annotations

import argparse
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from f1_lakehouse.cli.command import Command
from f1_lakehouse.cli.errors import CliError
from f1_lakehouse.cli.lake_folder import lake_settings
from f1_lakehouse.errors import F1LakehouseError

if TYPE_CHECKING:
    import duckdb

    from f1_lakehouse.settings import Settings

MAX_ROWS_SHOWN = 1000


class QueryError(F1LakehouseError):
    """A query that fails; one line."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--as-of",
        metavar="TIME",
        help="query gold as of this time (UTC), for example 2024-09-22T20:00; builds it first",
    )
    parser.add_argument("query", metavar="SQL", help='for example "from session_leaderboard limit 5"')
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="comma-separated values")
    form.add_argument("--json", action="store_true", help="one JSON array of objects")
    form.add_argument("--parquet", type=Path, metavar="FILE", help="write a Parquet file")


def _sql(given: argparse.Namespace) -> int:
    if not given.query.strip():
        raise CliError('the query is empty; try f1 sql "show tables"')
    settings = lake_settings(writes=given.as_of is not None)
    form = "csv" if given.csv else "json" if given.json else "parquet" if given.parquet else "table"
    as_of = None
    if given.as_of is not None:
        from f1_lakehouse.cli.history import moment

        as_of = moment(given.as_of)
    return run_query(settings, given.query, form, given.parquet, as_of)


def run_query(
    settings: Settings, query: str, form: str, file: Path | None = None, as_of: datetime | None = None
) -> int:
    """Run a query and print the result; the exit code.

    Args:
        settings: of the lake.
        query: SQL. Table names need no schema. Next to gold it can read `runs`, `alerts` and `pulls`.
        form: table, csv, json or parquet.
        file: the file to write, for parquet.
        as_of: UTC; query gold as it would have been built at that time instead of published gold.

    Raises:
        QueryError: nothing is published, or the query is wrong.
    """
    import duckdb
    import pyarrow as pa

    from f1_lakehouse.publishing.delta_tables import add_tables, named_tables

    if form != "parquet" and sys.stdout is None:
        raise QueryError("the standard output is closed; leave it open, or write a file with --parquet")
    with _connect(settings, as_of) as con:
        if as_of is None:
            add_tables(con, settings, query)
            if not settings.gold.exists() and not named_tables(settings, query):
                raise QueryError(f"nothing is published yet at {settings.root}; run f1 load or f1 transform")
        try:
            result = con.sql(query)
            if result is None:
                return 0
            if form == "csv":
                _csv(con, query)
            elif form == "json":
                _json(con, query)
            elif form == "parquet":
                result.write_parquet(str(file))
            else:
                result.show(max_width=_width(), max_rows=MAX_ROWS_SHOWN)
            if form != "parquet":
                sys.stdout.flush()  # detects a closed pipe here, not when the process ends
        except duckdb.Error as error:
            message = str(error).split("\n\nLINE")[0]
            raise QueryError(f'{message.strip()} (tables: f1 sql "show tables")') from None
        except pa.ArrowInvalid:
            raise QueryError(
                "CSV cannot hold a list or a struct; cast it to varchar, or use --json"
            ) from None
        except BrokenPipeError:
            raise
        except OSError as error:
            # The rest of the buffer would fail again when the process ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise QueryError(
                f"the result cannot be written ({error.strerror or error}); write it to another file or folder"
            ) from None
    return 0


def _connect(settings: Settings, as_of: datetime | None) -> duckdb.DuckDBPyConnection:
    """Connect to published gold, to gold as of a time, or, before gold is published, to an empty database."""
    import duckdb

    from f1_lakehouse.publishing.gold_file import connect_gold

    if as_of is None and settings.gold.exists():
        return connect_gold(settings)
    # The logs must be readable before gold is published: they contain the reason why it is not.
    database = build_as_of(settings, as_of) if as_of is not None else None
    con = duckdb.connect(str(database or ":memory:"), read_only=database is not None)
    con.execute("set timezone = 'UTC'")
    if database is not None:
        con.execute(f"set search_path = '{database.stem}.gold,{database.stem}.silver'")
    return con


def build_as_of(settings: Settings, moment: datetime) -> Path:
    """Build silver and gold from the pulls up to a time, in a separate file; nothing else changes.

    The file is kept for this version of the code: bronze is append-only, so earlier pulls do not change (remove `<root>/as_of`
    to free the space).

    Raises:
        QueryError: there was no pull up to that time, or dbt failed.
    """
    from f1_lakehouse.lakehouse import current_lake
    from f1_lakehouse.publishing.build_record import current_digest

    pulls = current_lake().bronze.pull_log.all()
    if not pulls or pulls[0].at > moment:
        first = f"the first pull was at {pulls[0].at:%Y-%m-%d %H:%M:%S} UTC" if pulls else "bronze is empty"
        raise QueryError(f"there was no pull by {moment:%Y-%m-%d %H:%M:%S} UTC; {first}")
    seen = max(pull.at for pull in pulls if pull.at <= moment)
    name = f"gold_{seen:%Y%m%dT%H%M%S%f}"
    done = settings.root / "as_of" / f"{name}_{current_digest().replace('-', '_')}.duckdb"
    if not done.exists():
        build_gold(seen, done)
        for other in {*done.parent.glob(f"{name}*.duckdb")} - {done}:
            other.unlink()  # built by another version of the code
    return done


def build_gold(seen: datetime, target: Path) -> Path:
    """Build silver and gold into a file, replaced by rename, from the pulls up to the time `seen` (UTC).

    Raises:
        QueryError: dbt failed.
    """
    from f1_lakehouse.dbt.project import DbtError, run_dbt
    from f1_lakehouse.observability.log_output import tell
    from f1_lakehouse.settings import load_settings

    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"partial_{os.getpid()}.duckdb")
    tell(f"building gold as of {seen:%Y-%m-%d %H:%M:%S} UTC", "progress")
    try:
        # Without tests: they decide what may be published, and this build is not published.
        arguments = ["build", "--exclude-resource-type", "test", "unit_test", "--quiet"]
        arguments += ["--vars", f"{{as_of: '{seen.isoformat()}'}}"]
        run_dbt(arguments, load_settings(), target.parent / "dbt", {"F1_WAREHOUSE": str(partial)})
        partial.replace(target)
    except DbtError as error:
        raise QueryError(f"dbt could not build gold as of {seen:%Y-%m-%d %H:%M:%S} UTC: {error}") from error
    finally:
        partial.unlink(missing_ok=True)
    return target


def _csv(con: duckdb.DuckDBPyConnection, query: str) -> None:
    import pyarrow as pa
    import pyarrow.csv

    # Through memory: Arrow would turn the error of a closed pipe into another one.
    text = pa.BufferOutputStream()
    pyarrow.csv.write_csv(con.sql(query).to_arrow_table(), text)
    sys.stdout.buffer.write(text.getvalue())


def _json(con: duckdb.DuckDBPyConnection, query: str) -> None:
    import orjson

    rows = con.sql(query).to_arrow_table().to_pylist()
    sys.stdout.buffer.write(orjson.dumps(rows, default=str, option=orjson.OPT_INDENT_2) + b"\n")


def _width() -> int:
    import shutil

    return shutil.get_terminal_size((200, 40)).columns if sys.stdout.isatty() else 4000


SQL = Command("sql", "Query published gold and the logs: runs, pulls, alerts", _sql, _add_arguments)
