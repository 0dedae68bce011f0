"""Every data test turns red when its table is wrong, and every unit test when its model is: by name, one by one.

The list is mutations.yml. Wrong rows are planted into the built tables of the hand-made weekends, one at a time inside a
transaction that is rolled back, and the compiled test must find rows. Wrong expressions are written into a copy of the
project, as many at once as there are models without two, and the named tests must fail (slow).
"""

import re
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from dbt_lake import PROJECT, Lake
from dbt_life import Life

MUTATIONS = yaml.safe_load((Path(__file__).parent / "mutations.yml").read_text(encoding="utf-8"))
CODE_ONLY = {"asof_joins_agree"}
"""Tests that read no table: they prove a macro, and its mutations are among the expressions."""


def plant(test: dict[str, Any], tables: dict[str, str]) -> str | None:
    """The statement that makes a data test's table wrong; None when the list has none for it."""
    metadata = test.get("test_metadata")
    table = tables.get(test.get("attached_node") or "")
    listed = MUTATIONS["rows"].get(test["name"])
    if isinstance(listed, dict):
        return str(listed["sql"])
    if listed is not None:
        return f"update {table} set {listed}"
    if metadata is None:
        return None
    column = metadata["kwargs"].get("column_name")
    match metadata["name"]:
        case "grain" | "unique":
            return f"insert into {table} select * from {table}"
        case "not_null":
            return f"update {table} set {column} = null"
        case "relationships":
            return f"update {table} set {column} = '-1'"
        case "accepted_values":
            return f"update {table} set {column} = 'nonsense'"
        case "holds":
            bounds = re.fullmatch(r"(\w+) between (\S+) and (\S+)", metadata["kwargs"]["expression"])
            return f"update {table} set {bounds[1]} = {bounds[3]} + 1" if bounds else None
    return None


def test_every_data_test_turns_red_on_a_planted_row(life: Life, lake: Lake) -> None:
    tables = {
        node["unique_id"]: f'{node["schema"]}."{node["alias"]}"'
        for node in life.manifest["nodes"].values()
        if node["resource_type"] in ("model", "seed", "snapshot")
    }
    tests = [node for node in life.manifest["nodes"].values() if node["resource_type"] == "test"]
    unlisted, blind, red_before = [], [], []
    with duckdb.connect(lake.warehouse) as connection:
        for test in tests:
            if test["name"] in CODE_ONLY:
                continue
            statement = plant(test, tables)
            if statement is None:
                unlisted.append(test["name"])
                continue
            failing = f"select count(*) from ({test['compiled_code']}\n)"
            connection.execute("begin")
            [(before,)] = connection.execute(failing).fetchall()
            connection.execute(statement)
            [(after,)] = connection.execute(failing).fetchall()
            connection.execute("rollback")
            red_before += [test["name"]] if before else []
            blind += [(test["name"], statement)] if not after else []
    assert unlisted == [], "what turns these tests red? (mutations.yml)"
    assert red_before == [], "red on the tables as they are after the corrections"
    assert not blind, "\n".join(map(str, blind))
    assert len(tests) >= 300


def test_no_mutation_is_of_a_test_that_is_gone(life: Life) -> None:
    nodes = [*life.manifest["nodes"].values(), *life.manifest["unit_tests"].values()]
    names = {node["name"] for node in nodes if node["resource_type"] in ("test", "unit_test")}
    named = {
        *MUTATIONS["rows"],
        *(name for change in MUTATIONS.get("expressions", []) for name in change["red"]),
    }
    assert named <= names, named - names


def test_rows_that_fail_are_kept_until_the_test_passes(life: Life, lake: Lake) -> None:
    """In a schema of their own, which is not published; tests that pass leave no table behind."""
    kept = "select table_name from duckdb_tables() where schema_name = 'failures'"
    wrong = "update gold.fact_results set points = points + 1 where session_key = 201"
    assert lake.query(kept) == []
    with duckdb.connect(lake.warehouse) as connection:
        connection.execute(wrong)
    assert lake.dbt("test", "--select", "results_reconcile")["results_reconcile"] == "fail"
    assert lake.query("select session_key from failures.results_reconcile") == [(201,)]
    with duckdb.connect(lake.warehouse) as connection:
        connection.execute(wrong.replace("+ 1", "- 1"))
    assert lake.dbt("test", "--select", "results_reconcile")["results_reconcile"] == "pass"
    assert lake.query(kept) == []


def batches(changes: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The changes in as few lots as no test must answer for two: each lot names a test and a file once."""
    lots: list[list[dict[str, Any]]] = []
    for change in changes:
        taken = {change["file"], *change["red"]}
        # a macro reaches many models: alone
        alone = change["file"].startswith("macros/")
        for lot in lots:
            if alone or lot[0]["file"].startswith("macros/"):
                continue
            if not taken & {name for other in lot for name in (other["file"], *other["red"])}:
                lot.append(change)
                break
        else:
            lots.append([change])
    return lots


@pytest.mark.slow
@pytest.mark.parametrize("lot", batches(MUTATIONS["expressions"]), ids=lambda lot: str(len(lot)))
def test_every_wrong_expression_turns_its_tests_red(
    lot: list[dict[str, Any]], life: Life, lake: Lake, tmp_path: Path
) -> None:
    project = tmp_path / "dbt_f1"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("target", "logs"))
    for change in lot:
        file = project / change["file"]
        text = file.read_text(encoding="utf-8")
        assert change["find"] in text, (change["file"], change["find"])
        file.write_text(text.replace(change["find"], change["replace"]), encoding="utf-8")
    named = sorted({name for change in lot for name in change["red"]})
    statuses = lake.dbt("test", "--select", *named, project=project)
    assert {name for name in named if statuses.get(name) not in ("fail", "error")} == set()


def test_every_unit_test_is_turned_by_an_expression(life: Life) -> None:
    turned = {name for change in MUTATIONS["expressions"] for name in change["red"]}
    assert {node["name"] for node in life.manifest["unit_tests"].values()} - turned == set()


def test_every_trap_has_a_mutation() -> None:
    assert {change["trap"] for change in MUTATIONS["expressions"] if "trap" in change} == set(range(1, 15))
