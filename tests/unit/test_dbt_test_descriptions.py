"""What dbt tests verify, in words."""

from typing import Any

import pytest

from f1_lakehouse.dbt.test_descriptions import UndescribedTestError, describe_test


def generic(
    name: str, test_name: str = "a_test", where: str | None = None, **arguments: object
) -> dict[str, Any]:
    return {
        "name": test_name,
        "description": "",
        "test_metadata": {"name": name, "kwargs": arguments},
        "config": {"where": where},
    }


@pytest.mark.parametrize(
    ("node", "text"),
    [
        (generic("not_null", column_name="team_id"), "Every row has a value in team_id"),
        (
            generic("not_null", column_name="team_id", where="season > 2023"),
            "Every row has a value in team_id\n\nwhere season > 2023",
        ),
        (generic("unique", column_name="lap_key"), "No two rows have the same lap_key"),
        (generic("accepted_values", column_name="flag", values=["SC", "VSC"]), "flag is one of SC, VSC"),
        (
            generic("relationships", column_name="team_id", to="ref('dim_teams')", field="id"),
            "Every team_id is in id of dim_teams",
        ),
        (
            generic("unique_combination_of_columns", combination_of_columns=["a", "b"]),
            "There is one row per a, b, and none of these is null",
        ),
        (
            generic("expression_is_true", "lap_times_are_in_order", expression="low\n <= high"),
            "Lap times are in order\n\nlow <= high",
        ),
        (
            generic(
                "expression_is_true", "source_tyres_have_an_age", where="season > 2023", expression="age >= 0"
            ),
            "Source tyres have an age\n\nage >= 0, where season > 2023",
        ),
        (
            {
                "name": "a",
                "raw_code": "-- Laps are\n-- counted once.\n-- depends_on: {{ ref('x') }}\nselect 1",
            },
            "Laps are counted once",
        ),
        ({"name": "a", "raw_code": "{# Laps are\ncounted once. #}\nselect 1"}, "Laps are counted once"),
        ({"name": "a", "raw_code": "select 1", "description": "Given.\n"}, "Given"),
        (
            {"name": "a", "raw_code": "-- Laps of v1.0 count. Others\n-- do not.\nselect 1"},
            "Laps of v1.0 count\n\nOthers do not.",
        ),
    ],
)
def test_dbt_test_is_described(node: dict[str, Any], text: str) -> None:
    assert describe_test(node) == text


def test_dbt_test_without_description_kind_or_comment_is_refused() -> None:
    for node in (generic("never_seen"), {"name": "a_test", "raw_code": "select 1 -- later"}):
        with pytest.raises(UndescribedTestError, match="a_test: add a description"):
            describe_test(node)
