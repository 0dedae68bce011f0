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


def test_command_and_dbt_look_for_garbage_rarely() -> None:
    """A quarter of the time in which a command prepares a run was spent on that."""
    shown = "import gc, sys; {}; print(gc.get_threshold()[0], file=sys.stderr)"
    ends = "atexit.register(lambda: print(gc.get_threshold()[0], file=sys.stderr))"
    for module in ("f1_lakehouse.cli.app", "f1_lakehouse.dbt.command"):
        run = f"import atexit, runpy; {ends}; sys.argv[1:] = ['--version']; " + (
            "from f1_lakehouse.cli.app import main; main()"
            if module.endswith("app")
            else f"runpy.run_module('{module}', run_name='__main__')"
        )
        done = subprocess.run(
            [sys.executable, "-c", shown.format(run)], capture_output=True, text=True, check=False
        )
        assert done.stderr.split()[-1:] == ["50000"], done.stderr
