"""Rows as files: `FOLDER/<endpoint>/*.json[.gz]`, each a JSON array of flat objects, found again by query.

Belongs here: reading and keeping files, noticing that they changed, finding the rows that a query wants and
putting them in the service's order. Does not belong here: what a query means (`query`), status codes and HTTP
(`server`), writing (`generate`).

A folder is asked anew at every request, so a row corrected on disk is served corrected. Rows are kept in groups
of one (session, meeting, driver): as objects where they are few, as encoded lines where they are many, because
700,000 telemetry rows as Python objects take 350 MB and as text 100 MB, and are mostly sent as they are.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import threading
import zlib
from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import orjson

from f1_lakehouse.errors import F1LakehouseError
from f1_lakehouse.simulator.query import Condition, FieldFilter, Query, stored_date, typed

Row = dict[str, Any]
SortKey = tuple[tuple[int, Any], ...]
# What the service orders by, before the order in which rows were stored. Missing values come first.
SORT_FIELDS = ("date_start", "meeting_key", "session_key", "position_current")
GROUP_FIELDS = ("session_key", "meeting_key", "driver_number")

ENCODE_FROM_BYTES = 500_000
LARGE_FILE = {
    ".json": 8_000_000,
    ".gz": 1_000_000,
}  # bytes on disk: a race of intervals stays below, telemetry not
KEPT_LARGE_BYTES = 512_000_000
PIECE_BYTES = 4_000_000

_ENDPOINT = re.compile(r"\w+")
_NO_DATE = -(2**63)
_KIND_ORDER = {"number": 1, "string": 2, "bool": 3, "date": 4}  # as MongoDB orders types; null is 0


class ReplayError(F1LakehouseError, ValueError):
    """What stands in the way of serving a folder; one line that names the cause and the cure."""


class ReplayFolderError(ReplayError):
    """The folder does not exist, holds no endpoint folders, or a file in it is not an array of rows."""


@dataclass
class Selection:
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
class Group:
    """Rows of one file that share session, meeting and driver.

    Either `rows` or `lines` (their JSON texts, joined by newlines) holds them; `order` is their place in the file.
    """

    constants: dict[str, Any]
    order: array[int]
    rows: list[Row] | None = None
    lines: bytes = b""
    _dates: array[int] | None = None

    def select(self, query: Query) -> list[tuple[int, Row | bytes]]:
        """(place in the file, row) of all rows that pass."""
        remaining: list[FieldFilter] = []
        for one in query.filters:
            if one.field not in self.constants:
                remaining.append(one)
            elif not one.matches(self.constants[one.field]):
                return []
        if self.rows is not None:
            return [
                (place, row)
                for place, row in zip(self.order, self.rows, strict=True)
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
        """The rows' `date` in ms since 1970. Kept, because telemetry is asked for in windows of time."""
        if self._dates is None:
            values = (orjson.loads(line).get("date") for line in lines)
            moments = (stored_date(value) if isinstance(value, str) else None for value in values)
            self._dates = array("q", (_NO_DATE if m is None else _milliseconds(m) for m in moments))
        return self._dates


@dataclass
class Part:
    """One file. `groups` is None until it is read; a large one says beforehand what it `claims` to hold.

    `sessions` are the keys of the rows, None as long as they are not known.
    """

    path: Path
    signature: tuple[int, int, int]
    claims: int | None = None
    sessions: list[Any] | None = None
    groups: list[Group] | None = None
    size: int = 0

    def may_hold(self, query: Query) -> bool:
        """False if the query excludes every session of the file.

        A large file that was not read yet counts as holding the session for which it is named, if it begins with it.
        """
        wanted = query.on("session_key")
        return wanted is None or self.sessions is None or any(wanted.matches(key) for key in self.sessions)


