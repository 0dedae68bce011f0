"""The console for tables: as wide as the terminal, or wide enough for every column if stdout is not a terminal."""

import os
import sys

from rich.console import Console


def stdout() -> Console:
    """Return a console on stdout. Output to a file or a pipe is not cut to 80 columns."""
    is_sized = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(width=None if is_sized else 200)
