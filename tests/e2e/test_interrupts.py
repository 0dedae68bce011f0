"""How a process ends on a signal that its main thread ignores. (Signals to commands: test_cli.py.)"""

import signal
import subprocess
import sys
import time

import pytest

from f1_lakehouse.processes import has_ended

# Replaces its signal handlers, as Dagster does, so that it never ends; nor do its child and grandchild.
IGNORES_SIGNALS = """
import os, signal, subprocess, sys, time
from f1_lakehouse import interrupts
interrupts.GRACE_S = float(sys.argv[1])
interrupts.install(lambda what: os.write(2, f"said: {what}".encode()))
for one in (signal.SIGINT, signal.SIGTERM):
    signal.signal(one, lambda *_: None)
child = subprocess.Popen(["sh", "-c", "trap '' TERM INT; sleep 60 & echo $!; wait"], stdout=subprocess.PIPE, text=True)
pids = [child.pid, int(child.stdout.readline())]
with interrupts.described(lambda: "2 pulls"), interrupts.cleanup(lambda: os.write(2, b"cleaned up; ")):
    print(*pids, flush=True)
    while True:
        time.sleep(0.01)
"""


def start(grace: str) -> tuple["subprocess.Popen[str]", list[int]]:
    process = subprocess.Popen(
        [sys.executable, "-c", IGNORES_SIGNALS, grace],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    return process, [int(pid) for pid in process.stdout.readline().split()]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_process_that_ignores_signals_is_ended_with_its_children(number: signal.Signals, code: int) -> None:
    process, pids = start("0.1")
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (code, "cleaned up; said: 2 pulls")
    assert [pid for pid in pids if not has_ended(pid)] == []


def test_a_second_signal_ends_the_process_immediately() -> None:
    process, _ = start("600")
    began = time.monotonic()
    while process.poll() is None and time.monotonic() - began < 20:
        process.send_signal(signal.SIGINT)  # two signals within SAME_S count as one
        time.sleep(0.05)
    process.kill()
    process.communicate()  # closes the pipes too
    assert process.returncode == 130


FAILS_AFTER_SIGNAL = """
import os, signal
from f1_lakehouse import interrupts
interrupts.install(lambda what: os.write(2, f"said: {what}".encode()))
try:
    with interrupts.described(lambda: "2 pulls"):
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt:
            raise ValueError("made of the interrupt by a library")
except ValueError:
    interrupts.end()
"""


def test_last_lines_say_what_is_complete_if_a_library_fails_because_of_the_signal() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FAILS_AFTER_SIGNAL], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (130, "said: 2 pulls")
