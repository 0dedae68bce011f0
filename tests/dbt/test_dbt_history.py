"""The tables of all seasons and the reconciliation of both sources, on the complete history and all recorded sessions.

The lake has the results of 1950 to 2025 as Jolpica serves them, and what OpenF1 served of races and qualifying sessions of 2023 to 2025.
The expected numbers were counted in the files by other means. Needs F1_RECORDED_DATA with `openf1/` and `ergast/`.
"""

import json
import os
from pathlib import Path

import jolpica_rows
import pytest
from dbt_lake import Lake

from f1_lakehouse.simulator.ergast import History
from f1_lakehouse.simulator.jolpica import JolpicaApi

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("F1_RECORDED_DATA" not in os.environ, reason="F1_RECORDED_DATA is not set"),
]
ROOT = Path(os.environ.get("F1_RECORDED_DATA", "."))
CAUTIOUS = ("--indirect-selection", "cautious", "--quiet")
"""Without tests that read a table outside of the selection."""


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    made = Lake(tmp_path_factory.mktemp("history"))
    jolpica_rows.pull_seasons(made, JolpicaApi(History(ROOT / "ergast")), range(1950, 2026))
    for year in (2023, 2024, 2025):
        for endpoint in ("meetings", "sessions"):
            made.pull_folder(ROOT / "openf1", endpoint, year, year)
        for session in json.loads((ROOT / "openf1" / "sessions" / f"{year}.json").read_text()):
            if session["session_type"] in ("Race", "Qualifying"):
                for endpoint in ("drivers", "session_result", "starting_grid"):
                    made.pull_folder(ROOT / "openf1", endpoint, session["session_key"], year)
    made.build("--select", "+tag:history", *CAUTIOUS)
    return made


def test_every_result_is_there_and_every_driver_is_a_person(lake: Lake) -> None:
    assert lake.query(
        "select session_category, count(*), count(distinct driver_id) from gold.fact_race_results where in_jolpica "
        "group by 1 order by 1"
    ) == [("Race", 27_118, 864), ("Sprint", 420, 35)]
    assert lake.query("select count(*) from gold.fact_qualifying where in_jolpica") == [(10_854,)]


def test_wins_and_poles_are_official(lake: Lake) -> None:
    wins = lake.query(
        "select driver_id, count(distinct (season, round_number)) from gold.fact_race_results "
        "where position = 1 and session_category = 'Race' and in_jolpica group by 1 order by 2 desc, 1 limit 4"
    )
    assert wins == [
        ("lewis-hamilton", 105),
        ("michael-schumacher", 91),
        ("max-verstappen", 67),
        ("sebastian-vettel", 53),
    ]
    poles = dict(
        lake.query(
            "select driver_id, count(*) from gold.fact_qualifying as poles where is_pole and exists (select 1 from "
            "gold.fact_race_results r where in_jolpica and r.season = poles.season and r.round_number = poles.round_number) "
            "group by 1"
        )
    )
    expected = {
        "lewis-hamilton": 104,
        "ayrton-senna": 65,
        "max-verstappen": 46,
        "juan-fangio": 29,
        "charles-leclerc": 27,
        "stirling-moss": 16,
        "alberto-ascari": 14,
        "george-russell": 7,
        "nino-farina": 5,
        "kevin-magnussen": 1,
    }
    assert {name: poles[name] for name in expected} == expected


def test_points_of_2023_are_official_with_both_sources(lake: Lake) -> None:
    """OpenF1 alone has 96 points less."""
    assert lake.query(
        "select driver_id, sum(points) from gold.fact_race_results where season = 2023 group by 1 order by 2 desc, 1 limit 3"
    ) == [("max-verstappen", 575.0), ("sergio-perez", 285.0), ("lewis-hamilton", 234.0)]


def test_every_difference_in_races_has_a_known_class(lake: Lake) -> None:
    """Recorded are 60 of 64 races: the numbers of late grid changes and starts from the pit lane are theirs."""
    found = lake.query(
        "select column_name, class, count(*) from gold.source_reconciliation "
        "where session_category = 'Race' group by all order by all"
    )
    assert found == [
        ("driver_id", "no start", 1),
        ("grid_position", "late grid change", 21),
        ("grid_position", "pit lane or no start", 25),
        ("points", "points missing", 10),
        ("position", "unclassified", 2),
        ("race_date", "date a day early", 1),
        ("race_time_s", "winner disqualified", 19),
    ]
    assert lake.query("select count(*) from gold.source_reconciliation where class = 'new'") == [(0,)]
    assert lake.query("select count(*) from gold.source_reconciliation where class = 'qualifying time'") == [
        (4,)
    ]


def test_races_are_joined_by_their_order_and_circuits_agree(lake: Lake) -> None:
    assert lake.query(
        "select count(*), bool_and(circuits_agree), count(distinct meeting_key) from gold.dim_races where meeting_key is not null"
    ) == [(70, True, 70)]


def test_planted_difference_is_new_and_its_rows_are_kept(lake: Lake) -> None:
    """Last, as it changes the lake: OpenF1 gives the winner of a race of 2024 only 7 points."""
    session = next(
        s
        for s in json.loads((ROOT / "openf1" / "sessions" / "2024.json").read_text())
        if s["session_name"] == "Race" and s["location"] in ("Spielberg", "Barcelona")
    )
    lake.pull_folder(
        ROOT / "openf1",
        "session_result",
        session["session_key"],
        2024,
        lambda rows: [row | {"points": 7.0} if row["position"] == 1 else row for row in rows],
    )
    lake.build("--select", "silver_session_results", "fact_results", "tag:history", *CAUTIOUS)
    assert lake.query(
        "select column_name, jolpica_value, openf1_value, class from failures.source_differences_are_known"
    ) == [("points", "25.0", "7.0", "new")]
