"""What holds of the dbt project as it is written: no run needed but dbt's own reading of it."""

from typing import Any

import sqlglot
from dbt_life import Life


def nodes(life: Life, kind: str) -> list[dict[str, Any]]:
    return [node for node in life.manifest["nodes"].values() if node["resource_type"] == kind]


def gold(life: Life) -> list[dict[str, Any]]:
    return [node for node in nodes(life, "model") if node["schema"] == "gold"]


def test_every_model_and_test_reads_in_the_dialect_of_spark(life: Life) -> None:
    """Compiled for DuckDB: what Spark writes differently stands behind dispatched macros."""
    read = [node for kind in ("model", "test", "snapshot") for node in nodes(life, kind)]
    assert len([sqlglot.parse_one(node["compiled_code"], read="spark") for node in read]) > 300


def test_gold_is_tables_but_telemetry(life: Life) -> None:
    kinds = {node["name"]: node["config"]["materialized"] for node in gold(life)}
    assert {name for name, kind in kinds.items() if kind == "incremental"} == {
        "fact_telemetry",
        "fact_lap_telemetry",
    }
    assert {kind for name, kind in kinds.items() if not name.startswith("int_")} == {"table", "incremental"}


def test_gold_has_contracts_descriptions_and_a_grain(life: Life) -> None:
    grains = {
        node["attached_node"]
        for node in nodes(life, "test")
        if (node.get("test_metadata") or {}).get("name") == "grain"
    }
    for node in gold(life):
        assert node["config"]["contract"]["enforced"], node["name"]
        assert node["unique_id"] in grains, node["name"]
        assert node["description"], node["name"]
        assert [name for name, column in node["columns"].items() if not column["description"]] == []
        assert node["config"]["meta"]["owner"], node["name"]


def test_everything_that_is_published_is_in_an_exposure(life: Life) -> None:
    exposed = {name for e in life.manifest["exposures"].values() for name in e["depends_on"]["nodes"]}
    assert {node["unique_id"] for node in gold(life)} == exposed


def test_snapshots_take_their_time_from_the_pull_and_are_read(life: Life) -> None:
    read = {name for node in gold(life) for name in node["depends_on"]["nodes"]}
    for node in nodes(life, "snapshot"):
        assert node["config"]["updated_at"] == "pulled_at"
        assert node["unique_id"] in read


def test_nothing_asks_the_clock(life: Life) -> None:
    """What a build makes depends on what was pulled, not on when it runs."""
    clocks = ("current_timestamp", "current_date", "now()", "today()", "get_current_timestamp")
    asking = {
        (node["name"], clock)
        for node in [*nodes(life, "model"), *nodes(life, "snapshot"), *nodes(life, "test")]
        for clock in clocks
        if clock in node["raw_code"].lower()
    }
    assert asking == set()


def test_there_are_unit_tests_for_every_model_that_derives(life: Life) -> None:
    tested = {node["model"] for node in life.manifest["unit_tests"].values()}
    plain = {"int_session_states", "dim_circuits", "fact_weather"}
    derives = {node["name"] for node in nodes(life, "model") if node["name"].startswith("int_")}
    derives |= {node["name"] for node in gold(life)}
    assert derives - tested - plain == set()
