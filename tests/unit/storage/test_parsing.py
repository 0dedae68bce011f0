"""Typing: fitting values are kept exactly, other values quarantine their row with a reason, and nothing is cast silently."""

import json
import os
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from f1_lakehouse.sources.catalog import ARROW_TYPES, LAKE_COLUMNS, Endpoint, Kind
from f1_lakehouse.sources.openf1.endpoints import BY_NAME, ENDPOINTS
from f1_lakehouse.storage import conversion, parsing
from f1_lakehouse.storage.conversion import to_array
from f1_lakehouse.storage.fingerprint import fingerprint
from f1_lakehouse.storage.flat_rows import Flat
from f1_lakehouse.storage.parsing import Batch, BodyError, merge, parse, parse_rows

LAPS = BY_NAME["laps"]
EXAMPLES = int(os.environ.get("F1_TEST_EXAMPLES", "6"))
"""Examples per endpoint; slow runs use F1_TEST_EXAMPLES=2000."""

KEPT: list[tuple[Kind, Any, Any]] = [
    (Kind.INT, 58, 58),
    (Kind.INT, 58.0, 58),
    (Kind.INT, -0.0, 0),
    (Kind.INT, None, None),
    (Kind.INT, 2**63 - 1, 2**63 - 1),
    (Kind.INT, -(2**63), -(2**63)),
    (Kind.DOUBLE, 58, 58.0),
    (Kind.DOUBLE, 58.25, 58.25),
    (Kind.DOUBLE, 2**53, float(2**53)),
    (Kind.DOUBLE, 2**60, float(2**60)),
    (Kind.DOUBLE, None, None),
    (Kind.TEXT, "", ""),
    (Kind.TEXT, "Räikkönen", "Räikkönen"),
    (Kind.TEXT, None, None),
    (Kind.BOOL, True, True),
    (Kind.BOOL, False, False),
    (Kind.BOOL, None, None),
    (Kind.INTS, [], []),
    (Kind.INTS, [2048, None, 2051], [2048, None, 2051]),
    (Kind.INTS, [2048.0, 1], [2048, 1]),
    (Kind.INTS, None, None),
    (Kind.JSON, "+1 LAP", '"+1 LAP"'),
    (Kind.JSON, 1.5, "1.5"),
    (Kind.JSON, 0, "0"),
    (Kind.JSON, [88.1, None, 87.0], "[88.1,null,87.0]"),
    (Kind.JSON, {"a": 1}, '{"a":1}'),
    (Kind.JSON, True, "true"),
    (Kind.JSON, None, None),
    (Kind.TIME, None, None),
]
REFUSED: list[tuple[Kind, Any, str]] = [
    (Kind.INT, 58.5, "expected integer, got a fraction"),
    (Kind.INT, True, "expected integer, got boolean"),
    (Kind.INT, "58", "expected integer, got text"),
    (Kind.INT, [58], "expected integer, got list"),
    (Kind.INT, {}, "expected integer, got object"),
    (Kind.INT, 2**63, "integer beyond 64 bits"),
    (Kind.INT, 1e300, "integer beyond 64 bits"),
    (Kind.DOUBLE, True, "expected number, got boolean"),
    (Kind.DOUBLE, "1.5", "expected number, got text"),
    (Kind.DOUBLE, [1.5], "expected number, got list"),
    (Kind.DOUBLE, {}, "expected number, got object"),
    (Kind.DOUBLE, 2**53 + 1, "integer that a double cannot hold"),
    (Kind.TEXT, 58, "expected text, got integer"),
    (Kind.TEXT, 5.8, "expected text, got number"),
    (Kind.TEXT, False, "expected text, got boolean"),
    (Kind.TEXT, [], "expected text, got list"),
    (Kind.TEXT, {}, "expected text, got object"),
    (Kind.BOOL, 1, "expected boolean, got integer"),
    (Kind.BOOL, 0.0, "expected boolean, got number"),
    (Kind.BOOL, "true", "expected boolean, got text"),
    (Kind.BOOL, [], "expected boolean, got list"),
    (Kind.BOOL, {}, "expected boolean, got object"),
    (Kind.INTS, 2048, "expected a list, got integer"),
    (Kind.INTS, "2048", "expected a list, got text"),
    (Kind.INTS, {}, "expected a list, got object"),
    (Kind.INTS, [2048, 1.5], "in the list: expected integer, got a fraction"),
    (Kind.INTS, [True], "in the list: expected integer, got boolean"),
    (Kind.INTS, [[1]], "in the list: expected integer, got list"),
    (Kind.INTS, [2**64], "in the list: integer beyond 64 bits"),
    (Kind.TIME, 1727006400, "expected a time, got integer"),
    (Kind.TIME, True, "expected a time, got boolean"),
    (Kind.TIME, [], "expected a time, got list"),
    (Kind.TIME, {}, "expected a time, got object"),
    (Kind.TIME, "", "text that is no time"),
    (Kind.TIME, "NaT", "text that is no time"),
    (Kind.TIME, "2024-09-22", "text that is no time"),
    (Kind.TIME, "2024-09-22T12:00:00.1234567+00:00", "text that is no time"),
    (Kind.TIME, "2024-02-30T12:00:00+00:00", "text that is no time"),
    (Kind.TIME, "2024-09-22T24:00:00+00:00", "text that is no time"),
    (Kind.TIME, "2024-09-22T12:00:60+00:00", "text that is no time"),
    (Kind.TIME, "2024-09-22 12:00:00+00:00", "text that is no time"),
    (Kind.TIME, "2024-09-22T12:00+00:00", "text that is no time"),
    (Kind.TIME, "2024-09-22T12:00:00+0000", "text that is no time"),
    (Kind.TIME, "0000-01-01T00:00:00+00:00", "text that is no time"),
    (Kind.TIME, "9999-12-31T23:59:59-01:00", "text that is no time"),
    (Kind.TIME, "２０２４-09-22T12:00:00+00:00", "text that is no time"),
]
TIMES = [
    ("2024-09-22T12:00:00+00:00", datetime(2024, 9, 22, 12, tzinfo=UTC)),
    ("2024-09-22T12:00:00.5+00:00", datetime(2024, 9, 22, 12, 0, 0, 500_000, UTC)),
    ("2024-09-22T12:00:00.123456+00:00", datetime(2024, 9, 22, 12, 0, 0, 123_456, UTC)),
    ("2024-09-22T12:00:00Z", datetime(2024, 9, 22, 12, tzinfo=UTC)),
    ("2024-09-22T12:00:00.25Z", datetime(2024, 9, 22, 12, 0, 0, 250_000, UTC)),
    ("2024-09-22T20:00:00+08:00", datetime(2024, 9, 22, 12, tzinfo=UTC)),
    ("2024-09-22T06:30:00-05:30", datetime(2024, 9, 22, 12, tzinfo=UTC)),
    ("2024-09-22T12:00:00", datetime(2024, 9, 22, 12, tzinfo=UTC)),
    ("2024-09-22T12:00:00.000001", datetime(2024, 9, 22, 12, 0, 0, 1, UTC)),
    ("0001-01-01T00:00:00+00:00", datetime(1, 1, 1, tzinfo=UTC)),
]


