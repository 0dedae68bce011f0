"""Mutation tests of dbt: each data test fails on a faulty row, and each unit test fails on a faulty expression.

The list of mutations is mutations_dbt.yml. Faulty rows are planted into the built tables of the generated weekends, one at a
time in a transaction that is rolled back, and the compiled test must return rows. Mutants of expressions are written into a
copy of the project, one per model and named test in each run of dbt, and the named tests must fail (slow).
"""

import re
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from dbt_lake import PROJECT, Lake
from lake_states import LakeStates

from f1_lakehouse.dbt.data_tests import data_tests_of, run_data_tests

MUTATIONS = yaml.safe_load((Path(__file__).parent / "mutations_dbt.yml").read_text(encoding="utf-8"))
CODE_ONLY = {"asof_join_implementations_agree"}
"""Tests that read no table: they test a macro, whose mutations are in the list of expressions."""


def plant(test: dict[str, Any], tables: dict[str, str]) -> str | None:
    """Return the statement that makes the table of a data test faulty; None when the list has no entry for the test."""
    metadata = test.get("test_metadata")
    table = tables.get(test.get("attached_node") or "")
    listed = MUTATIONS["planted_rows"].get(test["name"])
    if isinstance(listed, dict):
        return str(listed["sql"])
    if listed is not None:
        return f"update {table} set {listed}"
    if metadata is None:
        return None
    column = metadata["kwargs"].get("column_name")
    match metadata["name"]:
        case "unique_combination_of_columns" | "unique":
            return f"insert into {table} select * from {table}"
        case "not_null":
            return f"update {table} set {column} = null"
        case "relationships":
            return f"update {table} set {column} = '-1'"
        case "accepted_values":
            return f"update {table} set {column} = 'nonsense'"
        case "expression_is_true":
            bounds = re.fullmatch(r"(\w+) between (\S+) and (\S+)", metadata["kwargs"]["expression"])
            return f"update {table} set {bounds[1]} = {bounds[3]} + 1" if bounds else None
    return None


def test_every_data_test_fails_on_a_planted_row(states: LakeStates, lake: Lake) -> None:
    tables = {
        node["unique_id"]: f'{node["schema"]}."{node["alias"]}"'
        for node in states.manifest["nodes"].values()
        if node["resource_type"] in ("model", "seed", "snapshot")
    }
    tests = [node for node in states.manifest["nodes"].values() if node["resource_type"] == "test"]
    unlisted, survived, failed_before = [], [], []
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
            failed_before += [test["name"]] if before else []
            survived += [(test["name"], statement)] if not after else []
    assert unlisted == [], "add a faulty row for these tests to mutations_dbt.yml"
    assert failed_before == [], "these tests fail without a planted row"
    assert not survived, "\n".join(map(str, survived))
    assert len(tests) >= 300


def test_mutations_name_existing_tests(states: LakeStates) -> None:
    nodes = [*states.manifest["nodes"].values(), *states.manifest["unit_tests"].values()]
    names = {node["name"] for node in nodes if node["resource_type"] in ("test", "unit_test")}
    named = {
        *MUTATIONS["planted_rows"],
        *(name for change in MUTATIONS.get("expressions", []) for name in change["killed_by"]),
    }
    assert named <= names, named - names


