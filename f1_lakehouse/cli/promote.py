"""What one environment's lake has pulled, carried to the next one's with no request. How to copy and rebuild is in operations/backup.py and rebuild.py."""

from pathlib import Path

from f1_lakehouse.cli.progress import working
from f1_lakehouse.cli.upkeep import print_problems, print_rebuild
from f1_lakehouse.observability.log_output import tell
from f1_lakehouse.operations.backup import copy_landing
from f1_lakehouse.operations.maintenance import MaintenanceError
from f1_lakehouse.publishing.build_record import current_digest
from f1_lakehouse.publishing.publication import publication
from f1_lakehouse.settings import Settings
from f1_lakehouse.storage.bronze import Bronze
from f1_lakehouse.storage.landing import Landing


def print_promotion(settings: Settings, folder: Path, *, yes: bool) -> int:
    """Bring what the lake in a folder has in landing into this one's landing and bronze; the exit code.

    Args:
        settings: of the lake that is to have it.
        folder: root of the lake that has it; nothing there is changed.
        yes: without it, only say what would come.

    Raises:
        MaintenanceError: the other lake is not one to take over: no gold, gold behind its bronze, or of other models than here.
    """
    # Its store too: this environment's F1_STORE_URI is not the other's.
    source = Settings(lakehouse_root=folder, store_uri=str(folder))
    if source.root.resolve() == settings.root.resolve():
        raise MaintenanceError(
            f"{folder} is this very lake; F1_ENV or F1_LAKEHOUSE_ROOT names the one to promote to"
        )
    _refuse_untried(source)
    there, here = Landing(source.landing), Landing(settings.landing)
    with working("comparing"):
        found = copy_landing(there, here, dry_run=True)
    print(
        f"{folder}: {found.files:,} files ({found.bytes / 1e6:,.1f} MB) are new to {settings.landing}, {found.there:,} are there"
    )
    if found.problems:
        return print_problems(found.problems)
    if not yes:
        tell("f1: nothing was changed; do it with --yes", "failed")
        return 1
    with working("copying") as say:
        copy_landing(there, here, progress=say)
    return print_rebuild(settings, ())


def _refuse_untried(source: Settings) -> None:
    """Take over only what gold was built of and published with its tests passed, by the models that will build it here."""
    published = publication(source)
    if published is None:
        raise MaintenanceError(f"nothing is published in {source.root}: load and transform there first")
    if published.bronze_version != Bronze(source.bronze).ledger.version():
        raise MaintenanceError(f"gold in {source.root} is behind its bronze: run f1 transform there first")
    if published.digest != current_digest():
        raise MaintenanceError(
            f"gold in {source.root} was built by other models than these: run f1 transform there with this code first"
        )
