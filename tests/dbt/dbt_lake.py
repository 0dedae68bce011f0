"""A small lake for the dbt tests: Delta tables of handwritten rows, and dbt run on them in this process.

`Lake` writes what bronze.py would write, with the same schemas, but a test sets the outcome of a pull; the tests of
bronze verify that bronze decides on the right outcome.
"""

import gzip
import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import orjson
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from f1_lakehouse.dbt.command import change_dbt
from f1_lakehouse.dbt.faster_macros import CompiledTemplates, keep_compiled_templates
from f1_lakehouse.dbt.manifest import parse_project
from f1_lakehouse.dbt.parse_cache import take_shared_parse
from f1_lakehouse.dbt.project import AS_OF
from f1_lakehouse.settings import Settings
from f1_lakehouse.sources.catalog import Kind
from f1_lakehouse.sources.registry import BY_NAME, ENDPOINTS
from f1_lakehouse.storage.pull_log import SCHEMA as PULLS_SCHEMA
from f1_lakehouse.storage.pull_log import Pull
from f1_lakehouse.storage.quarantine import SCHEMA as QUARANTINE_SCHEMA

Change = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]
"""A change of served rows before they are pulled."""

PROJECT = Path(__file__).parents[2] / "dbt_f1"


@cache
def kept_templates() -> CompiledTemplates | None:
    """Return the compiled templates of all dbt runs of these tests, as every dbt process keeps them: once per process."""
    return keep_compiled_templates()


