"""An append-only Delta table of records of one type, read completely. The meaning of the records is defined by its users."""

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError

from f1_lakehouse.storage.delta import AFTER_APPEND, PROPERTIES, scan
from f1_lakehouse.storage.pull_log import COMPACT_EVERY, reading


class AppendOnlyLog:
    """The table at a URI, created with its first record.

    The records are cached, and read again only when the table has a new version.
    """

    def __init__(self, uri: str, schema: pa.Schema, description: str) -> None:
        self.uri = uri
        self._schema, self._description = schema, description
        self._version = -1
        self._rows: list[dict[str, Any]] = []

    def rows(self) -> list[dict[str, Any]]:
        """Return all records, in no order; columns that were added after a record are None in it."""
        if not DeltaTable.is_deltatable(self.uri):
            return []
        with reading(self.uri):
            table = DeltaTable(self.uri)
            if table.version() != self._version:
                self._rows = scan(table).to_table().to_pylist()
                self._version = table.version()
        return self._rows

    def append(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Append records in one Delta commit."""
        found = pa.Table.from_pylist([dict(row) for row in rows], self._schema)
        if not found.num_rows:
            return
        write_deltalake(
            self.uri,
            found,
            mode="append",
            schema_mode="merge",
            configuration=PROPERTIES,
            description=self._description,
            post_commithook_properties=AFTER_APPEND,
        )
        table = DeltaTable(self.uri)
        if table.version() % COMPACT_EVERY == COMPACT_EVERY - 1:
            with contextlib.suppress(CommitFailedError):  # another process does it
                table.optimize.compact()
