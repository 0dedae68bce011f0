"""Operating a lake from the command line: restore, rebuild, optimize, vacuum, backup, verify. Prints; decides nothing."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from rich.table import Table

from f1_lakehouse.cli.progress import working
from f1_lakehouse.cli.tables import stdout
from f1_lakehouse.ingest import no_pulls
from f1_lakehouse.lakehouse import Lake
from f1_lakehouse.observability.log_output import tell
from f1_lakehouse.operations import maintenance
from f1_lakehouse.operations.backup import copy_landing
from f1_lakehouse.operations.history import Changes
from f1_lakehouse.operations.maintenance import MaintenanceError, Upkeep
from f1_lakehouse.operations.rebuild import rebuild
from f1_lakehouse.operations.verify import check_bronze, check_landing
from f1_lakehouse.settings import Settings
from f1_lakehouse.storage.bronze import Bronze
from f1_lakehouse.storage.landing import Landing


def print_restore(settings: Settings, table: str, version: int, *, yes: bool) -> int:
    """Show what setting a table back would lose and, if told so, do it.

    Raises:
        HistoryError, MaintenanceError: it cannot be done.
    """
    with no_pulls(settings.root):
        return _restore(Lake.open(settings), table, version, yes=yes)


def _restore(lake: Lake, table: str, version: int, *, yes: bool) -> int:
    changes = Changes(lake.bronze, lake.landing)
    plan = maintenance.plan_restore(changes, table, version)
    if plan.is_nothing:
        print(
            f"{table} says the same at version {version} as now (version {plan.version_now}): nothing to do"
        )
        return 0
    names = {one.key: one.partition for one in lake.calendar()}
    print(f"{table} is at version {plan.version_now}; set back to version {version},")
    for word, pulls in (("loses", plan.lost), ("gets back", plan.back)):
        if pulls:
            print(f"it {word} {len(pulls)} pulls with {sum(p.rows for p in pulls):,} rows:")
        for pull in pulls:
            print(
                f"  {pull.at:%Y-%m-%d %H:%M:%S}  {names.get(pull.scope, pull.scope)}: {pull.rows:,} rows ({pull.why})"
            )
    for scope, now, then in plan.truths:
        was, becomes = (
            f"{t.rows:,} rows of {t.at:%Y-%m-%d %H:%M:%S}" if t else "nothing" for t in (now, then)
        )
        print(f"  the truth of {names.get(scope, scope)}: {was} → {becomes}; it is due again")
    if not yes:
        tell("f1: nothing was changed; do it with --yes", "failed")
        return 1
    made = maintenance.restore(changes, plan)
    print(f"{table} is at version {made}; silver and gold follow with: f1 transform")
    print(f"undo it with: f1 restore {table} --version {plan.version_now} --yes")
    return 0


def print_rebuild(settings: Settings, endpoints: Sequence[str]) -> int:
    """Put back into bronze what it has lost, from landing alone."""
    landing, bronze = Landing(settings.landing), Bronze(settings.bronze)
    with working("rebuilding bronze from landing") as say, no_pulls(settings.root):
        done = rebuild(landing, bronze, endpoints or None, say)
    table = Table("table", "there", "put back", "rows", "set aside")
    for one in done:
        if one.there or one.restored or one.moved_to:
            table.add_row(one.table, str(one.there), str(one.restored), f"{one.rows:,}", one.moved_to or "")
    _print(table, "bronze is empty, and so is landing")
    return print_problems([line for one in done for line in one.problems])


def print_optimize(settings: Settings, tables: Sequence[str], *, z_order: bool) -> int:
    """Make few files of many, and say how many."""
    with working("optimizing") as say:
        done = maintenance.optimize(Lake.open(settings).bronze, tables or None, say, z_order=z_order)
    table = Table("table", "files before", "files after", "MB before", "MB after")
    for one in done:
        if one.files_before:
            table.add_row(one.table, *_counts(one))
    _print(table, "bronze is empty")
    return 0


def print_vacuum(settings: Settings, tables: Sequence[str], *, days: int, yes: bool) -> int:
    """Count, or remove, files that no version of the last days needs."""
    bronze = Lake.open(settings).bronze
    with working("looking for files that nobody needs") as say:
        done = maintenance.vacuum(
            bronze, tables or None, retention=timedelta(days=days), dry_run=not yes, progress=say
        )
    for one in done:
        if one.removed:
            print(f"{one.table}: {one.removed} files")
    total = sum(one.removed for one in done)
    if yes:
        print(f"{total} files removed")
    elif total:
        print(
            f"{total} files would be removed; do it with --yes (older versions can then not be read any more)"
        )
    else:
        print(f"nothing to remove: every file is younger than {days} days or needed")
    return 0


def print_verify(settings: Settings, folder: Path | None) -> int:
    """Check landing, or a backup of it, byte by byte; and bronze against the ledger."""
    landing = Landing(str(folder) if folder else settings.landing)
    if not landing.store.folders():
        raise MaintenanceError(
            f"there is nothing at {landing.store.uri}: it is no landing folder or a new one"
        )
    with working("verifying landing") as say:
        found = check_landing(landing, say)
    unfinished = f", {found.unfinished} unfinished" if found.unfinished else ""
    print(
        f"{landing.store.uri}: {found.pulls} pulls{unfinished}, {found.answers:,} answers, "
        f"{found.bytes / 1e6:,.1f} MB, {len(found.problems)} damaged files"
    )
    problems = found.problems
    if folder is None:
        with working("verifying bronze") as say:
            bronze = check_bronze(Bronze(settings.bronze), progress=say)
        print(f"{settings.bronze}: {bronze.pulls} appended pulls, {len(bronze.problems)} problems")
        problems = problems + bronze.problems
    return print_problems(problems)


def print_backup(settings: Settings, folder: Path, *, restore: bool) -> int:
    """Copy landing to a folder, what is new of it; or bring back from there what is missing or damaged here."""
    here, there = Landing(settings.landing), Landing(str(folder))
    source, target = (there, here) if restore else (here, there)
    if not source.store.folders():
        raise MaintenanceError(f"there is nothing to copy at {source.store.uri}")
    with working("copying") as say:
        done = copy_landing(source, target, progress=say)
    print(
        f"{done.files:,} files ({done.bytes / 1e6:,.1f} MB) copied to {target.store.uri}, {done.there:,} were there"
    )
    return print_problems(done.problems)


def print_problems(lines: Sequence[str]) -> int:
    """One line each; the exit code."""
    for line in lines:
        tell(f"problem: {line}", "failed")
    return 1 if lines else 0


def _counts(one: Upkeep) -> tuple[str, ...]:
    return (
        f"{one.files_before:,}",
        f"{one.files_after:,}",
        f"{one.bytes_before / 1e6:,.2f}",
        f"{one.bytes_after / 1e6:,.2f}",
    )


def _print(table: Table, otherwise: str) -> None:
    if table.row_count:
        stdout().print(table)
    else:
        print(otherwise)
