"""Rows as files: `FOLDER/<endpoint>/*.json[.gz]`, each a JSON array of flat objects, found again by query.

Belongs here: reading and keeping files, detecting changes, selecting the rows of a query and
sorting them in the order of the service. Does not belong here: what a query means (`query`), status codes and HTTP
(`server`), writing (`generate`).

A folder is listed again at every request, so a row corrected on disk is served corrected.
"""

from __future__ import annotations

import gzip
import os
import re
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from f1_lakehouse.simulator.query import Query, typed
from f1_lakehouse.simulator.rows_of_file import (
    ReplayFolderError,
    Row,
    RowGroup,
    SelectedRows,
    SortKey,
    read_groups,
    sort_key,
)

LARGE_FILE = {
    ".json": 8_000_000,
    ".gz": 1_000_000,
}  # bytes on disk: a race of intervals stays below, telemetry not
KEPT_LARGE_BYTES = 512_000_000

_ENDPOINT = re.compile(r"\w+")


@dataclass
class RowFile:
    """One file. `groups` is None until it is read; for a large one, `claims` is the session in its name.

    `sessions` are the keys of the rows, None as long as they are not known.
    """

    path: Path
    signature: tuple[int, int, int]
    claims: int | None = None
    sessions: list[Any] | None = None
    groups: list[RowGroup] | None = None
    size: int = 0

    def may_hold(self, query: Query) -> bool:
        """False if the query excludes every session of the file.

        A large file that was not read yet counts as holding the session for which it is named, if it begins with it.
        """
        wanted = query.on("session_key")
        return wanted is None or self.sessions is None or any(wanted.matches(key) for key in self.sessions)


@dataclass
class EndpointFiles:
    """The files of one endpoint in their order, and what was read of them."""

    folder: Path
    parts: dict[str, RowFile] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


class RowStore:
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
        self._tables: dict[str, EndpointFiles] = {}
        self._lock = threading.Lock()
        self._large: OrderedDict[Path, RowFile] = OrderedDict()

    def endpoints(self) -> list[str]:
        """Names of the folders that hold rows."""
        return sorted(
            child.name
            for child in self.folder.iterdir()
            if _ENDPOINT.fullmatch(child.name) and _signatures(child)
        )

    def select(self, endpoint: str, query: Query) -> SelectedRows:
        """The rows of an endpoint that pass, in the service's order; none if there is no such endpoint.

        Raises `ReplayFolderError` if a file cannot be read as rows.
        """
        with self._lock:
            table = self._tables.setdefault(endpoint, EndpointFiles(self.folder / endpoint))
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
                common = sort_key(group.constants)
                hits += [(i, sort_key(r) if isinstance(r, dict) else common, r) for i, r in found]
            if hit_groups > 1:
                hits.sort(key=lambda hit: hit[0])
            keyed += [(key, row) for _, key, row in hits]
        if any(key != keyed[0][0] for key, _ in keyed):
            keyed.sort(key=lambda pair: pair[0])  # stable: the stored order decides between equals
        return SelectedRows([row for _, row in keyed])

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

    def _refresh(self, table: EndpointFiles) -> None:
        """Update the list of files from the folder; a file with a new signature is read again."""
        signatures = _signatures(table.folder)
        if signatures == {name: part.signature for name, part in table.parts.items()}:
            return
        parts: dict[str, RowFile] = {}
        for name in sorted(signatures, key=_file_order):
            known = table.parts.get(name)
            if known is not None and known.signature == signatures[name]:
                parts[name] = known
                continue
            part = parts[name] = RowFile(table.folder / name, signatures[name])
            if part.signature[1] >= LARGE_FILE[part.path.suffix]:
                part.claims = _claimed_session(part.path)
                part.sessions = None if part.claims is None else [part.claims]
        table.parts = parts

    def _read(self, part: RowFile) -> list[RowGroup]:
        groups = part.groups
        if groups is None:
            groups = part.groups = read_groups(part.path)
            part.sessions = list(dict.fromkeys(g.constants["session_key"] for g in groups))
            if part.claims is not None:
                part.size = sum(len(g.lines) + 12 * len(g.order) for g in groups)
        if part.size:
            self._keep(part)
        return groups

    def _keep(self, part: RowFile) -> None:
        """Drop the least recently used large files from memory, beyond a bound."""
        with self._lock:
            self._large[part.path] = part
            self._large.move_to_end(part.path)
            while len(self._large) > 1 and sum(p.size for p in self._large.values()) > KEPT_LARGE_BYTES:
                _, oldest = self._large.popitem(last=False)
                oldest.groups = None


def _signatures(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Time of change, size and inode of each file of rows; none if there is no such folder.

    Called at every request, for some hundred files: hence scandir.
    """
    found: dict[str, tuple[int, int, int]] = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith((".json", ".json.gz")) and not entry.name.startswith("."):
                    stat = entry.stat()
                    found[entry.name] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
    except (FileNotFoundError, NotADirectoryError):
        return found  # a missing folder, or a file removed since it was listed: the next request reads the new list
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
        return None  # the error is reported when the file is read
    found = re.search(rb'"session_key"\s*:\s*(\d+)', head.partition(b"}")[0])
    return int(stem) if found and stem.isdigit() and int(stem) == int(found[1]) else None
