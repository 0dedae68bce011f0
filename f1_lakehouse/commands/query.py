"""Questions to the published gold, for the command line."""

import sys
from pathlib import Path

import duckdb

from f1_lakehouse.lake.publish import DELTA_ONLY
from f1_lakehouse.settings import Settings


class QueryError(Exception):
    """A query that cannot be answered; one line."""


def run_query(settings: Settings, query: str, form: str, file: Path | None = None) -> int:
    """Answer a query and print the result.

    Args:
        settings: whose gold.
        query: SQL; tables are found without naming the schema.
        form: table, csv, json or parquet.
        file: where to, for parquet.

    Raises:
        QueryError: nothing is published, or the query is wrong.
    """
    if not settings.gold.exists():
        raise QueryError(f"nothing is published yet at {settings.root}; run f1 load or f1 transform")
    with duckdb.connect(str(settings.gold), read_only=True) as con:
        con.execute("set search_path = 'gold.gold,gold.meta'")
        con.execute("set timezone = 'UTC'")
        _add_delta_tables(con, settings, query)
        try:
            answer = con.sql(query)
            if answer is None:
                return 0
            if form == "csv":
                answer.to_arrow_table()
                _csv(con, query)
            elif form == "json":
                _json(con, query)
            elif form == "parquet":
                answer.write_parquet(str(file))
            else:
                answer.show(max_width=_width(), max_rows=1000)
        except duckdb.Error as error:
            message = str(error).split("\n\nLINE")[0]
            raise QueryError(f'{message.strip()} (tables: f1 sql "show tables")') from None
    return 0


def _add_delta_tables(con: duckdb.DuckDBPyConnection, settings: Settings, query: str) -> None:
    """Make the tables that are published as Delta only known to the query, if it names them."""
    for table in sorted(DELTA_ONLY):
        if table not in query.lower():
            continue
        from deltalake import DeltaTable

        uri = f"{settings.published_tables}/{table}"
        if DeltaTable.is_deltatable(uri):
            con.register(table, DeltaTable(uri).to_pyarrow_dataset())


def _csv(con: duckdb.DuckDBPyConnection, query: str) -> None:
    import pyarrow.csv

    pyarrow.csv.write_csv(con.sql(query).to_arrow_table(), sys.stdout.buffer)


def _json(con: duckdb.DuckDBPyConnection, query: str) -> None:
    import orjson

    rows = con.sql(query).to_arrow_table().to_pylist()
    sys.stdout.buffer.write(orjson.dumps(rows, default=str, option=orjson.OPT_INDENT_2) + b"\n")


def _width() -> int:
    import shutil

    return shutil.get_terminal_size((200, 40)).columns if sys.stdout.isatty() else 4000
