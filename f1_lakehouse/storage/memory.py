"""Freed memory, returned to the operating system between the steps of a large pull.

Allocators keep what was freed, each for its own next use: after a pull of telemetry 250 MiB that nothing refers to, and the next step
needs as much again in another allocator. Does not belong here: how much a step needs.
"""

import ctypes
from functools import cache
from typing import Any

import pyarrow as pa

LARGE = 16 << 20
"""Bytes of Arrow data from which freed memory is returned: it takes milliseconds, which a small pull does not have."""


def release_freed(rows: pa.Table | None = None) -> None:
    """Return the freed memory of Arrow and of the C library, unless there were few `rows` in the step."""
    if rows is not None and rows.nbytes < LARGE:
        return
    pa.default_memory_pool().release_unused()
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@cache
def _malloc_trim() -> Any:
    """Return `malloc_trim` of the GNU C library; None on other systems."""
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None
