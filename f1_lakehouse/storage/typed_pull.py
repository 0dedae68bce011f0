"""A landed pull with its typed rows, as it is written to bronze: with the columns that the lake adds."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
from deltalake import Transaction

from f1_lakehouse.sources.catalog import Endpoint
from f1_lakehouse.storage.landing import Manifest
from f1_lakehouse.storage.parsing import Batch, merge

WRITTEN_ROWS = 8_192
"""Rows of a batch that is passed to the writer, which holds several of them. The text of the lake's columns is in each row of them."""


@dataclass(frozen=True)
class TypedPull:
    """A landed pull: `urls` and `batches` response by response, `merged` the rows of all responses."""

    manifest: Manifest
    endpoint: Endpoint
    urls: list[str]
    batches: list[Batch]
    merged: Batch

    @classmethod
    def of(cls, endpoint: Endpoint, manifest: Manifest, batches: Iterable[tuple[str, Batch]]) -> "TypedPull":
        """Merge the typed rows of a pull's responses: (source URL, batch) for each response that has rows."""
        urls, parts = [], []
        for url, batch in batches:
            urls.append(url)
            parts.append(batch)
        return cls(manifest, endpoint, urls, parts, merge(endpoint, parts))

    @property
    def transaction(self) -> Transaction:
        """The Delta application transaction of the pull: its endpoint and partition, and when it was begun (µs)."""
        version = int(self.manifest.started_at.timestamp() * 1_000_000)
        return Transaction(f"{self.endpoint.name}/{self.manifest.scope}", version)

    @property
    def schema(self) -> pa.Schema:
        """The columns of the rows, those of the lake included."""
        return pa.schema([*self.merged.table.schema, *self.endpoint.lake_columns])

    def rows(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows with the lake's columns, response by response: in telemetry these columns are larger than the data."""
        manifest = self.manifest
        begin = number = 0
        for url, part in zip(self.urls, self.batches, strict=True):
            for batch in self.merged.table.slice(begin, part.table.num_rows).to_batches(
                max_chunksize=WRITTEN_ROWS
            ):
                values = {
                    "_season": manifest.season,
                    "_pull_id": manifest.pull_id,
                    "_ingested_at": manifest.committed_at,
                    "_source_url": url,
                }
                for column in self.endpoint.lake_columns:
                    if column.name in values:
                        value = pa.scalar(values[column.name], column.type)
                        added = pa.repeat(value, batch.num_rows)
                    else:
                        added = pa.array(range(number, number + batch.num_rows), column.type)
                    batch = batch.append_column(column, added)
                number += batch.num_rows
                yield batch
            begin += part.table.num_rows
