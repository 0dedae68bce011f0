"""A dbt process that is started before its arguments are known: it imports dbt while the last sessions are pulled, or Dagster prepares the run.

Belongs here: both ends of the pipe. The process ends when the other end of its stdin is closed, whatever becomes of the process that
started it. Who hands over the arguments: instance/dbt_integration.py.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import orjson

from f1_lakehouse.allocators import with_heaps_for
from f1_lakehouse.dbt.project import THREADS, dbt_command, dbt_environment
from f1_lakehouse.settings import Settings

WAIT = "--wait-for-arguments"
"""The only argument of a process that waits."""


class _Waiting:
    """The process of a block, which starts at most once; None before it has started, and when it has been taken."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._has_started = False
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        if self._has_started:
            return
        self._has_started = True
        self.process = subprocess.Popen(
            [*dbt_command(), WAIT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dbt_environment(self._settings),
        )


_waiting: ContextVar[_Waiting | None] = ContextVar("waiting", default=None)


@contextmanager
def dbt_may_wait(settings: Settings) -> Iterator[None]:
    """Within the block, `start_waiting` starts a dbt process that waits to be taken; one that was not taken ends with the block.

    A block within another one has the process of the outer one.
    """
    if _waiting.get() is not None:
        yield
        return
    waiting = _Waiting(settings)
    before = _waiting.set(waiting)
    try:
        yield
    finally:
        _waiting.reset(before)
        if waiting.process is not None:
            waiting.process.kill()
            waiting.process.communicate()


def start_waiting() -> None:
    """Start the process of the block. Does nothing without one, and when its process has started before."""
    if (waiting := _waiting.get()) is not None:
        waiting.start()


def start_dbt(
    args: Sequence[str], *, env: Mapping[str, str], cwd: Path, **options: Any
) -> "subprocess.Popen[bytes]":
    """Return a dbt process with these arguments, like `subprocess.Popen`: the one that waits, or a new one."""
    env = with_heaps_for(THREADS, env)
    waiting, own = _waiting.get(), len(dbt_command())
    process = None if waiting is None else waiting.process
    if waiting is None or process is None or process.stdin is None or list(args[:own]) != dbt_command():
        return subprocess.Popen(args, env=env, cwd=cwd, **options)
    waiting.process = None
    told = {"arguments": list(args[own:]), "environment": env, "folder": str(cwd)}
    try:
        with process.stdin as pipe:
            pipe.write(orjson.dumps(told) + b"\n")
    except BrokenPipeError:  # it has ended, for a reason that a new one will show
        process.stdin = None
        process.communicate()
        return subprocess.Popen(args, env=env, cwd=cwd, **options)
    process.stdin = None
    process.args = list(args)  # what Dagster shows
    return process


def wait_for_arguments() -> None:
    """In the process that waits: set arguments, environment and folder to those of the first line of stdin; exit if there is none."""
    try:
        line = sys.stdin.buffer.readline()
    except KeyboardInterrupt:
        os._exit(130)
    if not line:
        os._exit(0)
    told = orjson.loads(line)
    sys.argv[1:] = told["arguments"]
    os.environ.clear()
    os.environ.update(told["environment"])
    os.chdir(told["folder"])
