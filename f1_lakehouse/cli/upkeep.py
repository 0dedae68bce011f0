"""Maintenance of a lake: `f1 restore`, `rebuild-bronze`, `optimize`, `vacuum`, `backup` and `verify`.

Does not belong here: the operations themselves (the package operations). The commands call them and print the result.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from f1_lakehouse.cli.command import EXIT_FAILED, Command
from f1_lakehouse.cli.lake_folder import lake_settings, recorded
from f1_lakehouse.counts import counted

if TYPE_CHECKING:
    from rich.table import Table

    from f1_lakehouse.lakehouse import Lake
    from f1_lakehouse.operations.maintenance import Upkeep
    from f1_lakehouse.settings import Settings


# Arguments and calls


def _add_restore_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("table", metavar="TABLE")
    parser.add_argument(
        "--version", dest="as_of", type=int, required=True, metavar="N", help="a version number of f1 history"
    )
    parser.add_argument(
        "--yes", action="store_true", help="restore; without --yes, only show what would be lost"
    )


def _restore(given: argparse.Namespace) -> int:
    settings = lake_settings(writes=given.yes)

    def restore() -> int:
        return print_restore(settings, given.table, given.as_of, yes=given.yes)

    return recorded(settings, "restore", restore) if given.yes else restore()


def _add_rebuild_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--endpoint", nargs="+", action="extend", default=[], metavar="NAME")


def _rebuild(given: argparse.Namespace) -> int:
    settings = lake_settings(must_exist=False, writes=True)
    return recorded(settings, "rebuild-bronze", lambda: print_rebuild(settings, given.endpoint))


def _add_optimize_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tables", nargs="*", metavar="TABLE", help="default: all tables")
    parser.add_argument("--z-order", action="store_true", help="sort telemetry by session, driver and date")


def _optimize(given: argparse.Namespace) -> int:
    settings = lake_settings(writes=True)
    return recorded(
        settings, "optimize", lambda: print_optimize(settings, given.tables, z_order=given.z_order)
    )


def _add_vacuum_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tables", nargs="*", metavar="TABLE", help="default: all tables")
    parser.add_argument(
        "--days",
        type=int,
        default=7,
        metavar="N",
        help="keep files of versions younger than this; at least 7",
    )
    parser.add_argument("--yes", action="store_true", help="remove the files; without --yes, only count them")
    parser.add_argument("--dry-run", action="store_true", help="only count the files, as without --yes")


def _vacuum(given: argparse.Namespace) -> int:
    remove = given.yes and not given.dry_run
    settings = lake_settings(writes=remove)

    def vacuum() -> int:
        return print_vacuum(settings, given.tables, days=given.days, yes=remove)

    return recorded(settings, "vacuum", vacuum) if remove else vacuum()


def _add_backup_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument(
        "--restore", action="store_true", help="restore missing and damaged files of this lake from FOLDER"
    )


def _backup(given: argparse.Namespace) -> int:
    settings = lake_settings(must_exist=not given.restore, writes=given.restore)
    return print_backup(settings, given.folder.absolute(), restore=given.restore)


def _add_verify_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", type=Path, nargs="?", metavar="FOLDER", help="check a backup instead of this lake"
    )


def _verify(given: argparse.Namespace) -> int:
    settings = lake_settings(must_exist=given.folder is None)
    return print_verify(settings, given.folder.absolute() if given.folder else None)


# Output


def print_restore(settings: Settings, table: str, version: int, *, yes: bool) -> int:
    """Print what a restore would lose and, with `yes`, restore the table; the exit code.

    Raises:
        HistoryError, MaintenanceError: the table or the version does not exist, or cannot be restored.
    """
    from f1_lakehouse.ingest import no_pulls
    from f1_lakehouse.lakehouse import Lake

    with no_pulls(settings.root):
        return _restore_table(Lake.open(settings), table, version, yes=yes)


def _restore_table(lake: Lake, table: str, version: int, *, yes: bool) -> int:
    from f1_lakehouse.observability.log_output import tell
    from f1_lakehouse.operations import maintenance
    from f1_lakehouse.operations.history import Changes

    changes = Changes(lake.bronze, lake.landing)
    plan = maintenance.plan_restore(changes, table, version)
    if plan.is_nothing:
        print(
            f"version {version} of {table} has the same rows as the current version {plan.version_now}: nothing to do"
        )
        return 0
    names = {one.key: one.partition for one in lake.calendar()}
    print(f"{table} is at version {plan.version_now}; a restore to version {version}")
    for verb, pulls in (("removes", plan.lost), ("brings back", plan.back)):
        if pulls:
            print(f"{verb} {counted(len(pulls), 'pull')} with {counted(sum(p.rows for p in pulls), 'row')}:")
        for pull in pulls:
            print(
                f"  {pull.at:%Y-%m-%d %H:%M:%S}  {names.get(pull.scope, pull.scope)}: {counted(pull.rows, 'row')} ({pull.why})"
            )
    for scope, now, then in plan.current_pulls:
        was, becomes = (
            f"{counted(t.rows, 'row')} of {t.at:%Y-%m-%d %H:%M:%S}" if t else "nothing" for t in (now, then)
        )
        print(f"  current pull of {names.get(scope, scope)}: {was} → {becomes}; it is due again")
    if not yes:
        tell("f1: nothing was changed; run it again with --yes to restore", "failed")
        return EXIT_FAILED
    made = maintenance.restore(changes, plan)
    print(f"{table} is at version {made}; update silver and gold with: f1 transform")
    print(f"undo this with: f1 restore {table} --version {plan.version_now} --yes")
    return 0


def print_rebuild(settings: Settings, endpoints: Sequence[str]) -> int:
    """Rebuild missing or damaged parts of bronze from landing, without a request; the exit code."""
    from rich.table import Table

    from f1_lakehouse.cli.progress import working
    from f1_lakehouse.ingest import no_pulls
    from f1_lakehouse.operations.rebuild import rebuild
    from f1_lakehouse.storage.bronze import Bronze
    from f1_lakehouse.storage.landing import Landing

    landing, bronze = Landing(settings.landing), Bronze(settings.bronze)
    with working("rebuilding bronze from landing") as say, no_pulls(settings.root):
        done = rebuild(landing, bronze, endpoints or None, say)
    table = Table("table", "intact", "rebuilt", "rows", "damaged table moved to")
    for one in done:
        if one.there or one.restored or one.moved_to:
            table.add_row(one.table, str(one.there), str(one.restored), f"{one.rows:,}", one.moved_to or "")
    _print(table, "bronze and landing are empty")
    return print_problems([line for one in done for line in one.problems])


def print_optimize(settings: Settings, tables: Sequence[str], *, z_order: bool) -> int:
    """Compact small files, and print the number and size of the files before and after; the exit code."""
    from rich.table import Table

    from f1_lakehouse.cli.progress import working
    from f1_lakehouse.lakehouse import Lake
    from f1_lakehouse.operations import maintenance

    with working("optimizing") as say:
        done = maintenance.optimize(Lake.open(settings).bronze, tables or None, say, z_order=z_order)
    table = Table("table", "files before", "files after", "MB before", "MB after")
    for one in done:
        if one.files_before:
            table.add_row(one.table, *_counts(one))
    _print(table, "bronze is empty")
    return 0


def print_vacuum(settings: Settings, tables: Sequence[str], *, days: int, yes: bool) -> int:
    """Count, or with `yes` remove, files that no version of the last `days` days needs; the exit code."""
    from f1_lakehouse.cli.progress import working
    from f1_lakehouse.lakehouse import Lake
    from f1_lakehouse.operations import maintenance

    bronze = Lake.open(settings).bronze
    with working("listing files that no version needs") as say:
        done = maintenance.vacuum(
            bronze, tables or None, retention=timedelta(days=days), dry_run=not yes, progress=say
        )
    for one in done:
        if one.removed:
            print(f"{one.table}: {counted(one.removed, 'file')}")
    total = sum(one.removed for one in done)
    if yes:
        print(f"{counted(total, 'file')} removed")
    elif total:
        print(
            f"{counted(total, 'file')} can be removed: run it again with --yes (older versions can no longer be read then)"
        )
    else:
        print(f"nothing to remove: every file is younger than {days} days or in use")
    return 0


def print_verify(settings: Settings, folder: Path | None) -> int:
    """Check landing, or a backup of it, byte by byte; and bronze against the pull log; the exit code."""
    from f1_lakehouse.cli.progress import working
    from f1_lakehouse.operations.maintenance import MaintenanceError
    from f1_lakehouse.operations.verify import check_bronze, check_landing
    from f1_lakehouse.storage.bronze import Bronze
    from f1_lakehouse.storage.landing import Landing

    landing = Landing(str(folder) if folder else settings.landing)
    if not landing.store.folders():
        raise MaintenanceError(
            f"{landing.store.uri} has no raw responses; name the folder of a backup, or run f1 load first"
        )
    with working("verifying landing") as say:
        found = check_landing(landing, say)
    unfinished = f", {found.unfinished} unfinished" if found.unfinished else ""
    print(
        f"{landing.store.uri}: {counted(found.pulls, 'pull')}{unfinished}, {counted(found.answers, 'response')}, "
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
    """Copy new raw responses to a folder; or restore missing and damaged ones from it; the exit code."""
    from f1_lakehouse.cli.progress import working
    from f1_lakehouse.operations.backup import copy_landing
    from f1_lakehouse.operations.maintenance import MaintenanceError
    from f1_lakehouse.storage.landing import Landing

    here, there = Landing(settings.landing), Landing(str(folder))
    source, target = (there, here) if restore else (here, there)
    if not source.store.folders():
        raise MaintenanceError(
            f"{source.store.uri} has no raw responses to copy; name the folder of a backup"
            if restore
            else f"{source.store.uri} has no raw responses to copy; run f1 load first"
        )
    with working("copying") as say:
        done = copy_landing(source, target, progress=say)
    print(
        f"{counted(done.files, 'file')} ({done.bytes / 1e6:,.1f} MB) copied to {target.store.uri}, {done.there:,} existed already"
    )
    return print_problems(done.problems)


def print_problems(lines: Sequence[str]) -> int:
    """Print one line per problem; the exit code."""
    from f1_lakehouse.observability.log_output import tell

    for line in lines:
        tell(f"problem: {line}", "failed")
    return EXIT_FAILED if lines else 0


def _counts(one: Upkeep) -> tuple[str, ...]:
    return (
        f"{one.files_before:,}",
        f"{one.files_after:,}",
        f"{one.bytes_before / 1e6:,.2f}",
        f"{one.bytes_after / 1e6:,.2f}",
    )


def _print(table: Table, otherwise: str) -> None:
    from f1_lakehouse.cli.tables import stdout

    if table.row_count:
        stdout().print(table)
    else:
        print(otherwise)


RESTORE = Command(
    "restore",
    "Restore a bronze table to a version; creates a new version",
    _restore,
    _add_restore_arguments,
)
REBUILD_BRONZE = Command(
    "rebuild-bronze",
    "Rebuild missing or damaged parts of bronze from landing, without a request",
    _rebuild,
    _add_rebuild_arguments,
)
OPTIMIZE = Command(
    "optimize",
    "Compact small files; loads and readers can run at the same time",
    _optimize,
    _add_optimize_arguments,
)
VACUUM = Command(
    "vacuum",
    "Count, or with --yes remove, files that no version of the last week needs",
    _vacuum,
    _add_vacuum_arguments,
)
BACKUP = Command("backup", "Copy new raw responses to FOLDER", _backup, _add_backup_arguments)
VERIFY = Command(
    "verify",
    "Check every raw response against its sha256, and bronze against the pull log",
    _verify,
    _add_verify_arguments,
)
