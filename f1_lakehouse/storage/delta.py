"""How a Delta table is opened, kept open and scanned.

Not here: what is written to a table, and how a damaged table is reported (pull_log.py).
"""

import os
import threading
from collections.abc import Collection
from functools import reduce
from operator import and_
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable, PostCommitHookProperties, WriterProperties
from pyarrow import fs

_BOUNDED = ("_pull_id", "pull_id")
"""Columns whose bounds exclude files from a scan, next to the partition columns: a file has one pull until it is compacted."""

PROPERTIES = {"delta.appendOnly": "true", "delta.logRetentionDuration": "interval 3650 days"}
"""Of the lake's own tables. The log is kept for ten years: without it a table can be read, but not its earlier versions."""
WRITER = WriterProperties(compression="ZSTD", max_row_group_size=64 * 1024)
"""One driver's rows of a telemetry pull fill one or two row groups, so that a query on a driver skips the others."""
_FEW_ROWS_AHEAD: dict[str, Any] = {
    "batch_size": 16 * 1024,
    "batch_readahead": 2,
    "fragment_readahead": 2,
    "fragment_scan_options": ds.ParquetFragmentScanOptions(pre_buffer=False, use_buffered_stream=True),
}
AFTER_APPEND = PostCommitHookProperties(create_checkpoint=True, cleanup_expired_logs=False)
"""Expired entries of the log are not removed after an append, which would list the complete log: 50 ms for 5,000 entries. Compaction
removes them."""

FOLDER_README = """\
# Delta tables

Each folder here is a Delta table, not a set of Parquet files. `read_parquet` on its files also returns rows of old versions, without a
warning: only the log in `_delta_log` says which files are current.

Read a table as Delta (`pl.read_delta`, `DeltaTable(...).to_pandas()`, DuckDB's `delta_scan`), or use `f1 sql`, the Python API or gold.duckdb.
"""


def explain_folder(uri: str) -> None:
    """Put a README into a folder of Delta tables on disk, unless there is one."""
    readme = Path(uri) / "README.md"
    if "://" not in uri and not readme.exists():
        readme.write_text(FOLDER_README, encoding="utf-8")


def scan(table: DeltaTable, seasons: Collection[int] | None = None) -> ds.Dataset:
    """Return a table, or some of its seasons, as an Arrow dataset.

    Arrow needs the list of files before it reads one. deltalake's own dataset passes the bounds of every column: with 18 tables of 440
    files that takes 240 MiB and 3 s instead of 50 MiB and 0.5 s. The bounds of the other columns are in the files, per row group.

    A table on disk is read through Arrow's own file system. deltalake's calls back into Python from Arrow's threads, and a process that
    ends right after such a scan may abort: "terminate called without an active exception".
    """
    at = urlsplit(table.table_uri)
    on_disk = None
    if at.scheme in ("", "file"):
        on_disk = fs.SubTreeFileSystem(unquote(at.path), fs.LocalFileSystem())
    empty = table.to_pyarrow_dataset(filesystem=on_disk, file_pruning_predicate="1 = 0")
    partition = table.metadata().partition_columns
    bounded = [name for name in _BOUNDED if name in empty.schema.names]
    files = pa.table(table.get_add_actions(flatten=True)).select(
        [
            "path",
            *(f"partition.{name}" for name in partition),
            *(f"{end}.{name}" for name in bounded for end in ("min", "max")),
        ]
    )
    fragments = []
    for file in files.to_pylist():
        if seasons is not None and file["partition._season"] not in seasons:
            continue
        # Unknown bounds (a null, a file without statistics) must not exclude a file.
        known = [pc.scalar(True)]
        known += [
            pc.field(name) == value for name in partition if (value := file[f"partition.{name}"]) is not None
        ]
        known += [pc.field(name) >= least for name in bounded if (least := file[f"min.{name}"]) is not None]
        known += [pc.field(name) <= most for name in bounded if (most := file[f"max.{name}"]) is not None]
        fragments.append(empty.format.make_fragment(file["path"], empty.filesystem, reduce(and_, known)))
    kind = _OnDisk if on_disk is not None else ds.FileSystemDataset
    return kind(fragments, empty.schema, empty.format, empty.filesystem)


class _OnDisk(ds.FileSystemDataset):
    """A dataset whose scans read few rows ahead of their consumer, Arrow itself or DuckDB.

    By default Arrow decodes 2 million rows ahead, which for a session's telemetry is all of them: 100 MiB. A disk needs no such
    distance; in an object store each read takes long, and Arrow's defaults are kept.
    """

    def scanner(self, **options: Any) -> ds.Scanner:
        """Return a scanner; options that the caller gives are kept."""
        return super().scanner(**(_FEW_ROWS_AHEAD | options))


class OpenTable:
    """The newest version of a table, kept open: updating it takes a twentieth of the time of opening it.

    Args:
        uri: the table. In an object store it is opened each time.

    `generation` changes when the table was removed and perhaps created again: what was read before is of another table. The file of the
    last commit shows it.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.generation = 0
        self._lock = threading.Lock()
        self._table: DeltaTable | None = None
        self._commit: tuple[int, int, int] | None = None

    def now(self) -> DeltaTable:
        """Return the current version of the table. Raises what deltalake raises for a table that cannot be read."""
        with self._lock:
            return self._now()

    def _now(self) -> DeltaTable:
        commit = self._commit
        if self._table is None or commit is None or commit != self._commit_at(commit[0]):
            table = DeltaTable(self.uri)
            self.generation += self._table is None or commit is not None
            self._table, commit = table, None
        # deltalake lists the complete log to find new commits; if the next one does not exist, there is none. After a write
        # through this object, its version is newer than the noted commit.
        elif self._commit_at(self._table.version() + 1) is not None:
            self._table.update_incremental()
        if commit is None or commit[0] != self._table.version():
            commit = self._commit_at(self._table.version())
        self._commit = commit
        return self._table

    def forget(self) -> None:
        """Open the table again the next time: after a commit that failed."""
        self._table = None

    def _commit_at(self, version: int) -> tuple[int, int, int] | None:
        try:
            found = os.stat(f"{self.uri}/_delta_log/{version:020}.json")  # noqa: PTH116  asked thousands of times
        except OSError:
            return None
        return version, found.st_ino, found.st_mtime_ns


def with_columns(dataset: ds.Dataset, schema: pa.Schema | None) -> ds.Dataset:
    """A dataset with the columns of a schema that an older version did not write, as nulls."""
    missing = [field for field in schema or () if field.name not in dataset.schema.names]
    return dataset.replace_schema(pa.schema([*dataset.schema, *missing])) if missing else dataset
