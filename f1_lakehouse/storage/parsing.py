"""From the JSON of an answer to typed rows: nothing is cast silently, nothing that is fine is held up.

The one place where a JSON value becomes a column value. A value is taken when its type is the catalogue's or when
the change loses nothing (58.0 where an int belongs), and when it lies within what the tables after bronze can hold
(`MAX_INTEGER`, `MAX_NUMBER`, `FIRST_TIME`, `END_OF_TIME`). A row with any other value is set aside with the reason.
Telemetry, in which hardly a value is odd, is read by Arrow as a whole (`Flat`), to the same rows.

Improbable but well-typed values are not judged here (validation/schemas.py counts them), and nothing is written.
"""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, cached_property
from itertools import chain
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from f1_lakehouse.sources.catalog import ARROW_TYPES, LAKE_COLUMNS, Column, Endpoint, Kind

NEW_COLUMN = "a column the catalogue does not know"

MAX_INTEGER = 99_999_999
"""The largest whole number: a sum of twenty of them fits the 32 bits of the columns of silver and gold."""
MAX_NUMBER = 1e9
"""The largest measurement: in milliseconds it is a whole number of 64 bits, and as seconds it moves a time by 32 years."""
FIRST_TIME = datetime(1900, 1, 1, tzinfo=UTC)
END_OF_TIME = datetime(2200, 1, 1, tzinfo=UTC)
"""Times outside lie so far off that sums with them leave what Python, Arrow and the engines can hold (years 1 to 9999)."""


class NotFinite(str):
    """What a body has in the place of a number that no number is: NaN, Infinity or 1e999."""


class BodyError(Exception):
    """A body that is no JSON list at all: the answer as a whole is unusable."""


@dataclass(frozen=True)
class Rejected:
    """A row that cannot be typed: its JSON and why, as `column: reason`."""

    raw: str
    reason: str


@dataclass(frozen=True)
class Batch:
    """Rows of one or more answers.

    `table` has the catalogue's columns in the catalogue's order, then `added`, the columns that it does not know.
    `missing` names catalogue columns that no row of a non-empty answer had; `retyped` maps a column to the reasons
    for which values of it were refused, with counts.
    """

    table: pa.Table
    rejected: list[Rejected] = field(default_factory=list)
    added: dict[str, Kind] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    retyped: dict[str, dict[str, int]] = field(default_factory=dict)


class Flat(Sequence[Any]):
    """Rows that Arrow has read as a whole; a single one becomes a Python object only when it is asked for.

    `table` has the catalogue's columns; `missing` names those that no row had.
    """

    def __init__(self, table: pa.Table, missing: tuple[str, ...], lines: bytes) -> None:
        self.table = table
        self.missing = missing
        self._text = lines

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __getitem__(self, index: Any) -> Any:
        return orjson.loads(self._lines[index])

    @cached_property
    def _lines(self) -> list[bytes]:
        return self._text.split(b"\n")


def decode(endpoint: Endpoint, body: bytes) -> Any:
    """The content of a body, read once: its rows as `Flat` if they are of one cast, else as JSON values.

    Raises orjson.JSONDecodeError if the body is not JSON as a whole.
    """
    flat = _flat(endpoint, body)
    if flat is not None:
        return flat
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        # One value that JSON does not know would cost all rows: it is read as what it is, and its row is refused.
        try:
            return json.loads(body, parse_constant=NotFinite, parse_float=_to_float)
        except (ValueError, RecursionError):
            pass
        raise


def _to_float(text: str) -> float | NotFinite:
    number = float(text)
    return number if math.isfinite(number) else NotFinite(text)


def _flat(endpoint: Endpoint, body: bytes) -> Flat | None:
    """The rows of a body, or None if Arrow might read something else out of it than `parse_rows` does one by one.

    Arrow takes a number, text or null for what the schema says and refuses everything else (58.0 or true for an int,
    a column twice or unknown); it reads JSON lines. A body whose rows are not set apart by `},{` alone, and nowhere
    else, has another number of lines than of rows; names and texts of a body without `\\` are what they look like.
    """
    schema = _schema_of_flat(endpoint)
    if schema is None or not (body.startswith(b"[{") and body.endswith(b"}]")):
        return None
    if b"\\" in body or b"\n" in body:
        return None
    lines = body[1:-1].replace(b"},{", b"}\n{")
    try:
        table = pj.read_json(
            pa.BufferReader(lines),
            pj.ReadOptions(use_threads=False, block_size=len(lines)),
            pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error"),
        ).combine_chunks()
    except pa.ArrowInvalid:
        return None
    if table.num_rows != lines.count(b"\n") + 1:
        return None
    for index, column in enumerate(endpoint.columns):
        if column.kind is Kind.TIME:
            moments = _moments(table[column.name].combine_chunks())
            if moments is None:
                return None
            table = table.set_column(index, column.arrow, moments)
        if _beyond(table[column.name].combine_chunks(), column.kind) is not None:
            return None
    nulls = [name for name in table.schema.names if table[name].null_count == table.num_rows]
    missing = tuple(name for name in nulls if f'"{name}"'.encode() not in body)
    return Flat(table, missing, lines)


