"""Which processes there are: one way to tell whether a process still runs, to list the descendants of one, and to kill some.

A process id alone is not enough: the system gives it to another process later. Together with the start of the process it is unique.
psutil is imported by the functions: every command imports this module, and only a signal or a run needs it (14 ms).
Not here: signals to this process and its exit (interrupts.py).
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable

KILL_S = 2.0
"""Seconds in which a killed process must end; only one that is in a call to a disk or network file system takes longer."""


def process_started(pid: int) -> str | None:
    """Return when a process began, in clock ticks since boot; None if there is no such process.

    Ticks since boot do not change when the clock is set. Runs carry the value as the tag `f1/process_started`.
    """
    import psutil

    try:
        since_boot = psutil.Process(pid).create_time() - psutil.boot_time()
    except psutil.NoSuchProcess:
        return None
    return str(round(since_boot * os.sysconf("SC_CLK_TCK")))


def is_running(pid: int) -> bool:
    """Return whether there is a process with this id, of whatever user."""
    import psutil

    return psutil.pid_exists(pid)


def descendants(pid: int | None = None) -> list[int]:
    """Return the ids of the child processes of a process (default: this one), and of theirs."""
    import psutil

    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def has_ended(pid: int) -> bool:
    """Return whether a process no longer executes, whether or not its parent process has asked for its exit code."""
    import psutil

    try:
        return psutil.Process(pid).status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.NoSuchProcess:
        return True


def kill(pids: Iterable[int]) -> None:
    """Kill processes, and return when they have ended (at the latest after `KILL_S`).

    The system ends a killed process when it next gives it a processor: until then it writes on.
    """
    killed = []
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)
    _wait_until(lambda: all(map(has_ended, killed)))


def kill_group(group: int) -> None:
    """Kill the processes of a process group, those included that it starts at this moment, and return when they have ended, as `kill` does."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
    _wait_until(lambda: all(map(has_ended, members(group))))


def members(group: int) -> list[int]:
    """Return the ids of the processes of a process group."""
    import psutil

    found = []
    for pid in psutil.pids():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getpgid(pid) == group:
                found.append(pid)
    return found


def _wait_until(is_done: Callable[[], bool]) -> None:
    """Wait at most `KILL_S`. (psutil.wait_procs also waits until the parent process asks for the exit code, which may be never.)"""
    deadline = time.monotonic() + KILL_S
    while not is_done() and time.monotonic() < deadline:
        time.sleep(0.005)
