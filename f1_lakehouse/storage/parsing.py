"""From the JSON of a response to typed rows: nothing is cast silently, and one bad row does not stop the others.

A row with a value that conversion.py does not accept is refused with the reason. Telemetry, in which hardly any value is odd, is read by
Arrow in one step (flat_rows.py), with the same result. Nothing is written here; refused rows go to quarantine.py.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from f1_lakehouse.sources.catalog import ARROW_TYPES, LAKE_COLUMNS, Column, Endpoint, Kind
from f1_lakehouse.storage.conversion import infer_kind, to_array, without_out_of_range
from f1_lakehouse.storage.flat_rows import Flat, read_flat

NEW_COLUMN = "a column that is not in the catalog"
# Delta does not accept these characters in a column name. Delta and DuckDB ignore the case of names.
_NO_NAME = re.compile(r"[ ,;{}()\n\t=]")


class NotFinite(str):
    """A value of a body that is not a finite number: NaN, Infinity or 1e999."""


class BodyError(Exception):
    """A body that is not a JSON list: the complete response is unusable."""


@dataclass(frozen=True)
class Rejected:
    """A refused row: its JSON, and why it was refused, as `column: reason`."""

    raw: str
    reason: str


@dataclass(frozen=True)
class Batch:
    """Rows of one or more responses.

    `table` has the catalog's columns in its order, then `added`, the columns that are not in the catalog. `missing` names catalog columns
    that no row of a non-empty response has; `retyped` maps a column to the reasons for which its values were refused, with counts.
    """

    table: pa.Table
    rejected: list[Rejected] = field(default_factory=list)
    added: dict[str, Kind] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    retyped: dict[str, dict[str, int]] = field(default_factory=dict)


def decode(endpoint: Endpoint, body: bytes) -> Any:
    """Return the content of a body: its rows as `Flat` if Arrow can read them in one step, else as JSON values.

    Raises:
        orjson.JSONDecodeError: the body is not JSON.
    """
    flat = read_flat(endpoint, body)
    if flat is not None:
        return flat
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        # One value that is not JSON (NaN) must not invalidate all rows: it is kept as it is, and its row is refused.
        try:
            return json.loads(body, parse_constant=NotFinite, parse_float=_to_float)
        except (ValueError, RecursionError):
            pass
        raise


def _to_float(text: str) -> float | NotFinite:
    number = float(text)
    return number if math.isfinite(number) else NotFinite(text)


def parse(
    endpoint: Endpoint, body: bytes, extra: Mapping[str, Kind] | None = None, scope: int | None = None
) -> Batch:
    """Return the typed rows of one body.

    Args:
        endpoint: its catalog entry has the types of the columns.
        body: the response as it was received; not an empty body, and not an object such as `{"detail": …}` of an empty response.
        extra: columns of the bronze table that are not in the catalog, with their kinds.
        scope: the session key or season that was requested; rows of another one are refused.

    Raises:
        BodyError: not JSON, or not a list.
    """
    try:
        content = decode(endpoint, body)
    except orjson.JSONDecodeError as error:
        raise BodyError(f"not JSON: {error}") from error
    return parse_rows(endpoint, endpoint.rows(content), extra, scope)


def parse_rows(
    endpoint: Endpoint, rows: Any, extra: Mapping[str, Kind] | None = None, scope: int | None = None
) -> Batch:
    """Return the typed rows of the content that `decode` returned; see `parse`."""
    if not isinstance(rows, list | Flat):
        raise BodyError(f"expected a list of rows, got {type(rows).__name__}")
    if isinstance(rows, Flat):
        return _parse_flat(endpoint, rows, extra, scope)
    return _parse(endpoint, rows, extra, scope)


def _parse_flat(endpoint: Endpoint, rows: Flat, extra: Mapping[str, Kind] | None, scope: int | None) -> Batch:
    catalog = endpoint.schema.names
    known_extra = {name: kind for name, kind in (extra or {}).items() if name not in catalog}
    fits = all(rows.unknown.get(name) in (None, kind) for name, kind in known_extra.items())
    taken = _taken_names(endpoint, known_extra)
    added: dict[str, Kind] = {}
    for name, kind in sorted(rows.unknown.items()):
        if kind is not None and name not in known_extra:
            fits &= _can_be_added(name, taken)
            taken.add(name.lower())
            added[name] = kind
    if not fits:
        return _parse(endpoint, list(rows), extra, scope)
    table = rows.table.select(catalog).cast(endpoint.schema)
    for name, kind in (known_extra | added).items():
        values = rows.table[name] if rows.unknown.get(name) else pa.nulls(len(rows), ARROW_TYPES[kind])
        table = table.append_column(_field(endpoint, name, kind), values)
    refused: dict[int, list[str]] = {}
    arrays = {column.name: table[column.name] for column in required(endpoint)}
    _refuse_nulls(endpoint, arrays, refused)
    _refuse_others(endpoint, arrays, scope, refused)
    return _without(table, rows, refused, added, missing=rows.missing)


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
    taken = _taken_names(endpoint, known_extra)
    for name in sorted(seen - kinds.keys() - known_extra.keys()):
        values = [row.get(name) for row in objects]
        kind = infer_kind(values)
        if kind is None:
            continue
        if not _can_be_added(name, taken):
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
            array = without_out_of_range(array, kind, bad)
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


def _taken_names(endpoint: Endpoint, extra: Mapping[str, Kind]) -> set[str]:
    """Return the names of the table's columns, in lower case."""
    columns = (*endpoint.columns, *LAKE_COLUMNS)
    return {name.lower() for name in (*(column.name for column in columns), *extra)}