@cache
def _schema_of_flat(endpoint: Endpoint) -> pa.Schema | None:
    """What Arrow is to read; None for an endpoint that has more than whole numbers and times."""
    arrow = {Kind.INT: ARROW_TYPES[Kind.INT], Kind.TIME: pa.string()}
    if any(column.kind not in arrow for column in endpoint.columns):
        return None
    return pa.schema([(column.name, arrow[column.kind]) for column in endpoint.columns])


def parse(
    endpoint: Endpoint, body: bytes, extra: Mapping[str, Kind] | None = None, scope: int | None = None
) -> Batch:
    """Typed rows of one body.

    Args:
        endpoint: whose catalogue entry types the columns.
        body: the answer as it came; an empty body and an object such as `{"detail": …}` of an empty answer
            must not come here.
        extra: columns that the bronze table has beyond the catalogue, with the kinds they were given.
        scope: the session key or season that was requested; rows of another one are refused.

    Raises:
        BodyError: not JSON, or no list.
    """
    try:
        content = decode(endpoint, body)
    except orjson.JSONDecodeError as error:
        raise BodyError(f"not JSON: {error}") from error
    return parse_rows(endpoint, endpoint.rows(content), extra, scope)


def parse_rows(
    endpoint: Endpoint, rows: Any, extra: Mapping[str, Kind] | None = None, scope: int | None = None
) -> Batch:
    """Typed rows of what `decode` made of a body; see `parse`."""
    if not isinstance(rows, list | Flat):
        raise BodyError(f"expected a list of rows, got {type(rows).__name__}")
    if isinstance(rows, Flat):
        return _parse_flat(endpoint, rows, extra, scope)
    return _parse(endpoint, rows, extra, scope)


def _parse_flat(endpoint: Endpoint, rows: Flat, extra: Mapping[str, Kind] | None, scope: int | None) -> Batch:
    table = rows.table.cast(endpoint.schema)
    for name, kind in (extra or {}).items():
        if name not in table.schema.names:
            nulls = pa.nulls(table.num_rows, ARROW_TYPES[kind])
            table = table.append_column(_field(endpoint, name, kind), nulls)
    refused: dict[int, list[str]] = {}
    arrays = {column.name: table[column.name] for column in required(endpoint)}
    _refuse_nulls(endpoint, arrays, refused)
    _refuse_others(endpoint, arrays, scope, refused)
    return _without(table, rows, refused, missing=rows.missing)


def _parse(endpoint: Endpoint, rows: list[Any], extra: Mapping[str, Kind] | None, scope: int | None) -> Batch:
    refused: dict[int, list[str]] = {}
    if not set(map(type, rows)) <= {dict}:
        refused = {
            i: [f"row: expected an object, got {type(row).__name__}"]
            for i, row in enumerate(rows)
            if not isinstance(row, dict)
        }
    objects: list[dict[str, Any]] = [row if isinstance(row, dict) else {} for row in rows]
    seen: set[str] = set().union(*objects)

    kinds = {column.name: column.kind for column in endpoint.columns}
    known_extra = {name: kind for name, kind in (extra or {}).items() if name not in kinds}
    added: dict[str, Kind] = {}
    taken = {name.lower() for name in (*kinds, *known_extra, *(column.name for column in LAKE_COLUMNS))}
    for name in sorted(seen - kinds.keys() - known_extra.keys()):
        values = [row.get(name) for row in objects]
        kind = infer_kind(values)
        if kind is None:
            continue
        if name.lower() in taken or not name or _NO_NAME.search(name):
            for index in (i for i, value in enumerate(values) if value is not None):
                refused.setdefault(index, []).append(f"{name}: cannot be the name of a new column")
            continue
        taken.add(name.lower())
        added[name] = kind
    kinds |= known_extra | added

    retyped: dict[str, dict[str, int]] = {}
    arrays: dict[str, pa.Array] = {}
    for name, kind in kinds.items():
        values = [row.get(name) for row in objects]
        array, bad = to_array(values, kind)
        if name not in known_extra and name not in added:
            array = _within(array, kind, bad)
        arrays[name] = array
        for index, reason in bad.items():
            refused.setdefault(index, []).append(f"{name}: {reason}")
            counts = retyped.setdefault(name, {})
            counts[reason] = counts.get(reason, 0) + 1
    _refuse_nulls(endpoint, arrays, refused)
    _refuse_others(endpoint, arrays, scope, refused)
    table = pa.table(arrays, schema=pa.schema([_field(endpoint, name, kind) for name, kind in kinds.items()]))
    missing = tuple(c.name for c in endpoint.columns if c.name not in seen) if rows else ()
    return _without(table, rows, refused, added, missing, retyped)


