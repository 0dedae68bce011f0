"""The installed version of a library as one that was tested, or as one that was not (f1_lakehouse/tested_versions.py)."""

import pytest

from f1_lakehouse.tested_versions import TESTED


def set_tested(patch: pytest.MonkeyPatch, distribution: str, tested: bool) -> None:
    """Let the installed version of a library be one that was tested, or not."""
    if not tested:
        patch.setitem(TESTED, distribution, ("0", "0.1"))
