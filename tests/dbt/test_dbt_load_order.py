"""Gold does not depend on the order and the size of loads: a generated season, loaded in five ways.

In one load; session by session in reverse order with reversed rows; with wrong rows that are corrected later; that lake after
a full refresh; and as of the time before the corrections. Tables and columns about the pulls are not compared.
"""

from hashlib import md5
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dbt_lake import Lake

from f1_lakehouse.simulator.generate import generate
from f1_lakehouse.sources.openf1.endpoints import SESSION_ENDPOINTS

pytestmark = pytest.mark.slow

OF_PULLS = {"result_revisions", "data_quality_metrics", "source_changes"}
COLUMNS_OF_PULLS = {"pulled_at", "pull_id", "built_from"}
SEASON = 2024
NO_TESTS = ("--exclude-resource-type", "test")


def hashes(lake: Lake) -> dict[str, str]:
    """Return a hash of the ordered rows of each gold table."""
    with duckdb.connect(lake.warehouse, read_only=True) as connection:
        columns: dict[str, list[str]] = {}
        for table, column in connection.execute(
            "select table_name, column_name from duckdb_columns() where schema_name = 'gold' order by column_index"
        ).fetchall():
            if table not in OF_PULLS and column not in COLUMNS_OF_PULLS:
                columns.setdefault(table, []).append(column)
        return {
            table: md5(
                "\n".join(
                    sorted(
                        map(
                            repr,
                            connection.execute(f"select {', '.join(names)} from gold.{table}").fetchall(),
                        )
                    )
                ).encode(),
                usedforsecurity=False,
            ).hexdigest()
            for table, names in columns.items()
        }


def reverse(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows in reverse order; race control's messages of one second keep theirs, because it decides which is valid."""
    if rows and "message" in rows[0]:
        return sorted(rows, key=lambda row: str(row["date"]), reverse=True)
    return rows[::-1]


def corrupt(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return wrong rows: the first is missing, numbers are increased by 1."""
    numbers = ("lap_duration", "position", "speed", "points", "lap_end", "x")
    return [
        row | {name: row[name] + 1 for name in numbers if isinstance(row.get(name), int | float)}
        for row in rows[1:]
    ]


@pytest.fixture(scope="module")
def season(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[int]]:
    folder = tmp_path_factory.mktemp("season")
    made = generate(folder, SEASON, 2, telemetry=True, sprint_every=2, telemetry_every=60)
    return folder, [key for key in made.sessions if key % 10 in (2, 3, 4, 5)]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, season: tuple[Path, list[int]]) -> dict[str, str]:
    folder, keys = season
    lake = Lake(tmp_path_factory.mktemp("at_once"))
    calendar(lake, folder)
    for key in keys:
        session(lake, folder, key)
    lake.build()
    return hashes(lake)


def calendar(lake: Lake, folder: Path) -> None:
    for endpoint in ("meetings", "sessions"):
        lake.pull_folder(folder, endpoint, SEASON, SEASON)


def session(lake: Lake, folder: Path, key: int, change: Any = list) -> None:
    for endpoint in SESSION_ENDPOINTS:
        lake.pull_folder(folder, endpoint.name, key, SEASON, change)


def test_gold_is_equal_if_sessions_and_rows_are_loaded_in_reverse(
    season: tuple[Path, list[int]], expected: dict[str, str], tmp_path: Path
) -> None:
    folder, keys = season
    lake = Lake(tmp_path)
    calendar(lake, folder)
    for key in reversed(keys):
        session(lake, folder, key, reverse)
        lake.build(*NO_TESTS)
    assert hashes(lake) == expected


def test_gold_is_equal_after_corrections_a_full_refresh_and_as_of(
    season: tuple[Path, list[int]], expected: dict[str, str], tmp_path: Path
) -> None:
    folder, keys = season
    lake = Lake(tmp_path)
    calendar(lake, folder)
    for key in keys:
        session(lake, folder, key, corrupt)
    lake.build(*NO_TESTS)
    wrong, then = hashes(lake), lake.now
    assert [
        table for table, value in wrong.items() if value == expected[table] and "telemetry" in table
    ] == []
    for key in keys:
        session(lake, folder, key)
    lake.build(*NO_TESTS)
    assert hashes(lake) == expected
    lake.build("--full-refresh", *NO_TESTS)
    assert hashes(lake) == expected
    lake.as_of = then
    lake.build(*NO_TESTS)
    assert hashes(lake) == wrong