@pytest.mark.parametrize(("kind", "value", "kept"), KEPT, ids=str)
def test_value_that_converts_without_loss_is_kept_exactly(kind: Kind, value: Any, kept: Any) -> None:
    array, bad = to_array([value], kind)
    assert array.to_pylist() == [kept]
    assert array.type == ARROW_TYPES[kind]
    assert bad == {}


@pytest.mark.parametrize(("kind", "value", "reason"), REFUSED, ids=str)
def test_value_of_another_type_is_refused_with_the_reason(kind: Kind, value: Any, reason: str) -> None:
    array, bad = to_array([value], kind)
    assert array.to_pylist() == [None]
    assert bad == {0: reason}


@pytest.mark.parametrize(("text", "moment"), TIMES, ids=str)
def test_time_is_converted_to_utc(text: str, moment: datetime) -> None:
    array, bad = to_array([text], Kind.TIME)
    assert array.to_pylist() == [moment]
    assert bad == {}


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.JSON])
def test_value_is_typed_independently_of_other_rows(kind: Kind) -> None:
    values = [value for k, value, _ in [*KEPT, *REFUSED] if k is kind]
    values += [text for text, _ in TIMES] if kind is Kind.TIME else []
    together, bad = to_array(values, kind)
    for index, value in enumerate(values):
        alone, bad_alone = to_array([value], kind)
        assert together[index] == alone[0]
        assert bad.get(index) == bad_alone.get(0)


