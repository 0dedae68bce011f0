"""The engine `spark`: dbt runs on the server at `SPARK_REMOTE`, and its tables are Delta tables in a folder of the lake.

Belongs here: what the processes around dbt need of that engine. They read its tables as Delta and do not import pyspark. What happens in
the dbt process is in spark_session.py; what dbt-spark has to be told, in dbt_f1/macros/spark.sql.
"""

import os
import re
import socket
from collections.abc import Collection, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import urlsplit

import duckdb
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from f1_lakehouse.dbt.data_tests import DataTestResult
from f1_lakehouse.dbt.engine import MEMORY, EngineError
from f1_lakehouse.dbt.manifest import nodes
from f1_lakehouse.dbt.spark_session import SCHEMAS
from f1_lakehouse.dbt.warehouse import MAX_FAILING_ROWS
from f1_lakehouse.publishing.gold_file import PublishError, literal
from f1_lakehouse.settings import Settings
from f1_lakehouse.storage.delta import scan
from f1_lakehouse.storage.object_store import ObjectStore

ANSWER_WITHIN_S = 5
"""Time in which the server must accept a connection, s."""
DEFAULT_PORT = 15002
"""The port of Spark Connect if the address has none."""
WIDER = {
    "INTEGER": {"TINYINT", "SMALLINT", "BIGINT"},
    "BIGINT": {"TINYINT", "SMALLINT", "INTEGER"},
    "DOUBLE": {"FLOAT", "DECIMAL"},
    "TIMESTAMP": {"TIMESTAMP WITH TIME ZONE"},
}
"""Type of a contract → the other types in which the engine may serve it: it counts in another width, and its times have a zone."""


