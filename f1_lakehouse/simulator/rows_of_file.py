"""The rows of one file, in groups of one (session, meeting, driver), and the rows of a group that a query selects.

Belongs here: how rows are read and held in memory. Rows are held as objects where they are few and as encoded lines where they are
many: 700,000 telemetry rows take 350 MB as Python objects and 100 MB as text, and most of them are sent unchanged.
Does not belong here: which files there are (`store`), what a query means (`query`).
"""

from __future__ import annotations

import gzip
import json
import zlib
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import orjson

from f1_lakehouse.errors import F1LakehouseError
from f1_lakehouse.simulator.query import Condition, FieldFilter, Query, stored_date, typed

Row = dict[str, Any]

SortKey = tuple[tuple[int, Any], ...]

SORT_FIELDS = ("date_start", "meeting_key", "session_key", "position_current")
"""What the service orders by, before the order in which rows were stored. Missing values come first."""

GROUP_FIELDS = ("session_key", "meeting_key", "driver_number")

ENCODE_FROM_BYTES = 500_000

PIECE_BYTES = 4_000_000

_NO_DATE = -(2**63)

_KIND_ORDER = {"number": 1, "string": 2, "bool": 3, "date": 4}  # as MongoDB orders types; null is 0

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_MILLISECOND = timedelta(milliseconds=1)


class ReplayError(F1LakehouseError, ValueError):
    """What stands in the way of serving a folder; one line that names the cause and the cure."""


class ReplayFolderError(ReplayError):
    """The folder does not exist, holds no endpoint folders, or a file in it is not an array of rows."""


@dataclass
class SelectedRows:
    """The rows that a query found, in the service's order, each as an object or as its JSON text."""

    found: list[Row | bytes]

    def __len__(self) -> int:
        return len(self.found)

    def rows(self) -> list[Row]:
        """All rows as objects."""
        return [orjson.loads(r) if isinstance(r, bytes) else r for r in self.found]

    def json(self) -> bytes:
        """All rows as one JSON array."""
        if self.found and all(isinstance(r, bytes) for r in self.found):
            return b"[" + b",".join(cast("list[bytes]", self.found)) + b"]"
        try:
            return orjson.dumps([orjson.Fragment(r) if isinstance(r, bytes) else r for r in self.found])
        except orjson.JSONEncodeError:  # half of a surrogate pair, say: a service in Python sends it escaped
            return json.dumps(self.rows()).encode()


@dataclass
class RowGroup:
    """Rows of one file that share session, meeting and driver.

    Either `rows` or `lines` (their JSON texts, joined by newlines) holds them; `order` is their index in the file.
    """

    constants: dict[str, Any]
    order: array[int]
    rows: list[Row] | None = None
    lines: bytes = b""
    _dates: array[int] | None = None

    def select(self, query: Query) -> list[tuple[int, Row | bytes]]:
        """(index in the file, row) of all rows that pass."""
        remaining: list[FieldFilter] = []
        for one in query.filters:
            if one.field not in self.constants:
                remaining.append(one)
            elif not one.matches(self.constants[one.field]):
                return []
        if self.rows is not None:
            return [
                (index, row)
                for index, row in zip(self.order, self.rows, strict=True)
                if all(f.matches(row.get(f.field)) for f in remaining)
            ]
        lines = self.lines.split(b"\n")
        wanted: Iterable[int] = range(len(lines))
        for one in remaining:
            if one.field == "date" and one.only_of("date"):
                by_ms, dates = in_milliseconds(one), self._dates_of(lines)
                wanted = [
                    i for i in wanted if dates[i] != _NO_DATE and by_ms.matches_typed("number", dates[i])
                ]
            else:
                wanted = [i for i in wanted if one.matches(orjson.loads(lines[i]).get(one.field))]
        return [(self.order[i], lines[i]) for i in wanted]

    def _dates_of(self, lines: list[bytes]) -> array[int]:
        """The rows' `date` in ms since 1970. Cached, because telemetry is requested in windows of time."""
        if self._dates is None:
            values = (orjson.loads(line).get("date") for line in lines)
            moments = (stored_date(value) if isinstance(value, str) else None for value in values)
            self._dates = array("q", (_NO_DATE if m is None else _milliseconds(m) for m in moments))
        return self._dates


