"""Championships, careers and records of all seasons, compared with the official standings and with separate queries.

The lake has the results of 1950 to 2025 as Jolpica serves them. The standings after each round are Ergast's, which no model reads. Needs
F1_RECORDED_DATA with `ergast/`. The queries of the documentation run here on all seasons; on the generated weekend they run in
tests/e2e/test_cli.py.
"""

import csv
import os
import re
import time
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import jolpica_rows
import pytest
from dbt_lake import PROJECT, Lake

from f1_lakehouse.simulator.ergast import History
from f1_lakehouse.simulator.jolpica import JolpicaApi

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("F1_RECORDED_DATA" not in os.environ, reason="F1_RECORDED_DATA is not set"),
]
ERGAST = Path(os.environ.get("F1_RECORDED_DATA", ".")) / "ergast"
DOCS = PROJECT.parent / "docs"
SECONDS_PER_QUERY = 0.05
NOT_IN_THE_LAKE = {"How long are pit stops, by season?"}
"""Pit stops are a resource of a round, which this lake does not have."""

Standing = tuple[float, int | None, str]
Key = tuple[int, int, str]


def queries(page: str) -> dict[str, str]:
    """The SQL of a page of the documentation, by heading."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return dict(re.findall(r"^## ([^\n]+)\n[^#]*?```sql\n(.+?)```", text, re.MULTILINE | re.DOTALL))


def ergast(table: str) -> list[dict[str, str]]:
    with (ERGAST / f"{table}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    made = Lake(tmp_path_factory.mktemp("history"))
    jolpica_rows.pull_seasons(made, JolpicaApi(History(ERGAST)), range(1950, 2026))
    made.build("--quiet", "--exclude", "resource_type:test")
    return made


def official(lake: Lake, championship: str) -> dict[Key, Standing]:
    """Season, round and entrant → points, position (None for an excluded entrant) and its text."""
    races = {row["raceId"]: (int(row["year"]), int(row["round"])) for row in ergast("races")}
    if championship == "drivers":
        table, column = "driver_standings", "driverId"
        people = dict(lake.query("select jolpica_driver_id, driver_id from gold.dim_people"))
        entrants = {row["driverId"]: people[row["driverRef"]] for row in ergast("drivers")}
    else:
        table, column = "constructor_standings", "constructorId"
        entrants = {row["constructorId"]: row["constructorRef"] for row in ergast("constructors")}
    return {
        (*races[row["raceId"]], entrants[row[column]]): (
            float(row["points"]),
            int(row["position"]) if row["positionText"].isdigit() else None,
            row["positionText"],
        )
        for row in ergast(table)
    }


@pytest.mark.parametrize(
    ("championship", "rows", "scorers"), [("drivers", 35_235, 18_625), ("teams", 13_571, 9_637)]
)
def test_standings_after_each_round_are_the_official_ones(
    lake: Lake, championship: str, rows: int, scorers: int
) -> None:
    """Every row of every season since 1950; what differs is in the seed championship_known_differences, and nothing else is."""
    expected = official(lake, championship)
    ours = {
        row[:3]: row[3:]
        for row in lake.query(
            "select season, round_number, entrant_id, points, championship_rank, exclusion "
            f"from gold.championship_progression where championship = '{championship}'"
        )
    }
    known = {
        row[:4]: row[4]
        for row in lake.query(
            "select season, round_number, entrant_id, column_name, source_value "
            f"from silver.championship_known_differences where championship = '{championship}'"
        )
    }
    differences: dict[tuple[Any, ...], float | None] = {}
    for key, (points, position, text) in expected.items():
        our_points, our_rank, exclusion = ours[key]
        if abs(our_points - points) > 0.005:
            differences[*key, "points"] = points
        # entrants without points have no official order
        if points > 0 and (our_rank != position or (position is None and exclusion != text)):
            differences[*key, "championship_rank"] = position
    assert differences == known
    assert len(expected) == rows
    assert sum(points > 0 for points, *_ in expected.values()) == scorers
    assert all(lake.query("select bool_and(is_complete) from gold.championship_progression")[0])


def test_careers_have_the_official_numbers(lake: Lake) -> None:
    """At the end of the CSVs (October 2025)."""
    careers = {
        row[0]: row[1:]
        for row in lake.query(
            "select entrant_id, wins, poles, titles from gold.career_summary where entrant_type = 'driver'"
        )
    }
    assert careers["lewis-hamilton"] == (105, 104, 7)
    assert careers["ayrton-senna"] == (41, 65, 3)
    assert careers["juan-fangio"] == (24, 29, 5)
    assert careers["michael-schumacher"] == (91, 68, 7)
    assert careers["max-verstappen"][1:] == (46, 4)
    assert careers["charles-leclerc"][1] == 27
    champions = Counter(
        lake.query("select season from gold.season_summary where is_champion and entrant_type = 'driver'")
    )
    assert champions == Counter({(season,): 1 for season in range(1950, 2025)})
    constructors = lake.query(
        "select season, entrant_id from gold.season_summary where is_champion and entrant_type = 'constructor' and season in "
        "(1958, 1999, 2009) order by 1"
    )
    assert constructors == [(1958, "vanwall"), (1999, "ferrari"), (2009, "brawn")]


def test_each_record_is_proved_by_its_query(lake: Lake) -> None:
    proofs = queries("records.md")
    names = dict(lake.query("select distinct record, proof from gold.records"))
    assert set(names) == set(proofs)
    assert set(names.values()) == {f"docs/records.md#{name}" for name in proofs}
    for name, sql in proofs.items():
        rows = lake.query(f"set search_path = 'gold'; {sql}")
        best = {(row[0], float(row[-1])) for row in rows if row[-1] == rows[0][-1]}
        held = f"select entrant_id, value from gold.records where record = '{name}' and record_rank = 1"
        assert best == set(lake.query(held)), name


@pytest.mark.parametrize(
    ("record", "holder", "value"),
    [
        ("most_wins_in_a_row", "Max Verstappen", 10),
        ("most_points_finishes_in_a_row", "Lewis Hamilton", 48),
        ("win_from_furthest_back", "John Watson", 22),
        ("most_starts_before_the_first_win", "Sergio Pérez", 189),
        ("youngest_winner", "Max Verstappen", 18 * 365 + 4 + 228),
        ("oldest_winner", "Luigi Fagioli", 53 * 365 + 13 + 21),
        ("most_wins_of_a_constructor_in_a_row", "Red Bull", 15),
    ],
)
def test_records_are_the_official_ones(lake: Lake, record: str, holder: str, value: int) -> None:
    found = lake.query(
        f"select holder, value from gold.records where record = '{record}' and record_rank = 1"
    )
    assert found == [(holder, value)]


def test_documented_questions_of_history_have_answers_in_time(lake: Lake) -> None:
    """95 % of the queries take less than 50 ms on the full history: CPU time in one thread, so that other processes do not count."""
    durations = []
    with duckdb.connect(lake.warehouse, read_only=True) as connection:
        connection.execute("set search_path = 'gold'")
        connection.execute("set threads = 1")
        for name, sql in (queries("history-questions.md") | queries("records.md")).items():
            runs = []
            for _ in range(5):
                started = time.process_time()
                rows = connection.execute(sql).fetchall()
                runs.append(time.process_time() - started)
            durations.append(min(runs))
            assert rows or name in NOT_IN_THE_LAKE, name
    assert len(queries("history-questions.md")) >= 15
    assert sorted(durations)[int(0.95 * len(durations))] < SECONDS_PER_QUERY
