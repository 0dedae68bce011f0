"""Rebuild bronze from landing, without a single request: restore what a table has lost, or make a damaged table again.

Safe to repeat and to interrupt. Restoring a table to an earlier version on purpose is in maintenance.py.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pyarrow.compute as pc
from deltalake import DeltaTable

from f1_lakehouse.operations.verify import Progress, appended_pulls, damage, silent
from f1_lakehouse.storage.bronze import Bronze
from f1_lakehouse.storage.delta import scan
from f1_lakehouse.storage.fingerprint import fingerprint
from f1_lakehouse.storage.landing import Landing, LandingError, Manifest
from f1_lakehouse.storage.object_store import ObjectStore
from f1_lakehouse.storage.parsing import BodyError, merge
from f1_lakehouse.storage.pull_log import BronzeError, Outcome, PullLog, reading

DAMAGED_TABLES = "_set_aside"
"""The folder of damaged tables, below bronze: a rebuild deletes nothing."""


@dataclass
class Rebuilt:
    """The rebuild of one table: pulls that were there, pulls and rows that were restored, and the folder a damaged table was moved to."""

    table: str
    there: int = 0
    restored: int = 0
    rows: int = 0
    moved_to: str | None = None
    problems: list[str] = field(default_factory=list)
    written: set[str] = field(default_factory=set)
    """The pulls that were restored with the rows that the pull log has of them."""


def rebuild(
    landing: Landing,
    bronze: Bronze,
    endpoints: Iterable[str] | None = None,
    progress: Progress = silent,
    now: datetime | None = None,
) -> list[Rebuilt]:
    """Restore what bronze has lost from landing alone. A damaged table is made again.

    So is a table with rows of a version before `_row_number`, if landing has all its pulls.

    The restored rows are the same, with their pulls, times and sources. A lost pull log is made again too, for every endpoint: with
    the same current pulls, but without the failed attempts, runs and durations of the past.

    Raises:
        BronzeError: there is no such endpoint.
    """
    names = list(endpoints or bronze.endpoints)
    for name in names:
        if name not in bronze.endpoints:
            raise BronzeError(f"there is no table {name!r}; there are: {', '.join(sorted(bronze.endpoints))}")
    at = now or datetime.now(UTC)
    done = [_usable(bronze, "_quarantine", at), _usable(bronze, "_pulls", at)]
    if not bronze.pull_log.all():
        names = list(bronze.endpoints)
    for name in names:
        progress(f"bronze/{name}: what is there")
        entry = _usable(bronze, name, at, landing)
        done.append(entry)
        for manifest in sorted(_manifests(landing, name, entry), key=lambda m: (m.committed_at, m.pull_id)):
            progress(manifest.folder)
            try:
                _restore_pull(landing, bronze, manifest, entry)
            except (LandingError, BodyError) as error:
                entry.problems.append(str(error))
        gone = damage(bronze, name, entry.written)
        entry.problems += [f"{name}: {what}, and its raw answers are not in landing" for what in gone]
    return done


def _can_be_numbered(landing: Landing, bronze: Bronze, name: str) -> bool:
    """Return whether a table has rows without a row number, and landing has the same rows of all its pulls, in order.

    A version before `_row_number` wrote such rows. A column of an append-only table cannot be filled, so the table is written again.
    """
    endpoint = bronze.endpoints[name]
    if "_row_number" not in endpoint.bronze_schema.names:
        return False
    with reading(bronze.table_uri(name)):
        rows = scan(DeltaTable(bronze.table_uri(name)))
        if "_row_number" in rows.schema.names:
            numbered = pc.field("_row_number").is_valid()
            if not rows.head(1, columns=["_pull_id"], filter=~numbered).num_rows:
                return False
        elif not rows.head(1, columns=["_pull_id"]).num_rows:
            return False
    for pull in appended_pulls(bronze, name):
        try:
            manifest = landing.finished(name, pull.scope, pull.pull_id)
            if manifest is None:
                return False
            batches = [batch for _, batch in bronze.parse(landing, manifest)]
        except (LandingError, BodyError):
            return False
        if fingerprint(merge(endpoint, batches)) != pull.sha256:
            return False
    return True


def _usable(bronze: Bronze, name: str, now: datetime, landing: Landing | None = None) -> Rebuilt:
    """Make sure that a table can be read: a damaged one is moved away and replaced by an empty one.

    With `landing`, a table that `_can_be_numbered` is moved away too.
    """
    entry = Rebuilt(name)
    if bronze.exists(name):
        try:
            if name in bronze.endpoints:
                bad = [one for one in damage(bronze, name) if not one.is_missing]
                whole = not bad
            else:
                with reading(bronze.table_uri(name)):
                    scan(DeltaTable(bronze.table_uri(name))).to_table()
                whole = True
        except BronzeError:
            whole = False
        if whole and not (landing and name in bronze.endpoints and _can_be_numbered(landing, bronze, name)):
            bronze.create_table(name)
            return entry
    store = ObjectStore(bronze.uri)
    if any(True for _ in store.walk(name)):
        entry.moved_to = f"{DAMAGED_TABLES}/{name}-{now:%Y%m%dT%H%M%S%f}Z"
        store.move(name, entry.moved_to)
    bronze.create_table(name)
    if name == "_pulls":
        bronze.pull_log = PullLog(bronze.pull_log.uri)  # the old one has cached another table
    return entry


def _manifests(landing: Landing, endpoint: str, entry: Rebuilt) -> list[Manifest]:
    found = []
    for scope in landing.store.folders(endpoint):
        for pull_id in landing.pull_ids(endpoint, int(scope)):
            try:
                manifest = landing.finished(endpoint, int(scope), pull_id)
            except LandingError as error:
                entry.problems.append(str(error))
                continue
            if manifest is not None:
                found.append(manifest)
    return found


def _restore_pull(landing: Landing, bronze: Bronze, manifest: Manifest, entry: Rebuilt) -> None:
    known = next(
        (
            pull
            for pull in bronze.pull_log.of(manifest.endpoint, manifest.scope)
            if pull.pull_id == manifest.pull_id and pull.is_applied
        ),
        None,
    )
    if known is None:
        done = bronze.apply(manifest, bronze.parse(landing, manifest), force=manifest.forced)
        if done.outcome == Outcome.APPENDED:
            entry.restored += 1
            entry.rows += done.rows
            entry.written.add(done.pull_id)
        return
    refused = known.quarantined and known.outcome != Outcome.UNCHANGED
    lacks_rows = known.outcome == Outcome.APPENDED and not bronze.rows_of(manifest.endpoint, [known]).num_rows
    if not lacks_rows and not (refused and not bronze.quarantine.rows_of(known.pull_id)):
        entry.there += known.outcome == Outcome.APPENDED
        return
    batches = bronze.parse(landing, manifest)
    whole = bronze.restore_rows(manifest, batches if lacks_rows else [])
    if refused:
        bronze.restore_quarantine(manifest, batches)
    if not lacks_rows:
        entry.there += 1
        return
    entry.restored += 1
    entry.rows += whole.table.num_rows
    if fingerprint(whole) == known.sha256:
        entry.written.add(known.pull_id)
    else:
        entry.problems.append(f"{known.pull_id}: this version of the catalog types its rows differently")
