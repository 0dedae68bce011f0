"""The engine `spark` without a server: its errors, what is published from its tables, and the switch between the engines."""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from f1_lakehouse.dbt import spark_engine
from f1_lakehouse.dbt.engine import MEMORY, EngineError
from f1_lakehouse.dbt.engine_choice import engine_of_build, engine_to_build
from f1_lakehouse.dbt.spark_engine import SparkEngine
from f1_lakehouse.project_files import PROJECT_DIR
from f1_lakehouse.publishing.build_record import (
    Build,
    built_by,
    current_digest,
    last_build,
    must_rebuild,
    record_build,
)
from f1_lakehouse.publishing.gold_file import PublishError
from f1_lakehouse.publishing.publish import publish
from f1_lakehouse.settings import EngineName, Settings

NOON = datetime(2024, 9, 22, 12, 0, tzinfo=UTC)
CONTRACT = {"session_key": "integer", "date": "timestamp", "built_from": "varchar", "gap_s": "double"}
ROWS = pa.table(
    {
        "gap_s": pa.array([0.5, None]),
        "session_key": pa.array([9606, 9607], pa.int64()),
        "date": pa.array([NOON, NOON], pa.timestamp("us", "UTC")),
        "built_from": ["a", "b"],
    }
)


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """A lake of the engine spark, which is installed and answers."""
    monkeypatch.setattr(spark_engine, "version", lambda name: "1")
    monkeypatch.setattr(spark_engine, "nodes", lambda *types: [node("fact_gaps"), node("fact_telemetry")])
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("SPARK_REMOTE", f"sc://127.0.0.1:{server.getsockname()[1]}/;token=secret")
        yield Settings(lakehouse_root=tmp_path, engine=EngineName.SPARK)


def node(table: str) -> dict[str, Any]:
    columns = {
        name: {"name": name, "data_type": kind, "description": f"What's {name}"}
        for name, kind in CONTRACT.items()
    }
    if table == "fact_telemetry":
        columns["driver_number"] = {"name": "driver_number", "data_type": "integer", "description": ""}
    return {"schema": "gold", "alias": table, "description": f"About {table}", "columns": columns}


def built(lake: Settings, gaps: pa.Table = ROWS) -> SparkEngine:
    """Write the tables of a build, and its record."""
    write_deltalake(f"{lake.spark_warehouse}/gold/fact_gaps", gaps, mode="overwrite", schema_mode="overwrite")
    telemetry = ROWS.append_column("driver_number", pa.array([1, 4], pa.int32()))
    write_deltalake(f"{lake.spark_warehouse}/gold/fact_telemetry", telemetry, mode="overwrite")
    record_build(lake, Build("3-abc", "run", NOON, NOON, current_digest()))
    return SparkEngine(lake)


def read(path: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(path), read_only=True) as con:
        return con.execute(query).fetchall()


def test_published_tables_have_the_types_order_and_descriptions_of_the_contract(lake: Settings) -> None:
    done = publish(lake, built(lake))
    assert done.rows == {"fact_gaps": 2}
    columns = read(
        lake.gold,
        "select column_name, data_type, comment from duckdb_columns() where table_name = 'fact_gaps' order by column_index",
    )
    assert columns == [
        ("session_key", "INTEGER", "What's session_key"),
        ("date", "TIMESTAMP", "What's date"),
        ("built_from", "VARCHAR", "What's built_from"),
        ("gap_s", "DOUBLE", "What's gap_s"),
    ]
    assert read(lake.gold, "select comment from duckdb_tables() where table_name = 'fact_gaps'") == [
        ("About fact_gaps",)
    ]
    assert read(lake.gold, "from fact_gaps order by session_key")[0] == (
        9606,
        NOON.replace(tzinfo=None),
        "a",
        0.5,
    )
    telemetry = DeltaTable(f"{lake.published_tables}/fact_telemetry")
    assert telemetry.metadata().partition_columns == ["session_key"]
    assert telemetry.count() == 2
    version = telemetry.version()
    # Nothing has changed: nothing is written.
    assert publish(lake, SparkEngine(lake)).delta_versions["fact_telemetry"] == version


@pytest.mark.parametrize(
    ("gaps", "said"),
    [
        (ROWS.drop_columns("gap_s"), "gold.fact_gaps does not have the columns of its contract: gap_s"),
        (ROWS.append_column("more", pa.array([1, 2])), "the columns of its contract: more"),
        (
            ROWS.set_column(0, "gap_s", pa.array(["0.5", "x"])),
            "gold.fact_gaps.gap_s is VARCHAR; its contract says DOUBLE",
        ),
    ],
)
def test_a_table_that_breaks_its_contract_is_not_published(lake: Settings, gaps: pa.Table, said: str) -> None:
    publish(lake, built(lake))
    before = lake.gold.read_bytes()
    with pytest.raises(PublishError, match=re.escape(said)):
        publish(lake, built(lake, gaps))
    assert lake.gold.read_bytes() == before