@dataclass
class Table:
    """The files of one endpoint in their order, and what was read of them."""

    folder: Path
    parts: dict[str, Part] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Store:
    """All endpoints of one folder. Safe to use from many threads."""

    def __init__(self, folder: Path) -> None:
        """Raises `ReplayFolderError` if there is nothing to serve."""
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise ReplayFolderError(
                f"{folder} is not a folder: name one that holds <endpoint>/*.json, or make one with `f1 generate`"
            )
        if not self.endpoints():
            raise ReplayFolderError(
                f"{folder} holds no <endpoint>/*.json[.gz], for example sessions/2024.json: "
                "name the folder above the endpoints, or make one with `f1 generate`"
            )
        self._tables: dict[str, Table] = {}
        self._lock = threading.Lock()
        self._large: OrderedDict[Path, Part] = OrderedDict()

    def endpoints(self) -> list[str]:
        """Names of the folders that hold rows."""
        return sorted(
            child.name
            for child in self.folder.iterdir()
            if _ENDPOINT.fullmatch(child.name) and _signatures(child)
        )

    def select(self, endpoint: str, query: Query) -> Selection:
        """The rows of an endpoint that pass, in the service's order; none if there is no such endpoint.

        Raises `ReplayFolderError` if a file cannot be read as rows.
        """
        with self._lock:
            table = self._tables.setdefault(endpoint, Table(self.folder / endpoint))
        with table.lock:
            self._refresh(table)
            contents = [self._read(part) for part in table.parts.values() if part.may_hold(query)]
        keyed: list[tuple[SortKey, Row | bytes]] = []
        for groups in contents:
            hits: list[tuple[int, SortKey, Row | bytes]] = []
            hit_groups = 0
            for group in groups:
                found = group.select(query)
                hit_groups += bool(found)
                common = _sort_key(group.constants)
                hits += [(i, _sort_key(r) if isinstance(r, dict) else common, r) for i, r in found]
            if hit_groups > 1:
                hits.sort(key=lambda hit: hit[0])
            keyed += [(key, row) for _, key, row in hits]
        if any(key != keyed[0][0] for key, _ in keyed):
            keyed.sort(key=lambda pair: pair[0])  # stable: the stored order decides between equals
        return Selection([row for _, row in keyed])

    def latest(self, key: str, now: datetime) -> int | None:
        """`key` (session_key or meeting_key) of the newest session begun by now + 60 s and not cancelled."""
        best: tuple[datetime, int] | None = None
        for row in self.select("sessions", Query(())).rows():
            kind, start = typed("date_start", row.get("date_start"))
            if kind != "date" or start > now + timedelta(seconds=60) or row.get("is_cancelled"):
                continue
            if row.get(key) is not None and (best is None or start >= best[0]):
                best = (start, row[key])
        return None if best is None else best[1]

    def _refresh(self, table: Table) -> None:
        """Bring the list of files into line with the folder; a file with a new signature is read anew."""
        signatures = _signatures(table.folder)
        if signatures == {name: part.signature for name, part in table.parts.items()}:
            return
        parts: dict[str, Part] = {}
        for name in sorted(signatures, key=_file_order):
            known = table.parts.get(name)
            if known is not None and known.signature == signatures[name]:
                parts[name] = known
                continue
            part = parts[name] = Part(table.folder / name, signatures[name])
            if part.signature[1] >= LARGE_FILE[part.path.suffix]:
                part.claims = _claimed_session(part.path)
                part.sessions = None if part.claims is None else [part.claims]
        table.parts = parts

    def _read(self, part: Part) -> list[Group]:
        groups = part.groups
        if groups is None:
            groups = part.groups = _read_groups(part.path)
            part.sessions = list(dict.fromkeys(g.constants["session_key"] for g in groups))
            if part.claims is not None:
                part.size = sum(len(g.lines) + 12 * len(g.order) for g in groups)
        if part.size:
            self._keep(part)
        return groups

    def _keep(self, part: Part) -> None:
        """Forget the large files that were used longest ago, beyond a bound."""
        with self._lock:
            self._large[part.path] = part
            self._large.move_to_end(part.path)
            while len(self._large) > 1 and sum(p.size for p in self._large.values()) > KEPT_LARGE_BYTES:
                _, oldest = self._large.popitem(last=False)
                oldest.groups = None


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


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MILLISECOND


