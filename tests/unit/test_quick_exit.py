"""The end of a process whose objects are not taken down first (f1_lakehouse/quick_exit.py), in processes of their own."""

import os
import subprocess
import sys

import pytest

BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
BEGIN = """
import atexit, sys, threading, time
from f1_lakehouse import quick_exit
quick_exit.prepare()

class Large:
    def __del__(self):
        sys.stderr.write("taken down ")

large = Large()
large.itself = large  # as the definitions of Dagster: only Python's own end takes it down
"""


def ended(program: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + program], env=BUFFERED, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("code", [0, 1, 130])
def test_quick_exit_has_the_code_and_takes_nothing_down(code: int) -> None:
    assert ended(f"quick_exit.exit_quickly({code})") == (code, "", "")


def test_output_exit_handlers_and_threads_are_completed_first() -> None:
    program = """
ready = threading.Event()

def work():
    ready.wait(10)
    print("thread", end=" ")

atexit.register(lambda: print("handler", end=" "))
threading.Thread(target=work).start()
print("output", end=" ")
try:
    quick_exit.exit_quickly(3)
finally:
    ready.set()
"""
    assert ended(program) == (3, "output thread handler ", "")


def test_a_process_without_a_quick_exit_ends_as_usual() -> None:
    assert ended("print('output')\nsys.exit(4)") == (4, "output\n", "taken down ")
    code, _, error = ended("raise ValueError('wrong')")
    assert code == 1
    assert "ValueError: wrong" in error


def test_a_reader_that_has_gone_is_not_an_error() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BEGIN + "input()\nprint('output')\nquick_exit.exit_quickly(0)"],
        env=BUFFERED,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.close()
        assert (process.stderr.read(), process.wait(10)) == ("", 0)
