"""How functions of dbt are replaced, and that only those of a tested version are. Which ones, and why: command.py and faster_macros.py."""

from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any, TypeVar

from f1_lakehouse.tested_versions import is_tested

T = TypeVar("T")


def if_tested(distribution: str) -> Callable[[Callable[[], T]], Callable[[], T | None]]:
    """Make a function do nothing, and return None, if the installed version of a distribution was not tested."""

    def decorate(change: Callable[[], T]) -> Callable[[], T | None]:
        @wraps(change)
        def change_if_tested() -> T | None:
            return change() if is_tested(distribution) else None

        return change_if_tested

    return decorate


def replace(owner: ModuleType | type, name: str, function: Callable[..., Any]) -> None:
    """Replace a function of dbt, which must be there: a misspelled one would be added and never called."""
    getattr(owner, name)
    setattr(owner, name, function)
