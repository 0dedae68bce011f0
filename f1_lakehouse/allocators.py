"""The memory of a command and of the processes that it starts: how much of what is freed they keep, and how often Python looks for garbage.

A process has four allocators: that of the C library, those within deltalake and polars, and Arrow's. Each keeps freed memory for its own next
use, and a thread gets a part of its own: after a race with telemetry 190 MiB that nothing refers to. Does not belong here: when freed
memory is returned in between (storage/memory.py), and the memory of DuckDB (dbt/warehouse.py).
"""

import contextlib
import ctypes
import gc
import os
from collections.abc import Mapping

_ARENAS = "MALLOC_ARENA_MAX"
SETTINGS = {
    # deltalake and polars: return what is freed after 10 ms. Without delay, a commit of a small table takes a sixth longer; the default is ten
    # seconds, and longer in a thread that does nothing.
    "_RJEM_MALLOC_CONF": "dirty_decay_ms:10,muzzy_decay_ms:0,narenas:2",
    # Arrow uses the allocator of the C library, which `malloc_trim` empties. Its own one keeps the memory of threads that have ended.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    # The GNU C library: one heap for all threads.
    _ARENAS: "1",
}
"""Environment variables that the libraries read when they are loaded, and the C library when a process starts."""
_M_ARENA_MAX = -8
"""The parameter of `mallopt` in the GNU C library."""


def keep_little() -> None:
    """Configure the allocators of this process and of those that it starts. Call it before Arrow, deltalake and polars are imported.

    Variables that the user has set stay.
    """
    if _ARENAS not in os.environ:
        with contextlib.suppress(AttributeError, OSError, TypeError):  # another C library
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, int(SETTINGS[_ARENAS]))
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)


def with_heaps_for(threads: int, environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment of a process whose threads, and the main one, have heaps of their own. One that the user has set stays.

    With one heap, threads that allocate all the time wait for each other: the nodes of a build a quarter of their time.
    """
    of_commands = environment.get(_ARENAS) == SETTINGS[_ARENAS]
    return {**environment, **({_ARENAS: str(threads + 1)} if of_commands else {})}


def collect_garbage_rarely() -> None:
    """Let Python look for garbage after 50,000 new objects, not after each 700.

    The definitions of Dagster and the manifest of dbt are millions of objects that stay until the end: looking through them took a quarter
    of the time in which a command prepares a run.
    """
    gc.set_threshold(50_000, 20, 100)