def _refuse_nulls(
    endpoint: Endpoint, arrays: Mapping[str, pa.Array | pa.ChunkedArray], refused: dict[int, list[str]]
) -> None:
    """Refuse the rows that cannot be placed and are not refused already."""
    for column in required(endpoint):
        values = arrays[column.name]
        if values.null_count:
            for index in pc.indices_nonzero(values.is_null()).to_pylist():
                refused.setdefault(index, [f"{column.name}: required, but null"])


def _refuse_others(
    endpoint: Endpoint,
    arrays: Mapping[str, pa.Array | pa.ChunkedArray],
    scope: int | None,
    refused: dict[int, list[str]],
) -> None:
    """Refuse the rows of another session or season than the one that was requested."""
    name = endpoint.partition_column
    if scope is None or name is None:
        return
    others = pc.not_equal(arrays[name], scope)
    if pc.any(others).as_py():
        for index in pc.indices_nonzero(others.fill_null(False)).to_pylist():
            refused.setdefault(index, []).append(f"{name}: not the {endpoint.scope} that was requested")


def _without(
    table: pa.Table,
    rows: Sequence[Any],
    refused: Mapping[int, list[str]],
    added: dict[str, Kind] | None = None,
    missing: tuple[str, ...] = (),
    retyped: dict[str, dict[str, int]] | None = None,
) -> Batch:
    """The batch of a table from which the refused rows are taken."""
    rejected = []
    if refused:
        rejected = [Rejected(_json_of(rows[i]), "; ".join(refused[i])) for i in sorted(refused)]
        keep = pa.array([i not in refused for i in range(len(rows))], pa.bool_())
        table = table.filter(keep)
    return Batch(table, rejected, added or {}, missing, retyped or {})


def _json_of(row: Any) -> str:
    """A row as JSON text, also one with a value that has none."""
    try:
        return orjson.dumps(row).decode()
    except (
        orjson.JSONEncodeError
    ):  # nested deeper than orjson writes, though it reads it; half of a surrogate pair
        pass
    try:
        return json.dumps(row)
    except RecursionError:
        return "nested too deep to be shown; the landing zone has the response"


def required(endpoint: Endpoint) -> list[Column]:
    """The columns without which a row cannot be placed."""
    return [column for column in endpoint.columns if column.required]


def merge(endpoint: Endpoint, batches: Sequence[Batch]) -> Batch:
    """The batches of one pull as one. A column that only some of them have is null in the others.

    Answers of one pull may give an unknown column different kinds; then it is kept as JSON text.
    """
    if not batches:
        return parse_rows(endpoint, [])
    added: dict[str, Kind] = {}
    for batch in batches:
        for name, kind in batch.added.items():
            added[name] = kind if added.get(name, kind) == kind else Kind.JSON
    tables = [
        _as_json(batch.table, {n for n, k in batch.added.items() if added[n] is not k}) for batch in batches
    ]
    table = pa.concat_tables(tables, promote_options="default")
    retyped: dict[str, dict[str, int]] = {}
    for batch in batches:
        for name, reasons in batch.retyped.items():
            counts = retyped.setdefault(name, {})
            for reason, count in reasons.items():
                counts[reason] = counts.get(reason, 0) + count
    filled = [batch for batch in batches if batch.table.num_rows or batch.rejected]
    missing = set.intersection(*(set(batch.missing) for batch in filled)) if filled else set()
    return Batch(
        table,
        list(chain.from_iterable(batch.rejected for batch in batches)),
        added,
        tuple(c.name for c in endpoint.columns if c.name in missing),
        retyped,
    )


