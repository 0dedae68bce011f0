"""Append the rows of a pull to its bronze table exactly once, whatever other processes do."""

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError

from f1_lakehouse.storage.delta import AFTER_APPEND, WRITER, OpenTable, scan
from f1_lakehouse.storage.pull_log import reading
from f1_lakehouse.storage.typed_pull import TypedPull


class DriftError(Exception):
    """Two concurrent pulls have the same new column with different types; nothing was written."""


def append_pull(opened: OpenTable, pull: TypedPull) -> int:
    """Append the rows in one commit, unless the pull is in the table.

    Returns:
        the table's version.
    Raises:
        DriftError: another pull has just added a new column of this pull, with another type.
    """
    manifest = pull.manifest
    # Two writers of one partition would both find the pull missing. The application transaction makes the commit of the second
    # fail, and it reads the table again. That holds only from the snapshot in which the pull was missing: so the table is
    # opened once, read and written.
    properties = CommitProperties(
        custom_metadata={
            "pull_id": manifest.pull_id,
            "scope": str(manifest.scope),
            "why": manifest.why,
            "rows": str(pull.merged.table.num_rows),
        },
        app_transactions=[pull.transaction],
    )
    for is_last_try in (False, False, True):
        target = table_without(opened, pull)
        if target is None:
            break
        there = pa.schema(target.schema().to_arrow())
        _check_types_of_new_columns(pull, there)
        try:
            write_deltalake(
                target,
                pa.RecordBatchReader.from_batches(_described(pull.schema, there), pull.rows()),
                mode="append",
                schema_mode="merge" if set(pull.schema.names) - set(there.names) else None,
                writer_properties=WRITER,
                commit_properties=properties,
                post_commithook_properties=AFTER_APPEND,
            )
            break
        except CommitFailedError:
            opened.forget()
            if is_last_try:
                raise
    return int(opened.now().version())


def table_without(opened: OpenTable, pull: TypedPull) -> DeltaTable | None:
    """Return the table as it is now; None if the pull is in it."""
    with reading(opened.uri):
        table = opened.now()
        # The scan takes longer the more files there are. It is not needed if no pull of the partition was begun after this
        # one and committed. If one was, that proves nothing, because the table may have been restored since.
        last = table.transaction_version(pull.transaction.app_id)
        if last is None or last < pull.transaction.version:
            return table
        is_it = pc.field("_pull_id") == pull.manifest.pull_id
        there = scan(table, [pull.manifest.season]).head(1, columns=["_pull_id"], filter=is_it).num_rows
        return None if there else table


def _check_types_of_new_columns(pull: TypedPull, there: pa.Schema) -> None:
    for name in pull.merged.added:
        if name in there.names and there.field(name).type != pull.schema.field(name).type:
            # Delta would cast. The responses have landed: the next run types them by the table as it is then.
            raise DriftError(
                f"{pull.endpoint.name}.{name} came as {pull.schema.field(name).type}, while another pull has just "
                f"made it {there.field(name).type}; run again"
            )


def _described(schema: pa.Schema, there: pa.Schema) -> pa.Schema:
    """Return the schema with the descriptions of the table: Delta rejects rows whose columns have other ones."""
    return pa.schema(
        [
            field.with_metadata(there.field(field.name).metadata) if field.name in there.names else field
            for field in schema
        ]
    )