def test_refused_value_quarantines_its_row_only(lap: Callable[..., dict[str, Any]]) -> None:
    batch = parse_rows(LAPS, [lap(1), lap(2, st_speed=300.5, is_pit_out_lap="no"), lap(3)])
    assert batch.table["lap_number"].to_pylist() == [1, 3]
    [refused] = batch.rejected
    assert refused.reason == (
        "st_speed: expected integer, got a fraction; is_pit_out_lap: expected boolean, got text"
    )
    assert orjson.loads(refused.raw) == lap(2, st_speed=300.5, is_pit_out_lap="no")
    assert batch.retyped == {
        "st_speed": {"expected integer, got a fraction": 1},
        "is_pit_out_lap": {"expected boolean, got text": 1},
    }


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda e: e.name)
def test_row_without_a_required_value_is_refused(endpoint: Endpoint) -> None:
    for column in parsing.required(endpoint):
        row = {c.name: example(c.kind) for c in endpoint.columns}
        for broken in ({**row, column.name: None}, {k: v for k, v in row.items() if k != column.name}):
            batch = parse_rows(endpoint, [row, broken])
            assert batch.table.num_rows == 1
            assert [r.reason for r in batch.rejected] == [f"{column.name}: required, but null"]


@pytest.mark.parametrize("row", [None, 1, "text", [1], True], ids=str)
def test_row_that_is_not_an_object_is_refused_and_the_others_are_kept(
    row: Any, lap: Callable[..., dict[str, Any]]
) -> None:
    batch = parse_rows(LAPS, [lap(1), row])
    assert batch.table.num_rows == 1
    [refused] = batch.rejected
    assert refused.reason.startswith("row: expected an object, got ")
    assert orjson.loads(refused.raw) == row


@pytest.mark.parametrize("body", [b"", b"not json", b'[{"a": 1}', b'{"detail":"x"}', b"null", b"3"])
def test_body_that_is_not_a_list_of_rows_is_a_body_error(body: bytes) -> None:
    with pytest.raises(BodyError):
        parse(LAPS, body)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b'"lap_duration": NaN', "lap_duration: expected number, got NotFinite"),
        (b'"lap_duration": -Infinity', "lap_duration: expected number, got NotFinite"),
        (b'"lap_duration": 1e999', "lap_duration: expected number, got NotFinite"),
        (b'"i1_speed": NaN', "i1_speed: expected integer, got NotFinite"),
        (b'"date_start": "\\ud800"', "date_start: text that is no time"),
        (b'"new": ' + b"[" * 400 + b"]" * 400, "new: cannot be kept as JSON text: "),
        (b'"new": ["\\ud800", 1]', "new: cannot be kept as JSON text: "),
        (b'"i1_speed": 3000000000', "i1_speed: integer beyond 99999999"),
        (b'"i1_speed": -100000000', "i1_speed: integer beyond 99999999"),
        (b'"i1_speed": 1e300', "i1_speed: integer beyond 64 bits"),
        (b'"lap_duration": 1e300', "lap_duration: number beyond 1000000000"),
        (b'"lap_duration": -1000000001', "lap_duration: number beyond 1000000000"),
        (
            b'"segments_sector_1": [2048, null, 100000000]',
            "segments_sector_1: in the list: integer beyond 99999999",
        ),
        (b'"date_start": "0001-01-01T00:00:00"', "date_start: time outside 1900 to 2199"),
        (b'"date_start": "9999-12-31T23:59:59+00:00"', "date_start: time outside 1900 to 2199"),
        (b'"session_key": 12', "session_key: not the session that was requested"),
    ],
)
def test_value_that_no_table_can_store_quarantines_its_row_only(text: bytes, reason: str) -> None:
    key = b'"meeting_key": 1, "driver_number": 4'
    plain = [b'{"session_key": 11, "lap_number": %d, %s}' % (n, key) for n in (1, 3)]
    odd = b'{"session_key": 11, "lap_number": 2, %s, %s}' % (key, text)
    batch = parse(LAPS, b"[" + b",".join([plain[0], odd, plain[1]]) + b"]", scope=11)
    assert batch.table["lap_number"].to_pylist() == [1, 3]
    [refused] = batch.rejected
    assert refused.reason.startswith(reason)
    assert refused.raw


