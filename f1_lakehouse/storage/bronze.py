"""Bronze: append-only Delta tables, one an endpoint, that receive whole pulls, each exactly once.

    <endpoint>/    the API's columns as they are, `_season` (partition), `_pull_id`, `_ingested_at`, `_source_url`,
                   `_row_number` (not on telemetry)
    _pulls/        the ledger (pulls.py)
    _quarantine/   rows that could not be typed or placed, as raw JSON with the reason

A pull is applied in a fixed order: rows, quarantine, ledger. Each step looks first whether its part is there
already, so a pull that was cut off anywhere is simply applied again. History is never rewritten.

Typing belongs to rows.py, raw answers to landing.py, upkeep to maintenance.py.
"""

import contextlib
import hashlib
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Schema, Transaction, WriterProperties, write_deltalake
from deltalake.exceptions import CommitFailedError

from f1_lakehouse import __version__
from f1_lakehouse.sources.catalog import Endpoint, Kind, Scope
from f1_lakehouse.sources.registry import BY_NAME, ENDPOINTS
from f1_lakehouse.storage import parsing
from f1_lakehouse.storage.delta import AFTER_APPEND, Opened, scan
from f1_lakehouse.storage.landing import LandedAnswer, Landing, Manifest, seconds_waited
from f1_lakehouse.storage.pull_log import SCHEMA as PULLS_SCHEMA
from f1_lakehouse.storage.pull_log import BronzeError, Ledger, Outcome, Pull, reading

_UTC = pa.timestamp("us", tz="UTC")
QUARANTINE_SCHEMA = pa.schema(
    [
        ("endpoint", pa.string()),
        ("session_key", pa.int64()),
        ("pull_id", pa.string()),
        ("reason", pa.string()),
        ("raw", pa.string()),
        ("at", _UTC),
    ]
)
# Versions are kept readable: a table without its log can still be read, but no longer as it was.
PROPERTIES = {"delta.appendOnly": "true", "delta.logRetentionDuration": "interval 3650 days"}
# Each pull is a commit of the ledger, and a ledger's history is in its rows: its log is listed by whoever opens it.
LEDGER_PROPERTIES = {"delta.appendOnly": "true", "delta.logRetentionDuration": "interval 1 day"}
# Rows of one driver of one telemetry pull fit in a row group or two, so that a query on a driver skips the rest.
WRITER = WriterProperties(compression="ZSTD", max_row_group_size=64 * 1024)
_KIND_OF_ARROW = {pa.float64(): Kind.DOUBLE, pa.bool_(): Kind.BOOL, pa.string(): Kind.TEXT}


class DriftError(Exception):
    """A new column that two pulls brought at once, with different types; nothing was written."""


