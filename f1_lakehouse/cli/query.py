"""Queries of `f1 sql` on published gold, on gold as of a time, and on the logs: connecting, running, printing the result.

Does not belong here: the arguments (sql.py), the shell (sql_shell.py), publishing (publishing/publish.py) and the logs
(observability/run_log.py, storage/pull_log.py).
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from f1_lakehouse.errors import F1LakehouseError

if TYPE_CHECKING:
    import duckdb

    from f1_lakehouse.settings import Settings

MAX_ROWS_SHOWN, MAX_ROWS_BY_COLUMN = 1000, 5
MAX_WIDTH = 4000
"""Characters of a line if stdout is not a terminal."""


class QueryError(F1LakehouseError):
    """A query that fails; one line."""


class Layout(StrEnum):
    """How a result is shown on a terminal: `auto` shows a line per column if few rows are wider than the terminal."""

    AUTO = "auto"
    TABLE = "tables"
    LINES = "one line per column"

    @property
    def next(self) -> Layout:
        """The layout after this one."""
        every = list(Layout)
        return every[(every.index(self) + 1) % len(every)]


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
    if form != "parquet" and sys.stdout is None:
        raise QueryError("the standard output is closed; leave it open, or write a file with --parquet")
    with connect(settings, as_of) as con:
        print_statements(con, settings if as_of is None else None, query, form, file)
    return 0


def print_statements(
    con: duckdb.DuckDBPyConnection,
    settings: Settings | None,
    query: str,
    form: str = "table",
    file: Path | None = None,
    layout: Layout = Layout.AUTO,
) -> None:
    """Run the statements of a query and print each result.

    Args:
        con: the connection.
        settings: of the lake whose logs and Delta tables the query can read; None for gold as of a time.
        query: one statement or several.
        form: table, csv, json or parquet.
        file: the file to write, for parquet.
        layout: of tables on a terminal.

    Raises:
        QueryError: nothing is published, or the query is wrong.
    """
    import duckdb
    import pyarrow as pa

    from f1_lakehouse.publishing.delta_tables import add_tables

    if settings is not None:
        added = add_tables(con, settings, query)
        if not settings.gold.exists() and not added:
            raise QueryError(f"nothing is published yet at {settings.root}; run f1 load or f1 transform")
    try:
        for statement in con.extract_statements(query):
            _print_result(con, statement.query, form, file, layout)
        if form != "parquet":
            sys.stdout.flush()  # detects a closed pipe here, not when the process ends
    except duckdb.Error as error:
        message = str(error).split("\n\nLINE")[0]
        raise QueryError(f'{message.strip()} (tables: f1 sql "show tables")') from None
    except pa.ArrowInvalid:
        raise QueryError("CSV cannot hold a list or a struct; cast it to varchar, or use --json") from None
    except BrokenPipeError:
        raise
    except OSError as error:
        # The rest of the buffer would fail again when the process ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise QueryError(
            f"the result cannot be written ({error.strerror or error}); write it to another file or folder"
        ) from None


def _print_result(
    con: duckdb.DuckDBPyConnection, query: str, form: str, file: Path | None, layout: Layout
) -> None:
    result = con.sql(query)
    if result is None:
        return
    if form == "csv":
        _csv(con, query)
    elif form == "json":
        _json(con, query)
    elif form == "parquet":
        result.write_parquet(str(file))
    elif sys.stdout.isatty():
        _show(result, layout)
    else:
        result.show(max_width=MAX_WIDTH, max_rows=MAX_ROWS_SHOWN)


def _show(result: duckdb.DuckDBPyRelation, layout: Layout) -> None:
    """Print a result on a terminal. A table leaves out columns that do not fit; a few rows are printed by column instead."""
    text = "" if layout is Layout.LINES else _table(result)
    cut = re.search(r"(\d+) columns \((\d+) shown\)", text[-MAX_WIDTH:])
    if layout is Layout.LINES or (layout is Layout.AUTO and cut):
        rows = result.limit(MAX_ROWS_SHOWN).fetchall()
        if layout is Layout.LINES or len(rows) <= MAX_ROWS_BY_COLUMN:
            _print_by_column(result.columns, rows)
            return
    print(text, end="")
    if cut:
        print(f"{cut[2]} of {cut[1]} columns fit; name the columns, or use --csv (in the shell: \\x)")


def _print_by_column(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print each row as one line per column."""
    width = max(len(name) for name in columns)
    for number, row in enumerate(rows, 1):
        print(f"-- row {number}")
        for name, value in zip(columns, row, strict=True):
            print(f"{name:<{width}} │ {'' if value is None else value}")


