"""Commands as a user runs them: complete processes, from their start to their end, with the memory of all of them.

Does not belong here: parts of a command, measured within a process (cases.py).
"""

import os
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from benchmarks import lakes
from benchmarks.data import QUICK, serving, serving_race
from benchmarks.process_tree import ProcessTree
from benchmarks.references import Measured, own_peak_mib

OPENF1_ONLY = {"F1_SOURCES": "openf1"}


def command(arguments: list[str], environment: dict[str, str], cwd: Path | None = None) -> Measured:
    """Run a command. `peak_mib` is that of its largest process, `tree_mib` that of all its processes together and
    `shared_once_mib` the same with shared pages counted once (process_tree.py)."""
    began = time.perf_counter()
    with (
        tempfile.TemporaryFile("w+") as output,
        subprocess.Popen(
            arguments, env=environment, cwd=cwd, stdout=output, stderr=subprocess.STDOUT, text=True
        ) as process,
        ProcessTree(process.pid) as tree,
    ):
        # The usage of this command alone; RUSAGE_CHILDREN has the largest of all commands so far.
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - began
        output.seek(0)
        if process.returncode:
            raise SystemExit(f"{' '.join(arguments)}: {output.read()[-4000:]}")
    largest = tree.peak.largest
    exact = usage.ru_maxrss / 1024
    # A process starts with the peak of the one that has started it, so a lower value is only in the samples.
    if exact > own_peak_mib():
        largest = exact
    return {
        "seconds": seconds,
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak_mib": largest,
        "tree_mib": max(tree.peak.together, largest),
        "shared_once_mib": tree.peak.shared_once,
    }


def load(*options: str) -> Callable[[Path], Measured]:
    def measure(folder: Path) -> Measured:
        with serving_race() as served:
            arguments = [lakes.F1, "load", "--session", str(served.session_key), *options]
            done = command(arguments, lakes.environment(folder, served.url) | OPENF1_ONLY)
            return {**done, "rows": served.rows, "requests": served.requests()}

    measure.__doc__ = f"`f1 load --session KEY {' '.join(options)}` into an empty lake."
    return measure


def load_season(folder: Path) -> Measured:
    """`f1 load --season` of the races of a season without telemetry, into an empty lake."""
    origin = lakes.files()
    races = [int(path.stem) for path in (origin / "laps").glob("2024*5.json")]
    with serving(origin, sorted(races)[:2] if QUICK else sorted(races), 1000) as served:
        arguments = [
            lakes.F1,
            "load",
            "--season",
            "2024",
            "--session-type",
            "Race",
            "--no-telemetry",
            "--yes",
        ]
        done = command(arguments, lakes.environment(folder, served.url) | OPENF1_ONLY)
        return {**done, "requests": served.requests()}


def ui_at_rest(folder: Path) -> Measured:
    """`f1 ui` of an empty lake, the least memory in the minute after its first page; the seconds are those to that page."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    began = time.perf_counter()
    arguments = [lakes.F1, "ui", "--port", str(port)]
    with subprocess.Popen(
        arguments, env=lakes.environment(folder) | OPENF1_ONLY, stdout=subprocess.DEVNULL
    ) as process:
        try:
            with ProcessTree(process.pid) as tree:
                while True:
                    try:
                        urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info").close()
                        break
                    except OSError:
                        if process.poll() is not None or time.perf_counter() - began > 300:
                            raise SystemExit("f1 ui did not start") from None
                        time.sleep(0.5)
                seconds = time.perf_counter() - began
                # A sensor may have started a run, which is a process of its own: at rest is the least of a minute.
                moments = []
                for _ in range(30):
                    time.sleep(2)
                    moments.append(tree.now())
                found = min(moments, key=lambda one: one.together)
        finally:
            process.terminate()
    return {
        "seconds": seconds,
        "cpu": 0.0,
        "peak_mib": found.largest,
        "tree_mib": found.together,
        "shared_once_mib": found.shared_once,
    }
