"""How `f1 ui` and `f1 daemon` end: soon, and with everything that they started."""

import os
import signal
import subprocess
import sys

import pytest

from f1_lakehouse.processes import has_ended

# Neither it nor its child listens to anything but SIGKILL, as a run in the middle of a query.
STUBBORN = """
import os, signal
for ignored in (signal.SIGTERM, signal.SIGINT):
    signal.signal(ignored, signal.SIG_IGN)
child = os.fork()
if child:
    print(os.getpid(), child, flush=True)
while True:
    signal.pause()
"""
SUPERVISED = """
import sys
from pathlib import Path
from f1_lakehouse.cli import supervise
supervise.GRACE_S = 1
sys.exit(supervise.supervise([sys.executable, "-c", sys.argv[1]], Path()))
"""


def supervised(program: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SUPERVISED, program], text=True, stdout=subprocess.PIPE, start_new_session=True
    )


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGINT])
def test_process_that_ignores_sigterm_is_killed_with_its_children(asked: signal.Signals) -> None:
    with supervised(STUBBORN) as process:
        assert process.stdout is not None
        pids = [int(pid) for pid in process.stdout.readline().split()]
        os.kill(process.pid, asked)
        code = process.wait(timeout=30)
    left = [pid for pid in pids if not has_ended(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert (code, left) == (0, [])


def test_output_in_a_file_has_no_color_codes() -> None:
    with supervised(r"print('\x1b[32m12:00\x1b[0m - dagster - \x1b[34mINFO\x1b[0m - started')") as process:
        out, _ = process.communicate(timeout=30)
    assert out == "12:00 - dagster - INFO - started\n"


def test_exit_code_is_that_of_the_process_that_ended() -> None:
    with supervised("raise SystemExit(3)") as process:
        assert process.wait(timeout=30) == 3


def test_process_that_waits_for_the_services_has_loaded_no_large_library() -> None:
    code = "import sys, f1_lakehouse.cli.supervise; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    assert not {"dagster", "pyarrow", "deltalake", "duckdb", "pydantic", "rich"} & set(done.stdout.split())
