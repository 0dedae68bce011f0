"""How a command ends on SIGINT (Ctrl-C) and SIGTERM, wherever it is.

Python runs a signal handler only between two steps of the main thread, which may be inside a Delta write for minutes, and
Dagster replaces the handlers during a run. But the system's part of the signal handling writes the signal's number to a pipe
(`signal.set_wakeup_fd`) whichever handler is installed. A thread reads that pipe, and it has the last word:

1. At the first signal it terminates the child processes (dbt). The main thread is interrupted by its handler, as usual, and
   gets `GRACE_S` to leave in order.
2. After that, or at a second signal, the thread ends the process itself. Every step of a load survives being killed at any
   moment (tests/crash), so this loses nothing but the step that was under way.

Belongs here: signals and the exit. Not here: what the last lines say (`describe`), and how the run that was
under way is recorded (`cleanup`).
"""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from f1_lakehouse.processes import descendants

GRACE_S = 1.0
"""Seconds in which an interrupted command may leave in order."""
CLEANUP_S = 0.5
"""Seconds for the cleanups of a command that did not."""
SAME_S = 0.3
"""Two signals within so many seconds are one: `timeout` sends its signal to the process and to the process group."""

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
    """The command was asked to end by SIGINT or SIGTERM. Not an Exception: nothing on the way handles it."""


def is_requested() -> bool:
    """Whether this process was asked to end."""
    return _requested.is_set()


def check() -> None:
    """Raise Interrupted if this process was asked to end; for places where the exception itself may have been lost."""
    if is_requested():
        raise Interrupted


def install(say: Callable[[str], None]) -> None:
    """Watch for SIGINT and SIGTERM from now on, also where the parent process made this one ignore them.

    Args:
        say: prints the last lines; called once, when nothing else prints any more.
    """
    global _say, _pipe
    if threading.current_thread() is not threading.main_thread():
        return  # signals are another's business
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
    """Leave the signals to the handlers of before, or to another: that of `f1 ui`, which has services to end."""
    global _pipe, _raised
    if _pipe is None or threading.current_thread() is not threading.main_thread():
        return
    signal.set_wakeup_fd(-1)
    os.close(_pipe[1])  # the thread reads the end of the pipe, closes its side, and ends
    _pipe = None
    _requested.clear()
    _raised = False
    for one in _SIGNALS:
        signal.signal(one, _before.pop(one))


@contextlib.contextmanager
def cleanup(do: Callable[[], None]) -> Iterator[None]:
    """Within the block, `do` is done when the process is ended by force; in a thread of its own, for `CLEANUP_S` at most."""
    _cleanups.append(do)
    try:
        yield
    finally:
        _cleanups.remove(do)


@contextlib.contextmanager
def described(what: Callable[[], str]) -> Iterator[None]:
    """Within the block and after it was interrupted, the last lines are what `what` returns: what is complete."""
    _describe.append(what)
    try:
        yield
    except KeyboardInterrupt:
        raise  # kept: the command is about to say it
    except BaseException:
        _describe.remove(what)
        raise
    else:
        _describe.remove(what)


def end() -> NoReturn:
    """End the process: child processes first, then the cleanups that are still open, then the last lines."""
    with contextlib.suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    _ending.acquire()  # never released: whoever comes second waits for the exit
    for pid in descendants():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    for do in reversed(_cleanups):
        _bounded(do)
    _bounded(lambda: _say(_describe[-1]() if _describe else ""))
    # Not sys.exit: that would wait for the threads that are still inside a request.
    os._exit(128 + _signal)


def _handle(number: int, _: object) -> None:
    """The handler of the main thread, unless Dagster has put in its own. Raises once: cleaning up is not interrupted."""
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
                    # Exceptions that break off what a library does in a destructor or a thread are no news now.
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
    """Do it, but wait no longer than `CLEANUP_S`: what it needs may be held by the thread that was interrupted."""

    def quietly() -> None:
        with contextlib.suppress(BaseException):
            do()

    thread = threading.Thread(target=quietly, daemon=True)
    thread.start()
    thread.join(CLEANUP_S)
