"""From JSON values to Arrow arrays: which values a column of each kind accepts, and what is accepted without a loss.

The one place where a JSON value becomes a column value. A value is accepted if it has the type of the catalog or if the conversion loses
nothing (58.0 for an int), and if it is in the range that the tables after bronze can hold (`MAX_INTEGER`, `MAX_NUMBER`, `FIRST_TIME`,
`END_OF_TIME`). Not here: rows and responses (parsing.py), and improbable but well-typed values (validation/schemas.py counts them).
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from f1_lakehouse.sources.catalog import ARROW_TYPES, Kind

MAX_INTEGER = 99_999_999
"""The largest integer: a sum of twenty of them fits the 32-bit columns of silver and gold."""
MAX_NUMBER = 1e9
"""The largest measurement: in milliseconds it is a 64-bit integer, and as seconds it moves a time by 32 years."""
FIRST_TIME = datetime(1900, 1, 1, tzinfo=UTC)
END_OF_TIME = datetime(2200, 1, 1, tzinfo=UTC)
"""Sums with times outside this range may leave the range of Python, Arrow and the engines (years 1 to 9999)."""


def infer_kind(values: Sequence[Any]) -> Kind | None:
    """Return the kind for a column that is not in the catalog; None while every value is null.

    Numbers become doubles: a column of integers may have fractions later. Integers that a double cannot hold are stored as JSON.
    """
    types = set(map(type, values)) - {type(None)}
    if not types:
        return None
    if types <= {bool}:
        return Kind.BOOL
    if types <= {int, float}:
        return Kind.JSON if to_array(list(values), Kind.DOUBLE)[1] else Kind.DOUBLE
    if types <= {str}:
        return Kind.TEXT
    return Kind.JSON


def to_array(values: list[Any], kind: Kind) -> tuple[pa.Array, dict[int, str]]:
    """Return an Arrow array of the kind's type, and the index of each value that does not fit → the reason.

    A refused value is null in the array. Arrow casts silently where it can (58.5 → 58, True → 1.0), so the Python types are checked
    first: all of them together, and one by one only if one of them does not fit.
    """
    arrow = ARROW_TYPES[kind]
    if kind is Kind.JSON:
        try:
            return pa.array([None if v is None else orjson.dumps(v).decode() for v in values], arrow), {}
        except orjson.JSONEncodeError:
            pass  # one of them has no JSON text: it is found below
    fits = set(map(type, values)) <= _TYPES[kind]
    if fits and kind is Kind.INTS:
        fits = set(map(type, chain.from_iterable(v for v in values if v is not None))) <= {int, type(None)}
    if fits:
        try:
            if kind is not Kind.TIME:
                return pa.array(values, arrow), {}
            moments = to_times(pa.array(values, pa.string()))
            if moments is not None:
                return moments, {}
        except (pa.ArrowInvalid, OverflowError, UnicodeEncodeError):
            pass  # one of them is out of range or not a time: it is found below
    convert = _CONVERT[kind]
    converted: list[Any] = []
    bad: dict[int, str] = {}
    for index, value in enumerate(values):
        try:
            converted.append(None if value is None else convert(value))
        except ValueError as error:
            converted.append(None)
            bad[index] = str(error)
    return pa.array(converted, arrow), bad


def without_out_of_range(array: pa.Array, kind: Kind, bad: dict[int, str]) -> pa.Array:
    """Return the array with null for values that the tables after bronze cannot hold; their indices and the reason are added to `bad`."""
    beyond = out_of_range(array, kind)
    if beyond is None:
        return array
    for index in pc.indices_nonzero(beyond).to_pylist():
        bad.setdefault(index, _OUT_OF_RANGE[kind])
    return pc.if_else(beyond, pa.scalar(None, array.type), array)


def out_of_range(array: pa.Array, kind: Kind) -> pa.Array | None:
    """Return a mask of the values that the tables after bronze cannot hold; None if there is no such value."""
    if kind is Kind.INT:
        fine = pc.and_(pc.greater_equal(array, -MAX_INTEGER), pc.less_equal(array, MAX_INTEGER))
    elif kind is Kind.DOUBLE:
        fine = pc.and_(pc.greater_equal(array, -MAX_NUMBER), pc.less_equal(array, MAX_NUMBER))
    elif kind is Kind.TIME:
        fine = pc.and_(pc.greater_equal(array, _FIRST_TIME), pc.less(array, _END_OF_TIME))
    elif kind is Kind.INTS:
        beyond = out_of_range(array.flatten(), Kind.INT)
        if beyond is None:
            return None
        lists = pc.list_parent_indices(array).filter(beyond).unique()
        return pc.is_in(pa.array(range(len(array)), lists.type), lists)
    else:
        return None
    return None if pc.all(fine).as_py() is not False else pc.invert(fine).fill_null(False)


def to_times(texts: pa.Array) -> pa.Array | None:
    """Return texts as times; None if one of them is not a time, or outside Python's range of years."""
    # Arrow accepts forms that are refused elsewhere; whether a value is accepted must not depend on the other values.
    if pc.all(pc.match_substring_regex(texts, f"^{_TIME.pattern}$")).as_py() is False:
        return None
    try:
        moments = pc.cast(texts, ARROW_TYPES[Kind.TIME])
    except pa.ArrowInvalid:
        return None
    bounds = pc.min_max(moments)
    in_range = not bounds["min"].is_valid or (
        _YEAR_1 <= bounds["min"].value <= bounds["max"].value <= _YEAR_9999
    )
    return moments if in_range else None


