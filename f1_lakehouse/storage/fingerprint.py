"""The fingerprint of a pull: one sha256 of all its rows, by which a pull with the same rows as the last one is recognized.

One hash per pull, not per row: hashes do not compress, and one per row would make the files of telemetry 13 times larger.
"""

import hashlib
import io

import pyarrow as pa
import pyarrow.compute as pc

from f1_lakehouse.storage.parsing import Batch


def fingerprint(batch: Batch) -> str:
    """Return the sha256 of a pull's rows, independent of their order: the typed rows sorted, then the refused rows sorted."""
    table = batch.table
    # Columns in one order, without those that have no value: a new column of the API that is null everywhere does not
    # change a row.
    names = sorted(name for name in table.schema.names if table[name].null_count < table.num_rows)
    if table.num_rows:
        # Arrow cannot sort by lists, so their text is used.
        sortable = pa.table(
            {
                f.name: _text_of_lists(table[f.name]) if pa.types.is_list(f.type) else table[f.name]
                for f in table.schema
            }
        )
        table = table.take(pc.sort_indices(sortable, [(name, "ascending") for name in names]))
    table = table.select(names).replace_schema_metadata(None).combine_chunks()
    table = table.cast(pa.schema([pa.field(f.name, f.type) for f in table.schema]))
    digest = hashlib.sha256()
    sink = _HashSink(digest)
    with pa.ipc.new_stream(pa.PythonFile(sink, "w"), table.schema) as writer:
        writer.write_table(table)
    for raw in sorted(row.raw for row in batch.rejected):
        digest.update(raw.encode())
    return digest.hexdigest()


def _text_of_lists(values: pa.ChunkedArray) -> pa.Array:
    return pa.array([None if value is None else str(value) for value in values.to_pylist()], pa.string())


class _HashSink(io.RawIOBase):
    def __init__(self, digest: "hashlib._Hash") -> None:
        self._digest = digest

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        view = memoryview(data)  # type: ignore[arg-type]
        self._digest.update(view)
        return view.nbytes
