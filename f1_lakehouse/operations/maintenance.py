"""Upkeep of bronze: setting a table back, compaction, vacuum.

Each of these is a new version of its table, and none of them takes away a row that some version within the retention
still shows. Earlier versions of the data are in history.py, rebuilding bronze from landing in rebuild.py.
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
from f1_lakehouse.sources.openf1.endpoints import TELEMETRY
from f1_lakehouse.storage.bronze import Bronze
from f1_lakehouse.storage.delta import WRITER
from f1_lakehouse.storage.landing import new_pull_id
from f1_lakehouse.storage.pull_log import Outcome, Pull, reading

RETENTION = timedelta(days=7)
"""How long files that no version needs any more are kept: readers and restores of a week find theirs."""

Z_ORDER = ("session_key", "driver_number", "date")
"""What telemetry is asked by.

Not done unless asked for. A telemetry pull is written driver by driver, one file a session, and so lies in that order
already: of 29 row groups a question about one driver reads 2. Z-ordered it read 10 of 27, without the date 6, and
compacted 7 (delta-rs mixes the bits of whole columns, and those of a date outweigh the others). The numbers are in
docs/upkeep.md.
"""

Progress = Callable[[str], None]


class MaintenanceError(F1LakehouseError):
    """Upkeep that cannot be done as asked; one line that names the cause and the cure."""


@dataclass(frozen=True)
class Upkeep:
    """Files and bytes that a table's newest version refers to, before and after; for vacuum, what was or would be removed."""

    table: str
    files_before: int
    files_after: int
    bytes_before: int
    bytes_after: int
    removed: int = 0


@dataclass(frozen=True)
class SetBack:
    """What restoring a table to a version means.

    `lost` and `back`: pulls that leave and re-enter the table. `truths`: for each scope whose truth becomes another
    one, (scope, truth now, truth then).
    """

    endpoint: str
    version: int
    version_now: int
    lost: tuple[Pull, ...]
    back: tuple[Pull, ...]
    truths: tuple[tuple[int, Pull | None, Pull | None], ...]

    @property
    def is_nothing(self) -> bool:
        """Whether the table says already what it said then."""
        return not (self.lost or self.back or self.truths)


def plan_restore(changes: Changes, endpoint: str, version: int) -> SetBack:
    """What setting an endpoint's table back to a version would change; nothing is changed yet.

    Raises:
        HistoryError: no such table or version.
    """
    now = changes.table(endpoint)
    then = set(pulls_in(changes.table(endpoint, version)))
    here = set(pulls_in(now))
    entries = {
        p.pull_id: p
        for p in changes.bronze.ledger.all()
        if p.endpoint == endpoint and p.outcome == Outcome.APPENDED
    }
    known, wanted = changes.truths(endpoint), changes.truths(endpoint, version=version)
    return SetBack(
        endpoint,
        version,
        now.version(),
        tuple(p for i, p in entries.items() if i in here - then),
        tuple(p for i, p in entries.items() if i in then - here),
        tuple(
            (scope, truth, wanted.get(scope))
            for scope, truth in known.items()
            if _id(truth) != _id(wanted.get(scope))
        ),
    )


def restore(changes: Changes, plan: SetBack, now: datetime | None = None) -> int:
    """Set a table back as planned; the table's new version.

    The ledger is brought into line, so that silver and gold follow, and the questions whose truth was set back are due
    again. At every moment the pull that the ledger calls the truth is in the table: a scope whose older truth is there
    already is entered before the table is set back, any other one after it. Cut off in between, it is simply repeated.

    Raises:
        MaintenanceError: the version's files are gone.
    """
    bronze = changes.bronze
    moment = now or datetime.now(UTC)
    back = {pull.pull_id for pull in plan.back}
    for scope, truth, wanted in plan.truths:
        if _id(wanted) not in back:
            _enter(bronze, plan, scope, truth, wanted, moment)
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
    # A version of long ago may have had fewer columns and other properties.
    bronze.create_table(plan.endpoint)
    table = DeltaTable(bronze.table_uri(plan.endpoint))
    for scope, truth, wanted in plan.truths:
        if _id(wanted) in back:
            _enter(bronze, plan, scope, truth, wanted, moment)
    return int(table.version())


def _enter(
    bronze: Bronze, plan: SetBack, scope: int, truth: Pull | None, wanted: Pull | None, now: datetime
) -> None:
    history = bronze.ledger.of(plan.endpoint, scope)
    at = max([now, *(pull.at + timedelta(microseconds=1) for pull in history[-1:])])
    known = wanted or truth
    bronze.ledger.append(
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
    """Make the many small files of a table few. The rows stay, and so do older versions.

    Telemetry stays as it was written, a file a pull, unless `z_order` is wanted; then each season of it is sorted into
    which something came since the last time. Loads and readers go on meanwhile: an append never collides with it, and
    who has opened a version keeps its files.

    Raises:
        MaintenanceError: there is no such table.
    """
    done = []
    for name in _named(bronze, tables):
        progress(name)
        uri = bronze.table_uri(name)
        with reading(uri):
            table = DeltaTable(uri)
            before = _size(table)
            try:
                if name in TELEMETRY and z_order:
                    _sort(table)
                elif name not in TELEMETRY:
                    table.optimize.compact(writer_properties=WRITER)
            except CommitFailedError:
                progress(f"{name}: another process is at it")
            done.append(Upkeep(name, before[0], (after := _size(DeltaTable(uri)))[0], before[1], after[1]))
    return done


def _sort(table: DeltaTable) -> None:
    """Z-order each season that has files which were not there after the last time."""
    last = next((c["version"] for c in table.history() if c["operation"] == "OPTIMIZE"), None)
    sorted_then: set[str] = set()
    if last is not None:
        with contextlib.suppress(DeltaError):  # its log is cleaned up: all is sorted again
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
    """Remove files that no version needs and that are older than the retention; what crashed writes left, too.

    With `dry_run`, as by default, only count them. Versions whose files are gone can no longer be read or restored;
    the newest one always can.

    Raises:
        MaintenanceError: no such table, or a retention below 7 days: a reader may still be at an older version, and
            a write that is under way has files that no version refers to yet.
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
    """Files and bytes of the newest version."""
    sizes = [int(one) for one in table.get_add_actions(flatten=True).column("size_bytes").to_pylist()]
    return len(sizes), sum(sizes)
