"""The console for tables, as wide as the terminal, or wide enough for every column if stdout is not a terminal; and short cells."""

import os
import sys
from collections.abc import Sequence

from rich.console import Console


def stdout() -> Console:
    """Return a console on stdout. Output to a file or a pipe is not cut to 80 columns."""
    is_sized = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(width=None if is_sized else 200)


def named_endpoints(names: Sequence[str]) -> str:
    """The names of a few endpoints, the number of many."""
    return ", ".join(names) if len(names) <= 3 else f"{len(names)} endpoints"
