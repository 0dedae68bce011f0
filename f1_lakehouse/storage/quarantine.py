"""The table `_quarantine`: rows that could not be typed or assigned to their session, as raw JSON with the reason.

Which rows are refused is decided in parsing.py.
"""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError

from f1_lakehouse.sources.catalog import Scope
from f1_lakehouse.storage.delta import AFTER_APPEND, scan
from f1_lakehouse.storage.parsing import Rejected
from f1_lakehouse.storage.pull_log import reading
from f1_lakehouse.storage.typed_pull import TypedPull

SCHEMA = pa.schema(
    [
        ("endpoint", pa.string()),
        ("session_key", pa.int64()),
        ("pull_id", pa.string()),
        ("reason", pa.string()),
        ("raw", pa.string()),
        ("at", pa.timestamp("us", tz="UTC")),
    ]
)


class Quarantine:
    """The refused rows of a lake.

    Args:
        uri: the `_quarantine` table. It must exist (bronze.py creates it).
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri

    def rows_of(self, pull_id: str) -> list[Rejected]:
        """Return the refused rows of one pull."""
        with reading(self.uri):
            table = scan(DeltaTable(self.uri))
            found = table.to_table(columns=["reason", "raw"], filter=pc.field("pull_id") == pull_id)
        return [Rejected(row["raw"], row["reason"]) for row in found.to_pylist()]

    def append(self, pull: TypedPull) -> None:
        """Append the refused rows of a pull in one commit, unless they are there."""
        rows = _table(pull, pull.merged.rejected)
        properties = CommitProperties(app_transactions=[pull.transaction])
        for is_last_try in (False, True):
            target = DeltaTable(self.uri)
            there = scan(target).head(1, filter=pc.field("pull_id") == pull.manifest.pull_id)
            if there.num_rows:
                return
            try:
                write_deltalake(
                    target,
                    rows,
                    mode="append",
                    commit_properties=properties,
                    post_commithook_properties=AFTER_APPEND,
                )
                return
            except CommitFailedError:
                if is_last_try:
                    raise


def _table(pull: TypedPull, rejected: Sequence[Rejected]) -> pa.Table:
    session_key = pull.manifest.scope if pull.endpoint.scope is Scope.SESSION else None
    return pa.table(
        {
            "endpoint": [pull.endpoint.name] * len(rejected),
            "session_key": [session_key] * len(rejected),
            "pull_id": [pull.manifest.pull_id] * len(rejected),
            "reason": [row.reason for row in rejected],
            "raw": [row.raw for row in rejected],
            "at": [pull.manifest.committed_at] * len(rejected),
        },
        SCHEMA,
    )
