"""Where tables are printed: as wide as the terminal, or wide enough for every column where there is none."""

import os
import sys

from rich.console import Console


def stdout() -> Console:
    """A console on stdout. Into a file or a pipe nothing is cut off to 80 columns."""
    is_sized = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(width=None if is_sized else 200)
