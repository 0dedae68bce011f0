"""How a Delta table is opened, kept open and scanned.

Only the handle; what is written to a table, and what a damaged one means, is the business of who holds it.
"""

import os
import threading
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

import pyarrow.dataset as ds
from deltalake import DeltaTable
from pyarrow import fs


def scan(table: DeltaTable, seasons: Iterable[int] | None = None) -> ds.Dataset:
    """A table for Arrow to scan, or what it has of some seasons; one on disk by Arrow's own file system.

    Arrow is told of every file before it reads one: naming the seasons keeps that from growing with history.

    deltalake's calls back into Python from Arrow's threads, and a process that ends right after such a scan may abort:
    "terminate called without an active exception".
    """
    partitions = None if seasons is None else [("_season", "in", [str(season) for season in seasons])]
    at = urlsplit(table.table_uri)
    if at.scheme not in ("", "file"):
        return table.to_pyarrow_dataset(partitions)
    return table.to_pyarrow_dataset(
        partitions, filesystem=fs.SubTreeFileSystem(unquote(at.path), fs.LocalFileSystem())
    )


class Opened:
    """The newest version of a table, kept open: bringing it up to date takes a twentieth of opening it anew.

    Args:
        uri: the table. In an object store it is opened anew each time.

    `generation` tells what was read of one table from what is read of another: a table that was removed, and perhaps
    made anew under its name, is noticed by the commit that it was at.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.generation = 0
        self._lock = threading.Lock()
        self._table: DeltaTable | None = None
        self._commit: tuple[int, int, int] | None = None

    def now(self) -> DeltaTable:
        """The table as it is now. Raises what deltalake raises for a table that cannot be read."""
        with self._lock:
            return self._now()

    def _now(self) -> DeltaTable:
        if (
            self._table is not None
            and self._commit is not None
            and self._commit == self._commit_at(self._commit[0])
        ):
            # deltalake lists the whole log to see if there is news; where there is no next commit there is none.
            if self._commit_at(self._commit[0] + 1) is not None:
                self._table.update_incremental()
        else:
            table = DeltaTable(self.uri)
            self.generation += self._table is None or self._commit is not None
            self._table, self._commit = table, None
        if self._commit is None or self._commit[0] != self._table.version():
            self._commit = self._commit_at(self._table.version())
        return self._table

    def forget(self) -> None:
        """Open it anew the next time: after a commit that failed."""
        self._table = None

    def _commit_at(self, version: int) -> tuple[int, int, int] | None:
        try:
            found = os.stat(f"{self.uri}/_delta_log/{version:020}.json")  # noqa: PTH116  asked thousands of times
        except OSError:
            return None
        return version, found.st_ino, found.st_mtime_ns
