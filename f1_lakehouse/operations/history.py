"""The history of a table: its state as of a version or a time, and the changes in between.

Nothing is written here. A pull is appended completely, so its changes are found by comparing it with the current pull before it, by the
key of the catalog. The API may serve several rows with one key: they are numbered (`nth`), and key and number identify a row.

Restoring a table is in maintenance.py.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl
import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from f1_lakehouse.errors import F1LakehouseError
from f1_lakehouse.sources.catalog import LAKE_COLUMNS
from f1_lakehouse.storage import parsing
from f1_lakehouse.storage.bronze import Bronze
from f1_lakehouse.storage.delta import scan
from f1_lakehouse.storage.landing import Landing
from f1_lakehouse.storage.pull_log import Outcome, Pull, reading

INSERT, UPDATE, DELETE = "insert", "update", "delete"
_LAKE = {column.name for column in LAKE_COLUMNS}


class HistoryError(F1LakehouseError):
    """An unknown table, version or time; the message names the known ones."""


@dataclass(frozen=True)
class Step:
    """One entry of the pull log and its changes: rows by key, compared with the current pull before it."""

    pull: Pull
    before: Pull | None
    after: Pull | None
    added: int = 0
    changed: int = 0
    gone: int = 0


class Changes:
    """The history of a lake's endpoint tables.

    Args:
        bronze: the tables and the pull log.
        landing: has the rows of a pull that a restore has removed from bronze.
    """

    def __init__(self, bronze: Bronze, landing: Landing) -> None:
        self.bronze = bronze
        self.landing = landing

    def steps(self, endpoint: str, scope: int | None = None, since: datetime | None = None) -> Iterator[Step]:
        """Return every pull of a table, of one partition or of all, oldest first, with its changes."""
        for step in self._transitions(endpoint, scope, since):
            before, after = step.before, step.after
            if _same(before, after):
                yield step
            elif before is None or not before.rows:
                yield Step(step.pull, before, after, added=after.rows if after else 0)
            elif after is None or not after.rows:
                yield Step(step.pull, before, after, gone=before.rows)
            else:
                counts = dict(self._compare(endpoint, before, after)["change"].value_counts().iter_rows())
                added, changed, gone = (counts.get(kind, 0) for kind in (INSERT, UPDATE, DELETE))
                yield Step(step.pull, before, after, added, changed, gone)

    def feed(
        self, endpoint: str, scope: int | None = None, since: datetime | None = None
    ) -> Iterator[pl.DataFrame]:
        """Yield the changes as another system can merge them, one frame per pull that changed something.

        Columns: `change` (insert, update or delete), `endpoint`, `scope`, `pull_id`, `at` (UTC), `nth`, then the API's. A row is identified
        by the key columns of the catalog, `scope` and `nth`. Inserts and updates have the new row, deletes the old one.
        """
        for step in self._transitions(endpoint, scope, since):
            if _same(step.before, step.after):
                continue
            found = self._compare(endpoint, step.before, step.after)
            yield found.select(
                "change",
                pl.lit(endpoint).alias("endpoint"),
                pl.lit(step.pull.scope).alias("scope"),
                pl.lit(step.pull.pull_id).alias("pull_id"),
                pl.lit(step.pull.at).dt.convert_time_zone("UTC").alias("at"),
                pl.exclude("change"),
            )

    def current_pulls(
        self, endpoint: str, *, version: int | None = None, at: datetime | None = None
    ) -> dict[int, Pull | None]:
        """Return the current pull of each partition: now, as of a Delta version of the table, or as of a time.

        As of a version means: at the end of the time in which that version was the newest.
        """
        scopes = sorted(s for e, s in self.bronze.pull_log.scopes() if e == endpoint)
        if version is None and at is None:
            return {scope: self.bronze.pull_log.current_pull(endpoint, scope) for scope in scopes}
        present: set[str] | None = None
        if version is not None:
            table = self.table(endpoint, version)
            present = set(pulls_in(table))
            now = self.table(endpoint)
            if version < now.version():
                later = next(c for c in now.history() if c["version"] == version + 1)
                at = datetime.fromtimestamp(later["timestamp"] / 1000, UTC)
        found: dict[int, Pull | None] = {}
        for scope in scopes:
            for entry, current in _truths_after(self.bronze.pull_log.of(endpoint, scope)):
                if at is not None and entry.at > at:
                    continue
                # Logged before the table is restored, it belongs to the version that the restore makes.
                restored = entry.outcome == Outcome.RESTORED and entry.delta_version is not None
                if version is not None and restored and (entry.delta_version or 0) > version:
                    continue
                if present is None or current is None or not current.rows or current.pull_id in present:
                    found[scope] = current
        return found

    def rows(
        self,
        endpoint: str,
        scope: int | None = None,
        *,
        version: int | None = None,
        at: datetime | None = None,
    ) -> pa.Table:
        """Return the table as of a version or a time: the rows of the pulls that were current."""
        current_pulls = self.current_pulls(endpoint, version=version, at=at)
        wanted = [
            current
            for one, current in current_pulls.items()
            if current is not None and (scope is None or one == scope)
        ]
        table = self.table(endpoint, version) if version is not None else None
        return self.bronze.rows_of(endpoint, wanted, table)

    def difference(
        self, endpoint: str, first: int, second: int, scope: int | None = None
    ) -> Iterator[tuple[int, pl.DataFrame]]:
        """Yield the changes of a table from version `first` to `second`: (partition, changes) where there are any."""
        before, after = (self.current_pulls(endpoint, version=version) for version in (first, second))
        for one in sorted(before.keys() | after.keys()):
            old, new = before.get(one), after.get(one)
            if not _same(old, new) and (scope is None or one == scope):
                yield one, self._compare(endpoint, old, new)

    def table(self, endpoint: str, version: int | None = None) -> DeltaTable:
        """Return an endpoint's table, the current version or an earlier one. Raises HistoryError."""
        if endpoint not in self.bronze.endpoints:
            known = ", ".join(sorted(self.bronze.endpoints))
            raise HistoryError(f"there is no table {endpoint!r}; there are: {known}")
        uri = self.bronze.table_uri(endpoint)
        with reading(uri):
            now = DeltaTable(uri)
        if version is None or version == now.version():
            return now
        if not 0 <= version < now.version():
            raise HistoryError(f"{endpoint} has no version {version}; it has 0 to {now.version()}")
        try:
            return DeltaTable(uri, version=version)
        except DeltaError as error:
            raise HistoryError(
                f"version {version} of {endpoint} can no longer be read: its log has been cleaned up"
            ) from error

    def _transitions(self, endpoint: str, scope: int | None, since: datetime | None) -> Iterator[Step]:
        """Yield every entry of the pull log, in order, with the current pull before and after it."""
        self.table(endpoint)
        scopes = sorted(s for e, s in self.bronze.pull_log.scopes() if e == endpoint)
        if scope is not None and scope not in scopes:
            raise HistoryError(f"{endpoint} was never pulled for {scope}")
        found = []
        for one in scopes if scope is None else [scope]:
            before: Pull | None = None
            for entry, after in _truths_after(self.bronze.pull_log.of(endpoint, one)):
                if since is None or entry.at > since:
                    found.append(Step(entry, before, after))
                before = after
        yield from sorted(found, key=lambda step: (step.pull.at, step.pull.pull_id))

    def _compare(self, endpoint: str, before: Pull | None, after: Pull | None) -> pl.DataFrame:
        key = self.bronze.endpoints[endpoint].key
        return compare(key, self._rows_of(endpoint, before), self._rows_of(endpoint, after))

    def _rows_of(self, endpoint: str, pull: Pull | None) -> pa.Table:
        """Return the rows of one pull: from bronze, or from landing if a restore has removed them."""
        found = self.bronze.rows_of(endpoint, [pull] if pull else [])
        if pull is not None and found.num_rows != pull.rows:
            manifest = self.landing.finished(endpoint, pull.scope, pull.pull_id)
            if manifest is not None:
                batches = [batch for _, batch in self.bronze.parse(self.landing, manifest)]
                return parsing.merge(self.bronze.endpoints[endpoint], batches).table
        return found