def _signatures(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Time of change, size and inode of each file of rows; none if there is no such folder.

    Asked at every request, of some hundred files: hence scandir.
    """
    found: dict[str, tuple[int, int, int]] = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith((".json", ".json.gz")) and not entry.name.startswith("."):
                    stat = entry.stat()
                    found[entry.name] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
    except (FileNotFoundError, NotADirectoryError):
        return (
            found  # a folder that is not there, or a file removed since it was listed: the next request sees
        )
    return found


def _file_order(name: str) -> tuple[int, str]:
    """By number where names are numbers, so that session 9606 was stored before 10000."""
    stem = name.partition(".")[0]
    return (int(stem), name) if stem.isdigit() else (-1, name)


def _claimed_session(path: Path) -> int | None:
    """The session after which a file is named, if its first row is of that session; else None."""
    stem = path.name.partition(".")[0]
    opener: Callable[..., Any] = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rb") as file:
            head = file.read(65_536)
    except (OSError, EOFError, zlib.error):
        return None  # whatever is wrong with it is said when it is read
    found = re.search(rb'"session_key"\s*:\s*(\d+)', head.partition(b"}")[0])
    return int(stem) if found and stem.isdigit() and int(stem) == int(found[1]) else None


def _read_groups(path: Path) -> list[Group]:
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
    """Whether rows are many, and none has what it would be sorted by beside its group's keys."""
    return len(raw) >= ENCODE_FROM_BYTES and b'"date_start"' not in raw and b'"position_current"' not in raw


def _as_objects(raw: bytes) -> list[Group]:
    groups: dict[tuple[Any, ...], Group] = {}
    for place, row in enumerate(_loads(raw)):
        key = _group_key(row)
        group = groups.get(key)
        if group is None:
            group = groups[key] = Group(_constants(key), array("I"), rows=[])
        group.order.append(place)
        cast("list[Row]", group.rows).append(row)
    return list(groups.values())


def _encoded(raw: bytes) -> list[Group]:
    orders: dict[tuple[Any, ...], array[int]] = {}
    lines: dict[tuple[Any, ...], bytearray] = {}
    place = 0
    for rows in _in_pieces(raw):
        for row in rows:
            key = _group_key(row)
            if key not in orders:
                orders[key], lines[key] = array("I"), bytearray()
            orders[key].append(place)
            # Each text is copied and freed at once: kept, 700,000 of them took 3 GB, as orjson's buffers of
            # 1 kB are shrunk where they stand.
            lines[key] += orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
            place += 1
    return [Group(_constants(key), order, lines=bytes(lines.pop(key)[:-1])) for key, order in orders.items()]


def _in_pieces(raw: bytes) -> Iterator[list[Row]]:
    """The rows of a JSON array, some thousand at a time, so that they never are all objects at once.

    Cut where one object ends and the next begins. A text that looks like that place leaves two pieces that are
    not JSON: then, and where rows are set apart by spaces, what remains is read in one go.
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
    """JSON as the service's store reads it: Python's, which knows NaN and halves of surrogate pairs."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        try:
            return json.loads(raw)
        except ValueError:
            raise error from None


def _group_key(row: Row) -> tuple[Any, ...]:
    """What rows are grouped by; an odd value there, a list say, is a group of its own."""
    values = (row.get("session_key"), row.get("meeting_key"), row.get("driver_number"))
    return tuple(str(value) if isinstance(value, list | dict) else value for value in values)


def _constants(key: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(GROUP_FIELDS, key, strict=True))


def _sort_key(row: Row) -> SortKey:
    key = []
    for name in SORT_FIELDS:
        kind, value = typed(name, row.get(name))
        key.append((_KIND_ORDER[kind], value) if kind is not None else (0, 0))
    return tuple(key)
