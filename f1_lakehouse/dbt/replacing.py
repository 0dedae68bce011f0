"""How a function of dbt is replaced. Which ones are, and why, is in command.py and faster_macros.py."""

from collections.abc import Callable
from types import ModuleType
from typing import Any


def replace(owner: ModuleType | type, name: str, function: Callable[..., Any]) -> None:
    """Replace a function of dbt, which must be there: a misspelled one would be added and never called."""
    getattr(owner, name)
    setattr(owner, name, function)