def compare(natural_key: Sequence[str], before: pa.Table, after: pa.Table) -> pl.DataFrame:
    """Return the rows, identified by their natural key, that differ between two states of a partition: `change`, `nth`, then the API's columns."""
    key = list(natural_key)
    sides = []
    for table in (before, after):
        frame = pl.from_arrow(table.select([n for n in table.schema.names if n not in _LAKE]))
        assert isinstance(frame, pl.DataFrame)
        sides.append(frame)
    columns = list(dict.fromkeys(name for frame in sides for name in frame.columns))
    old, new = (_numbered(frame, key) for frame in _aligned(sides, columns))
    joined = old.with_columns(_old=True).join(
        new.with_columns(_new=True),
        on=[*key, "nth"],
        how="full",
        nulls_equal=True,
        coalesce=True,
        suffix="__new",
    )
    values = [name for name in columns if name not in key]
    differs = pl.any_horizontal(
        pl.lit(False), *(pl.col(name).ne_missing(pl.col(f"{name}__new")) for name in values)
    )
    change = (
        pl.when(pl.col("_old").is_null())
        .then(pl.lit(INSERT))
        .when(pl.col("_new").is_null())
        .then(pl.lit(DELETE))
        .when(differs)
        .then(pl.lit(UPDATE))
    )
    shown = [
        pl.when(pl.col("_new").is_null()).then(pl.col(name)).otherwise(pl.col(f"{name}__new")).alias(name)
        if name in values
        else pl.col(name)
        for name in columns
    ]
    return (
        joined.with_columns(change.alias("change"))
        .filter(pl.col("change").is_not_null())
        .select("change", "nth", *shown)
        .sort([*key, "nth"])
    )


