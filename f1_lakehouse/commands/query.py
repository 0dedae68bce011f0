"""Questions to the published gold, for the command line."""

import os
import sys
from datetime import datetime
from pathlib import Path

import duckdb

from f1_lakehouse.lake.publish import DELTA_ONLY
from f1_lakehouse.settings import Settings


class QueryError(Exception):
    """A query that cannot be answered; one line."""


def run_query(
    settings: Settings, query: str, form: str, file: Path | None = None, as_of: datetime | None = None
) -> int:
    """Answer a query and print the result.

    Args:
        settings: whose gold.
        query: SQL; tables are found without naming the schema.
        form: table, csv, json or parquet.
        file: where to, for parquet.
        as_of: UTC; then not the published gold is asked, but gold as it would have been built at that moment.

    Raises:
        QueryError: nothing is published, or the query is wrong.
    """
    if as_of is None and not settings.gold.exists():
        raise QueryError(f"nothing is published yet at {settings.root}; run f1 load or f1 transform")
    database = settings.gold if as_of is None else build_as_of(settings, as_of)
    with duckdb.connect(str(database), read_only=True) as con:
        path = "gold.gold,gold.meta" if as_of is None else f"{database.stem}.gold,{database.stem}.silver"
        con.execute(f"set search_path = '{path}'")
        con.execute("set timezone = 'UTC'")
        if as_of is None:
            _add_delta_tables(con, settings, query)
        try:
            answer = con.sql(query)
            if answer is None:
                return 0
            if form == "csv":
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


def build_as_of(settings: Settings, moment: datetime) -> Path:
    """Silver and gold out of the pulls that had been made by a moment, in a file of their own; nothing else changes.

    The file is kept: bronze is append-only, so the past does not change (remove `<root>/as_of` to save the space).

    Raises:
        QueryError: nothing had been pulled by then, or dbt failed.
    """
    from f1_lakehouse.defs.transform import dbt_cli
    from f1_lakehouse.lakes import current_lake

    pulls = current_lake().bronze.ledger.all()
    if not pulls or pulls[0].at > moment:
        first = f"the first was at {pulls[0].at:%Y-%m-%d %H:%M:%S} UTC" if pulls else "bronze is empty"
        raise QueryError(f"nothing had been pulled by {moment:%Y-%m-%d %H:%M:%S} UTC; {first}")
    seen = max(pull.at for pull in pulls if pull.at <= moment)
    folder = settings.root / "as_of"
    folder.mkdir(exist_ok=True)
    done = folder / f"gold_{seen:%Y%m%dT%H%M%S%f}.duckdb"
    if done.exists():
        return done
    partial = done.with_name(f"partial_{os.getpid()}.duckdb")
    print(f"building gold as of {seen:%Y-%m-%d %H:%M:%S} UTC", file=sys.stderr)
    before = os.environ["F1_WAREHOUSE"]
    os.environ["F1_WAREHOUSE"] = str(partial)
    try:
        # Tests are left out: they judge what is to be published, and this is not.
        arguments = ["build", "--exclude-resource-type", "test", "unit_test", "--quiet"]
        arguments += ["--vars", f"{{as_of: '{seen.isoformat()}'}}"]
        run = dbt_cli().cli(arguments, target_path=folder / "dbt", raise_on_error=False)
        if not run.wait().is_successful():
            raise QueryError(
                f"dbt could not build gold as of {seen:%Y-%m-%d %H:%M:%S} UTC: {run.get_error()}"
            )
        partial.replace(done)
    finally:
        os.environ["F1_WAREHOUSE"] = before
        partial.unlink(missing_ok=True)
    return done


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