class Lake:
    """Bronze in a folder, written pull by pull; pulls are one hour apart."""

    def __init__(self, root: Path) -> None:
        self.bronze = root / "bronze"
        self.warehouse = root / "warehouse.duckdb"
        self.target = root / "target"
        self.now = datetime(2025, 1, 1, tzinfo=UTC)
        self.as_of: datetime | None = None
        self._current: dict[tuple[str, int], str] = {}
        for endpoint in ENDPOINTS:
            DeltaTable.create(
                str(self.bronze / endpoint.name), endpoint.bronze_schema, partition_by=["_season"]
            )
        DeltaTable.create(str(self.bronze / "_pulls"), PULLS_SCHEMA)
        DeltaTable.create(str(self.bronze / "_quarantine"), QUARANTINE_SCHEMA)

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment variables that dbt reads."""
        lake = {"F1_BRONZE_URI": str(self.bronze), "F1_WAREHOUSE": str(self.warehouse), "F1_ENV": "dev"}
        return lake | ({AS_OF: self.as_of.isoformat()} if self.as_of else {})

    def pull(
        self, endpoint: str, scope: int, season: int, rows: list[dict[str, Any]], outcome: str = "appended"
    ) -> str:
        """Write one pull: its rows if it is `appended`, and always its row of the pull log."""
        self.now += timedelta(hours=1)
        pull_id = f"{self.now:%Y%m%dT%H%M%S%fZ}-{endpoint}-{scope}"
        if outcome == "appended":
            spec = BY_NAME[endpoint]
            lake = {"_season": season, "_pull_id": pull_id, "_ingested_at": self.now, "_source_url": "test"}
            typed = [
                {c.name: _typed(c.kind, row.get(c.name)) for c in spec.columns}
                | lake
                | {"_row_number": number}
                for number, row in enumerate(rows)
            ]
            write_deltalake(
                str(self.bronze / endpoint),
                pa.Table.from_pylist(typed, schema=spec.bronze_schema),
                mode="append",
            )
        if outcome in ("appended", "empty", "emptied"):
            self._current[endpoint, scope] = pull_id
        line = Pull(
            pull_id=pull_id,
            endpoint=endpoint,
            scope=scope,
            season=season,
            started_at=self.now,
            at=self.now,
            outcome=outcome,
            rows=len(rows) if outcome in ("appended", "unchanged") else 0,
            truth_pull_id=self._current.get((endpoint, scope)),
        )
        write_deltalake(
            str(self.bronze / "_pulls"), pa.Table.from_pylist([asdict(line)], PULLS_SCHEMA), mode="append"
        )
        return pull_id

    def dbt(self, *arguments: str, project: Path = PROJECT) -> dict[str, str]:
        """Run dbt in this process, where its import takes 3 s once; return the status of every node by its name."""
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager
        from dbt.cli.main import dbtRunner

        change_dbt()
        templates = kept_templates()
        is_shared = project == PROJECT
        if is_shared:
            self.parsed()
        folders = ["--project-dir", project, "--profiles-dir", project, "--target-path", self.target]
        quiet = ["--log-path", self.target / "logs", "--log-level", "none"]
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment.items():
                patch.setenv(name, value)
            patch.chdir(self.warehouse.parent)
            if is_shared:
                patch.setattr("dbt.parser.manifest.UnableToPartialParse", _fail_to_parse)
            result = dbtRunner().invoke([*arguments, *map(str, [*folders, *quiet])])
        if templates is not None:
            templates.save()
        DuckDBConnectionManager.close_all_connections()  # dbt keeps the file open until the process ends
        if result.exception:
            raise result.exception
        return {_name(r.node): f"{r.status}" for r in result.result if r.node.resource_type != "exposure"}

    def parsed(self) -> dict[str, Any]:
        """Return the manifest of the shared parse, with the compiled SQL of the data tests; it is made if it is missing."""
        shared = take_shared_parse(self.target)
        if shared is None:
            with TemporaryDirectory() as folder:
                parse_project(Settings(lakehouse_root=self.warehouse.parent), Path(folder))
            shared = take_shared_parse(self.target)
            assert shared is not None
        return dict(orjson.loads(shared))

    def build(self, *arguments: str) -> None:
        """Run `dbt build` without unit tests and without dbt's artifacts, which take 3 s to write; no node may fail."""
        statuses = self.dbt("build", "--exclude-resource-type", "unit_test", *arguments, "--no-write-json")
        failed = {name: status for name, status in statuses.items() if status in ("error", "fail", "skipped")}
        assert not failed, failed

    def pull_folder(
        self, folder: Path, endpoint: str, scope: int, season: int, change: Change = list
    ) -> bool:
        """Pull the rows of a folder for an endpoint and partition, without rows that bronze would refuse."""
        spec = BY_NAME[endpoint]
        file = next((folder / endpoint).glob(f"{scope}.json*"), None)
        if file is None:
            return False
        text = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        required = [c.name for c in spec.columns if c.required]
        times = [c.name for c in spec.columns if c.kind is Kind.TIME]
        rows = [
            row
            for row in json.loads(text)
            if all(row.get(name) is not None for name in required)
            and all(row.get(name) != "NaT" for name in times)
        ]
        self.pull(endpoint, scope, season, change(rows))
        return True

    def manifest(self) -> dict[str, Any]:
        """Return all nodes of the project with the code compiled by the last run."""
        return dict(json.loads((self.target / "manifest.json").read_text(encoding="utf-8")))

    def compiled_silver(self) -> dict[str, str]:
        """Return the SQL that the last run executed for each silver model."""
        folder = self.target / "compiled" / "f1" / "models" / "silver"
        return {path.stem: path.read_text() for path in folder.glob("silver_*.sql")}

    def compiled_telemetry(self) -> dict[str, str]:
        """Return the SQL that the last run executed for the incremental models of gold."""
        folder = self.target / "compiled" / "f1" / "models" / "gold" / "core"
        return {path.stem: path.read_text() for path in folder.glob("fact_*telemetry.sql")}

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query on the warehouse."""
        with duckdb.connect(self.warehouse, read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def tables(self) -> dict[str, list[str]]:
        """Return every table of the warehouse with its rows as sorted text."""
        with duckdb.connect(self.warehouse, read_only=True) as connection:
            names = connection.execute(
                "select schema_name || '.' || table_name from duckdb_tables() "
                "where schema_name in ('silver', 'gold') order by 1"
            ).fetchall()
            return {
                name: sorted(map(str, connection.execute(f"select * from {name}").fetchall()))
                for (name,) in names
            }


def _fail_to_parse(reason: str) -> None:
    pytest.fail(
        f"a lake needs no parse of its own: {reason}"
    )  # dbt parses the project again after any Exception


def _name(node: Any) -> str:
    return str(node.name)


def _typed(kind: Kind, value: Any) -> Any:
    if value is None:
        return None
    if kind is Kind.TIME:
        return datetime.fromisoformat(value)
    if kind is Kind.JSON:
        return json.dumps(value)
    return value