def in_milliseconds(date_filter: FieldFilter) -> FieldFilter:
    """A filter on dates as one on ms since 1970."""
    return FieldFilter(
        date_filter.field,
        tuple(
            tuple(
                Condition(c.field, c.op, _milliseconds(cast(datetime, c.value)), "number") for c in conditions
            )
            for conditions in date_filter.alternatives
        ),
    )


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MILLISECOND


def read_groups(path: Path) -> list[RowGroup]:
    try:
        raw = path.read_bytes()
        if path.suffix == ".gz":
            raw = gzip.decompress(raw)
        return _encoded(raw) if _better_encoded(raw) else _as_objects(raw)
    except (OSError, EOFError, zlib.error, orjson.JSONDecodeError) as error:
        raise ReplayFolderError(f"{path} cannot be read as JSON ({error}): write it again") from error
    except (TypeError, AttributeError) as error:
        raise ReplayFolderError(
            f"{path} is not a JSON array of flat objects ({error}): write it as [{{...}}, {{...}}]"
        ) from error


def _better_encoded(raw: bytes) -> bool:
    """Whether a file has many rows, and none of them has a sort field other than the keys of its group."""
    return len(raw) >= ENCODE_FROM_BYTES and b'"date_start"' not in raw and b'"position_current"' not in raw


def _as_objects(raw: bytes) -> list[RowGroup]:
    groups: dict[tuple[Any, ...], RowGroup] = {}
    for index, row in enumerate(_loads(raw)):
        key = _group_key(row)
        group = groups.get(key)
        if group is None:
            group = groups[key] = RowGroup(_constants(key), array("I"), rows=[])
        group.order.append(index)
        cast("list[Row]", group.rows).append(row)
    return list(groups.values())


def _encoded(raw: bytes) -> list[RowGroup]:
    orders: dict[tuple[Any, ...], array[int]] = {}
    lines: dict[tuple[Any, ...], bytearray] = {}
    index = 0
    for rows in _in_pieces(raw):
        for row in rows:
            key = _group_key(row)
            if key not in orders:
                orders[key], lines[key] = array("I"), bytearray()
            orders[key].append(index)
            # Each text is copied and freed immediately: 700,000 kept texts took 3 GB, because orjson shrinks its
            # buffers of 1 kB in place.
            lines[key] += orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
            index += 1
    return [
        RowGroup(_constants(key), order, lines=bytes(lines.pop(key)[:-1])) for key, order in orders.items()
    ]


def _in_pieces(raw: bytes) -> Iterator[list[Row]]:
    """The rows of a JSON array, some thousand at a time, so that not all of them are objects at the same time.

    The array is cut between two objects. If a string contains the same characters, the pieces are not JSON: then, and if rows are
    separated by spaces, the rest is read in one step.
    """
    start = raw.find(b"[") + 1
    done = 0
    while (cut := raw.find(b"},{", start + PIECE_BYTES)) > 0:
        try:
            rows = orjson.loads(b"[" + raw[start : cut + 1] + b"]")
        except orjson.JSONDecodeError:
            yield _loads(raw)[done:]
            return
        done += len(rows)
        yield rows
        start = cut + 2
    yield _loads(b"[" + raw[start:])


def _loads(raw: bytes) -> Any:
    """JSON as the service's store reads it: Python's, which accepts NaN and halves of surrogate pairs."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        try:
            return json.loads(raw)
        except ValueError:
            raise error from None


def _group_key(row: Row) -> tuple[Any, ...]:
    """The values by which rows are grouped; an unexpected value, for example a list, makes a separate group."""
    values = (row.get("session_key"), row.get("meeting_key"), row.get("driver_number"))
    return tuple(str(value) if isinstance(value, list | dict) else value for value in values)


def _constants(key: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(GROUP_FIELDS, key, strict=True))


def sort_key(row: Row) -> SortKey:
    key = []
    for name in SORT_FIELDS:
        kind, value = typed(name, row.get(name))
        key.append((_KIND_ORDER[kind], value) if kind is not None else (0, 0))
    return tuple(key)
