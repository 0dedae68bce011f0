"""Processes that are listed and killed."""

import subprocess
import sys

from f1_lakehouse import processes

# The system needs 20 ms or more to free its memory: until then a killed process has not ended.
HOLDS_MEMORY = "import sys, time; held = b'x' * (300 << 20); print(flush=True); time.sleep(60)"


def test_killed_processes_have_ended_when_kill_returns() -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDS_MEMORY], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        processes.kill([process.pid])
        assert processes.has_ended(process.pid)


def test_a_process_that_has_ended_is_not_an_error() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
        processes.kill([process.pid])


def test_group_is_killed_and_only_its_processes_are_members() -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as process:
        assert processes.members(process.pid) == [process.pid]
        processes.kill_group(process.pid)
        assert processes.has_ended(process.pid)
    assert processes.members(process.pid) == []
