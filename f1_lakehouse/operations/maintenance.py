"""Maintenance of bronze: restore a table to a version, compact small files, remove files that no retained version needs.

Each operation makes a new version of its table, and none removes a row of a version within the retention. Earlier versions of the data are
in history.py, rebuilding bronze from landing in rebuild.py.
"""

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError

from f1_lakehouse import __version__
from f1_lakehouse.errors import F1LakehouseError
from f1_lakehouse.operations.history import Changes, pulls_in
from f1_lakehouse.storage.bronze import Bronze
from f1_lakehouse.storage.delta import WRITER
from f1_lakehouse.storage.landing import new_pull_id
from f1_lakehouse.storage.pull_log import Outcome, Pull, reading

RETENTION = timedelta(days=7)
"""The time for which files of earlier versions are kept: readers and restores of one week find theirs."""

Z_ORDER = ("session_key", "driver_number", "date")
"""Columns of the Z-order of telemetry.

Only on request: a telemetry pull is written driver by driver to one file per session, and so is ordered already. Of 29 row groups, a
query on one driver reads 2; after Z-ordering 10 of 27, without the date 6, after compaction 7 (delta-rs interleaves the bits of complete
columns, and those of a date dominate). The measurements are in docs/upkeep.md.
"""

Progress = Callable[[str], None]


class MaintenanceError(F1LakehouseError):
    """Maintenance that is impossible as requested; one line with the cause and the cure."""


@dataclass(frozen=True)
class Upkeep:
    """Files and bytes of a table's newest version, before and after; for vacuum, the number that was or would be removed."""

    table: str
    files_before: int
    files_after: int
    bytes_before: int
    bytes_after: int
    removed: int = 0


@dataclass(frozen=True)
class SetBack:
    """The effect of restoring a table to a version.

    `lost` and `back`: pulls that leave and re-enter the table. `truths`: for each partition whose current pull changes, (partition,
    current pull before, current pull after).
    """

    endpoint: str
    version: int
    version_now: int
    lost: tuple[Pull, ...]
    back: tuple[Pull, ...]
    current_pulls: tuple[tuple[int, Pull | None, Pull | None], ...]

    @property
    def is_nothing(self) -> bool:
        """Whether the table already has the rows of that version."""
        return not (self.lost or self.back or self.current_pulls)


def plan_restore(changes: Changes, endpoint: str, version: int) -> SetBack:
    """Return the effect of restoring an endpoint's table to a version; nothing is changed.

    Raises:
        HistoryError: no such table or version.
    """
    now = changes.table(endpoint)
    then = set(pulls_in(changes.table(endpoint, version)))
    here = set(pulls_in(now))
    entries = {
        p.pull_id: p
        for p in changes.bronze.pull_log.all()
        if p.endpoint == endpoint and p.outcome == Outcome.APPENDED
    }
    known, wanted = changes.current_pulls(endpoint), changes.current_pulls(endpoint, version=version)
    return SetBack(
        endpoint,
        version,
        now.version(),
        tuple(p for i, p in entries.items() if i in here - then),
        tuple(p for i, p in entries.items() if i in then - here),
        tuple(
            (scope, current, wanted.get(scope))
            for scope, current in known.items()
            if _id(current) != _id(wanted.get(scope))
        ),
    )


def restore(changes: Changes, plan: SetBack, now: datetime | None = None) -> int:
    """Restore a table as planned. Returns the table's new version.

    The pull log is updated, so that silver and gold follow, and partitions whose current pull changed are due again. At every time the
    current pull of the pull log is in the table: a partition whose earlier pull is in the table is logged before the restore, any other
    one after it. If interrupted, it can be repeated.

    Raises:
        MaintenanceError: the version's files are gone.
    """
    bronze = changes.bronze
    moment = now or datetime.now(UTC)
    back = {pull.pull_id for pull in plan.back}
    for scope, current, wanted in plan.current_pulls:
        if _id(wanted) not in back:
            _enter(bronze, plan, scope, current, wanted, moment)
    table = changes.table(plan.endpoint)
    if plan.lost or plan.back:
        metadata = {"why": "restore", "code_version": __version__}
        try:
            table.restore(plan.version, commit_properties=CommitProperties(custom_metadata=metadata))
        except (DeltaError, OSError) as error:
            raise MaintenanceError(
                f"{plan.endpoint} cannot be set back to version {plan.version}, some of its files are gone; "
                f"run f1 rebuild-bronze --endpoint {plan.endpoint} if rows are missing"
            ) from error
    # An old version may have fewer columns and other properties.
    bronze.create_table(plan.endpoint)
    table = DeltaTable(bronze.table_uri(plan.endpoint))
    for scope, current, wanted in plan.current_pulls:
        if _id(wanted) in back:
            _enter(bronze, plan, scope, current, wanted, moment)
    return int(table.version())


