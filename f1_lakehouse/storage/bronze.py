"""Bronze: append-only Delta tables, one per endpoint, to which complete pulls are appended, each exactly once.

    <endpoint>/    the API's columns as they are, `_season` (partition), `_pull_id`, `_ingested_at`, `_source_url`,
                   `_row_number` (not in telemetry)
    _pulls/        the pull log (pull_log.py)
    _quarantine/   rows that could not be typed or assigned, as raw JSON with the reason (quarantine.py)

A pull is applied in a fixed order: rows, quarantine, pull log. Each step first checks whether its part is there, so a pull that was
interrupted anywhere is applied again. History is never rewritten.

Not here: typing (parsing.py), raw responses (landing.py), compaction and restoring (operations/).
"""

import contextlib
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, Schema
from deltalake.exceptions import CommitFailedError

from f1_lakehouse import __version__
from f1_lakehouse.sources.catalog import Endpoint, Kind
from f1_lakehouse.sources.registry import BY_NAME
from f1_lakehouse.storage import parsing, quarantine
from f1_lakehouse.storage.append_pull import append_pull, table_without
from f1_lakehouse.storage.delta import PROPERTIES, OpenTable, explain_folder, scan
from f1_lakehouse.storage.fingerprint import fingerprint
from f1_lakehouse.storage.landing import Landing, Manifest, StoredResponse, seconds_waited
from f1_lakehouse.storage.memory import LARGE, release_freed
from f1_lakehouse.storage.outcomes import decide_outcome, time_after, was_refused_before
from f1_lakehouse.storage.pull_log import SCHEMA as PULLS_SCHEMA
from f1_lakehouse.storage.pull_log import BronzeError, Outcome, Pull, PullLog, reading
from f1_lakehouse.storage.quarantine import Quarantine
from f1_lakehouse.storage.typed_pull import TypedPull

# Each pull is a commit of the pull log, whose history is in its rows; every process that opens the table lists its Delta log. Of its
# columns only the first one, `pull_id`, excludes files from a scan (delta.py): bounds of all 29 are a quarter of the time of a commit.
PULL_LOG_PROPERTIES = {
    "delta.appendOnly": "true",
    "delta.logRetentionDuration": "interval 1 day",
    "delta.dataSkippingNumIndexedCols": "1",
}
_KIND_OF_ARROW = {pa.float64(): Kind.DOUBLE, pa.bool_(): Kind.BOOL, pa.string(): Kind.TEXT}


