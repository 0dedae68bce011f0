"""From the nested response to flat rows: what a resource's rows are, with numbers, seconds and names of columns.

    {"MRData": {"limit": "100", "offset": "0", "total": "20", "RaceTable": {"Races": [{…, "Results": [{…}]}]}}}

A field that the catalog does not know becomes a column named after it, so that schema drift is reported as for every
other source. Types are checked later (storage/parsing.py); requests and pages are in pages.py.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from f1_lakehouse.sources.jolpica.fields import Resource, camel

Row = dict[str, Any]


class EnvelopeError(ValueError):
    """A body that is not a response of Jolpica's, or not of the resource; the message says what is wrong with it."""


@dataclass(frozen=True)
class Envelope:
    """The frame of a response: how many rows the query has, and which of them this page holds."""

    total: int
    limit: int
    offset: int
    table: dict[str, Any]


def envelope(resource: Resource, body: bytes) -> Envelope:
    """The frame of a body, checked. Raises EnvelopeError."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise EnvelopeError(f"{len(body)} bytes that are not JSON ({error})") from error
    return envelope_of(resource, content)


def envelope_of(resource: Resource, content: Any) -> Envelope:
    """The frame of decoded content, checked. Raises EnvelopeError."""
    data = content.get("MRData") if isinstance(content, dict) else None
    if not isinstance(data, dict):
        raise EnvelopeError("a response without MRData")
    table = data.get(resource.lists[0])
    if not isinstance(table, dict):
        raise EnvelopeError(f"a response without {resource.lists[0]}")
    return Envelope(_count(data, "total"), _count(data, "limit"), _count(data, "offset"), table)


def _count(data: dict[str, Any], name: str) -> int:
    value = data.get(name)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    raise EnvelopeError(f"{name} is {str(value)[:40]!r}, not a number")


def rows_of_content(resource: Resource, content: Any) -> list[Row]:
    """The rows of decoded content, in the order served. Raises EnvelopeError."""
    return unpack(resource, envelope_of(resource, content).table)


def unpack(resource: Resource, table: dict[str, Any]) -> list[Row]:
    """The rows of the table of a response (`RaceTable`, `DriverTable`, …), in the order served. Raises EnvelopeError."""
    return list(_rows(resource, table, 1, {}))


def _rows(resource: Resource, holder: dict[str, Any], depth: int, above: Row) -> Iterator[Row]:
    name = resource.lists[depth]
    items = holder.get(name)
    if not isinstance(items, list):
        raise EnvelopeError(f"{name} is not a list")
    last = depth == len(resource.lists) - 1
    for item in items:
        if not isinstance(item, dict):
            raise EnvelopeError(f"an item of {name} is not an object")
        inner = None if last else resource.lists[depth + 1]
        row = {**above, **_fields(resource, name, {k: v for k, v in item.items() if k != inner}, last)}
        if not last:
            if inner in item:
                yield from _rows(resource, item, depth + 1, row)
            continue
        yield row


def _fields(resource: Resource, at: str, item: dict[str, Any], innermost: bool) -> Row:
    """The columns that an object fills."""
    found: Row = {}
    for prefix in resource.sessions:
        found |= _session(prefix, item)
    for path, value in _leaves(resource, at, item):
        if path in resource.fields:
            found |= {column: convert(value) for column, convert in resource.fields[path]}
        else:
            parts = path.split(".")[1:] if innermost else path.split(".")
            found[_snake("_".join(parts))] = value
    return found


def _leaves(resource: Resource, path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if path in resource.ignored:
        return
    if isinstance(value, dict) and path not in resource.fields:
        for name, inner in value.items():
            yield from _leaves(resource, f"{path}.{name}", inner)
    else:
        yield path, value


def _session(prefix: str, race: dict[str, Any]) -> Row:
    """Day and start of one session of a race; the race's own are fields of the race itself."""
    held = race if prefix == "race" else race.get(camel(prefix))
    if not isinstance(held, dict):
        return {}
    day, time = held.get("date") or None, held.get("time") or None
    return {
        f"{prefix}_date": day,
        f"{prefix}_start": None if day is None or time is None else f"{day}T{time}",
    }


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