def _enter(
    bronze: Bronze, plan: SetBack, scope: int, current: Pull | None, wanted: Pull | None, now: datetime
) -> None:
    history = bronze.pull_log.of(plan.endpoint, scope)
    at = max([now, *(pull.at + timedelta(microseconds=1) for pull in history[-1:])])
    known = wanted or current
    bronze.pull_log.append(
        Pull(
            pull_id=new_pull_id(at, plan.endpoint, scope),
            endpoint=plan.endpoint,
            scope=scope,
            season=known.season if known else history[-1].season,
            started_at=now,
            at=at,
            outcome=Outcome.RESTORED.value,
            truth_pull_id=_id(wanted),
            why=f"restore to version {plan.version}",
            delta_version=plan.version_now + 1,
            code_version=__version__,
        )
    )


def _id(pull: Pull | None) -> str | None:
    return pull.pull_id if pull else None


def optimize(
    bronze: Bronze,
    tables: Iterable[str] | None = None,
    progress: Progress = lambda _: None,
    *,
    z_order: bool = False,
) -> list[Upkeep]:
    """Compact the small files of a table. Rows and earlier versions do not change.

    Telemetry keeps one file per pull, unless `z_order` is requested: then each season with new files since the last time is sorted. Loads
    and readers are not blocked: an append never conflicts with it, and a reader keeps the files of its version.

    Raises:
        MaintenanceError: there is no such table.
    """
    done = []
    telemetry = {name for name, endpoint in bronze.endpoints.items() if endpoint.by_driver}
    for name in _named(bronze, tables):
        progress(name)
        uri = bronze.table_uri(name)
        with reading(uri):
            table = DeltaTable(uri)
            before = _size(table)
            try:
                if name in telemetry and z_order:
                    _sort(table)
                elif name not in telemetry:
                    table.optimize.compact(writer_properties=WRITER)
            except CommitFailedError:
                progress(f"{name}: another process is at it")
            done.append(Upkeep(name, before[0], (after := _size(DeltaTable(uri)))[0], before[1], after[1]))
    return done


def _sort(table: DeltaTable) -> None:
    """Z-order each season that has new files since the last time."""
    last = next((c["version"] for c in table.history() if c["operation"] == "OPTIMIZE"), None)
    sorted_then: set[str] = set()
    if last is not None:
        with contextlib.suppress(DeltaError):  # its log was cleaned up: everything is sorted again
            sorted_then = set(DeltaTable(table.table_uri, version=last).file_uris())
    for season in sorted({str(one["_season"]) for one in table.partitions()}):
        filters = [("_season", "=", season)]
        if set(table.file_uris(file_pruning_predicate=filters)) - sorted_then:
            table.optimize.z_order(list(Z_ORDER), partition_filters=filters, writer_properties=WRITER)


def vacuum(
    bronze: Bronze,
    tables: Iterable[str] | None = None,
    *,
    retention: timedelta = RETENTION,
    dry_run: bool = True,
    progress: Progress = lambda _: None,
) -> list[Upkeep]:
    """Remove files that no version needs and that are older than the retention, and files of crashed writes.

    With `dry_run`, the default, they are only counted. Versions whose files were removed can no longer be read or restored; the newest
    one always can.

    Raises:
        MaintenanceError: no such table, or a retention below 7 days: a reader may still be at an older version, and
            a write in progress has files that no version refers to yet.
    """
    if retention < RETENTION:
        raise MaintenanceError(
            f"a retention of {retention / timedelta(days=1):g} days is too short: readers and restores need "
            f"{RETENTION.days} days"
        )
    done = []
    for name in _named(bronze, tables):
        progress(name)
        uri = bronze.table_uri(name)
        with reading(uri):
            table = DeltaTable(uri)
            hours = int(retention / timedelta(hours=1))
            removed = table.vacuum(hours, dry_run=dry_run, full=True)
            files, size = _size(table)
            done.append(Upkeep(name, files, files, size, size, len(removed)))
    return done


def _named(bronze: Bronze, tables: Iterable[str] | None) -> list[str]:
    names = list(tables or bronze.names())
    for name in names:
        if name not in bronze.names():
            raise MaintenanceError(f"there is no table {name!r}; there are: {', '.join(bronze.names())}")
    return names


def _size(table: DeltaTable) -> tuple[int, int]:
    """Return files and bytes of the newest version."""
    sizes = [int(one) for one in table.get_add_actions(flatten=True).column("size_bytes").to_pylist()]
    return len(sizes), sum(sizes)
