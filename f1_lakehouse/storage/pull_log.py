"""The pull log, `bronze/_pulls`: each pull with its outcome, and which pull is the current one of its partition.

Every decision about the lake is read from it: what is due, what silver must rebuild, what is stale. It is append-only like all of bronze.
Not here: the rows of endpoints (bronze.py), and the rules for what is due (sources/openf1/calendar.py).
"""

import contextlib
import threading
from bisect import insort
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from enum import StrEnum
from hashlib import md5

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError

from f1_lakehouse.errors import F1LakehouseError
from f1_lakehouse.storage.delta import AFTER_APPEND, OpenTable, scan

COMPACT_EVERY = 30
"""Commits of the pull log after which its one-row files are compacted. An append takes 8 ms, and 0.2 ms more for each file; a compaction
takes 10 ms and leaves a file with all earlier pulls until the next `f1 vacuum`."""


class BronzeError(F1LakehouseError):
    """A table is missing or cannot be read; the message names the table and the cure."""


@contextlib.contextmanager
def reading(uri: str) -> Iterator[None]:
    """Turn the errors of reading a damaged table into a BronzeError that names the table and the cure."""
    try:
        yield
    except CommitFailedError:
        raise  # another writer was faster: nothing is damaged
    except (DeltaError, OSError, pa.ArrowException) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise BronzeError(f"the table {uri} cannot be read ({first}): run f1 rebuild-bronze") from error


class Outcome(StrEnum):
    """The outcome of a pull."""

    APPENDED = "appended"  # rows that differ from those of the current pull: all of them were appended
    UNCHANGED = "unchanged"  # the same rows as those of the current pull: nothing was appended
    EMPTY = "empty"  # the first answered pull, without rows
    EMPTY_UNCONFIRMED = "empty_unconfirmed"  # no rows where there were rows: not accepted yet
    EMPTIED = "emptied"  # no rows where there were rows, confirmed by a second pull or by force
    FAILED = "failed"  # no usable response
    RESTORED = "restored"  # no pull: a table was restored; an earlier pull is current again, and the partition is due


@dataclass(frozen=True, slots=True)
class Pull:
    """One row of the pull log.

    `scope`: the session key, or the year for season endpoints. `truth_pull_id`: the pull that is current after this one: itself, or an
    earlier one if nothing changed or the response was not accepted; None if there is none. Times are UTC; `seconds`: the duration,
    `waited_s`: the part spent on rate limits; `requests`: the number of responses, `retries`: of repeated requests (None in rows of
    versions that did not count them).
    `error` is the error of a failed pull as one line; its class, cause, URL and cure are in `error_type`, `error_cause`,
    `error_url` and `error_cure` (None: no failure, or written before these columns existed).
    """

    pull_id: str
    endpoint: str
    scope: int
    season: int
    started_at: datetime
    at: datetime
    outcome: str
    rows: int = 0
    quarantined: int = 0
    improbable: int = 0
    sha256: str | None = None
    truth_pull_id: str | None = None
    requests: int = 0
    bytes: int = 0
    seconds: float = 0.0
    waited_s: float = 0.0
    added_columns: str | None = None
    missing_columns: str | None = None
    retyped_columns: str | None = None
    why: str | None = None
    run_id: str | None = None
    error: str | None = None
    delta_version: int | None = None
    code_version: str | None = None
    retries: int | None = None
    error_type: str | None = None
    error_cause: str | None = None
    error_url: str | None = None
    error_cure: str | None = None

    @property
    def is_answer(self) -> bool:
        """Whether the API answered; a response without rows counts."""
        return self.outcome != Outcome.FAILED

    @property
    def is_applied(self) -> bool:
        """Whether the pull's rows were read. A pull that failed before has no rows, and may be resumed."""
        return self.sha256 is not None


_UTC = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    [
        ("pull_id", pa.string()),
        ("endpoint", pa.string()),
        ("scope", pa.int64()),
        ("season", pa.int32()),
        ("started_at", _UTC),
        ("at", _UTC),
        ("outcome", pa.string()),
        ("rows", pa.int64()),
        ("quarantined", pa.int64()),
        ("improbable", pa.int64()),
        ("sha256", pa.string()),
        ("truth_pull_id", pa.string()),
        ("requests", pa.int64()),
        ("bytes", pa.int64()),
        ("seconds", pa.float64()),
        ("waited_s", pa.float64()),
        ("added_columns", pa.string()),
        ("missing_columns", pa.string()),
        ("retyped_columns", pa.string()),
        ("why", pa.string()),
        ("run_id", pa.string()),
        ("error", pa.string()),
        ("delta_version", pa.int64()),
        ("code_version", pa.string()),
        ("retries", pa.int64()),
        ("error_type", pa.string()),
        ("error_cause", pa.string()),
        ("error_url", pa.string()),
        ("error_cure", pa.string()),
    ]
)
assert [f.name for f in fields(Pull)] == SCHEMA.names