def _table(result: duckdb.DuckDBPyRelation) -> str:
    """A result as DuckDB's table, as wide as the terminal."""
    import contextlib
    import io
    import shutil

    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        result.show(max_width=shutil.get_terminal_size((200, 40)).columns, max_rows=MAX_ROWS_SHOWN)
    return text.getvalue()


def names_of(con: duckdb.DuckDBPyConnection, settings: Settings | None) -> dict[str, list[str]]:
    """Return the tables that a query can name → their columns; those of tables outside `gold.duckdb` are not read.

    `settings`: as in `print_statements`.
    """
    from f1_lakehouse.publishing.delta_tables import TABLES_NEXT_TO_GOLD

    found: dict[str, list[str]] = {}
    for table, column in con.execute(
        "select table_name, column_name from duckdb_columns() where not internal order by table_name, column_index"
    ).fetchall():
        found.setdefault(table, []).append(column)
    return (
        found if settings is None else found | {table: found.get(table, []) for table in TABLES_NEXT_TO_GOLD}
    )


def print_tables(con: duckdb.DuckDBPyConnection, settings: Settings | None, table: str | None) -> None:
    """Print the tables with their descriptions, or the columns of one table. `settings`: as in `print_statements`."""
    from rich.table import Table

    from f1_lakehouse.cli.tables import stdout
    from f1_lakehouse.publishing.delta_tables import TABLES_NEXT_TO_GOLD, add_tables

    if table is None:
        shown = Table("table", "rows", "description", title_justify="left")
        rows = con.execute(
            "select table_name, estimated_size, comment from duckdb_tables() where not internal order by 1"
        ).fetchall()
        for name, count, comment in rows:
            shown.add_row(name, f"{count:,}", _first_sentence(comment))
        for name, description in TABLES_NEXT_TO_GOLD.items() if settings is not None else ():
            shown.add_row(name, "", description)
    else:
        if settings is not None:
            add_tables(con, settings, table)
        comments = dict(
            con.execute(
                "select column_name, comment from duckdb_columns() where table_name = ? and not internal",
                [table],
            ).fetchall()
        )
        shown = Table("column", "type", "description", title=table, title_justify="left")
        for name, kind, *_ in con.execute(f'describe "{table}"').fetchall():
            shown.add_row(name, kind.lower(), comments.get(name) or "")
    stdout().print(shown, highlight=False)


def _first_sentence(text: str | None) -> str:
    return (text or "").split(". ")[0].rstrip(".")


def connect(settings: Settings, as_of: datetime | None) -> duckdb.DuckDBPyConnection:
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
    from f1_lakehouse.dbt.parse_cache import take_shared_parse
    from f1_lakehouse.dbt.project import AS_OF, DbtError, run_dbt
    from f1_lakehouse.observability.log_output import tell
    from f1_lakehouse.settings import load_settings

    settings, folder = load_settings(), target.parent / "dbt"
    # With the name of the lake's own file, so that dbt can use the parse of the lake.
    partial = target.with_name(f"partial_{os.getpid()}") / settings.warehouse.name
    partial.parent.mkdir(parents=True, exist_ok=True)
    take_shared_parse(folder)
    # Whatever builds the lake: the rows stay in one file, and no server has to be there.
    tell(f"building gold as of {seen:%Y-%m-%d %H:%M:%S} UTC with DuckDB", "progress")
    try:
        # Without tests: they decide what may be published, and this build is not published.
        arguments = ["build", "--exclude-resource-type", "test", "unit_test", "--quiet", "--no-write-json"]
        run_dbt(arguments, settings, folder, {"F1_WAREHOUSE": str(partial), AS_OF: seen.isoformat()})
        partial.replace(target)
    except DbtError as error:
        raise QueryError(f"dbt could not build gold as of {seen:%Y-%m-%d %H:%M:%S} UTC: {error}") from error
    finally:
        shutil.rmtree(partial.parent, ignore_errors=True)
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
