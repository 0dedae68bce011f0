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


def test_threads_of_dbt_have_heaps_of_their_own_unless_the_user_says_otherwise() -> None:
    of_commands = {"MALLOC_ARENA_MAX": allocators.SETTINGS["MALLOC_ARENA_MAX"], "HOME": "/"}
    assert allocators.with_heaps_for(2, of_commands) == {"MALLOC_ARENA_MAX": "3", "HOME": "/"}
    for own in ({"MALLOC_ARENA_MAX": "2"}, {}):
        assert allocators.with_heaps_for(2, own) == own


@pytest.mark.parametrize(
    "run",
    [
        "from f1_lakehouse.cli.app import main; main()",
        "import runpy; runpy.run_module('f1_lakehouse.dbt.command', run_name='__main__')",
    ],
    ids=["f1", "dbt"],
)
def test_command_looks_for_garbage_rarely(run: str) -> None:
    """A quarter of the time in which a command prepares a run was spent on that."""
    noted = "import gc, sys; gc.set_threshold = lambda *values: print(values[0])"
    code = f"{noted}; sys.argv[1:] = ['--version']; {run}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0] == "50000"
