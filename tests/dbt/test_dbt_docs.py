"""The generated pages are current, and the column lineage is correct."""

import xml.etree.ElementTree as ET
from typing import Any

import pytest
from lake_states import LakeStates

from f1_lakehouse.dbt.data_dictionary import PAGE, dictionary
from f1_lakehouse.dbt.star_schema import PICTURE, TAGS, star
from f1_lakehouse.lineage.columns import Column, column_lineage

REGENERATE = "run: python -m f1_lakehouse.dbt.data_dictionary"


@pytest.fixture(scope="module")
def manifest(states: LakeStates) -> dict[str, Any]:
    """The dbt manifest of the first load of the shared lake."""
    return states.manifest


@pytest.fixture(scope="module")
def lineage(manifest: dict[str, Any]) -> dict[Column, frozenset[Column]]:
    """The lineage of every column."""
    return column_lineage(manifest)


def test_data_dictionary_is_current(manifest: dict[str, Any]) -> None:
    assert PAGE.read_text() == dictionary(manifest), REGENERATE


def test_data_dictionary_describes_every_gold_column() -> None:
    gold = PAGE.read_text().split("## Silver")[0]
    rows = [line for line in gold.splitlines() if line.startswith("| `")]
    assert len(rows) > 400
    assert [row for row in rows if not row.split(" | ")[2].strip()] == []


def test_star_schema_diagram_is_current(manifest: dict[str, Any]) -> None:
    assert PICTURE.read_text() == star(manifest), REGENERATE


def test_star_schema_diagram_has_every_join_of_its_tables(manifest: dict[str, Any]) -> None:
    tables = {
        node["unique_id"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and TAGS & set(node["tags"]) and node["schema"] == "gold"
    }
    joins = [
        node
        for node in manifest["nodes"].values()
        if node.get("attached_node") in tables and node["test_metadata"]["name"] == "relationships"
    ]
    drawn = ET.fromstring(PICTURE.read_text())
    svg = "{http://www.w3.org/2000/svg}"
    assert len(joins) > 20
    assert len(drawn.findall(f"{svg}path[@fill='none']")) == len(joins)
    assert len(drawn.findall(f"{svg}rect")) == len(tables) + 1


# a disqualified driver has no position; qualifying results are lists without a disqualification
POSITION = {f"session_result.{name}" for name in ("position", "dsq", "duration", "gap_to_leader")}


@pytest.mark.parametrize(
    ("table", "column", "origins"),
    [
        ("fact_results", "points", {"session_result.points"}),
        ("fact_results", "position", POSITION),
        # null for a pit lane start, and for an entry without a lap time if the driver has another entry
        (
            "fact_results",
            "grid_position",
            {
                *("starting_grid.position", "starting_grid.lap_duration"),
                *("session_result.duration", "session_result.driver_number"),
            },
        ),
        ("fact_results", "fastest_lap_time", {"laps.lap_duration"}),
        # a row with two names is a support series driver, who has no team
        (
            "fact_results",
            "team_name",
            {
                *(
                    f"drivers.{name}"
                    for name in ("team_name", "driver_number", "full_name", "broadcast_name")
                ),
                *(
                    "drivers.first_name",
                    "drivers.last_name",
                    "driver_aliases.driver_id",
                    "team_lineage.team_id",
                ),
            },
        ),
        ("fact_stints", "compound", {"stints.compound"}),
        ("session_leaderboard", "fastest_lap_time", {"laps.lap_duration"}),
        ("session_leaderboard", "fastest_lap_number", {"laps.lap_number"}),
        ("session_leaderboard", "classified_position", POSITION),
        # the points of both sources, which the rules of the season limit
        (
            "championship_progression",
            "gross_points",
            {
                *("session_result.points", "jolpica_results.points", "jolpica_sprint.points"),
                *("source_precedence.column_name", "source_precedence.first_source"),
                *("championship_rules.points_system", "points_systems.points"),
            },
        ),
        # validity of laps also depends on stops, stints, red and chequered flags and deleted laps
        (
            "team_performance",
            "intra_team_gap",
            {
                *(f"laps.{name}" for name in ("date_start", "lap_number", "lap_duration", "is_pit_out_lap")),
                *(f"laps.duration_sector_{number}" for number in (1, 2, 3)),
                *(f"race_control.{name}" for name in ("date", "message")),
                *(f"sessions.{name}" for name in ("session_name", "session_type")),
                *(f"stints.{name}" for name in ("lap_start", "lap_end")),
                *("pit.lap_number", "session_result.number_of_laps"),
            },
        ),
        ("dim_drivers", "valid_from", {"sessions.date_start", "drivers._season"}),
        ("lap_chart", "compound", {"stints.compound"}),
        ("source_changes", "changed_at", {"_pulls.at", "sessions._ingested_at"}),
    ],
)
def test_columns_have_the_expected_lineage(
    lineage: dict[Column, frozenset[Column]], table: str, column: str, origins: set[str]
) -> None:
    """Traced through every model, `select *`, union and window."""
    found = lineage[f"model.f1.{table}", column]
    assert {f"{node.split('.')[-1]}.{name}" for node, name in found} == origins