def test_failing_rows_are_stored_until_the_test_passes(states: LakeStates, lake: Lake) -> None:
    """By dbt and after its build alike. They are in the schema `failures`, which is not published; passing tests leave no table."""
    kept = "select table_name from duckdb_tables() where schema_name = 'failures'"
    wrong = "update gold.fact_results set points = points + 1 where session_key = 201"
    name = "results_reconcile"
    of_fact_results = [
        test
        for test in data_tests_of(lake.parsed())
        if "model.f1.fact_results" in test["depends_on"]["nodes"]
    ]

    def after_build(*not_built: str) -> dict[str, str]:
        results = run_data_tests(lake.parsed(), lake.warehouse, of_fact_results, not_built)
        return {result.test["name"]: result.status for result in results}

    assert lake.query(kept) == []
    with duckdb.connect(lake.warehouse) as connection:
        connection.execute(wrong)
    by_dbt = lake.dbt("test", "--select", "fact_results")
    assert by_dbt[name] == "fail"
    assert lake.query(f"select session_key from failures.{name}") == [(201,)]
    with duckdb.connect(lake.warehouse) as connection:
        connection.execute("drop schema failures cascade")
    results = after_build()
    assert results.items() <= by_dbt.items()
    assert len(results) > 15
    assert set(results.values()) >= {"fail", "pass"}
    assert lake.query(f"select session_key from failures.{name}") == [(201,)]
    with duckdb.connect(lake.warehouse) as connection:
        connection.execute(wrong.replace("+ 1", "- 1"))
    assert after_build()[name] == "pass"
    assert lake.query(kept) == []
    assert after_build("model.f1.fact_results") == {}
    assert after_build("model.f1.silver_session_results") == {}


def test_tests_of_what_a_snapshot_keeps_run_before_it(lake: Lake) -> None:
    """All tests with severity error of the models that a snapshot is built from; seeds are files of the project."""
    nodes = lake.parsed()["nodes"]
    kept = {name for name in nodes if name.startswith("snapshot.")}
    read = set(kept)
    while (
        more := {
            parent
            for name in read
            for parent in nodes.get(name, {"depends_on": {}})["depends_on"].get("nodes", [])
        }
        - read
    ):
        read |= more
    before = {name for name in read - kept if name.startswith("model.")}
    assert len(before) > 5
    tests = {name for name in nodes if nodes[name]["resource_type"] == "test"}
    tests_of_read = {
        name
        for name in tests
        if before & set(nodes[name]["depends_on"]["nodes"])
        and read >= set(nodes[name]["depends_on"]["nodes"])
        and nodes[name]["config"]["severity"].lower() == "error"
    }
    in_build = tests - {test["unique_id"] for test in data_tests_of(lake.parsed())}
    assert in_build == tests_of_read != set()


PARTS_OF_A_MODEL = {
    f"macros/{name}.sql": "models/silver/int_track_status.sql"
    for name in ("red_flags", "safety_cars", "sector_yellows")
}
"""Macros that only one model calls: they change no other."""


def batches(changes: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Group the changes into batches: a batch changes each file once and names each test once."""
    made: list[list[dict[str, Any]]] = []

    def place(change: dict[str, Any]) -> str:
        return PARTS_OF_A_MODEL.get(change["file"], change["file"])

    for change in changes:
        taken = {place(change), *change["killed_by"]}
        # a macro changes many models, so it has a separate batch
        alone = place(change).startswith("macros/")
        for batch in made:
            if alone or place(batch[0]).startswith("macros/"):
                continue
            if not taken & {name for other in batch for name in (place(other), *other["killed_by"])}:
                batch.append(change)
                break
        else:
            made.append([change])
    return made


@pytest.mark.slow
@pytest.mark.parametrize("batch", batches(MUTATIONS["expressions"]), ids=lambda batch: str(len(batch)))
def test_every_mutant_is_killed_by_its_tests(
    batch: list[dict[str, Any]], states: LakeStates, lake: Lake, tmp_path: Path
) -> None:
    project = tmp_path / "dbt_f1"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("target", "logs"))
    for change in batch:
        file = project / change["file"]
        text = file.read_text(encoding="utf-8")
        assert change["original"] in text, (change["file"], change["original"])
        file.write_text(text.replace(change["original"], change["mutant"]), encoding="utf-8")
    named = sorted({name for change in batch for name in change["killed_by"]})
    statuses = lake.dbt("test", "--select", *named, project=project)
    assert {name for name in named if statuses.get(name) not in ("fail", "error")} == set()


def test_every_unit_test_kills_a_mutant(states: LakeStates) -> None:
    killing = {name for change in MUTATIONS["expressions"] for name in change["killed_by"]}
    assert {node["name"] for node in states.manifest["unit_tests"].values()} - killing == set()


def test_every_known_pitfall_has_a_mutation() -> None:
    assert {change["trap"] for change in MUTATIONS["expressions"] if "trap" in change} == set(range(1, 15))