class Bronze:
    """The bronze tables of a lake.

    Args:
        uri: the bronze folder or object-store prefix.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.ledger = Ledger(f"{uri}/_pulls")
        self._opened: dict[str, Opened] = {}

    def create(self) -> None:
        """Make every table that is not there, empty and typed, so that no reader ever misses one.

        A table that an older catalogue made gets the columns that have come since.

        Raises:
            BronzeError: a table has been lost, or cannot be opened. An empty one in its place would pass for the truth.
        """
        missing = [name for name in self.names() if not self.exists(name)]
        if "_pulls" in missing:
            if kept := [name for name in self.names() if name not in missing and self._has_rows(name)]:
                raise BronzeError(
                    f"the ledger {self.uri}/_pulls is gone, while {kept[0]} has rows: run f1 rebuild-bronze"
                )
        elif missing:
            used = {pull.endpoint for pull in self.ledger.all() if pull.outcome == Outcome.APPENDED}
            if lost := [name for name in missing if name in used or (name == "_quarantine" and used)]:
                raise BronzeError(f"the table {self.uri}/{lost[0]} is gone: run f1 rebuild-bronze")
        for name in self.names():
            with reading(self.table_uri(name)):
                self.create_table(name)

    def create_table(self, name: str) -> None:
        """Make one table if it is not there, or give it the columns that have come since."""
        if name == "_pulls":
            _create(self.table_uri(name), PULLS_SCHEMA, None, "The ledger of pulls", LEDGER_PROPERTIES)
        elif name == "_quarantine":
            _create(self.table_uri(name), QUARANTINE_SCHEMA, None, "Rows that could not be typed or placed")
        else:
            endpoint = BY_NAME[name]
            _create(self.table_uri(name), endpoint.bronze_schema, ["_season"], endpoint.description)

    def names(self) -> list[str]:
        """Every table of bronze; the ledger last, so that it stands only when the others do."""
        return [*(endpoint.name for endpoint in ENDPOINTS), "_quarantine", "_pulls"]

    def exists(self, name: str) -> bool:
        """Whether there is a table of that name."""
        return DeltaTable.is_deltatable(self.table_uri(name))

    def table_uri(self, endpoint: str) -> str:
        """Where an endpoint's table lies."""
        return f"{self.uri}/{endpoint}"

    def _has_rows(self, name: str) -> bool:
        return bool(scan(DeltaTable(self.table_uri(name))).head(1).num_rows)

    def _open(self, name: str) -> Opened:
        return self._opened.setdefault(name, Opened(self.table_uri(name)))

    def extra_columns(self, endpoint: Endpoint) -> dict[str, Kind]:
        """Columns that the table has beyond the catalogue, with the kinds they were given when they came."""
        known = set(endpoint.bronze_schema.names)
        schema = pa.schema(self._open(endpoint.name).now().schema().to_arrow())
        extra = {}
        for column in schema:
            if column.name not in known:
                kind = (column.metadata or {}).get(b"kind", b"").decode()
                extra[column.name] = Kind(kind) if kind else _KIND_OF_ARROW[column.type]
        return extra

    def parse(self, landing: Landing, manifest: Manifest) -> list[tuple[str, parsing.Batch]]:
        """The typed rows of a landed pull: (source URL, batch) for each answer that has rows."""
        endpoint = BY_NAME[manifest.endpoint]
        extra = self.extra_columns(endpoint)

        def rows_of(answer: LandedAnswer) -> tuple[str, parsing.Batch]:
            body = landing.body(manifest.folder, answer)
            return answer.url, parsing.parse(endpoint, body, extra, manifest.scope)

        # Hashing, decompressing and Arrow's reading run side by side.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(rows_of, (answer for answer in manifest.answers if answer.has_rows)))

    def apply(
        self,
        manifest: Manifest,
        batches: Iterable[tuple[str, parsing.Batch]],
        *,
        force: bool = False,
        run_id: str | None = None,
        seconds: float = 0.0,
        retries: int = 0,
    ) -> Pull:
        """Bring one landed pull into bronze and into the ledger; safe to repeat.

        Args:
            manifest: the pull.
            batches: its typed rows, from `parse`.
            force: believe an empty answer at once.
            run_id: the run that does it, for the ledger.
            seconds: how long the pull took.
            retries: how often a question of it had to be asked again.

        Returns:
            the pull as entered in the ledger (the earlier entry if it was there).
        """
        endpoint = BY_NAME[manifest.endpoint]
        history = self.ledger.of(manifest.endpoint, manifest.scope)
        for entered in history:
            if entered.pull_id == manifest.pull_id and entered.is_applied:
                return entered
        urls = [url for url, _ in batches]
        parts = [batch for _, batch in batches]
        whole = parsing.merge(endpoint, parts)
        digest = fingerprint(whole)
        last = self.ledger.last_answer(manifest.endpoint, manifest.scope)
        truth = self.ledger.truth(manifest.endpoint, manifest.scope)
        version: int | None = None
        error: str | None = None

        if self._without_pull(endpoint, manifest) is None:
            outcome = Outcome.APPENDED  # cut off between the append and the ledger
        elif whole.table.num_rows == 0 and whole.rejected:
            error = f"every row was refused: {whole.rejected[0].reason}"
            if len(whole.rejected) > 1 or (truth is not None and truth.rows):
                outcome = Outcome.FAILED
            else:  # one odd row where there was none: asking again brings it again, and the rest of the load goes on
                same = truth is not None and truth.sha256 == digest
                outcome = Outcome.UNCHANGED if same else Outcome.EMPTY
        elif whole.table.num_rows == 0:
            outcome = _outcome_of_nothing(last, truth, force)
        elif truth is not None and truth.sha256 == digest:
            outcome = Outcome.UNCHANGED
        else:
            outcome = Outcome.APPENDED
        if outcome is Outcome.APPENDED:
            version = self._append(endpoint, manifest, urls, parts, whole)
        if whole.rejected and outcome is not Outcome.UNCHANGED and not _refused_before(history, digest):
            self._quarantine(endpoint, manifest, whole.rejected)

        own = outcome in (Outcome.APPENDED, Outcome.EMPTY, Outcome.EMPTIED)
        # pandera takes half a second to import, and who only reads bronze does without.
        from f1_lakehouse.validation.schemas import improbable

        counts = improbable(endpoint.name, whole.table)
        pull = Pull(
            pull_id=manifest.pull_id,
            endpoint=manifest.endpoint,
            scope=manifest.scope,
            season=manifest.season,
            started_at=manifest.started_at,
            at=_after(history, manifest.committed_at),
            outcome=outcome.value,
            rows=whole.table.num_rows,
            quarantined=len(whole.rejected),
            improbable=sum(counts.values()),
            sha256=digest,
            truth_pull_id=manifest.pull_id if own else (truth.pull_id if truth else None),
            requests=len(manifest.answers),
            bytes=sum(answer.size for answer in manifest.answers),
            seconds=round(seconds, 3),
            waited_s=seconds_waited(manifest.answers),
            added_columns=_json({name: kind.value for name, kind in whole.added.items()}),
            missing_columns=_json(list(whole.missing)),
            retyped_columns=_json(whole.retyped),
            why=manifest.why,
            run_id=run_id,
            error=error,
            delta_version=version,
            code_version=__version__,
            retries=retries,
            error_type="RejectedRows" if error else None,
            error_cause=error,
        )
        return self.ledger.append(pull)

    def put_back(self, manifest: Manifest, batches: Iterable[tuple[str, parsing.Batch]]) -> parsing.Batch:
        """Append the rows of a pull that is in the ledger, where bronze has lost them.

        The ledger stays as it is. Returns the rows of the pull, to be compared with what the ledger says of it.
        """
        endpoint = BY_NAME[manifest.endpoint]
        urls, parts = [], []
        for url, batch in batches:
            urls.append(url)
            parts.append(batch)
        whole = parsing.merge(endpoint, parts)
        if whole.table.num_rows:
            self._append(endpoint, manifest, urls, parts, whole)
        return whole

    def put_back_quarantine(self, manifest: Manifest, batches: Iterable[tuple[str, parsing.Batch]]) -> None:
        """As `put_back`, for the rows that were refused."""
        endpoint = BY_NAME[manifest.endpoint]
        self._quarantine(endpoint, manifest, parsing.merge(endpoint, [b for _, b in batches]).rejected)

    def fail(
        self,
        endpoint: Endpoint,
        scope: int,
        season: int,
        pull_id: str,
        started_at: datetime,
        at: datetime,
        **rest: object,
    ) -> Pull:
        """Enter a pull that got no usable answer. `rest` are further fields of `Pull` (error, why, run_id …)."""
        history = self.ledger.of(endpoint.name, scope)
        truth = self.ledger.truth(endpoint.name, scope)
        pull = Pull(
            pull_id=pull_id,
            endpoint=endpoint.name,
            scope=scope,
            season=season,
            started_at=started_at,
            at=_after(history, at),
            outcome=Outcome.FAILED.value,
            truth_pull_id=truth.pull_id if truth else None,
            code_version=__version__,
            **rest,  # type: ignore[arg-type]
        )
        return self.ledger.append(pull)

    def rows(self, endpoint: str, scope: int, columns: Sequence[str] | None = None) -> pa.Table:
        """What the source says now of one scope: the rows of its true pull, as bronze has them; all columns or some."""
        truth = self.ledger.truth(endpoint, scope)
        return self.rows_of(endpoint, [truth] if truth is not None else [], columns=columns)

    def repeated_keys(self, endpoint: Endpoint, scope: int) -> pa.Table:
        """The keys that more than one row of the truth has, with their `rows`, the most frequent first.

        The API serves some rows twice and some keys with two values; bronze keeps them, silver takes one of each.
        """
        names = list(endpoint.key)
        counted = self.rows(endpoint.name, scope, names).group_by(names).aggregate([([], "count_all")])
        counted = counted.rename_columns([*names, "rows"])
        return counted.filter(pc.field("rows") > 1).sort_by([("rows", "descending")])

    def quarantined(self, pull_id: str) -> list[dict[str, object]]:
        """What was set aside of one pull: the reason and the raw JSON of each row."""
        uri = f"{self.uri}/_quarantine"
        with reading(uri):
            table = scan(DeltaTable(uri))
            found = table.to_table(columns=["reason", "raw"], filter=pc.field("pull_id") == pull_id)
        return list(found.to_pylist())

    def rows_of(
        self,
        endpoint: str,
        pulls: Iterable[Pull],
        table: DeltaTable | None = None,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """The rows of these pulls, from the table as it is or as it was (`table`)."""
        with reading(self.table_uri(endpoint)):
            wanted = [pull for pull in pulls if pull.rows]
            dataset = scan(table or self._open(endpoint).now(), {pull.season for pull in wanted})
            if not wanted:
                return dataset.schema.empty_table().select(columns or dataset.schema.names)
            wanted_rows = pc.field("_pull_id").isin([pull.pull_id for pull in wanted])
            return dataset.to_table(columns=columns and list(columns), filter=wanted_rows)

    def _without_pull(self, endpoint: Endpoint, manifest: Manifest) -> DeltaTable | None:
        """The table as it is now; None if the pull is in it."""
        opened = self._open(endpoint.name)
        with reading(opened.uri):
            table = opened.now()
            # Looking costs the more the more files there are. No need to, if no pull of the scope came after this
            # one was begun; that one did is no proof either way, after a restore.
            last = table.transaction_version(f"{endpoint.name}/{manifest.scope}")
            if last is None or last < _stamp(manifest):
                return table
            is_it = pc.field("_pull_id") == manifest.pull_id
            there = scan(table, [manifest.season]).head(1, columns=["_pull_id"], filter=is_it).num_rows
            return None if there else table

    def _append(
        self,
        endpoint: Endpoint,
        manifest: Manifest,
        urls: list[str],
        parts: list[parsing.Batch],
        whole: parsing.Batch,
    ) -> int:
        """One commit, unless the pull is there already. Returns the table's version."""
        schema = pa.schema([*whole.table.schema, *endpoint.lake_columns])
        # Two writers of one scope would both find the pull missing; the application transaction makes the second
        # one's commit fail, and it looks again. That holds only from the snapshot on in which the pull was missing:
        # hence the table is opened once, looked at and written.
        properties = CommitProperties(
            custom_metadata={
                "pull_id": manifest.pull_id,
                "scope": str(manifest.scope),
                "why": manifest.why,
                "rows": str(whole.table.num_rows),
            },
            app_transactions=[Transaction(f"{endpoint.name}/{manifest.scope}", _stamp(manifest))],
        )
        for last in (False, False, True):
            target = self._without_pull(endpoint, manifest)
            if target is None:
                break
            there = pa.schema(target.schema().to_arrow())
            for name in whole.added:
                if name in there.names and there.field(name).type != schema.field(name).type:
                    # Delta would cast. Landing has the pull: the next run types it by the table as it is now.
                    raise DriftError(
                        f"{endpoint.name}.{name} came as {schema.field(name).type}, while another pull has just "
                        f"made it {there.field(name).type}; run again"
                    )
            try:
                write_deltalake(
                    target,
                    pa.RecordBatchReader.from_batches(
                        _described(schema, there), _with_lake_columns(endpoint, manifest, urls, parts, whole)
                    ),
                    mode="append",
                    schema_mode="merge" if set(schema.names) - set(there.names) else None,
                    writer_properties=WRITER,
                    commit_properties=properties,
                    post_commithook_properties=AFTER_APPEND,
                )
                break
            except CommitFailedError:
                self._open(endpoint.name).forget()
                if last:
                    raise
        return int(self._open(endpoint.name).now().version())

    def _quarantine(self, endpoint: Endpoint, manifest: Manifest, rejected: list[parsing.Rejected]) -> None:
        season_scope = endpoint.scope is Scope.SEASON
        table = pa.table(
            {
                "endpoint": [endpoint.name] * len(rejected),
                "session_key": [None if season_scope else manifest.scope] * len(rejected),
                "pull_id": [manifest.pull_id] * len(rejected),
                "reason": [row.reason for row in rejected],
                "raw": [row.raw for row in rejected],
                "at": [manifest.committed_at] * len(rejected),
            },
            QUARANTINE_SCHEMA,
        )
        properties = CommitProperties(
            app_transactions=[Transaction(f"{endpoint.name}/{manifest.scope}", _stamp(manifest))]
        )
        for last in (False, True):
            target = DeltaTable(f"{self.uri}/_quarantine")
            there = scan(target).head(1, filter=pc.field("pull_id") == manifest.pull_id)
            if there.num_rows:
                return
            try:
                write_deltalake(
                    target,
                    table,
                    mode="append",
                    commit_properties=properties,
                    post_commithook_properties=AFTER_APPEND,
                )
                return
            except CommitFailedError:
                if last:
                    raise


def _stamp(manifest: Manifest) -> int:
    """The version of the application transaction of a pull."""
    return int(manifest.started_at.timestamp() * 1_000_000)


def _with_lake_columns(
    endpoint: Endpoint,
    manifest: Manifest,
    urls: list[str],
    parts: list[parsing.Batch],
    whole: parsing.Batch,
) -> Iterator[pa.RecordBatch]:
    """The rows of a pull, answer by answer, with what the lake adds: on telemetry that is more than what came."""
    begin = number = 0
    for url, part in zip(urls, parts, strict=True):
        for batch in whole.table.slice(begin, part.table.num_rows).to_batches():
            values = {
                "_season": manifest.season,
                "_pull_id": manifest.pull_id,
                "_ingested_at": manifest.committed_at,
                "_source_url": url,
            }
            for column in endpoint.lake_columns:
                if column.name in values:
                    value = pa.scalar(values[column.name], column.type)
                    added = pa.repeat(value, batch.num_rows)
                else:
                    added = pa.array(range(number, number + batch.num_rows), column.type)
                batch = batch.append_column(column, added)
            number += batch.num_rows
            yield batch
        begin += part.table.num_rows


def fingerprint(batch: parsing.Batch) -> str:
    """sha256 of a pull's rows, whatever their order: typed rows sorted, then the refused ones as they came.

    One hash a pull, not one a row: hashes do not compress, and on telemetry they would make files 13 times bigger.
    """
    table = batch.table
    # Columns in one order, and without those that have no value: a column that the API newly serves, but leaves
    # null, is no change of a row.
    names = sorted(name for name in table.schema.names if table[name].null_count < table.num_rows)
    if table.num_rows:
        # Arrow does not sort by lists: they are sorted by as text.
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


def _described(schema: pa.Schema, there: pa.Schema) -> pa.Schema:
    """The schema with the descriptions of the table: Delta rejects rows whose columns have other ones."""
    return pa.schema(
        [
            field.with_metadata(there.field(field.name).metadata) if field.name in there.names else field
            for field in schema
        ]
    )


def _create(
    uri: str,
    schema: pa.Schema,
    partition_by: list[str] | None,
    description: str,
    properties: dict[str, str] = PROPERTIES,
) -> None:
    if DeltaTable.is_deltatable(uri):
        table = DeltaTable(uri)
        there = pa.schema(table.schema().to_arrow()).names
        if later := [column for column in Schema.from_arrow(schema).fields if column.name not in there]:
            table.alter.add_columns(later)
        if not properties.items() <= table.metadata().configuration.items():
            with contextlib.suppress(CommitFailedError):  # another process does it
                table.alter.set_table_properties(properties)
        return
    DeltaTable.create(
        uri,
        schema=schema,
        mode="ignore",
        partition_by=partition_by,
        configuration=properties,
        description=description,
    )


def _outcome_of_nothing(last: Pull | None, truth: Pull | None, force: bool) -> Outcome:
    if truth is None or last is None:
        return Outcome.EMPTY
    if truth.rows == 0:
        return Outcome.UNCHANGED
    if force or last.outcome == Outcome.EMPTY_UNCONFIRMED:
        return Outcome.EMPTIED
    return Outcome.EMPTY_UNCONFIRMED


def _refused_before(history: list[Pull], digest: str) -> bool:
    last = next((pull for pull in reversed(history) if pull.is_applied), None)
    return last is not None and last.outcome == Outcome.FAILED and last.sha256 == digest


def _after(history: list[Pull], at: datetime) -> datetime:
    """The time of an entry: never before the last one of its scope, even if the clock was set back."""
    return max(at, history[-1].at + timedelta(microseconds=1)) if history else at


def _json(value: object) -> str | None:
    return orjson.dumps(value).decode() if value else None
