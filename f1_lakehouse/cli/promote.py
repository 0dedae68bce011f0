"""`f1 promote`: copy the pulls of another environment's lake into this one, without a request, and build gold.

Does not belong here: how landing is copied and bronze rebuilt (operations/backup.py, operations/rebuild.py).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from f1_lakehouse.cli import load
from f1_lakehouse.cli.command import EXIT_FAILED, Command
from f1_lakehouse.cli.lake_folder import lake_settings, recorded
from f1_lakehouse.cli.upkeep import print_problems, print_rebuild
from f1_lakehouse.counts import counted

if TYPE_CHECKING:
    from f1_lakehouse.settings import Settings


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the root of the source lake")
    parser.add_argument(
        "--yes", action="store_true", help="promote; without --yes, only show what would be copied"
    )


def _promote(given: argparse.Namespace) -> int:
    settings = lake_settings(must_exist=False, writes=given.yes)

    def promote() -> int:
        return print_promotion(settings, given.folder.absolute(), yes=given.yes)

    return (recorded(settings, "promote", promote) or load.build_gold()) if given.yes else promote()


def print_promotion(settings: Settings, folder: Path, *, yes: bool) -> int:
    """Copy new files from the landing zone of another lake, and apply them to bronze; the exit code.

    Args:
        settings: of the target lake.
        folder: root of the source lake, which is not changed.
        yes: without it, only print what would be copied.

    Raises:
        MaintenanceError: the source has no gold, or its gold is older than its bronze or was built by other dbt models.
    """
    from f1_lakehouse.cli.progress import working
    from f1_lakehouse.observability.log_output import tell
    from f1_lakehouse.operations.backup import copy_landing
    from f1_lakehouse.operations.maintenance import MaintenanceError
    from f1_lakehouse.settings import Settings
    from f1_lakehouse.storage.landing import Landing

    # Its store too: F1_STORE_URI of this environment is not that of the source.
    source = Settings(lakehouse_root=folder, store_uri=str(folder))
    if source.root.resolve() == settings.root.resolve():
        raise MaintenanceError(
            f"{folder} is the target lake itself; set F1_ENV or F1_LAKEHOUSE_ROOT to the lake to promote to"
        )
    _check_is_published(source)
    there, here = Landing(source.landing), Landing(settings.landing)
    with working("comparing"):
        found = copy_landing(there, here, dry_run=True)
    print(
        f"{folder}: {counted(found.files, 'file')} ({found.bytes / 1e6:,.1f} MB) new to {settings.landing}, {found.there:,} there already"
    )
    if found.problems:
        return print_problems(found.problems)
    if not yes:
        tell("f1: nothing was changed; run it again with --yes to promote", "failed")
        return EXIT_FAILED
    with working("copying") as say:
        copy_landing(there, here, progress=say)
    return print_rebuild(settings, ())


def _check_is_published(source: Settings) -> None:
    """Refuse a source whose bronze was not built, tested and published by the dbt models of this code."""
    from f1_lakehouse.operations.maintenance import MaintenanceError
    from f1_lakehouse.publishing.build_record import current_digest
    from f1_lakehouse.publishing.publication import publication
    from f1_lakehouse.storage.bronze import Bronze

    published = publication(source)
    if published is None:
        raise MaintenanceError(f"nothing is published in {source.root}; run f1 load there first")
    if published.bronze_version != Bronze(source.bronze).pull_log.version():
        raise MaintenanceError(
            f"gold in {source.root} is older than its bronze; run f1 transform there first"
        )
    if published.digest != current_digest():
        raise MaintenanceError(
            f"gold in {source.root} was built by another version of the dbt models; run f1 transform there with this code first"
        )


PROMOTE = Command(
    "promote",
    "Copy the pulls of another environment's lake into this one, and build gold",
    _promote,
    _add_arguments,
)
