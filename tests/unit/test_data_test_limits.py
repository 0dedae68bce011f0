"""Data tests run within a small memory, and again with all of it if that is too small."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from f1_lakehouse.dbt import data_tests
from f1_lakehouse.dbt.warehouse import Limits, limit_memory, release_memory

SETTINGS = "select current_setting('memory_limit') as memory, current_setting('threads') as threads"


def run(warehouse: Path, query: str, memory: str) -> data_tests.DataTestResult:
    test: dict[str, Any] = {
        "database": "warehouse",
        "schema": "failures",
        "alias": "samples_are_as_expected",
        "compiled_code": query,
        "config": {
            "severity": "error",
            "limit": None,
            "fail_calc": "count(*)",
            "warn_if": "!= 0",
            "error_if": "!= 0",
        },
        "depends_on": {"nodes": ["model.f1.samples"]},
    }
    manifest = {"nodes": {"model.f1.samples": {"resource_type": "model", "depends_on": {"nodes": []}}}}
    [result] = data_tests.run_data_tests(manifest, warehouse, [test], [], memory)
    return result


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    duckdb.connect(str(tmp_path / "warehouse.duckdb")).close()
    return tmp_path / "warehouse.duckdb"


@pytest.mark.parametrize(("memory", "limit"), [("1GiB", "128.0 MiB"), ("64MiB", "64.0 MiB")])
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


def test_limits_end_with_the_release() -> None:
    con = duckdb.connect(config={"memory_limit": "1GiB", "threads": 3})
    before = release_memory(con)
    limit_memory(con, Limits("128MiB", 1))
    assert con.execute(SETTINGS).fetchall() == [("128.0 MiB", 1)]
    assert release_memory(con, before) == before
    assert con.execute(SETTINGS).fetchall() == [("1.0 GiB", 3)]
