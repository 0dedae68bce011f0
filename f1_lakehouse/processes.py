"""Which processes there are: one way to tell whether a process still runs, and to list the descendants of one.

A process id alone is not enough: the system gives it to another process later. Together with the start of the process it is unique.
Not here: signals and the exit of this process (interrupts.py).
"""

import os

import psutil


def process_started(pid: int) -> str | None:
    """Return when a process began, in clock ticks since boot; None if there is no such process.

    Ticks since boot do not change when the clock is set. Runs carry the value as the tag `f1/process_started`.
    """
    try:
        since_boot = psutil.Process(pid).create_time() - psutil.boot_time()
    except psutil.NoSuchProcess:
        return None
    return str(round(since_boot * os.sysconf("SC_CLK_TCK")))


def is_running(pid: int) -> bool:
    """Return whether there is a process with this id, of whatever user."""
    return psutil.pid_exists(pid)


def descendants(pid: int | None = None) -> list[int]:
    """Return the ids of the child processes of a process (default: this one), and of theirs."""
    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
