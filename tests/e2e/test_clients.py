"""`gold.duckdb` in common clients: DuckDB from 1.0 on, and libraries that use DuckDB.

`make test-clients` installs each into an environment of its own and names their folder; without it the tests are skipped.
"""

import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from f1_lakehouse.publishing.build_record import Build, current_digest, record_build
from f1_lakehouse.publishing.publish import publish
from f1_lakehouse.settings import Settings

CLIENTS = Path(os.environ.get("F1_TEST_CLIENTS", "nowhere"))
NOON = datetime(2024, 9, 22, 12, 0, tzinfo=UTC)
pytestmark = pytest.mark.skipif(not CLIENTS.is_dir(), reason="make test-clients installs the clients")

SQL = """
import duckdb, json, sys
con = duckdb.connect(sys.argv[1], read_only=True)
ask = lambda sql: con.execute(sql).fetchall()
print(json.dumps({
    "version": duckdb.__version__,
    "tables": sorted(name for (name,) in ask("show tables")),
    "by name": ask("select count(*) from fact_laps"),
    "by catalog": ask("select count(*) from gold.fact_laps"),
    "published": str(ask("select published_at from meta.publication")[0][0]),
    "card": ask("select count(*) from meta.data_card"),
    "coverage": ask("select row_count from meta.coverage where table_name = 'fact_laps'"),
    "comments": ask("select comment from duckdb_columns() where table_name = 'fact_laps' and column_name = 'lap_number'"),
    "rows": sum(len(ask(f'from "{name}"')) for (name,) in ask("show tables")),
    "pandas": con.sql("select lap_number, lap_start_at from fact_laps").df().shape,
    "polars": con.sql("select lap_number, lap_start_at from fact_laps").pl().shape,
}))
"""
IBIS = """
import duckdb, ibis, json, sys
con = ibis.duckdb.connect(sys.argv[1], read_only=True)
laps = con.table("fact_laps")
print(json.dumps({
    "version": duckdb.__version__, "tables": sorted(con.list_tables()), "laps": len(laps.execute()),
    "published": str(con.table("publication", database="meta").execute()["published_at"][0]),
}))
"""


@pytest.fixture(scope="module")
def gold(tmp_path_factory: pytest.TempPathFactory, contracts: dict[str, dict[str, str]]) -> Path:
    """Every table of gold with the types of its contract and one row, published twice: created, then updated."""
    lake = Settings(lakehouse_root=tmp_path_factory.mktemp("clients"))
    with duckdb.connect(str(lake.warehouse)) as con:
        con.execute("create schema gold")
        for table, columns in contracts.items():
            con.execute(f"create table gold.{table} ({', '.join(f'{n} {t}' for n, t in columns.items())})")
            con.execute(f"insert into gold.{table} ({next(iter(columns))}) values (null)")
        con.execute("comment on column gold.fact_laps.lap_number is 'Number of the lap, 1 is the first °'")
    record_build(lake, Build("1-a", "run", NOON, NOON, current_digest()))
    publish(lake)
    with duckdb.connect(str(lake.warehouse)) as con:
        con.execute(
            "update gold.fact_laps set season = 2024, session_key = 9606, pulled_at = timestamp '2024-09-23'"
        )
        con.execute("insert into gold.fact_laps (season, session_key, lap_number) values (2024, 9606, 2)")
    publish(lake)
    return lake.gold


@pytest.fixture(scope="module")
def contracts() -> dict[str, dict[str, str]]:
    from f1_lakehouse.dbt.manifest import manifest

    return {
        node["name"]: {column["name"]: column["data_type"] for column in node["columns"].values()}
        for node in manifest()["nodes"].values()
        if node["resource_type"] == "model" and node["schema"] == "gold" and node["name"] != "fact_telemetry"
    }


def ask(client: str, script: str, gold: Path) -> dict[str, Any]:
    command = [str(CLIENTS / client / "bin" / "python"), "-c", script, str(gold)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))  # a bar may come before it


@pytest.mark.parametrize(("client", "version"), [("1.0", "1.0."), ("1.4", "1.4."), ("newest", "")])
def test_a_duckdb_client_finds_tables_metadata_and_descriptions(
    gold: Path, contracts: dict[str, dict[str, str]], client: str, version: str
) -> None:
    found = ask(client, SQL, gold)
    assert found.pop("version").startswith(version)
    assert datetime.now(UTC).isoformat(" ")[:10] in found.pop("published")
    assert found.pop("card")[0][0] > 5
    assert found == {
        "tables": sorted(contracts),
        "by name": [[2]],
        "by catalog": [[2]],
        "coverage": [[2]],
        "comments": [["Number of the lap, 1 is the first °"]],
        "rows": len(contracts) + 1,
        "pandas": [2, 2],
        "polars": [2, 2],
    }


def test_ibis_finds_tables_and_metadata(gold: Path, contracts: dict[str, dict[str, str]]) -> None:
    found = ask("ibis", IBIS, gold)
    assert found["version"].startswith("1."), "ibis 12 needs DuckDB 1.x"
    assert (found["tables"], found["laps"]) == (sorted(contracts), 2)
