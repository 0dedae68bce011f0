"""The end of a process whose objects are not taken down first.

A load leaves millions of objects: Dagster's definitions, dbt's manifest. Python takes down each of them when a process ends, which is more
than a second in which nothing is written or printed. Whatever must be closed in order is closed by an exit handler (`atexit`).
Not here: the exit after a signal (interrupts.py).
"""

import atexit
import contextlib
import os
import sys
from typing import NoReturn

_code: int | None = None


def prepare() -> None:
    """Make `exit_quickly` possible. Call it first of all: exit handlers run in reverse order, and this one must be the last."""
    atexit.register(_end)


def exit_quickly(code: int) -> NoReturn:
    """Exit as `sys.exit` does: threads that are not daemons end, exit handlers run, output is written. Then the process ends."""
    global _code
    _code = code
    sys.exit(code)


def _end() -> None:
    """Without `exit_quickly` before, Python ends the process as usual."""
    if _code is None:
        return
    for stream in (sys.stdout, sys.stderr):
        # Its reader has gone, it is closed, there is none.
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(_code)
