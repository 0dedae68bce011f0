"""Questions to the published gold and to the record of what happened, for the command line."""

import os
import re
import sys
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from f1_lakehouse.errors import F1LakehouseError
from f1_lakehouse.publishing.publish import DELTA_ONLY, connect_gold, current_digest
from f1_lakehouse.settings import Settings


class QueryError(F1LakehouseError):
    """A query that cannot be answered; one line."""


def run_query(
    settings: Settings, query: str, form: str, file: Path | None = None, as_of: datetime | None = None
) -> int:
    """Answer a query and print the result.

    Args:
        settings: whose gold.
        query: SQL; tables are found without naming the schema. Beside gold it may ask `runs`, `alerts` and `pulls`.
        form: table, csv, json or parquet.
        file: where to, for parquet.
        as_of: UTC; then not the published gold is asked, but gold as it would have been built at that moment.

    Raises:
        QueryError: nothing is published, or the query is wrong.
    """
    if form != "parquet" and sys.stdout is None:
        raise QueryError("the standard output is closed: leave it open, or write a file with --parquet")
    with _connect(settings, as_of) as con:
        named = _add_tables(con, settings, query) if as_of is None else False
        if as_of is None and not settings.gold.exists() and not named:
            raise QueryError(f"nothing is published yet at {settings.root}; run f1 load or f1 transform")
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
            if form != "parquet":
                sys.stdout.flush()  # here, where a reader that has gone is noticed, and not when the process ends
        except duckdb.Error as error:
            message = str(error).split("\n\nLINE")[0]
            raise QueryError(f'{message.strip()} (tables: f1 sql "show tables")') from None
        except pa.ArrowInvalid:
            raise QueryError(
                "a list or a struct is no value of a CSV file: cast it to varchar, or use --json"
            ) from None
        except BrokenPipeError:
            raise
        except OSError as error:
            # What is left in the buffer would fail again when the process ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise QueryError(f"the result cannot be written: {error.strerror or error}") from None
    return 0


def _connect(settings: Settings, as_of: datetime | None) -> duckdb.DuckDBPyConnection:
    """What is asked: published gold, gold as of a moment, or nothing but what `_add_tables` adds to it."""
    if as_of is None and settings.gold.exists():
        return connect_gold(settings)
    # What happened can be asked before anything is published, and most of all then.
    database = build_as_of(settings, as_of) if as_of is not None else None
    con = duckdb.connect(str(database or ":memory:"), read_only=database is not None)
    con.execute("set timezone = 'UTC'")
    if database is not None:
        con.execute(f"set search_path = '{database.stem}.gold,{database.stem}.silver'")
    return con


def build_as_of(settings: Settings, moment: datetime) -> Path:
    """Silver and gold out of the pulls that had been made by a moment, in a file of their own; nothing else changes.

    The file is kept for this version of the code: bronze is append-only, so the past does not change (remove `<root>/as_of` to
    save the space).

    Raises:
        QueryError: nothing had been pulled by then, or dbt failed.
    """
    from f1_lakehouse.lakehouse import current_lake

    pulls = current_lake().bronze.ledger.all()
    if not pulls or pulls[0].at > moment:
        first = f"the first was at {pulls[0].at:%Y-%m-%d %H:%M:%S} UTC" if pulls else "bronze is empty"
        raise QueryError(f"nothing had been pulled by {moment:%Y-%m-%d %H:%M:%S} UTC; {first}")
    seen = max(pull.at for pull in pulls if pull.at <= moment)
    name = f"gold_{seen:%Y%m%dT%H%M%S%f}"
    done = settings.root / "as_of" / f"{name}_{current_digest().replace('-', '_')}.duckdb"
    if not done.exists():
        build_gold(seen, done)
        for other in {*done.parent.glob(f"{name}*.duckdb")} - {done}:
            other.unlink()  # of another version of the code
    return done


def build_gold(seen: datetime, target: Path) -> Path:
    """Build silver and gold into a file, replaced by rename, out of the pulls entered up to the moment `seen` (UTC).

    Raises:
        QueryError: dbt failed.
    """
    from f1_lakehouse.defs.dbt import dbt_cli
    from f1_lakehouse.observability.log_output import tell

    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"partial_{os.getpid()}.duckdb")
    tell(f"building gold as of {seen:%Y-%m-%d %H:%M:%S} UTC", "progress")
    before = os.environ["F1_WAREHOUSE"]
    os.environ["F1_WAREHOUSE"] = str(partial)
    try:
        # Tests are left out: they judge what is to be published, and this is not.
        arguments = ["build", "--exclude-resource-type", "test", "unit_test", "--quiet"]
        arguments += ["--vars", f"{{as_of: '{seen.isoformat()}'}}"]
        run = dbt_cli().cli(arguments, target_path=target.parent / "dbt", raise_on_error=False)
        if not run.wait().is_successful():
            raise QueryError(
                f"dbt could not build gold as of {seen:%Y-%m-%d %H:%M:%S} UTC: {run.get_error()}"
            )
        partial.replace(target)
    finally:
        os.environ["F1_WAREHOUSE"] = before
        partial.unlink(missing_ok=True)
    return target


def _tables_elsewhere(settings: Settings) -> dict[str, tuple[str, pa.Schema | None]]:
    """Name → place and schema of what a query may ask beside `gold.duckdb`: large gold tables, and the record.

    The record has a schema, for it can be asked before it has a row; a gold table that was not built cannot.
    """
    from f1_lakehouse.observability.notifications import SCHEMA as ALERTS
    from f1_lakehouse.observability.run_log import SCHEMA as RUNS
    from f1_lakehouse.storage.pull_log import SCHEMA as PULLS

    return {
        **{table: (f"{settings.published_tables}/{table}", None) for table in sorted(DELTA_ONLY)},
        "runs": (f"{settings.records}/runs", RUNS),
        "alerts": (f"{settings.records}/alerts", ALERTS),
        "pulls": (f"{settings.bronze}/_pulls", PULLS),
    }


def _add_tables(con: duckdb.DuckDBPyConnection, settings: Settings, query: str) -> bool:
    """Make the Delta tables that a query names known to it; whether there was one."""
    found = False
    for table, (uri, schema) in _tables_elsewhere(settings).items():
        if not re.search(rf"\b{table}\b", query, re.IGNORECASE):
            continue
        from deltalake import DeltaTable

        from f1_lakehouse.storage.delta import scan, with_columns

        if DeltaTable.is_deltatable(uri):
            con.register(table, with_columns(scan(DeltaTable(uri)), schema))
        elif not all(
            os.access(place, os.R_OK | os.X_OK) for place in (Path(uri).parent, Path(uri)) if place.exists()
        ):
            raise QueryError(f"{uri} may not be read by this user")
        elif schema is not None:
            con.register(table, schema.empty_table())
        found = True
    return found


def _csv(con: duckdb.DuckDBPyConnection, query: str) -> None:
    import pyarrow.csv

    # Through memory: Arrow makes another error of a reader that has gone.
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