@pytest.mark.parametrize(
    ("endpoint", "values"),
    [
        (
            "laps",
            {
                "i1_speed": conversion.MAX_INTEGER,
                "lap_duration": -conversion.MAX_NUMBER,
                "date_start": "1900-01-01T00:00:00Z",
            },
        ),
        (
            "laps",
            {
                "i1_speed": -conversion.MAX_INTEGER,
                "segments_sector_1": [conversion.MAX_INTEGER, None, -1],
                "lap_duration": 0,
            },
        ),
        ("laps", {"date_start": "2199-12-31T23:59:59.999999+00:00", "segments_sector_1": []}),
        ("car_data", {"rpm": conversion.MAX_INTEGER, "speed": -1}),
    ],
)
def test_odd_value_that_a_table_can_store_is_kept(endpoint: str, values: dict[str, Any]) -> None:
    row = {c.name: example(c.kind) for c in BY_NAME[endpoint].columns if c.required} | values
    batch = parse(BY_NAME[endpoint], orjson.dumps([row]), scope=row["session_key"])
    assert batch.table.num_rows == 1
    assert {name: batch.table[name].null_count for name in values} == dict.fromkeys(values, 0)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("rpm", conversion.MAX_INTEGER + 1, "rpm: integer beyond 99999999"),
        ("date", "1899-12-31T23:59:59+00:00", "date: time outside 1900 to 2199"),
        ("session_key", 9605, "session_key: not the session that was requested"),
    ],
)
def test_telemetry_value_that_no_table_can_store_quarantines_its_row_only(
    name: str, value: Any, reason: str
) -> None:
    batch = parse(
        CAR, orjson.dumps([sample(rpm=1), sample(rpm=2) | {name: value}, sample(rpm=3)]), scope=9606
    )
    assert batch.table["rpm"].to_pylist() == [1, 3]
    assert [row.reason for row in batch.rejected] == [reason]


def test_row_of_another_season_is_refused() -> None:
    served = [{"meeting_key": key, "year": year} for key, year in ((1, 2024), (2, 2025))]
    batch = parse_rows(BY_NAME["meetings"], served, scope=2025)
    assert batch.table["meeting_key"].to_pylist() == [2]
    assert [row.reason for row in batch.rejected] == ["year: not the season that was requested"]


@pytest.mark.parametrize(
    ("values", "kind", "kept"),
    [
        ([1, None], Kind.DOUBLE, [1.0, None]),
        ([1, 2.5], Kind.DOUBLE, [1.0, 2.5]),
        (["a", "b"], Kind.TEXT, ["a", "b"]),
        ([True, False], Kind.BOOL, [True, False]),
        ([True, 1], Kind.JSON, ["true", "1"]),
        (["a", 1], Kind.JSON, ['"a"', "1"]),
        ([[1], None], Kind.JSON, ["[1]", None]),
        ([{"a": 1}, "b"], Kind.JSON, ['{"a":1}', '"b"']),
        ([2**53 + 1, 2], Kind.JSON, ["9007199254740993", "2"]),
    ],
    ids=str,
)
def test_unknown_column_is_added_with_the_type_of_all_its_values(
    values: list[Any], kind: Kind, kept: list[Any], lap: Callable[..., dict[str, Any]]
) -> None:
    batch = parse_rows(LAPS, [lap(n, new=value) for n, value in enumerate(values, 1)])
    assert batch.added == {"new": kind}
    assert batch.table["new"].to_pylist() == kept
    assert batch.rejected == []


def test_unknown_column_without_values_is_not_added(lap: Callable[..., dict[str, Any]]) -> None:
    batch = parse_rows(LAPS, [lap(1, new=None), lap(2)])
    assert batch.added == {}
    assert batch.table.schema.names == LAPS.schema.names


@pytest.mark.parametrize("name", ["_season", "_pull_id", "LAP_NUMBER", "", "a b", "a,b", "a=b"])
def test_unknown_field_with_an_invalid_column_name_quarantines_the_row(
    name: str, lap: Callable[..., dict[str, Any]]
) -> None:
    batch = parse_rows(LAPS, [lap(1), lap(2, **{name: 7})])
    assert batch.table["lap_number"].to_pylist() == [1]
    assert [r.reason for r in batch.rejected] == [f"{name}: cannot be the name of a new column"]
    assert batch.added == {}


def test_only_the_first_of_unknown_fields_that_differ_in_case_becomes_a_column(
    lap: Callable[..., dict[str, Any]],
) -> None:
    batch = parse_rows(LAPS, [lap(1, Grip=1, grip=2), lap(2, grip=2)], {"tyre": Kind.TEXT})
    assert list(batch.added) == ["Grip"]
    assert [r.reason for r in batch.rejected] == ["grip: cannot be the name of a new column"] * 2


