"""The catalog of Jolpica: 13 complete resources."""

import re

import pytest

from f1_lakehouse.sources.catalog import Scope
from f1_lakehouse.sources.jolpica.endpoints import BY_TABLE, RESOURCES
from f1_lakehouse.sources.jolpica.fields import Resource

every_resource = pytest.mark.parametrize("resource", RESOURCES, ids=lambda one: one.name)


def test_the_catalog_has_the_13_resources_by_what_a_pull_covers() -> None:
    by_scope = {scope: {one.name for one in RESOURCES if one.scope is scope} for scope in Scope}
    assert by_scope == {
        Scope.SESSION: set(),
        Scope.ALL: {"seasons", "circuits", "constructors", "drivers", "status"},
        Scope.SEASON: {
            "races",
            "results",
            "qualifying",
            "sprint",
            "driver_standings",
            "constructor_standings",
        },
        Scope.ROUND: {"laps", "pitstops"},
    }
    assert len(BY_TABLE) == 13


def test_resources_start_with_their_first_season() -> None:
    starts = {one.name: one.first_season for one in RESOURCES if one.first_season != 1950}
    assert starts == {
        "qualifying": 1994,
        "sprint": 2021,
        "constructor_standings": 1958,
        "laps": 1996,
        "pitstops": 2011,
    }


@every_resource
def test_tables_and_columns_are_named_and_described(resource: Resource) -> None:
    names = [column.name for column in resource.columns]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in [*names, resource.table])
    assert all(column.description.strip() for column in resource.columns)
    assert resource.table == f"jolpica_{resource.name}"


@every_resource
def test_key_consists_of_columns_that_are_required_except_the_car_number(resource: Resource) -> None:
    columns = {column.name: column for column in resource.columns}
    assert {name for name in resource.key if not columns[name].required} <= {"number"}


@every_resource
def test_every_column_is_filled_by_a_field_or_a_session(resource: Resource) -> None:
    filled = {name for targets in resource.fields.values() for name, _ in targets}
    filled |= {f"{prefix}_{suffix}" for prefix in resource.sessions for suffix in ("date", "start")}
    assert filled == {column.name for column in resource.columns}
