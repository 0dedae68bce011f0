"""How a command ends on SIGINT (Ctrl-C) and SIGTERM, at any point of its execution.

Python runs a signal handler only between two bytecode instructions of the main thread, which can be inside a Delta write for
minutes, and Dagster replaces the handlers during a run. But with `signal.set_wakeup_fd`, the C signal handler writes the number of
the signal to a pipe, whichever Python handler is installed. A thread reads that pipe and ends the process:

1. At the first signal it terminates the child processes (dbt). The Python handler interrupts the main thread as usual, which has
   `GRACE_S` seconds to end in order.
2. After that, or at a second signal, the thread ends the process. Every step of a load can be killed at any point (tests/crash),
   so only the current step is lost.

Belongs here: signals and the exit. Does not belong here: the text of the last lines (`describe`), and how the
interrupted run is recorded (`cleanup`).
"""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from f1_lakehouse.processes import descendants, kill

GRACE_S = 1.0
"""Seconds that an interrupted command has to end in order."""
CLEANUP_S = 0.5
"""Seconds for the cleanups of a command that did not end in order."""
SAME_S = 0.3
"""Two signals within this number of seconds count as one: `timeout` signals the process and its process group."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_requested = threading.Event()
_ending = threading.Lock()
_cleanups: list[Callable[[], None]] = []
_describe: list[Callable[[], str]] = []
_say: Callable[[str], None]
_signal = signal.SIGINT
_raised = False
_pipe: tuple[int, int] | None = None
_before: dict[signal.Signals, Any] = {}


class Interrupted(KeyboardInterrupt):
    """The process received SIGINT or SIGTERM. Not an Exception, so that `except Exception` does not catch it."""


def is_requested() -> bool:
    """Whether this process has received SIGINT or SIGTERM."""
    return _requested.is_set()


def check() -> None:
    """Raise Interrupted after SIGINT or SIGTERM; for code after a library that may have swallowed the exception."""
    if is_requested():
        raise Interrupted


def install(say: Callable[[str], None]) -> None:
    """Handle SIGINT and SIGTERM from now on, even if the parent process made this one ignore them.

    Args:
        say: prints the last lines; called once, after all other output.
    """
    global _say, _pipe
    if threading.current_thread() is not threading.main_thread():
        return  # only the main thread can install signal handlers
    uninstall()
    _say = say
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    _pipe = reading, writing
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for one in _SIGNALS:
        _before[one] = signal.signal(one, _handle)
    threading.Thread(target=_watch, args=(reading,), name="interrupts", daemon=True).start()


def uninstall() -> None:
    """Restore the previous handlers, for example before `f1 ui` installs its own, which ends the services."""
    global _pipe, _raised
    if _pipe is None or threading.current_thread() is not threading.main_thread():
        return
    signal.set_wakeup_fd(-1)
    os.close(_pipe[1])  # the thread reads end-of-file, closes its end of the pipe, and ends
    _pipe = None
    _requested.clear()
    _raised = False
    for one in _SIGNALS:
        signal.signal(one, _before.pop(one))


@contextlib.contextmanager
def cleanup(do: Callable[[], None]) -> Iterator[None]:
    """Within the block, run `do` if the process is ended by force; in a separate thread, for at most `CLEANUP_S`."""
    _cleanups.append(do)
    try:
        yield
    finally:
        _cleanups.remove(do)


@contextlib.contextmanager
def described(what: Callable[[], str]) -> Iterator[None]:
    """Within the block, and after an interrupt in it, the last lines contain what `what` returns: what is complete."""
    _describe.append(what)
    try:
        yield
    except KeyboardInterrupt:
        raise  # stays registered: the command prints it when it ends
    except BaseException:
        # A library may have made another exception of the interrupt.
        if not is_requested():
            _describe.remove(what)
        raise
    else:
        _describe.remove(what)


def end() -> NoReturn:
    """End the process: kill child processes, run the registered cleanups, print the last lines, exit."""
    with contextlib.suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    _ending.acquire()  # never released: a second caller waits for the exit
    kill(descendants())
    for do in reversed(_cleanups):
        _bounded(do)
    _bounded(lambda: _say(_describe[-1]() if _describe else ""))
    # Not sys.exit, which waits for threads that are inside a request.
    os._exit(128 + _signal)


def _handle(number: int, _: object) -> None:
    """The Python handler, unless Dagster has replaced it. Raises only once, so that cleaning up is not interrupted."""
    global _raised
    _note(number)
    if not _raised:
        _raised = True
        raise Interrupted


def _note(number: int) -> None:
    global _signal
    if not is_requested():
        _signal = signal.Signals(number)
        _requested.set()


def _watch(reading: int) -> None:
    first: float | None = None
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        while numbers := pipe.read(64):
            for number in numbers:
                if number not in _SIGNALS:
                    continue
                now = time.monotonic()
                if first is None:
                    first = now
                    _note(number)
                    # Hide exceptions in destructors and threads of libraries: they are a consequence of the interrupt.
                    sys.unraisablehook = lambda _: None
                    threading.excepthook = lambda _: None
                    deadline = threading.Timer(GRACE_S, end)
                    deadline.daemon = True
                    deadline.start()
                    for pid in descendants():
                        with contextlib.suppress(ProcessLookupError, PermissionError):
                            os.kill(pid, signal.SIGTERM)
                elif now - first > SAME_S:
                    end()


def _bounded(do: Callable[[], None]) -> None:
    """Run `do` for at most `CLEANUP_S`: the interrupted thread may hold a lock that it needs."""

    def quietly() -> None:
        with contextlib.suppress(BaseException):
            do()

    thread = threading.Thread(target=quietly, daemon=True)
    thread.start()
    thread.join(CLEANUP_S)
