"""Improbable values are counted by column."""

from typing import Any

import pytest

from f1_lakehouse.sources.catalog import Endpoint, Kind
from f1_lakehouse.sources.openf1.endpoints import BY_NAME, ENDPOINTS
from f1_lakehouse.storage.parsing import parse_rows
from f1_lakehouse.validation.schemas import improbable, schema


def count(endpoint: str, *rows: dict[str, Any]) -> dict[str, int]:
    batch = parse_rows(BY_NAME[endpoint], list(rows))
    assert batch.rejected == []
    return improbable(BY_NAME[endpoint], batch.table)


def weather(**values: Any) -> dict[str, Any]:
    return {"session_key": 1, "date": "2024-09-22T12:00:00+00:00", **values}


def test_values_within_their_range_are_not_counted() -> None:
    assert (
        count("weather", weather(air_temperature=-10, humidity=100), weather(air_temperature=60, humidity=0))
        == {}
    )


def test_values_outside_their_range_are_counted_by_column() -> None:
    found = count(
        "weather", weather(air_temperature=60.1), weather(air_temperature=-11, humidity=101), weather()
    )
    assert found == {"air_temperature": 2, "humidity": 1}


def test_null_is_not_improbable() -> None:
    assert count("weather", weather(air_temperature=None)) == {}


def test_unknown_value_is_counted() -> None:
    stint = {"session_key": 1, "stint_number": 1, "driver_number": 4}
    found = count("stints", {**stint, "compound": "SOFT"}, {**stint, "compound": "HYPERSOFT"}, stint)
    assert found == {"compound": 1}


def test_no_signal_value_of_telemetry_is_improbable() -> None:
    row = {
        "session_key": 1,
        "driver_number": 4,
        "date": "2024-09-22T12:00:00+00:00",
        "throttle": 104,
        "brake": 104,
    }
    assert count("car_data", row) == {"brake": 1, "throttle": 1}


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda e: e.name)
def test_violation_of_each_rule_is_counted(endpoint: Endpoint) -> None:
    ok: dict[str, Any] = {
        c.name: {
            Kind.INT: int(c.low or 0),
            Kind.DOUBLE: c.low or 0.0,
            Kind.TEXT: c.one_of[0] if c.one_of else "text",
            Kind.BOOL: True,
            Kind.TIME: "2024-09-22T12:00:00+00:00",
            Kind.INTS: [],
            Kind.JSON: 1,
        }[c.kind]
        for c in endpoint.columns
    }
    assert count(endpoint.name, ok) == {}
    for column in endpoint.columns:
        if column.low is not None and column.high is not None:
            assert count(endpoint.name, {**ok, column.name: int(column.low) - 1}) == {column.name: 1}
            assert count(endpoint.name, {**ok, column.name: int(column.high) + 1}) == {column.name: 1}
        if column.one_of is not None:
            assert count(endpoint.name, {**ok, column.name: "no such value"}) == {column.name: 1}
    assert set(schema(endpoint.columns).columns) == set(endpoint.schema.names)


def test_table_without_rows_has_no_improbable_values() -> None:
    assert count("weather") == {}