_NONE = type(None)
_TYPES: dict[Kind, set[type]] = {
    Kind.INT: {int, _NONE},
    Kind.DOUBLE: {int, float, _NONE},
    Kind.TEXT: {str, _NONE},
    Kind.BOOL: {bool, _NONE},
    Kind.TIME: {str, _NONE},
    Kind.INTS: {list, _NONE},
    Kind.JSON: set(),
}
_INT64 = range(-(2**63), 2**63)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_YEAR_1, _YEAR_9999 = (
    pa.scalar(moment, ARROW_TYPES[Kind.TIME]).value
    for moment in (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, UTC))
)
_FIRST_TIME, _END_OF_TIME = (
    pa.scalar(moment, ARROW_TYPES[Kind.TIME]) for moment in (FIRST_TIME, END_OF_TIME)
)
_OUT_OF_RANGE = {
    Kind.INT: f"integer beyond {MAX_INTEGER}",
    Kind.DOUBLE: f"number beyond {MAX_NUMBER:.0f}",
    Kind.TIME: f"time outside {FIRST_TIME.year} to {END_OF_TIME.year - 1}",
    Kind.INTS: f"in the list: integer beyond {MAX_INTEGER}",
}


def _type_name(value: Any) -> str:
    names = {str: "text", bool: "boolean", int: "integer", float: "number", list: "list", dict: "object"}
    return names.get(type(value), type(value).__name__)


def _to_int(value: Any) -> int:
    if type(value) is int or (type(value) is float and value.is_integer()):
        if int(value) in _INT64:
            return int(value)
        raise ValueError("integer beyond 64 bits")
    raise ValueError(f"expected integer, got {'a fraction' if type(value) is float else _type_name(value)}")


def _to_double(value: Any) -> float:
    if type(value) is float:
        return value
    if type(value) is int:
        try:
            if int(float(value)) == value:
                return float(value)
        except OverflowError:
            pass
        raise ValueError("integer that a double cannot hold")
    raise ValueError(f"expected number, got {_type_name(value)}")


def _to_text(value: Any) -> str:
    if type(value) is str:
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise ValueError("text with half of a surrogate pair")
        return value
    raise ValueError(f"expected text, got {_type_name(value)}")


def _to_bool(value: Any) -> bool:
    if type(value) is bool:
        return value
    raise ValueError(f"expected boolean, got {_type_name(value)}")


def _to_time(value: Any) -> datetime:
    if type(value) is not str:
        raise ValueError(f"expected a time, got {_type_name(value)}")
    if not _TIME.fullmatch(value):
        raise ValueError("text that is no time")
    try:
        moment = datetime.fromisoformat(value)
        # All times of the API are UTC, also those without an offset.
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("text that is no time") from None


def _to_ints(value: Any) -> list[int | None]:
    if type(value) is not list:
        raise ValueError(f"expected a list, got {_type_name(value)}")
    try:
        return [None if item is None else _to_int(item) for item in value]
    except ValueError as error:
        raise ValueError(f"in the list: {error}") from None


def _to_json(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError as error:
        raise ValueError(f"cannot be kept as JSON text: {error}") from None


_CONVERT: dict[Kind, Callable[[Any], Any]] = {
    Kind.INT: _to_int,
    Kind.DOUBLE: _to_double,
    Kind.TEXT: _to_text,
    Kind.BOOL: _to_bool,
    Kind.TIME: _to_time,
    Kind.INTS: _to_ints,
    Kind.JSON: _to_json,
}