class SparkEngine:
    """An engine behind Spark Connect, with the tables in the folder `spark` of the lake's store."""

    dbt_arguments: tuple[str, ...] = ("--target=spark",)
    tests_after_build = False

    def __init__(self, settings: Settings) -> None:
        self._uri = settings.spark_warehouse

    def check_ready(self) -> None:
        """See `Engine`."""
        for distribution in ("dbt-spark", "pyspark-client"):
            try:
                version(distribution)
            except PackageNotFoundError:
                raise EngineError(
                    f"F1_ENGINE=spark needs {distribution}, which is not installed",
                    cure="pip install 'f1-lakehouse[spark]', or unset F1_ENGINE",
                ) from None
        host, port = _address(os.environ.get("SPARK_REMOTE", ""))
        try:
            socket.create_connection((host, port), ANSWER_WITHIN_S).close()
        except OSError as error:
            raise EngineError(
                f"no Spark Connect server answers at {host}:{port} ({error.strerror or error})",
                cure="start it, correct SPARK_REMOTE, or unset F1_ENGINE",
            ) from None
        # The rows of tests that failed in an earlier build.
        self._remove("failures")

    def exist(self) -> bool:
        """See `BuiltTables`."""
        return bool(self._tables("gold"))

    def test_after_build(
        self, manifest: Mapping[str, Any], tests: Collection[Mapping[str, Any]], not_built: Collection[str]
    ) -> Iterator[DataTestResult]:
        """See `Engine`. dbt's build runs all tests: their SQL in the manifest is that of DuckDB."""
        return iter(())

    def row_counts(self) -> dict[tuple[str, ...], int]:
        """See `Engine`. From the statistics of the Delta logs."""
        return {
            (schema, table): self._open(schema, table).count()
            for schema in SCHEMAS
            for table in self._tables(schema)
        }

    def failing_rows(self) -> dict[str, list[dict[str, Any]]]:
        """See `Engine`."""
        return {
            table: scan(self._open("failures", table)).head(MAX_FAILING_ROWS).to_pylist()
            for table in self._tables("failures")
        }

    def drop_other_tables(self, made: Collection[tuple[str, str]]) -> None:
        """See `Engine`. Removes the files: the catalog of the engine may be gone."""
        for schema in ("silver", "gold"):
            for table in self._tables(schema):
                if (schema, table) not in made:
                    self._remove(f"{schema}/{table}")

    def tidy(self) -> None:
        """See `Engine`. Each build replaces gold and would keep all earlier versions of it."""
        for schema in SCHEMAS:
            for table in self._tables(schema):
                self._open(schema, table).vacuum(
                    retention_hours=0, dry_run=False, enforce_retention_duration=False
                )

    def connect(self) -> duckdb.DuckDBPyConnection:
        """See `Engine`."""
        con = duckdb.connect()
        for schema in ("silver", "gold"):
            con.execute(f"create schema {schema}")
            self._register(con, schema)
            for table in self._tables(schema):
                con.execute(f'create view {schema}."{table}" as from "spark_{schema}_{table}"')
        return con

    def attach(self, con: duckdb.DuckDBPyConnection) -> None:
        """See `BuiltTables`: views that give each column the type of its contract, and the descriptions of the project.

        The engine cannot hold contracts and comments, so both are applied here.
        """
        con.execute("attach ':memory:' as warehouse")
        con.execute("create schema warehouse.gold")
        self._register(con, "gold")
        models = {node["alias"]: node for node in nodes("model") if node["schema"] == "gold"}
        for table in sorted(models.keys() & set(self._tables("gold"))):
            made = {name: kind for name, kind, *_ in con.execute(f'describe "spark_gold_{table}"').fetchall()}
            wanted = {column["name"]: column["data_type"] for column in models[table]["columns"].values()}
            columns = ", ".join(_columns(con, table, made, wanted))
            view = f'warehouse.gold."{table}"'
            con.execute(f'create view {view} as select {columns} from "spark_gold_{table}"')
            for statement in _comments(view, models[table]):
                con.execute(statement)

    def cursor(self, con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
        """See `BuiltTables`. The data sets behind the views belong to one cursor."""
        cursor = con.cursor()
        self._register(cursor, "gold")
        return cursor

    def read_memory(self) -> dict[tuple[str, str], pa.Table]:
        """See `Engine`."""
        return {
            (schema, table): scan(self._open(schema, table)).to_table()
            for schema, table in MEMORY
            if table in self._tables(schema)
        }

    def write_memory(self, tables: dict[tuple[str, str], pa.Table]) -> None:
        """See `Engine`."""
        for (schema, table), rows in tables.items():
            fields = [
                pa.field(field.name, pa.timestamp("us", "UTC"))
                if pa.types.is_timestamp(field.type)
                else field
                for field in rows.schema
            ]
            write_deltalake(
                f"{self._uri}/{schema}/{table}",
                rows.cast(pa.schema(fields)),
                mode="overwrite",
                schema_mode="overwrite",
            )

    def _tables(self, schema: str) -> list[str]:
        folder = f"{self._uri}/{schema}"
        return [
            name for name in ObjectStore(folder).folders() if DeltaTable.is_deltatable(f"{folder}/{name}")
        ]

    def _open(self, schema: str, table: str) -> DeltaTable:
        return DeltaTable(f"{self._uri}/{schema}/{table}")

    def _register(self, con: duckdb.DuckDBPyConnection, schema: str) -> None:
        for table in self._tables(schema):
            con.register(f"spark_{schema}_{table}", scan(self._open(schema, table)))

    def _remove(self, name: str) -> None:
        ObjectStore(self._uri).remove(name)


def _address(remote: str) -> tuple[str, int]:
    """Return host and port of `SPARK_REMOTE`, whose parameters may have a token and are not shown.

    Raises:
        EngineError: it is not set, or not an address of Spark Connect.
    """
    try:
        parts = urlsplit(re.split(r"/?;", remote)[0])
        if parts.scheme == "sc" and parts.hostname:
            return parts.hostname, parts.port or DEFAULT_PORT
    except ValueError:
        pass
    state = "is not an address of Spark Connect" if remote else "is not set"
    raise EngineError(
        f"F1_ENGINE=spark builds on the server that SPARK_REMOTE names, and SPARK_REMOTE {state}",
        cure=f"set it to sc://host:{DEFAULT_PORT}, or unset F1_ENGINE",
    )


def _columns(
    con: duckdb.DuckDBPyConnection, table: str, made: dict[str, str], wanted: dict[str, str]
) -> Iterator[str]:
    """Yield the columns of a contract as expressions on what the engine made.

    Raises:
        PublishError: a column is missing, is not in the contract, or has a type that is not the contract's.
    """
    if different := sorted(made.keys() ^ wanted.keys()):
        raise PublishError(f"gold.{table} does not have the columns of its contract: {', '.join(different)}")
    for name, declared in wanted.items():
        [(kind,)] = con.execute(f"select typeof(cast(null as {declared}))").fetchall()
        there = re.sub(r"\(.*", "", made[name])
        if there != kind and there not in WIDER.get(kind, ()):
            raise PublishError(f"gold.{table}.{name} is {there}; its contract says {kind}")
        utc = f"\"{name}\" at time zone 'UTC'" if there == "TIMESTAMP WITH TIME ZONE" else f'"{name}"'
        yield f'cast({utc} as {kind}) as "{name}"'


def _comments(view: str, node: Any) -> Iterator[str]:
    if node["description"]:
        yield f"comment on view {view} is {literal(node['description'])}"
    for column in node["columns"].values():
        if column["description"]:
            yield f'comment on column {view}."{column["name"]}" is {literal(column["description"])}'