class PullLog:
    """All pulls of a lake.

    Args:
        uri: the `_pulls` table. It must exist (bronze.py creates it).

    The pulls are cached, and read again only when the table has a new version.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._lock = threading.RLock()
        self._table = OpenTable(uri)
        self._seen = (0, -1)
        self._pulls: list[Pull] = []
        self._by_scope: dict[tuple[str, int], list[Pull]] = {}

    def all(self) -> list[Pull]:
        """Return every pull, oldest first."""
        self._refresh()
        return self._pulls

    def of(self, endpoint: str, scope: int) -> list[Pull]:
        """Return the pulls of one endpoint and partition, oldest first."""
        self._refresh()
        return self._by_scope.get((endpoint, scope), [])

    def last_answer(self, endpoint: str, scope: int) -> Pull | None:
        """Return the newest answered pull of that partition."""
        return _last_answer(self.of(endpoint, scope))

    def current_pull(self, endpoint: str, scope: int) -> Pull | None:
        """Return the current pull, whose rows are valid now; None before the first answered pull."""
        return _truth(self.of(endpoint, scope))

    def holds(self, pull_id: str, endpoint: str, scope: int) -> bool:
        """Return whether the rows of that pull were read and the result logged."""
        return any(pull.pull_id == pull_id and pull.is_applied for pull in self.of(endpoint, scope))

    def scopes(self) -> list[tuple[str, int]]:
        """Return every (endpoint, partition) that was ever pulled."""
        self._refresh()
        return list(self._by_scope)

    @property
    def is_empty(self) -> bool:
        """Whether no pull was ever answered; nothing can be built from failures alone."""
        return not any(self.last_answer(endpoint, scope) for endpoint, scope in self.scopes())

    def version(self) -> str:
        """Return the version of bronze as one text: it changes if and only if the current pull of a partition changes."""
        self._refresh()
        return _version(self._by_scope.values())

    def versions(self) -> dict[str, str]:
        """Return each endpoint → the version of its table, as that of bronze."""
        self._refresh()
        by_endpoint: dict[str, list[list[Pull]]] = {}
        for (endpoint, _), pulls in self._by_scope.items():
            by_endpoint.setdefault(endpoint, []).append(pulls)
        return {endpoint: _version(scopes) for endpoint, scopes in by_endpoint.items()}

    def append(self, pull: Pull) -> Pull:
        """Log a pull in one Delta commit.

        Returns:
            the entry: an earlier one if another process has logged the same pull in the meantime.
        """
        row = pa.Table.from_pylist([asdict(pull)], SCHEMA)
        stamp = int(pull.at.timestamp() * 1_000_000)
        properties = CommitProperties(app_transactions=[Transaction(f"{pull.endpoint}/{pull.scope}", stamp)])
        with self._lock:
            for last in (False, True):
                # Read and written from one snapshot: a commit of the same partition in between makes this one fail.
                table = self._refresh()
                before = table.version()
                scope = self._by_scope.get((pull.endpoint, pull.scope), [])
                entered = next((p for p in scope if p.pull_id == pull.pull_id), None)
                if pull.is_applied and entered is not None and entered.is_applied:
                    return entered
                try:
                    write_deltalake(
                        table,
                        row,
                        mode="append",
                        commit_properties=properties,
                        post_commithook_properties=AFTER_APPEND,
                    )
                    break
                except CommitFailedError:
                    self._table.forget()
                    if last:
                        raise
            if table.version() == before + 1:  # no other commit is in between: there is nothing to read
                self._add(Pull(**row.to_pylist()[0]))
                self._seen = (self._table.generation, table.version())
            if table.version() % COMPACT_EVERY == 0:
                with contextlib.suppress(CommitFailedError):  # another process does it
                    table.optimize.compact()
        return pull

    def _refresh(self) -> DeltaTable:
        """Read new pulls. Returns the current version of the table."""
        with self._lock, reading(self.uri):
            table = self._table.now()
            if (seen := (self._table.generation, table.version())) != self._seen:
                batches = scan(table).to_batches()
                self._pulls = sorted(
                    (Pull(**row) for batch in batches for row in batch.to_pylist()), key=_in_time
                )
                self._by_scope = {}
                for pull in self._pulls:
                    self._by_scope.setdefault((pull.endpoint, pull.scope), []).append(pull)
                self._seen = seen
            return table

    def _add(self, pull: Pull) -> None:
        """Add a pull to the cache. Lists that were returned before do not change."""
        scope = (pull.endpoint, pull.scope)
        self._pulls, self._by_scope[scope] = self._pulls.copy(), self._by_scope.get(scope, []).copy()
        for pulls in (self._pulls, self._by_scope[scope]):
            insort(pulls, pull, key=_in_time)


def _in_time(pull: Pull) -> tuple[datetime, str]:
    return pull.at, pull.pull_id


def _last_answer(pulls: list[Pull]) -> Pull | None:
    return next((pull for pull in reversed(pulls) if pull.is_answer), None)


def _version(scopes: Iterable[list[Pull]]) -> str:
    """The version of some partitions, from the pulls of each."""
    current_pulls = sorted(t.pull_id for pulls in scopes if (t := _truth(pulls)) is not None)
    return f"{len(current_pulls)}-{md5('|'.join(current_pulls).encode(), usedforsecurity=False).hexdigest()[:12]}"


def _truth(pulls: list[Pull]) -> Pull | None:
    last = _last_answer(pulls)
    if last is None or last.truth_pull_id == last.pull_id:
        return last
    return next((p for p in pulls if p.pull_id == last.truth_pull_id and p.is_answer), None)
