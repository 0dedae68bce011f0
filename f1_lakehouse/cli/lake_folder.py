"""What each command does first: read the settings, check the folder of the lake, and set up logging.

Does not belong here: opening a lake (lakehouse.py), and what the commands do with it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from f1_lakehouse.cli.errors import CliError

if TYPE_CHECKING:
    from f1_lakehouse.settings import Settings

_PARTS_WITHOUT_GOLD = frozenset(
    {
        "README.md",
        ".gitkeep",
        "demo",
        "stage",
        "prod",
        "landing",
        "bronze",
        "locks",
    }
)
"""What a folder may contain before it is a lake: the template, lakes of other environments, what an interrupted first load left."""


def lake_settings(*, must_exist: bool = True, writes: bool = False) -> Settings:
    """Return the settings after a check of the folder of the lake.

    Args:
        must_exist: refuse a folder that is not a lake yet.
        writes: refuse a lake that this user cannot change.

    Raises:
        CliError: the folder is not a lake and cannot become one, or is read-only.
        SettingsError: an environment variable is malformed.
    """
    from f1_lakehouse.observability.log_output import log_as
    from f1_lakehouse.settings import LogFormat, load_settings

    settings = load_settings()
    os.environ.update(settings.proxy_environment())
    log_as(json=settings.log_format is LogFormat.JSON)
    root = settings.root
    if root.exists() and not root.is_dir():
        raise CliError(f"{root} is not a folder; set F1_LAKEHOUSE_ROOT to the folder of the lake")
    # A lake without its pull log, or with only a landing zone restored from a backup, is a lake too. So is a folder with
    # published gold alone, which is all that a read-only user needs.
    parts = (settings.gold, root / "bronze" / "_pulls", root / "landing", root / "dagster")
    is_lake = any(part.exists() for part in parts) or settings.store_uri is not None
    if must_exist and not is_lake:
        raise CliError(
            f"{root} is not a lake: nothing was loaded into it; run f1 load, or set F1_LAKEHOUSE_ROOT"
        )
    found = {path.name for path in root.iterdir()} if root.is_dir() and not is_lake else set()
    limits = {name for name in found if name.endswith("_limits.sqlite")}
    if foreign := sorted(found - _PARTS_WITHOUT_GOLD - limits):
        raise CliError(
            f"{root} is not a lake and not empty ({', '.join(foreign[:3])} …); "
            "set F1_LAKEHOUSE_ROOT to an empty folder or to a lake"
        )
    if writes and root.exists() and not os.access(root, os.W_OK | os.X_OK):
        raise CliError(
            f"{root}: permission denied, this command changes the lake; "
            "use an account with write access (f1 sql needs only read access)"
        )
    return settings


def recorded(settings: Settings, name: str, action: Callable[[], int]) -> int:
    """Run an action that changes the lake without a Dagster run, and add it to the run log; return its exit code."""
    from f1_lakehouse.observability.run_log import RunLog, on_record

    return on_record(RunLog(f"{settings.records}/runs"), name, action)
