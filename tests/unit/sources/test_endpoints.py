"""The catalog: 18 endpoints with complete metadata."""

import re

import pyarrow as pa
import pytest

from f1_lakehouse.sources.catalog import ARROW_TYPES, LAKE_COLUMNS, Availability, Endpoint, Kind, Scope
from f1_lakehouse.sources.openf1.endpoints import (
    BY_NAME,
    ENDPOINTS,
    SEASON_ENDPOINTS,
    SESSION_ENDPOINTS,
    TELEMETRY,
)

every_endpoint = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda e: e.name)


def test_catalog_has_the_18_endpoints_of_the_api() -> None:
    assert set(BY_NAME) == {
        "meetings", "sessions", "drivers", "laps", "stints", "pit", "position", "intervals", "overtakes",
        "race_control", "weather", "car_data", "location", "team_radio", "session_result", "starting_grid",
        "championship_drivers", "championship_teams",
    }  # fmt: skip
    assert len(ENDPOINTS) == len(BY_NAME) == 18
    assert {e.name for e in SEASON_ENDPOINTS} == {"meetings", "sessions"}
    assert len(SESSION_ENDPOINTS) == 16
    assert {"car_data", "location"} == TELEMETRY


def test_critical_endpoints_are_those_without_which_a_race_is_not_complete() -> None:
    assert {e.name for e in ENDPOINTS if e.critical} == {"drivers", "session_result", "laps"}


@every_endpoint
def test_key_names_existing_and_required_columns(endpoint: Endpoint) -> None:
    assert all(endpoint.has(name) for name in endpoint.key)
    assert any(column.required for column in endpoint.columns)
    scope = "session_key" if endpoint.scope is Scope.SESSION else "year"
    column = endpoint.column(scope)
    assert column is not None
    assert column.required


@every_endpoint
def test_column_names_are_unique_and_described(endpoint: Endpoint) -> None:
    names = [column.name for column in endpoint.columns]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names)
    assert all(column.description.strip() for column in endpoint.columns)
    assert endpoint.description
    assert not endpoint.has("no_such_column")


@every_endpoint
def test_rule_has_both_bounds_in_order_and_fits_its_column(endpoint: Endpoint) -> None:
    for column in endpoint.columns:
        assert (column.low is None) == (column.high is None), column.name
        if column.low is not None and column.high is not None:
            assert column.low < column.high
            assert column.kind in (Kind.INT, Kind.DOUBLE)
        if column.one_of is not None:
            assert column.kind in (Kind.TEXT, Kind.INT)


@every_endpoint
def test_bronze_table_has_the_apis_columns_then_the_lakes_all_nullable(endpoint: Endpoint) -> None:
    schema = endpoint.bronze_schema
    lake = [c.name for c in LAKE_COLUMNS if c.name != "_row_number" or not endpoint.by_driver]
    assert schema.names == [*(c.name for c in endpoint.columns), *lake]
    assert all(field.nullable and field.metadata[b"description"] for field in schema)


@every_endpoint
def test_no_measurement_is_an_integer(endpoint: Endpoint) -> None:
    """A value served as 58 may later be 58.5; counts, codes and integer samples are integers."""
    measured = re.compile(r"duration|temperature|humidity|pressure|wind_speed|points|gap|interval$")
    for column in endpoint.columns:
        if measured.search(column.name):
            assert column.kind in (Kind.DOUBLE, Kind.JSON), column.name


def test_columns_of_changing_type_are_kept_as_json() -> None:
    assert {(e.name, c.name) for e in ENDPOINTS for c in e.columns if c.kind is Kind.JSON} == {
        ("intervals", "gap_to_leader"),
        ("intervals", "interval"),
        ("session_result", "gap_to_leader"),
        ("session_result", "duration"),
    }


def test_each_kind_has_an_arrow_type_and_times_are_utc() -> None:
    assert set(ARROW_TYPES) == set(Kind)
    assert ARROW_TYPES[Kind.TIME] == pa.timestamp("us", tz="UTC")


def test_grid_belongs_to_qualifying_and_gaps_and_standings_to_races() -> None:
    by_availability = {kind: {e.name for e in ENDPOINTS if e.availability is kind} for kind in Availability}
    assert by_availability[Availability.QUALIFYINGS] == {"starting_grid"}
    assert by_availability[Availability.RACES] == {
        "intervals", "overtakes", "championship_drivers", "championship_teams",
    }  # fmt: skip
