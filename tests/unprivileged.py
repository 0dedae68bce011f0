"""Run commands without root's right to ignore file permissions."""

import os
import shutil
from pathlib import Path

import pytest


def prefix() -> list[str]:
    """Return the command prefix that drops root's right to ignore permissions."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv of util-linux is not there to give up root's rights")
    return ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all"]


def forbid_writing(root: Path) -> None:
    """Remove the write permission of everything below a folder."""
    for path in [root, *root.rglob("*")]:
        path.chmod(path.stat().st_mode & ~0o222)


def allow_writing(root: Path) -> None:
    """Restore the write permission of the owner."""
    root.chmod(root.stat().st_mode | 0o200)
    for path in root.rglob("*"):
        path.chmod(path.stat().st_mode | 0o200)