def infer_kind(values: Sequence[Any]) -> Kind | None:
    """The kind for a column that the catalogue does not know; None while every value is null.

    Numbers become doubles: an int today may be a float tomorrow. Integers that a double cannot hold are kept as JSON.
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
    """An Arrow array of the kind's type, and for each value that does not fit its index and the reason.

    A refused value is null in the array. Arrow casts silently where it can (58.5 → 58, True → 1.0), so the Python
    types are looked at first: all of them at once, and one by one only when one of them does not fit.
    """
    arrow = ARROW_TYPES[kind]
    if kind is Kind.JSON:
        try:
            return pa.array([None if v is None else orjson.dumps(v).decode() for v in values], arrow), {}
        except orjson.JSONEncodeError:
            pass  # one of them has no JSON text: find out which, below
    fits = set(map(type, values)) <= _TYPES[kind]
    if fits and kind is Kind.INTS:
        fits = set(map(type, chain.from_iterable(v for v in values if v is not None))) <= {int, type(None)}
    if fits:
        try:
            if kind is not Kind.TIME:
                return pa.array(values, arrow), {}
            moments = _moments(pa.array(values, pa.string()))
            if moments is not None:
                return moments, {}
        except (pa.ArrowInvalid, OverflowError, UnicodeEncodeError):
            pass  # some value is out of range or no time: find out which, below
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


def _within(array: pa.Array, kind: Kind, bad: dict[int, str]) -> pa.Array:
    """The array without values that the tables after bronze cannot hold; `bad` takes their indices and the reason."""
    beyond = _beyond(array, kind)
    if beyond is None:
        return array
    for index in pc.indices_nonzero(beyond).to_pylist():
        bad.setdefault(index, _BEYOND[kind])
    return pc.if_else(beyond, pa.scalar(None, array.type), array)


def _beyond(array: pa.Array, kind: Kind) -> pa.Array | None:
    """Which values lie beyond what the tables after bronze can hold; None if none does."""
    if kind is Kind.INT:
        fine = pc.and_(pc.greater_equal(array, -MAX_INTEGER), pc.less_equal(array, MAX_INTEGER))
    elif kind is Kind.DOUBLE:
        fine = pc.and_(pc.greater_equal(array, -MAX_NUMBER), pc.less_equal(array, MAX_NUMBER))
    elif kind is Kind.TIME:
        fine = pc.and_(pc.greater_equal(array, _FIRST_TIME), pc.less(array, _END_OF_TIME))
    elif kind is Kind.INTS:
        beyond = _beyond(array.flatten(), Kind.INT)
        if beyond is None:
            return None
        lists = pc.list_parent_indices(array).filter(beyond).unique()
        return pc.is_in(pa.array(range(len(array)), lists.type), lists)
    else:
        return None
    return None if pc.all(fine).as_py() is not False else pc.invert(fine).fill_null(False)


def _moments(texts: pa.Array) -> pa.Array | None:
    """Texts as times; None if one of them is no time, or one that Python does not know."""
    # Arrow reads forms that are refused elsewhere; what becomes of a value must not depend on its neighbours.
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
_BEYOND = {
    Kind.INT: f"integer beyond {MAX_INTEGER}",
    Kind.DOUBLE: f"number beyond {MAX_NUMBER:.0f}",
    Kind.TIME: f"time outside {FIRST_TIME.year} to {END_OF_TIME.year - 1}",
    Kind.INTS: f"in the list: integer beyond {MAX_INTEGER}",
}
# Delta takes no such characters in a column's name, and Delta and DuckDB do not tell upper from lower case.
_NO_NAME = re.compile(r"[ ,;{}()\n\t=]")


def _show(value: Any) -> str:
    names = {str: "text", bool: "boolean", int: "integer", float: "number", list: "list", dict: "object"}
    return names.get(type(value), type(value).__name__)


def _to_int(value: Any) -> int:
    if type(value) is int or (type(value) is float and value.is_integer()):
        if int(value) in _INT64:
            return int(value)
        raise ValueError("integer beyond 64 bits")
    raise ValueError(f"expected integer, got {'a fraction' if type(value) is float else _show(value)}")


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
    raise ValueError(f"expected number, got {_show(value)}")


def _to_text(value: Any) -> str:
    if type(value) is str:
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise ValueError("text with half of a surrogate pair")
        return value
    raise ValueError(f"expected text, got {_show(value)}")


def _to_bool(value: Any) -> bool:
    if type(value) is bool:
        return value
    raise ValueError(f"expected boolean, got {_show(value)}")


def _to_time(value: Any) -> datetime:
    if type(value) is not str:
        raise ValueError(f"expected a time, got {_show(value)}")
    if not _TIME.fullmatch(value):
        raise ValueError("text that is no time")
    try:
        moment = datetime.fromisoformat(value)
        # All times of the API are UTC; one without an offset is UTC too.
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("text that is no time") from None


def _to_ints(value: Any) -> list[int | None]:
    if type(value) is not list:
        raise ValueError(f"expected a list, got {_show(value)}")
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


def _field(endpoint: Endpoint, name: str, kind: Kind) -> pa.Field:
    column = endpoint.column(name)
    return column.arrow if column else extra_field(name, kind)


def extra_field(name: str, kind: Kind) -> pa.Field:
    """The Arrow field of a column that the catalogue does not know; its kind travels in the Delta metadata."""
    return pa.field(name, ARROW_TYPES[kind], metadata={"description": NEW_COLUMN, "kind": kind.value})


def _as_json(table: pa.Table, names: set[str]) -> pa.Table:
    for name in names:
        values = [None if v is None else orjson.dumps(v).decode() for v in table[name].to_pylist()]
        index = table.schema.get_field_index(name)
        table = table.set_column(index, extra_field(name, Kind.JSON), pa.array(values, pa.string()))
    return table