def test_a_switch_moves_the_snapshots_there_and_back(lake: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    record_build(lake, Build("3-abc", "run", NOON, NOON, current_digest()))
    with duckdb.connect(lake.warehouse) as con:
        con.execute("create schema snapshots")
        con.execute(
            "create table snapshots.driver_snapshot as select 'a' as driver_id, timestamp '2024-09-22 12:00:00' as dbt_valid_from"
        )
    monkeypatch.setattr(SparkEngine, "write_memory", lambda *given: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        engine_to_build(lake)
    assert built_by(lake) is EngineName.DUCKDB, "an interrupted switch is made again"
    monkeypatch.undo()
    monkeypatch.setattr(SparkEngine, "check_ready", lambda self: None)
    engine = engine_to_build(lake)
    assert built_by(lake) is EngineName.SPARK
    assert last_build(lake) is None, "what is built now is of neither engine"
    assert must_rebuild(lake)
    moved = DeltaTable(f"{lake.spark_warehouse}/snapshots/driver_snapshot")
    assert moved.to_pyarrow_table().to_pylist() == [{"driver_id": "a", "dbt_valid_from": NOON}]
    write_deltalake(moved, pa.table({"driver_id": ["b"], "dbt_valid_from": [NOON]}), mode="append")
    assert engine.row_counts()["snapshots", "driver_snapshot"] == 2
    back = lake.model_copy(update={"engine": EngineName.DUCKDB})
    engine_to_build(back)
    assert read(lake.warehouse, "from snapshots.driver_snapshot order by driver_id") == [
        ("a", NOON.replace(tzinfo=None)),
        ("b", NOON.replace(tzinfo=None)),
    ]
    assert must_rebuild(back)
    assert not isinstance(engine_of_build(back), SparkEngine)


def test_memory_names_every_table_that_bronze_cannot_give_again() -> None:
    kept = {
        ("snapshots", name)
        for name in re.findall(
            r"- name: (\w+_snapshot)\n", (PROJECT_DIR / "snapshots" / "_snapshots.yml").read_text()
        )
    }
    for model in (PROJECT_DIR / "models").rglob("*.sql"):
        if "union_earlier_runs(" in model.read_text():
            kept.add((model.relative_to(PROJECT_DIR / "models").parts[0], model.stem))
    assert kept == set(MEMORY)


@pytest.mark.parametrize(
    ("remote", "said"),
    [
        ("", "SPARK_REMOTE is not set; set it to sc://host:15002, or unset F1_ENGINE"),
        ("http://host:1/;token=secret", "SPARK_REMOTE is not an address of Spark Connect"),
        ("sc://127.0.0.1:1/;token=secret", "no Spark Connect server answers at 127.0.0.1:1"),
    ],
)
def test_an_engine_that_cannot_be_reached_is_one_line_with_a_cure(
    lake: Settings, monkeypatch: pytest.MonkeyPatch, remote: str, said: str
) -> None:
    monkeypatch.setenv("SPARK_REMOTE", remote)
    with pytest.raises(EngineError, match=re.escape(said)) as error:
        engine_to_build(lake)
    assert "secret" not in str(error.value)
    assert "\n" not in str(error.value)
    assert built_by(lake) is EngineName.DUCKDB


def test_a_missing_extra_is_one_line_with_a_cure(lake: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise spark_engine.PackageNotFoundError(name)

    monkeypatch.setattr(spark_engine, "version", missing)
    with pytest.raises(EngineError, match=re.escape("pip install 'f1-lakehouse[spark]'")):
        engine_to_build(lake)


def test_the_default_engine_imports_nothing_of_spark(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from f1_lakehouse.settings import load_settings;"
        "from f1_lakehouse.dbt.engine_choice import engine_to_build; engine_to_build(load_settings(Path(sys.argv[1])));"
        "print([name for name in sys.modules if 'spark' in name])"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    assert list(tmp_path.iterdir()) == []


def test_no_module_loads_the_engine_spark_with_itself() -> None:
    """Its modules are imported where they are used, inside functions: the default engine starts without them."""
    loads = re.compile(r"^(?:from|import) \S*(?:pyspark|spark_engine|spark_session)", re.MULTILINE)
    package = Path(spark_engine.__file__).parents[1]
    found = {path.stem for path in package.rglob("*.py") if loads.search(path.read_text())}
    assert found == {"spark_engine"}


def test_what_a_build_leaves_behind_is_read_and_removed(lake: Settings) -> None:
    built(lake)
    engine = built(lake)
    write_deltalake(f"{lake.spark_warehouse}/failures/grain_fact_gaps", ROWS.select(["session_key"]))
    assert engine.failing_rows() == {"grain_fact_gaps": [{"session_key": 9606}, {"session_key": 9607}]}
    engine.check_ready()
    assert engine.failing_rows() == {}, "the next build starts without them"
    files = list(Path(lake.spark_warehouse, "gold", "fact_gaps").glob("*.parquet"))
    engine.tidy()
    assert len(files) == 2
    assert len(list(Path(lake.spark_warehouse, "gold", "fact_gaps").glob("*.parquet"))) == 1
    engine.drop_other_tables({("gold", "fact_gaps")})
    assert engine.row_counts() == {("gold", "fact_gaps"): 2}
    with engine.connect() as con:
        assert con.execute("select count(*) from gold.fact_gaps").fetchall() == [(2,)]
