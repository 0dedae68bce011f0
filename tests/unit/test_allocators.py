"""The allocators of a command and of its child processes."""

import os
import subprocess
import sys

import pytest

from f1_lakehouse import allocators


def test_arrow_of_a_command_uses_the_allocator_that_is_emptied() -> None:
    """In a process of its own: Arrow chooses its allocator when it is imported."""
    code = "from f1_lakehouse import allocators as a; a.keep_little(); import pyarrow as p; print(p.default_memory_pool().backend_name)"
    environment = {name: value for name, value in os.environ.items() if name not in allocators.SETTINGS}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "system"


def test_variables_are_for_child_processes_and_those_of_the_user_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in allocators.SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MALLOC_ARENA_MAX", "4")  # so that this process is not changed
    allocators.keep_little()
    assert {name: os.environ[name] for name in allocators.SETTINGS} == {
        **allocators.SETTINGS,
        "MALLOC_ARENA_MAX": "4",
    }
