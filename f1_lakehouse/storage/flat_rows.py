"""Rows of integers and times that Arrow reads in one step, whatever the layout of their JSON.

Telemetry is nearly all rows of a lake, and hardly any value of it is odd. White space, the order of keys and unknown keys make no difference
to the time that this takes. Belongs here: which bodies Arrow reads to the same values as parsing.py does value by value; every other body is
left to that. Does not belong here: which rows are refused (parsing.py), and which values a column accepts (conversion.py).
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from f1_lakehouse.sources.catalog import ARROW_TYPES, Endpoint, Kind
from f1_lakehouse.storage.conversion import out_of_range, to_times

_SPACE = b" \t\n\r"
_BETWEEN_ROWS = re.compile(rb"\}[ \t\r]*,[ \t\r]*\{")
_NO_NEWLINE = bytes.maketrans(b"\n", b"\t")
MAX_EXACT_INTEGER = 2**53
"""Up to here a double holds every integer."""


class Flat(Sequence[Any]):
    """Rows that Arrow has read in one step; a single row becomes a Python object only when it is accessed.

    `table` has the catalog's columns, then those of `unknown`: names that are not in the catalog, with the kind of all their values, None if
    all are null. `missing` names the columns of the catalog that no row has.
    """

    def __init__(
        self, table: pa.Table, unknown: Mapping[str, Kind | None], missing: tuple[str, ...], lines: bytes
    ) -> None:
        self.table = table
        self.unknown = unknown
        self.missing = missing
        self._text = lines

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __getitem__(self, index: Any) -> Any:
        return orjson.loads(self._lines[index])

    @cached_property
    def _lines(self) -> list[bytes]:
        return self._text.split(b"\n")


def read_flat(endpoint: Endpoint, body: bytes) -> Flat | None:
    """Return the rows of a body, or None if Arrow's result might differ from that of reading value by value.

    Arrow accepts a number, text or null where the schema has it and refuses everything else (58.0 or true for an int, a repeated key, a
    control character in a text). A body without `\\` has no escaped names and texts, so each `"` begins or ends one.
    """
    schema = _schema_of_flat(endpoint)
    if schema is None or b"\\" in body:
        return None
    text = _inside_brackets(body)
    if text is None:
        return None
    first = _BETWEEN_ROWS.search(text)
    lines = text if first is None else text.replace(first[0], b"}\n{")
    flat = _of_lines(endpoint, schema, lines)
    if flat is None and first is not None and text.count(first[0]) + 1 < text.count(b"}"):
        # Not all separators are like the first. To search for all forms takes a tenth of the time of reading.
        flat = _of_lines(endpoint, schema, _BETWEEN_ROWS.sub(b"}\n{", text))
    return flat


def _of_lines(endpoint: Endpoint, schema: pa.Schema, lines: bytes) -> Flat | None:
    """Return the rows of a text with one on each line, or None; see `read_flat`."""
    try:
        table = _read(lines, schema)
        if any(pa.types.is_timestamp(field.type) for field in table.schema):
            # Arrow infers times, which are text here.
            texts = [
                f.with_type(pa.string()) if pa.types.is_timestamp(f.type) else f
                for f in list(table.schema)[len(schema) :]
            ]
            table = _read(lines, pa.schema([*schema, *texts]))
        names = table.schema.names
    except (pa.ArrowInvalid, UnicodeDecodeError):
        return None
    # A separator within a text, or rows without one, are other numbers of lines than of rows.
    if table.num_rows != lines.count(b"\n") + 1:
        return None
    for index, column in enumerate(endpoint.columns):
        if column.kind is Kind.TIME:
            moments = to_times(table[column.name].combine_chunks())
            if moments is None:
                return None
            table = table.set_column(index, column.arrow, moments)
        if out_of_range(table[column.name].combine_chunks(), column.kind) is not None:
            return None
    unknown = {}
    for name in names[len(schema) :]:
        kind, values = _typed(table[name].combine_chunks())
        if values is None:
            return None
        unknown[name] = kind
        table = table.set_column(table.schema.get_field_index(name), name, values)
    nulls = [name for name in schema.names if table[name].null_count == table.num_rows]
    missing = tuple(name for name in nulls if not re.search(rb'"%s"\s*:' % name.encode(), lines))
    return Flat(table, unknown, missing, lines)


def _read(lines: bytes, schema: pa.Schema) -> pa.Table:
    """Return the rows as one chunk; columns that are not in the schema follow, with the types that Arrow infers."""
    return pj.read_json(
        pa.BufferReader(lines),
        pj.ReadOptions(use_threads=False, block_size=len(lines)),
        pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior="infer"),
    ).combine_chunks()


def _inside_brackets(body: bytes) -> bytes | None:
    """Return the items of a JSON list, without a newline; None unless it begins and ends like a list of objects."""
    text = body.strip(_SPACE)
    if not (text.startswith(b"[") and text.endswith(b"]")):
        return None
    text = text[1:-1].strip(_SPACE)
    if not (text.startswith(b"{") and text.endswith(b"}")):
        return None
    # Outside of texts both are white space, and neither may stand in a text.
    return text.translate(_NO_NEWLINE) if b"\n" in text else text


def _typed(values: pa.Array) -> tuple[Kind | None, pa.Array | None]:
    """Return the kind of an unknown column and its values, typed; no values if they must be read one by one."""
    if pa.types.is_null(values.type):
        return None, values
    if pa.types.is_boolean(values.type):
        return Kind.BOOL, values
    if pa.types.is_string(values.type):
        try:
            values.validate(full=True)  # Arrow's reader accepts what is not UTF-8
        except pa.ArrowInvalid:
            return None, None
        return Kind.TEXT, values
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        bounds = pc.min_max(values)
        is_exact = pc.and_(
            pc.greater(bounds["min"], -MAX_EXACT_INTEGER), pc.less(bounds["max"], MAX_EXACT_INTEGER)
        )
        is_finite = pc.all(pc.is_finite(values))
        if is_exact.as_py() and is_finite.as_py():
            return Kind.DOUBLE, values.cast(ARROW_TYPES[Kind.DOUBLE])
    return None, None


@cache
def _schema_of_flat(endpoint: Endpoint) -> pa.Schema | None:
    """Return the schema for Arrow; None for an endpoint that has other kinds than integers and times."""
    arrow = {Kind.INT: ARROW_TYPES[Kind.INT], Kind.TIME: pa.string()}
    if any(column.kind not in arrow for column in endpoint.columns):
        return None
    return pa.schema([(column.name, arrow[column.kind]) for column in endpoint.columns])