def _can_be_added(name: str, taken: set[str]) -> bool:
    """Return whether a column of this name can be added to a table with these."""
    return bool(name) and not _NO_NAME.search(name) and name.lower() not in taken


def _refuse_nulls(
    endpoint: Endpoint, arrays: Mapping[str, pa.Array | pa.ChunkedArray], refused: dict[int, list[str]]
) -> None:
    """Refuse the rows without a required value, unless they are refused already."""
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
    """Return the batch of a table without the refused rows."""
    rejected = []
    if refused:
        rejected = [Rejected(_json_of(rows[i]), "; ".join(refused[i])) for i in sorted(refused)]
        keep = pa.array([i not in refused for i in range(len(rows))], pa.bool_())
        table = table.filter(keep)
    return Batch(table, rejected, added or {}, missing, retyped or {})


def _json_of(row: Any) -> str:
    """Return a row as JSON text, even if it has a value that JSON cannot represent."""
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
    """Return the columns without which a row cannot be assigned to its session and driver."""
    return [column for column in endpoint.columns if column.required]


def merge(endpoint: Endpoint, batches: Sequence[Batch]) -> Batch:
    """Merge the batches of one pull. A column that only some of them have is null in the others.

    If the responses of one pull have different kinds of an unknown column, it is stored as JSON text.
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


def _field(endpoint: Endpoint, name: str, kind: Kind) -> pa.Field:
    column = endpoint.column(name)
    return column.arrow if column else extra_field(name, kind)


def extra_field(name: str, kind: Kind) -> pa.Field:
    """Return the Arrow field of a column that is not in the catalog; its kind is stored in the Delta metadata."""
    return pa.field(name, ARROW_TYPES[kind], metadata={"description": NEW_COLUMN, "kind": kind.value})


def _as_json(table: pa.Table, names: set[str]) -> pa.Table:
    for name in names:
        values = [None if v is None else orjson.dumps(v).decode() for v in table[name].to_pylist()]
        index = table.schema.get_field_index(name)
        table = table.set_column(index, extra_field(name, Kind.JSON), pa.array(values, pa.string()))
    return table
