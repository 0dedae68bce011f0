"""A dbt process that waits for its arguments (f1_lakehouse/dbt/waiting_process.py), with a small program in the place of dbt."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from f1_lakehouse.dbt import waiting_process
from f1_lakehouse.dbt.waiting_process import WAIT, dbt_may_wait, start_dbt, start_waiting
from f1_lakehouse.settings import Settings, load_settings

PROGRAM = f"""
import json, os, sys
from f1_lakehouse.dbt.waiting_process import wait_for_arguments
waited = sys.argv[1:] == ["{WAIT}"]
if waited:
    wait_for_arguments()
print(json.dumps([waited, os.getpid(), sys.argv[1:], os.environ.get("LAP"), os.environ.get("F1_WAREHOUSE"), os.getcwd()]))
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A lake, and a small program in the place of dbt."""
    monkeypatch.setattr(waiting_process, "dbt_command", lambda: [sys.executable, "-c", PROGRAM])
    monkeypatch.setenv("F1_LAKEHOUSE_ROOT", str(tmp_path / "lake"))
    return load_settings()


def started(folder: Path, *arguments: str) -> tuple[int, list[Any]]:
    """Start dbt as dagster-dbt does; its process id and what it has printed."""
    process = start_dbt(
        [sys.executable, "-c", PROGRAM, *arguments],
        env={**os.environ, "LAP": "12"},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert list(process.args)[3:] == list(arguments)  # what Dagster shows
    output, _ = process.communicate()
    assert process.returncode == 0
    return process.pid, json.loads(output)


def test_process_that_waits_takes_arguments_environment_and_folder(
    settings: Settings, tmp_path: Path
) -> None:
    with dbt_may_wait(settings):
        start_waiting()
        pid, told = started(tmp_path, "build", "--select", "fact_laps é")
        # Only one process waits: the next one is new.
        other, told_next = started(tmp_path, "test")
    assert told == [True, pid, ["build", "--select", "fact_laps é"], "12", None, str(tmp_path)]
    assert told_next == [False, other, ["test"], "12", None, str(tmp_path)]


def test_process_that_was_not_taken_ends_with_the_block(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def noted(*args: Any, **options: Any) -> "subprocess.Popen[bytes]":
        found.append(popen(*args, **options))
        return found[-1]

    monkeypatch.setattr(waiting_process.subprocess, "Popen", noted)
    with dbt_may_wait(settings):
        start_waiting()
        assert found[0].poll() is None
    assert found[0].poll() is not None
    # When the process that started it is killed, its end of the pipe is closed.
    with dbt_may_wait(settings):
        start_waiting()
        output, _ = found[1].communicate()
        assert (found[1].returncode, output) == (0, b"")


def test_process_that_has_ended_is_replaced_by_a_new_one(settings: Settings, tmp_path: Path) -> None:
    with dbt_may_wait(settings):
        start_waiting()
        waiting = waiting_process._waiting.get()
        assert waiting is not None
        assert waiting.process is not None
        waiting.process.kill()
        waiting.process.wait()
        pid, told = started(tmp_path, "build")
    assert told == [False, pid, ["build"], "12", None, str(tmp_path)]


def test_without_a_process_that_waits_dbt_is_started(settings: Settings, tmp_path: Path) -> None:
    pid, told = started(tmp_path, "build")
    assert told == [False, pid, ["build"], "12", None, str(tmp_path)]
    with dbt_may_wait(settings):
        start_waiting()
        other = start_dbt([sys.executable, "-c", "print('another program')"], env=os.environ, cwd=tmp_path)
        assert other.wait() == 0


def test_process_starts_when_it_is_told_to_and_once(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_waiting()  # outside of a block nothing starts
    with dbt_may_wait(settings):
        pid, told = started(tmp_path, "build")
        assert told[0] is False
        start_waiting()
        with dbt_may_wait(settings):
            pass
        # The inner block neither ends the process of the outer block nor has one of its own.
        waiting = waiting_process._waiting.get()
        assert waiting is not None
        assert waiting.process is not None
        outer = waiting.process.pid
        with dbt_may_wait(settings):
            start_waiting()
            pid, told = started(tmp_path, "build")
        assert told[:2] == [True, outer] == [True, pid]
        start_waiting()
        assert started(tmp_path, "test")[1][0] is False
