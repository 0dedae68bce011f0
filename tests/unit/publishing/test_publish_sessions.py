"""Telemetry is published per session: the rows written by a weekly run do not grow with the table."""

from pathlib import Path

import duckdb
import pytest
from deltalake import DeltaTable

from f1_lakehouse.publishing.delta_export import export_by_session

TABLE = "fact_telemetry"


@pytest.fixture
def gold(tmp_path: Path):
    """Three sessions of 1,000 samples, and a function that publishes them and returns (version, rows by session)."""
    con = duckdb.connect()
    con.execute(f"attach '{tmp_path / 'warehouse.duckdb'}' as warehouse")
    con.execute("create schema warehouse.gold")
    con.execute(
        f"create table warehouse.gold.{TABLE} as select (9600 + i // 1000)::int as session_key, "
        "(i % 20)::int as driver_number, timestamp '2024-09-22' + to_milliseconds(i) as date, i::double as speed, "
        "'pull-a' as built_from from range(3000) t(i)"
    )

    def publish() -> tuple[int, dict[int, int]]:
        uri = str(tmp_path / TABLE)
        export_by_session(uri, con, TABLE, "CC")
        table = DeltaTable(uri)
        counts = table.to_pyarrow_table(columns=["session_key"])["session_key"].value_counts().to_pylist()
        return table.version(), {one["values"]: one["counts"] for one in counts}

    return con, publish


ALL = {9600: 1000, 9601: 1000, 9602: 1000}


def test_session_that_was_not_rebuilt_is_not_written_again(gold):
    _, publish = gold
    version, rows = publish()
    assert rows == ALL
    assert publish() == (version, ALL)


def test_rebuilt_session_is_replaced_in_one_commit(gold):
    con, publish = gold
    version, _ = publish()
    con.execute(f"delete from warehouse.gold.{TABLE} where session_key = 9601 and driver_number = 3")
    con.execute(f"update warehouse.gold.{TABLE} set built_from = 'pull-b' where session_key = 9601")
    assert publish() == (version + 1, {**ALL, 9601: 950})


def test_session_removed_from_gold_is_removed(gold):
    con, publish = gold
    publish()
    con.execute(f"delete from warehouse.gold.{TABLE} where session_key = 9600")
    assert publish()[1] == {9601: 1000, 9602: 1000}


def test_new_column_is_published_for_every_session(gold):
    con, publish = gold
    publish()
    con.execute(f"alter table warehouse.gold.{TABLE} add column rpm int default 9")
    version, rows = publish()
    assert rows == ALL
    assert publish()[0] == version