def test_existing_column_keeps_its_type(lap: Callable[..., dict[str, Any]]) -> None:
    batch = parse_rows(LAPS, [lap(1, new="a"), lap(2, new=1.5)], {"new": Kind.DOUBLE})
    assert batch.added == {}
    assert batch.table["new"].to_pylist() == [1.5]
    assert [r.reason for r in batch.rejected] == ["new: expected number, got text"]


def test_catalog_column_without_values_is_reported_missing_and_null() -> None:
    row = {"session_key": 1, "driver_number": 4, "lap_number": 1}
    batch = parse_rows(LAPS, [row, {**row, "meeting_key": None}])
    assert "lap_duration" in batch.missing
    assert "meeting_key" not in batch.missing
    assert batch.table["lap_duration"].to_pylist() == [None, None]


def test_empty_list_has_no_missing_columns() -> None:
    batch = parse_rows(LAPS, [])
    assert batch == Batch(batch.table)
    assert batch.table.schema.names == LAPS.schema.names


def test_batches_are_merged_in_order_with_their_reports(lap: Callable[..., dict[str, Any]]) -> None:
    short = {k: v for k, v in lap(3).items() if k not in ("st_speed", "i1_speed")}
    first = parse_rows(LAPS, [lap(1, new=1), lap(2, driver=4.5)])
    second = parse_rows(LAPS, [short, {**short, "driver_number": 1.5}])
    third = parse_rows(LAPS, [short])
    whole = merge(LAPS, [first, second, third, parse_rows(LAPS, [])])
    assert whole.table["lap_number"].to_pylist() == [1, 3, 3]
    assert whole.table["new"].to_pylist() == [1.0, None, None]
    assert whole.retyped == {"driver_number": {"expected integer, got a fraction": 2}}
    assert len(whole.rejected) == 2
    assert whole.missing == ()
    assert merge(LAPS, [second, third]).missing == ("i1_speed", "st_speed")


def test_new_column_with_different_types_in_two_responses_is_json(
    lap: Callable[..., dict[str, Any]],
) -> None:
    values: list[Any] = [1.5, "a", 2, [3]]
    whole = merge(LAPS, [parse_rows(LAPS, [lap(n, new=value)]) for n, value in enumerate(values, 1)])
    assert whole.added == {"new": Kind.JSON}
    assert [orjson.loads(text) for text in whole.table["new"].to_pylist()] == values
    assert whole.table.schema.field("new").metadata[b"kind"] == b"json"


def test_merge_of_no_batches_is_an_empty_typed_table() -> None:
    assert merge(LAPS, []).table.schema.names == LAPS.schema.names


# The next tests parse mutated payloads of every endpoint.


def example(kind: Kind) -> Any:
    """A strategy for values that fit the column."""
    return {
        Kind.INT: 7,
        Kind.DOUBLE: 1.5,
        Kind.TEXT: "text",
        Kind.BOOL: True,
        Kind.TIME: "2024-09-22T12:00:00.123000+00:00",
        Kind.INTS: [2048, None],
        Kind.JSON: "+1 LAP",
    }[kind]


_numbers = st.one_of(
    st.integers(-(2**63), 2**64 - 1),
    st.integers(-200, 200),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-200, 200).map(float),
    st.sampled_from([2**53 + 1, 2**63, -0.0, 58.0, 58.5, 1e300]),
)
_moments = st.datetimes().flatmap(
    lambda moment: st.sampled_from(
        [
            moment.isoformat(),
            moment.isoformat() + "Z",
            moment.isoformat() + "+00:00",
            moment.isoformat() + "-11:30",
            moment.isoformat(" ") + "+00:00",
            moment.isoformat("T", "minutes") + "Z",
        ]
    )
)
_scalars = st.one_of(
    st.none(), st.booleans(), _numbers, _moments, st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
)  # fmt: skip
_junk = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=2),
    max_leaves=4,
)
_names = st.sampled_from(["new", "newer", "NEW", "_id", "_season", "_pull_id", "Session_Key", "", "a b"])