class Bronze:
    """The bronze tables of a lake.

    Args:
        uri: the bronze folder or object-store prefix.
        endpoints: those that have tables, by name; all of the registry by default.
    """

    def __init__(self, uri: str, endpoints: Mapping[str, Endpoint] = BY_NAME) -> None:
        self.uri = uri
        self.endpoints = endpoints
        self.pull_log = PullLog(f"{uri}/_pulls")
        self.quarantine = Quarantine(f"{uri}/_quarantine")
        self._opened: dict[str, OpenTable] = {}
        # Of the last pull that this process appended: its keys, which are checked next.
        self._appended: tuple[str, pa.Table] | None = None

    def create(self) -> None:
        """Create every missing table, empty and typed, so that every reader finds all of them.

        A table of an older catalog gets the columns that were added since.

        Raises:
            BronzeError: a table was lost, or cannot be opened. An empty one in its place would look like valid data.
        """
        missing = [name for name in self.names() if not self.exists(name)]
        if "_pulls" in missing:
            if kept := [name for name in self.names() if name not in missing and self._has_rows(name)]:
                raise BronzeError(
                    f"the pull log {self.uri}/_pulls is gone, while {kept[0]} has rows: run f1 rebuild-bronze"
                )
        elif missing:
            used = {pull.endpoint for pull in self.pull_log.all() if pull.outcome == Outcome.APPENDED}
            if lost := [name for name in missing if name in used or (name == "_quarantine" and used)]:
                raise BronzeError(f"the table {self.uri}/{lost[0]} is gone: run f1 rebuild-bronze")
        for name in self.names():
            with reading(self.table_uri(name)):
                self.create_table(name)
        if missing:
            explain_folder(self.uri)

    def create_table(self, name: str) -> None:
        """Create one table if it is missing, or add the columns of the catalog that it lacks."""
        if name == "_pulls":
            _create(self.table_uri(name), PULLS_SCHEMA, None, "The pull log", PULL_LOG_PROPERTIES)
        elif name == "_quarantine":
            _create(self.table_uri(name), quarantine.SCHEMA, None, "Rows that could not be typed or placed")
        else:
            endpoint = self.endpoints[name]
            _create(self.table_uri(name), endpoint.bronze_schema, ["_season"], endpoint.description)

    def names(self) -> list[str]:
        """Return every table of bronze; the pull log last, so that it exists only when all others do."""
        return [*self.endpoints, "_quarantine", "_pulls"]

    def exists(self, name: str) -> bool:
        """Return whether there is a table of that name."""
        return DeltaTable.is_deltatable(self.table_uri(name))

    def table_uri(self, endpoint: str) -> str:
        """Return the URI of an endpoint's table."""
        return f"{self.uri}/{endpoint}"

    def _has_rows(self, name: str) -> bool:
        return bool(scan(DeltaTable(self.table_uri(name))).head(1).num_rows)

    def _open(self, name: str) -> OpenTable:
        return self._opened.setdefault(name, OpenTable(self.table_uri(name)))

    def extra_columns(self, endpoint: Endpoint) -> dict[str, Kind]:
        """Return the columns of the table that are not in the catalog, with the kinds that were inferred when they were added."""
        known = set(endpoint.bronze_schema.names)
        schema = pa.schema(self._open(endpoint.name).now().schema().to_arrow())
        extra = {}
        for column in schema:
            if column.name not in known:
                kind = (column.metadata or {}).get(b"kind", b"").decode()
                extra[column.name] = Kind(kind) if kind else _KIND_OF_ARROW[column.type]
        return extra

    def parse(self, landing: Landing, manifest: Manifest) -> list[tuple[str, parsing.Batch]]:
        """Return the typed rows of a landed pull: (source URL, batch) for each response that has rows."""
        endpoint = self.endpoints[manifest.endpoint]
        extra = self.extra_columns(endpoint)

        def rows_of(answer: StoredResponse) -> tuple[str, parsing.Batch]:
            body = landing.body(manifest.folder, answer)
            return answer.url, parsing.parse(endpoint, body, extra, manifest.scope)

        # Hashing, decompressing and Arrow's reading run in parallel.
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
        """Write one landed pull to bronze and to the pull log; safe to repeat.

        Args:
            manifest: the pull.
            batches: its typed rows, from `parse`.
            force: accept an empty response where there were rows, without a second pull.
            run_id: the run, for the pull log.
            seconds: the duration of the pull.
            retries: the number of repeated requests.

        Returns:
            the pull as it is in the pull log (the earlier entry if there was one).
        """
        history = self.pull_log.of(manifest.endpoint, manifest.scope)
        for entered in history:
            if entered.pull_id == manifest.pull_id and entered.is_applied:
                return entered
        pull = TypedPull.of(self.endpoints[manifest.endpoint], manifest, batches)
        release_freed(pull.merged.table)
        digest = fingerprint(pull.merged)
        release_freed(pull.merged.table)
        last = self.pull_log.last_answer(manifest.endpoint, manifest.scope)
        current = self.pull_log.current_pull(manifest.endpoint, manifest.scope)
        opened = self._open(manifest.endpoint)
        outcome, error = decide_outcome(pull.merged, digest, last, current, force=force)
        if table_without(opened, pull) is None:
            outcome, error = Outcome.APPENDED, None  # interrupted between the append and the pull log
        version = append_pull(opened, pull) if outcome is Outcome.APPENDED else None
        if version is not None and pull.merged.table.nbytes < LARGE:
            self._appended = pull.manifest.pull_id, pull.merged.table.select(pull.endpoint.key)
        release_freed(pull.merged.table)
        if (
            pull.merged.rejected
            and outcome is not Outcome.UNCHANGED
            and not was_refused_before(history, digest)
        ):
            self.quarantine.append(pull)
        entry = _entry(
            pull,
            at=time_after(history, manifest.committed_at),
            outcome=outcome,
            current=current,
            sha256=digest,
            error=error,
            delta_version=version,
            run_id=run_id,
            seconds=round(seconds, 3),
            retries=retries,
            error_type="RejectedRows" if error else None,
            error_cause=error,
        )
        return self.pull_log.append(entry)

    def restore_rows(self, manifest: Manifest, batches: Iterable[tuple[str, parsing.Batch]]) -> parsing.Batch:
        """Append the rows of a pull of the pull log that the bronze table has lost. The pull log is not changed.

        Returns:
            the rows of the pull, to be compared with its entry in the pull log.
        """
        pull = TypedPull.of(self.endpoints[manifest.endpoint], manifest, batches)
        if pull.merged.table.num_rows:
            append_pull(self._open(manifest.endpoint), pull)
        return pull.merged

    def restore_quarantine(self, manifest: Manifest, batches: Iterable[tuple[str, parsing.Batch]]) -> None:
        """Append the refused rows of a pull of the pull log that the quarantine has lost."""
        self.quarantine.append(TypedPull.of(self.endpoints[manifest.endpoint], manifest, batches))

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
        """Log a pull that got no usable response. `rest`: further fields of `Pull` (error, why, run_id …)."""
        history = self.pull_log.of(endpoint.name, scope)
        current = self.pull_log.current_pull(endpoint.name, scope)
        pull = Pull(
            pull_id=pull_id,
            endpoint=endpoint.name,
            scope=scope,
            season=season,
            started_at=started_at,
            at=time_after(history, at),
            outcome=Outcome.FAILED.value,
            truth_pull_id=current.pull_id if current else None,
            code_version=__version__,
            **rest,  # type: ignore[arg-type]
        )
        return self.pull_log.append(pull)

    def rows(self, endpoint: str, scope: int, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the valid rows of one partition, those of its current pull; all columns or some."""
        current = self.pull_log.current_pull(endpoint, scope)
        return self.rows_of(endpoint, [current] if current is not None else [], columns=columns)

    def repeated_keys(self, endpoint: Endpoint, scope: int) -> pa.Table:
        """Return the keys that more than one row of the current pull has, with their number as `rows`, the most frequent first.

        The API serves some rows twice and some keys with two values. Bronze keeps them; silver deduplicates.
        """
        names = list(endpoint.key)
        current = self.pull_log.current_pull(endpoint.name, scope)
        pull_id, appended = self._appended or ("", None)
        if appended is not None and current is not None and pull_id == current.pull_id:
            rows = appended
        else:
            rows = self.rows(endpoint.name, scope, names)
        counted = rows.group_by(names).aggregate([([], "count_all")]).rename_columns([*names, "rows"])
        repeated = counted.filter(pc.field("rows") > 1).sort_by([("rows", "descending")])
        del counted
        release_freed(rows)
        return repeated

    def rows_of(
        self,
        endpoint: str,
        pulls: Iterable[Pull],
        table: DeltaTable | None = None,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """Return the rows of these pulls, from the current version of the table or from another one (`table`)."""
        with reading(self.table_uri(endpoint)):
            wanted = [pull for pull in pulls if pull.rows]
            dataset = scan(table or self._open(endpoint).now(), {pull.season for pull in wanted})
            if not wanted:
                return dataset.schema.empty_table().select(columns or dataset.schema.names)
            wanted_rows = pc.field("_pull_id").isin([pull.pull_id for pull in wanted])
            return dataset.to_table(columns=columns and list(columns), filter=wanted_rows)


def _entry(
    pull: TypedPull, *, outcome: Outcome, current: Pull | None, at: datetime, sha256: str, **rest: object
) -> Pull:
    """Return the pull log entry of a pull. `truth`: the current pull before it; `rest`: further fields of `Pull`."""
    # pandera takes half a second to import, and processes that only read bronze do not need it.
    from f1_lakehouse.validation.schemas import improbable

    manifest, merged = pull.manifest, pull.merged
    counts = improbable(pull.endpoint, merged.table)
    is_current = outcome in (Outcome.APPENDED, Outcome.EMPTY, Outcome.EMPTIED)
    return Pull(
        pull_id=manifest.pull_id,
        endpoint=manifest.endpoint,
        scope=manifest.scope,
        season=manifest.season,
        started_at=manifest.started_at,
        at=at,
        outcome=outcome.value,
        rows=merged.table.num_rows,
        quarantined=len(merged.rejected),
        improbable=sum(counts.values()),
        sha256=sha256,
        truth_pull_id=manifest.pull_id if is_current else (current.pull_id if current else None),
        requests=len(manifest.answers),
        bytes=sum(answer.size for answer in manifest.answers),
        waited_s=seconds_waited(manifest.answers),
        added_columns=_json({name: kind.value for name, kind in merged.added.items()}),
        missing_columns=_json(list(merged.missing)),
        retyped_columns=_json(merged.retyped),
        why=manifest.why,
        code_version=__version__,
        **rest,  # type: ignore[arg-type]
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


def _json(value: object) -> str | None:
    return orjson.dumps(value).decode() if value else None