def pulls_in(table: DeltaTable) -> dict[str, int]:
    """Return the number of rows of each pull in a table; read in batches, because telemetry has millions."""
    counts: dict[str, int] = {}
    with reading(table.table_uri):
        for batch in scan(table).to_batches(columns=["_pull_id"]):
            for one in batch.column(0).value_counts().to_pylist():
                counts[one["values"]] = counts.get(one["values"], 0) + one["counts"]
    return counts


def _truths_after(entries: Iterable[Pull]) -> Iterator[tuple[Pull, Pull | None]]:
    """Return each entry of one partition, oldest first, with the current pull after it."""
    answered: dict[str, Pull] = {}
    current: Pull | None = None
    for entry in entries:
        if entry.is_answer:
            answered[entry.pull_id] = entry
            current = answered.get(entry.truth_pull_id or "")
        yield entry, current


def _same(before: Pull | None, after: Pull | None) -> bool:
    return (before.pull_id if before else None) == (after.pull_id if after else None)


def _aligned(frames: list[pl.DataFrame], columns: list[str]) -> Iterator[pl.DataFrame]:
    """Return the frames with the same columns; a column that only one of them has is null in the other."""
    kinds = {name: frame.schema[name] for frame in frames for name in frame.columns}
    for frame in frames:
        missing = [
            pl.lit(None, dtype=kinds[name]).alias(name) for name in columns if name not in frame.columns
        ]
        yield frame.with_columns(missing).select(columns)


def _numbered(frame: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """Return the rows with `nth`: 0 for the first row of a key, 1 for the next with the same key, in the order of their values."""
    by = [name for name, kind in frame.schema.items() if not isinstance(kind, pl.List)]
    return frame.sort(by).with_columns(pl.int_range(pl.len()).over(key).alias("nth"))