def _fitting(kind: Kind) -> st.SearchStrategy[Any]:
    return {
        Kind.INT: st.integers(-(10**6), 10**6) | st.integers(0, 99).map(float),
        Kind.DOUBLE: st.floats(-1e6, 1e6) | st.integers(-1000, 1000),
        Kind.TEXT: st.sampled_from(["", "SOFT", "NaT"]),
        Kind.BOOL: st.booleans(),
        Kind.TIME: st.sampled_from(["2024-09-22T12:00:00+00:00", "2024-09-22T12:00:00.001000+00:00"]),
        Kind.INTS: st.lists(st.none() | st.integers(0, 2100), max_size=3),
        Kind.JSON: _junk,
    }[kind]


@st.composite
def payloads(draw: st.DrawFn) -> tuple[Endpoint, list[Any]]:
    endpoint = draw(st.sampled_from(ENDPOINTS))
    found: list[Any] = []
    for _ in range(draw(st.integers(0, 6))):
        row = {c.name: draw(_fitting(c.kind)) for c in endpoint.columns}
        for name in draw(st.lists(st.sampled_from(endpoint.schema.names), max_size=2)):
            mutation = draw(st.sampled_from(["replace", "replace", "drop", "null"]))
            if mutation == "drop":
                row.pop(name, None)
            else:
                row[name] = draw(_junk) if mutation == "replace" else None
        row |= draw(st.dictionaries(_names, _junk, max_size=1))
        found.append(draw(_junk) if draw(st.integers(0, 12)) == 0 else row)
    return endpoint, found


def same(kept: Any, value: Any, kind: Kind) -> bool:
    """Return whether a kept value equals the JSON value without loss."""
    if value is None or kept is None:
        return value is None and kept is None
    if kind is Kind.JSON:
        read = orjson.loads(kept)
        return read == value and type(read) is type(value)
    if kind is Kind.TIME:
        told = datetime.fromisoformat(value)
        told = told if told.tzinfo else told.replace(tzinfo=UTC)
        return isinstance(value, str) and kept - told == timedelta(0)
    if kind is Kind.INTS:
        return len(kept) == len(value) and all(same(k, v, Kind.INT) for k, v in zip(kept, value, strict=True))
    if kind in (Kind.INT, Kind.DOUBLE):
        return type(value) in (int, float) and kept == value
    return type(kept) is type(value) and kept == value


@settings(
    max_examples=EXAMPLES * len(ENDPOINTS),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)
@given(payloads())
def test_any_payload_becomes_exact_or_rejected_rows_without_an_exception(
    payload: tuple[Endpoint, list[Any]],
) -> None:
    endpoint, given_rows = payload
    body = orjson.dumps(given_rows)
    decoded = orjson.loads(body)
    batch = parse(endpoint, body)

    assert batch.table.num_rows + len(batch.rejected) == len(decoded)
    refused = [orjson.loads(row.raw) for row in batch.rejected]
    kept = list(decoded)
    for raw in refused:  # in order: the kept rows are those that were not refused
        kept.remove(raw)
    assert all(row.reason for row in batch.rejected)
    assert not set(batch.table.schema.names) & {column.name for column in LAKE_COLUMNS}
    kinds = {column.name: column.kind for column in endpoint.columns} | batch.added
    assert batch.table.schema.types == [ARROW_TYPES[kind] for kind in kinds.values()]
    for row, source in zip(batch.table.to_pylist(), kept, strict=True):
        for name, kind in kinds.items():
            assert same(row[name], source.get(name), kind), (name, row[name], source.get(name))
        assert all(value is None for name, value in source.items() if name not in kinds)
        assert all(row[column.name] is not None for column in parsing.required(endpoint))
    assert isinstance(batch.table, pa.Table)


