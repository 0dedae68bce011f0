"""The macro `deduplicate`, rendered without dbt: a table whose columns are all part of its key."""

import re

import duckdb
import pytest
from dbt_lake import PROJECT
from jinja2 import Environment

ROWS = """(
    select * from (values (1, 'a', 7), (1, 'a', 8), (1, 'b', 9), (null, 'c', 9)) as t (lap, driver, served),
        (select 'p' as pull_id, timestamp '2024-01-01' as pulled_at)
) as typed_rows"""


@pytest.mark.parametrize("rules", [{}, {"prefer": "driver desc"}, {"served": "served"}])
def test_table_that_is_only_its_key_has_one_row_per_key(rules: dict[str, str]) -> None:
    macros = Environment().from_string((PROJECT / "macros" / "deduplicate.sql").read_text("utf-8")).module
    query = macros.deduplicate(ROWS, key=["lap", "driver"], columns=["lap", "driver"], **rules)  # type: ignore[attr-defined]
    assert not re.search(r",\s*\)", query), "Spark, unlike DuckDB, refuses a comma at the end of a list"
    rows = duckdb.sql(
        f"select lap, driver, source_rows, source_variants from ({query}) order by all"
    ).fetchall()
    assert rows == [(1, "a", 2, 1), (1, "b", 1, 1)]
