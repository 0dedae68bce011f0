"""Data tests as queries: those of a table together, within a small memory, and again with all of it if that is too small."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from f1_lakehouse.dbt import data_tests
from f1_lakehouse.dbt.warehouse import Limits, holds_much, limit_memory, release_memory

SETTINGS = "select current_setting('memory_limit') as memory, current_setting('threads') as threads"


def data_test(query: str, name: str = "samples_are_as_expected", **config: Any) -> dict[str, Any]:
    """A test of the table samples, as in dbt's manifest."""
    return {
        "name": name,
        "database": "warehouse",
        "schema": "failures",
        "alias": name,
        "compiled_code": query,
        "config": {
            "severity": "error",
            "limit": None,
            "fail_calc": "count(*)",
            "warn_if": "!= 0",
            "error_if": "!= 0",
            **config,
        },
        "depends_on": {"nodes": ["model.f1.samples"]},
    }


def run_all(
    warehouse: Path, tests: list[dict[str, Any]], memory: str = "1GiB"
) -> list[data_tests.DataTestResult]:
    manifest = {"nodes": {"model.f1.samples": {"resource_type": "model", "depends_on": {"nodes": []}}}}
    return list(data_tests.run_data_tests(manifest, warehouse, tests, [], memory))


def run(warehouse: Path, query: str, memory: str) -> data_tests.DataTestResult:
    [result] = run_all(warehouse, [data_test(query)], memory)
    return result


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    duckdb.connect(str(tmp_path / "warehouse.duckdb")).close()
    return tmp_path / "warehouse.duckdb"


@pytest.mark.parametrize(("memory", "limit"), [("1GiB", "64.0 MiB"), ("32MiB", "32.0 MiB")])
def test_data_test_has_the_smaller_limit(warehouse: Path, memory: str, limit: str) -> None:
    query = f"select * from ({SETTINGS}) where memory <> '{limit}' or threads <> 2"
    assert run(warehouse, query, memory).status == "pass"


@pytest.mark.parametrize(("memory", "status"), [("1GiB", "pass"), ("8MiB", "error")])
def test_data_test_that_needs_more_memory_gets_what_a_build_may_have(
    warehouse: Path, monkeypatch: pytest.MonkeyPatch, memory: str, status: str
) -> None:
    """One list cannot be moved to disk."""
    monkeypatch.setattr(data_tests, "LIMITS", Limits("8MiB", 1))
    query = "select * from (select list(range) as one from range(2_000_000)) where len(one) <> 2_000_000"
    assert run(warehouse, query, memory).status == status


def test_rows_that_need_more_memory_are_stored_with_what_a_build_may_have(
    warehouse: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are counted without their values."""
    monkeypatch.setattr(data_tests, "LIMITS", Limits("8MiB", 1))
    [result, after] = run_all(
        warehouse,
        [
            data_test("select list(range) as one from range(2_000_000)", "is_long"),
            data_test("select 1 where false", "passes"),
        ],
    )
    assert (result.status, result.failures, after.status) == ("fail", 1, "pass")
    with duckdb.connect(str(warehouse), read_only=True) as con:
        assert con.execute("select len(one) from failures.is_long").fetchall() == [(2_000_000,)]


def test_rows_that_cannot_be_stored_are_an_error_of_their_test(warehouse: Path) -> None:
    with duckdb.connect(str(warehouse)) as con:
        con.execute("create schema failures; create view failures.fails as select 1")
    results = run_all(
        warehouse, [data_test("select 1 as lap", "fails"), data_test("select 1 where false", "passes")]
    )
    assert [(one.test["name"], one.status, one.failures) for one in results] == [
        ("fails", "error", None),
        ("passes", "pass", 0),
    ]
    assert "fails" in results[0].error


def test_limits_end_with_the_release() -> None:
    con = duckdb.connect(config={"memory_limit": "1GiB", "threads": 3})
    before = release_memory(con)
    limit_memory(con, Limits("128MiB", 1))
    assert con.execute(SETTINGS).fetchall() == [("128.0 MiB", 1)]
    assert release_memory(con, before) == before
    assert con.execute(SETTINGS).fetchall() == [("1.0 GiB", 3)]


def test_tests_of_a_table_have_results_of_their_own(warehouse: Path) -> None:
    tests = [
        data_test("select 1 as lap where false", "passes"),
        data_test("select range as lap, 'NOR' as driver from range(3)", "fails"),
        data_test("select range as lap from range(3)", "warns", severity="warn"),
        data_test("select range as lap from range(9)", "tolerates", error_if="> 10", warn_if="> 10"),
        data_test("select range as lap from range(9)", "is_limited", limit=2),
        data_test("select 4 as points", "sums", fail_calc="sum(points)"),
    ]
    assert [(one.test["name"], one.status, one.failures) for one in run_all(warehouse, tests)] == [
        ("passes", "pass", 0),
        ("fails", "fail", 3),
        ("warns", "warn", 3),
        ("tolerates", "pass", 9),
        ("is_limited", "fail", 2),
        ("sums", "fail", 4),
    ]
    with duckdb.connect(str(warehouse), read_only=True) as con:
        assert con.execute("select count(*) from failures.fails").fetchall() == [(3,)]
        assert con.execute("select count(*) from failures.is_limited").fetchall() == [(2,)]


def test_query_that_fails_is_an_error_of_its_test_alone(warehouse: Path) -> None:
    tests = [
        data_test("select 1 as lap where false", "passes"),
        data_test("select * from gone", "is_broken"),
        data_test("select 1 as lap", "fails"),
    ]
    results = run_all(warehouse, tests)
    assert [(one.test["name"], one.status) for one in results] == [
        ("passes", "pass"),
        ("is_broken", "error"),
        ("fails", "fail"),
    ]
    assert "gone" in results[1].error
    assert [one.stops_the_build for one in results] == [False, True, True]


def test_duckdb_that_holds_much_is_known(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "some.duckdb"), config={"memory_limit": "1GiB"}) as con:
        assert not holds_much(con)
        con.execute("create temp table samples as select hash(range) as sample from range(12_000_000)")
        assert holds_much(con)
