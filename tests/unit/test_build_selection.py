"""Which tables a build leaves out, on a project of a few tables. That the others suffice is tested in tests/e2e/test_changed_tables.py."""

from typing import Any

import pytest

from f1_lakehouse.dbt.build_selection import ALWAYS_BUILT, unchanged_tables

PULLS, LAPS, RESULTS = "source.f1.bronze._pulls", "source.f1.bronze.laps", "source.f1.bronze.jolpica_results"
TABLES: dict[str, list[str]] = {
    "seed.f1.points_systems": [],
    "model.f1.silver_laps": [PULLS, LAPS],
    "model.f1.silver_jolpica_results": [PULLS, RESULTS],
    "model.f1.fact_laps": ["model.f1.silver_laps"],
    "model.f1.career_summary": ["model.f1.silver_jolpica_results", "seed.f1.points_systems"],
    "model.f1.season_summary": ["model.f1.fact_laps", "model.f1.career_summary"],
    "model.f1.dim_points": ["seed.f1.points_systems"],
}
"""Tables → what they are made from."""


def manifest(tables: dict[str, list[str]], *tested_in_build: str) -> dict[str, Any]:
    nodes: dict[str, Any] = {
        name: {
            "resource_type": name.split(".")[0],
            "name": name.rsplit(".", 1)[1],
            "depends_on": {"nodes": parents} if parents else {},
            "config": {"materialized": name.rsplit("_", 1)[1] if name.endswith(ALWAYS_BUILT) else "table"},
        }
        for name, parents in tables.items()
    }
    for table in (*tables, *tested_in_build):
        nodes[f"test.f1.of_{table}_{table in tested_in_build}"] = {
            "resource_type": "test",
            "config": {"meta": {} if table in tested_in_build else {"after_build": True}},
            "depends_on": {"nodes": [table]},
        }
    return {"nodes": nodes}


@pytest.mark.parametrize(
    ("changed", "built"),
    [
        ({"laps"}, {"silver_laps", "fact_laps", "season_summary"}),
        ({"jolpica_results"}, {"silver_jolpica_results", "career_summary", "season_summary"}),
        (
            {"laps", "jolpica_results"},
            {*(one.rsplit(".", 1)[1] for one in TABLES)} - {"points_systems", "dim_points"},
        ),
        ({"an_endpoint_without_model"}, set()),
        (set(), set()),
    ],
)
def test_what_is_made_from_a_changed_endpoint_is_built(changed: set[str], built: set[str]) -> None:
    left_out = unchanged_tables(manifest(TABLES), changed)
    assert {one.rsplit(".", 1)[1] for one in TABLES.keys() - set(left_out)} == built


def test_tables_come_after_those_that_they_are_made_from() -> None:
    left_out = unchanged_tables(manifest(dict(reversed(TABLES.items()))), set())
    assert len(left_out) == len(TABLES)
    place = {one: number for number, one in enumerate(left_out)}
    assert all(
        place[parent] < place[one]
        for one in left_out
        for parent in TABLES[one]
        if not parent.startswith("source.")
    )


@pytest.mark.parametrize(
    "more",
    [
        # It counts pulls, which no version of an endpoint contains.
        {"model.f1.pull_counts": [PULLS]},
        # It reads more of the pull log than the current pulls.
        {"model.f1.result_revisions": [PULLS, RESULTS]},
    ],
)
def test_what_depends_on_more_than_current_pulls_is_always_built_and_all_that_is_made_from_it(
    more: dict[str, list[str]],
) -> None:
    [always] = more
    tables = {**TABLES, **more, "model.f1.of_it": [always, "seed.f1.points_systems"]}
    left_out = unchanged_tables(manifest(tables), set())
    assert tables.keys() - set(left_out) == {always, "model.f1.of_it"}


def test_what_is_always_built_is_built_without_what_is_made_from_it() -> None:
    """dbt leaves out the tests of a table with the table, and each check must have a result."""
    more = {
        "snapshot.f1.lap_snapshot": ["model.f1.silver_laps"],
        "model.f1.laps_view": ["model.f1.silver_laps"],
        "model.f1.laps_ephemeral": ["model.f1.silver_laps"],
        "model.f1.of_both": ["snapshot.f1.lap_snapshot", "model.f1.laps_view", "model.f1.laps_ephemeral"],
    }
    tables = TABLES | more
    left_out = unchanged_tables(manifest(tables, "model.f1.fact_laps"), set())
    assert tables.keys() - set(left_out) == {
        "model.f1.fact_laps",
        "snapshot.f1.lap_snapshot",
        "model.f1.laps_view",
        "model.f1.laps_ephemeral",
    }
    left_out = unchanged_tables(manifest(tables, "model.f1.fact_laps"), {"laps"})
    assert tables.keys() - set(left_out) == {
        "model.f1.silver_laps",
        "model.f1.season_summary",
        "model.f1.fact_laps",
        *more,
    }
