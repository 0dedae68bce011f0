"""Properties of the dbt project that need no run, only its manifest."""

import re
from collections import Counter
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import sqlglot
import yaml
from dbt_lake import PROJECT
from lake_states import LakeStates

from f1_lakehouse.dbt.node_turns import ALONE
from f1_lakehouse.storage import conversion


def nodes(states: LakeStates, kind: str) -> list[dict[str, Any]]:
    return [node for node in states.manifest["nodes"].values() if node["resource_type"] == kind]


def gold(states: LakeStates) -> list[dict[str, Any]]:
    return [node for node in nodes(states, "model") if node["schema"] == "gold"]


def is_decimal(number: sqlglot.exp.Expression) -> bool:
    return isinstance(number, sqlglot.exp.Literal) and "." in number.name


def test_every_model_and_test_parses_as_spark_sql(states: LakeStates) -> None:
    """The code is compiled for DuckDB; differences of Spark are in dispatched macros.

    A literal such as 1.0 is a decimal there: divided by an integer it keeps six digits on Sail, and a double has 16.
    """
    read = {
        node["name"]: sqlglot.parse_one(node["compiled_code"], read="spark")
        for kind in ("model", "test", "snapshot")
        for node in nodes(states, kind)
    }
    assert len(read) > 300
    divided = {
        name: [one.sql() for one in tree.find_all(sqlglot.exp.Div) if is_decimal(one.this)]
        for name, tree in read.items()
    }
    assert not any(divided.values()), {name: found for name, found in divided.items() if found}


def test_gold_models_are_tables_except_the_largest(states: LakeStates) -> None:
    kinds = {node["name"]: node["config"]["materialized"] for node in gold(states)}
    assert {name for name, kind in kinds.items() if kind == "incremental"} == {
        "fact_telemetry",
        "fact_lap_telemetry",
        "fact_lap_times",
        "lap_features",
        "race_aggregates",
        "race_effects",
        "stint_aggregates",
    }
    assert {kind for name, kind in kinds.items() if not name.startswith("int_")} == {"table", "incremental"}


def test_models_that_need_much_limit_their_memory_and_run_alone(states: LakeStates) -> None:
    """So that the memory of a build does not grow with the rows of telemetry, nor with two large models at the same time."""
    large = {"source.f1.bronze.car_data", "source.f1.bronze.location"}
    large |= {f"model.f1.{name}" for name in ("silver_car_data", "silver_locations", "fact_telemetry")}
    models = nodes(states, "model")
    limited = {
        node["name"]
        for node in models
        if [hook["sql"] for hook in node["config"]["pre-hook"]] == ["{{ limit_memory() }}"]
    }
    assert limited == {node["name"] for node in models if node["config"]["meta"].get(ALONE)}
    reading = {node["name"] for node in models if large & set(node["depends_on"]["nodes"])}
    assert limited >= reading - {"data_quality_metrics"}  # which counts the rows
    assert limited - reading == {"int_laps", "int_timed_laps", "lap_features", "fact_lap_segments"}


def test_gold_has_contracts_descriptions_and_a_grain(states: LakeStates) -> None:
    grains = {
        node["attached_node"]
        for node in nodes(states, "test")
        if (node.get("test_metadata") or {}).get("name") == "unique_combination_of_columns"
    }
    for node in gold(states):
        assert node["config"]["contract"]["enforced"], node["name"]
        assert node["unique_id"] in grains, node["name"]
        assert node["description"], node["name"]
        assert [name for name, column in node["columns"].items() if not column["description"]] == []
        assert node["config"]["meta"]["owner"], node["name"]


def test_repeated_column_descriptions_are_doc_blocks() -> None:
    """Columns with the same description share a doc block of columns.md, and every block is shared."""
    uses: Counter[str] = Counter()
    for path in PROJECT.glob("*/**/*.yml"):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        for table in (table for kind in ("models", "seeds", "snapshots") for table in content.get(kind, [])):
            uses.update(column["description"] for column in table.get("columns", []))
    blocks = re.findall(r"{% docs (\w+) %}", (PROJECT / "models" / "columns.md").read_text(encoding="utf-8"))
    assert {text for text, number in uses.items() if number > 1} == {
        f'{{{{ doc("{name}") }}}}' for name in blocks
    }
    assert blocks == sorted(blocks)


def test_every_published_table_is_in_an_exposure(states: LakeStates) -> None:
    exposed = {name for e in states.manifest["exposures"].values() for name in e["depends_on"]["nodes"]}
    assert {node["unique_id"] for node in gold(states)} == exposed


def test_snapshots_use_the_time_of_the_pull_and_have_a_reader(states: LakeStates) -> None:
    read = {name for node in gold(states) for name in node["depends_on"]["nodes"]}
    for node in nodes(states, "snapshot"):
        assert node["config"]["updated_at"] == "pulled_at"
        assert node["unique_id"] in read


def test_no_model_reads_the_clock(states: LakeStates) -> None:
    """The result of a build depends on the pulls, not on its time."""
    clocks = ("current_timestamp", "current_date", "now()", "today()", "get_current_timestamp")
    reading = {
        (node["name"], clock)
        for node in [*nodes(states, "model"), *nodes(states, "snapshot"), *nodes(states, "test")]
        for clock in clocks
        if clock in node["raw_code"].lower()
    }
    assert reading == set()


def test_every_deriving_model_has_unit_tests(states: LakeStates) -> None:
    tested = {node["model"] for node in states.manifest["unit_tests"].values()}
    plain = {"int_session_states", "dim_circuits", "fact_weather"}
    derives = {node["name"] for node in nodes(states, "model") if node["name"].startswith("int_")}
    derives |= {node["name"] for node in gold(states)}
    assert derives - tested - plain == set()


ERRORS = yaml.safe_load((Path(__file__).parent / "error_severity.yml").read_text(encoding="utf-8"))


def test_every_error_severity_test_has_a_recorded_reason(states: LakeStates) -> None:
    errors = {node["name"] for node in nodes(states, "test") if node["config"]["severity"].lower() != "warn"}
    without = {name for name in errors if not any(fnmatchcase(name, pattern) for pattern in ERRORS)}
    assert without == set(), (
        "give the reason in error_severity.yml why no source value can fail them, or use severity: warn"
    )
    assert [p for p in ERRORS if not any(fnmatchcase(name, p) for name in errors)] == []
    assert all(ERRORS.values())


def test_tests_of_history_tables_ignore_old_rows(states: LakeStates) -> None:
    """A row that no build creates again would fail its test in every later build."""
    keeps = {node["unique_id"] for node in nodes(states, "snapshot")}
    keeps |= {
        node["unique_id"] for node in nodes(states, "model") if "union_earlier_runs(" in node["raw_code"]
    }
    assert len(keeps) == 3
    for node in nodes(states, "test"):
        if node.get("attached_node") in keeps and node["config"]["severity"].lower() != "warn":
            assert "select max(run_date)" in (node["config"]["where"] or ""), node["name"]


def test_ingest_and_silver_have_the_same_bounds() -> None:
    values = yaml.safe_load((PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
    assert (values["max_integer"], values["max_number"]) == (conversion.MAX_INTEGER, conversion.MAX_NUMBER)
    assert datetime.fromisoformat(values["first_time"]) == conversion.FIRST_TIME
    assert datetime.fromisoformat(values["end_of_time"]) == conversion.END_OF_TIME