@settings(max_examples=EXAMPLES * 3, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(payloads(), st.data())
def test_repeated_rows_of_several_responses_are_all_kept(
    payload: tuple[Endpoint, list[Any]], data: st.DataObject
) -> None:
    endpoint, given_rows = payload
    cut = data.draw(st.integers(0, len(given_rows)))
    whole = merge(endpoint, [parse_rows(endpoint, given_rows[:cut]), parse_rows(endpoint, given_rows[cut:])])
    assert whole.table.num_rows + len(whole.rejected) == len(given_rows)
    assert all(whole.table.schema.field(n).type == ARROW_TYPES[k] for n, k in whole.added.items())


CAR = BY_NAME["car_data"]


def sample(**changes: Any) -> dict[str, Any]:
    """Return a row of car_data as the API serves it."""
    row = {
        "date": "2024-09-22T12:00:00.052000+00:00",
        "session_key": 9606,
        "meeting_key": 1246,
        "driver_number": 1,
    }
    return {**row, "rpm": 8718, "speed": 139, "n_gear": 4, "throttle": 100, "brake": 0, "drs": 1} | changes


def reads_columnar(endpoint: Endpoint, body: bytes, extra: dict[str, Kind] | None = None) -> bool:
    """Return whether a body was read columnar; assert that the result equals reading value by value."""
    try:
        one_by_one = orjson.loads(body)
    except orjson.JSONDecodeError:
        if re.search(rb"NaN|Infinity|1e999", body):  # kept, and its row is refused
            return isinstance(parsing.decode(endpoint, body), Flat)
        with pytest.raises(orjson.JSONDecodeError):
            parsing.decode(endpoint, body)
        return False
    content = parsing.decode(endpoint, body)
    if isinstance(content, Flat):
        found, expected = parse_rows(endpoint, content, extra), parse_rows(endpoint, one_by_one, extra)
        assert found.table.schema.equals(expected.table.schema, check_metadata=True)
        assert found.table.equals(expected.table)
        assert found == Batch(
            found.table, *[getattr(expected, f) for f in list(Batch.__dataclass_fields__)[1:]]
        )
    else:
        assert content == one_by_one
    return isinstance(content, Flat)


def test_columnar_read_of_telemetry_equals_the_row_read() -> None:
    found = [sample(), sample(drs=None), sample(date=None), sample(date="2024-09-22T12:00:00Z")]
    assert reads_columnar(CAR, orjson.dumps(found))
    assert reads_columnar(CAR, orjson.dumps(found), {"tyre": Kind.TEXT})
    without = [{k: v for k, v in row.items() if k not in ("drs", "meeting_key")} for row in found]
    assert reads_columnar(CAR, orjson.dumps([{**row, "drs": None} for row in without]))


@pytest.mark.parametrize(
    "body",
    [
        b'[{"rpm":1}{"rpm":2}]',
        b'[{"rpm":1},{"rpm":2}',
        b'[{"rpm":1}},{"rpm":2}]',
        b'[{"rpm":1},{"rpm":2}][{"rpm":1}]',
        b'[{"rpm":1},,{"rpm":2}]',
        b'[{"rpm":1},{"rpm":2},]',
        b'[,{"rpm":1},{"rpm":2}]',
        b'[{"rpm":1}\x0b,{"rpm":2}]',
        b'[{"rpm":1},{"rpm":2,"rpm":3}]',
        b'[{"rpm":1},{"rpm":2.0}]',
        b'[{"rpm":1},{"rpm":true}]',
        b'[{"rpm":1},{"rpm":01}]',
        b'[{"rpm":1},{"rpm":9223372036854775808}]',
        b'[{"rpm":1},{"new":"a\nb"}]',
        b'[{"rpm":1},{"new":"a\tb"}]',
        b'[{"rpm":1},{"new":"\xff"}]',
        b'[{"rpm":1},{"\xff":1}]',
        b'[{"rpm":1},{"new":NaN}]',
        b'[{"rpm":1},{"new":-Infinity}]',
        b'[{"rpm":1},{"new":1e999}]',
        b'[{"rpm":1},{"new":9007199254740993}]',
        b'[{"rpm":1},{"new":[1]}]',
        b'[{"rpm":1},{"new":{"a":1}}]',
        b'[{"new":1},{"new":"1"}]',
        b'[{"rpm":1},{"\\u0072pm":2}]',
        b'[{"rpm":1},null]',
        b'[{"rpm":1},{"date":"},{"}]',
        b'[{"rpm":1},{"date":"2024-09-22T12:00:00+0000"}]',
        b'[{"rpm":1},{"date":"9999-12-31T23:59:59-23:59"}]',
        b'[{"rpm":1},{"date":"\xff"}]',
        b"[{}]x",
    ],
)
def test_values_that_arrow_may_convert_are_read_one_by_one(body: bytes) -> None:
    assert not reads_columnar(CAR, body)


@pytest.mark.parametrize(
    ("row", "extra"),
    [
        ({"new": 1}, {}),
        ({"new": 1.5, "also": None}, {}),
        ({"new": "SOFT"}, {}),
        ({"new": "2024-09-22T12:00:00"}, {}),
        ({"new": True}, {}),
        ({"zoo": 1, "new": True}, {}),
        ({"new": 1}, {"new": Kind.DOUBLE, "other": Kind.TEXT}),
        ({"new": None}, {"new": Kind.JSON}),
        ({"new": 1}, {"new": Kind.TEXT}),
        ({"new": 1}, {"new": Kind.JSON}),
        ({"new": 1}, {"NEW": Kind.DOUBLE}),
        ({"RPM": 1}, {}),
        ({"a b": 1}, {}),
        ({"": 1}, {}),
        ({"_season": 1}, {}),
        ({"Grip": 1, "grip": 1}, {}),
    ],
    ids=str,
)
def test_columnar_read_of_unknown_keys_equals_the_row_read(
    row: dict[str, Any], extra: dict[str, Kind]
) -> None:
    """A value that does not fit the table's column, and a name that cannot be a column, quarantine the row as before."""
    found = [sample(), sample(date=None) | row, row | sample()]
    assert reads_columnar(CAR, orjson.dumps(found), extra)


@pytest.mark.parametrize(
    "separators",
    [(",", ":"), (", ", ": "), (" , ", " :\t"), (",\n", ":"), ("\r\n,\n", ": ")],
    ids=ascii,
)
@pytest.mark.parametrize("indent", [None, 0, 2])
def test_white_space_and_key_order_make_no_difference(
    separators: tuple[str, str], indent: int | None
) -> None:
    found = [
        sample(new=1),
        sample(date=None),
        sample(rpm=conversion.MAX_INTEGER + 1),
        sample(session_key=1),
        sample(),
    ]
    plain = parse(CAR, orjson.dumps(found), scope=9606)
    assert len(plain.rejected) == 3
    orders = (
        found,
        [dict(reversed(row.items())) for row in found],
        [dict(sorted(row.items())) for row in found],
    )
    for order in orders[: 2 if indent is None else 1]:
        body = json.dumps(order, separators=separators, indent=indent).encode()
        fitting = json.dumps(order[:2] + order[3:], separators=separators, indent=indent).encode()
        assert reads_columnar(CAR, b" \n" + fitting + b"\t")
        batch = parse(CAR, body, scope=9606)
        assert batch.table.equals(plain.table)
        assert [orjson.loads(row.raw) for row in batch.rejected] == [
            orjson.loads(row.raw) for row in plain.rejected
        ]
        assert [row.reason for row in batch.rejected] == [row.reason for row in plain.rejected]
        assert batch.added == plain.added
        if order is found:
            assert fingerprint(batch) == fingerprint(plain)


def test_rows_with_different_white_space_between_them_are_read_columnar() -> None:
    assert reads_columnar(CAR, b'[ {"rpm":1}, {"rpm":2},{"rpm":3}\n,\r\n{"rpm" : 4 } ]')
    assert reads_columnar(CAR, b'[{"rpm":1},{}]')


@settings(max_examples=EXAMPLES * 12, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(st.data())
def test_columnar_read_of_mutated_telemetry_equals_the_row_read(data: st.DataObject) -> None:
    odd = st.sampled_from(
        [None, 5, -0.0, 58.0, 58.5, True, "5", "2024-09-22T12:00:00Z", "},{", "} ,{", "\\n", [], {}, 2**63]
    )
    names = st.sampled_from([*sample(), "new", "new", "New"])
    found = [sample(**{data.draw(names): data.draw(odd)}) for _ in range(3)]
    found = [dict(data.draw(st.permutations(list(row.items())))) for row in found]
    separators = data.draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", ":\t")]))
    indent = data.draw(st.sampled_from([None, None, 1]))
    chosen = data.draw(st.sampled_from([found, found[:1], [sample(), *found]]))
    body = json.dumps(chosen, separators=separators, indent=indent).encode()
    for _ in range(data.draw(st.integers(0, 2))):
        at = data.draw(st.integers(0, len(body)))
        piece = data.draw(
            st.sampled_from([b"", b" ", b"\n", b"\t", b",", b"},{", b"{}", b"\\", b'"', b"1", b"\xff"])
        )
        body = body[:at] + piece + body[at + data.draw(st.integers(0, 2)) :]
    extra = data.draw(st.sampled_from([{}, {"new": Kind.DOUBLE}, {"new": Kind.TEXT}, {"NEW": Kind.JSON}]))
    reads_columnar(CAR, body, extra)
