"""One lake for the tests of several files: the race of a generated weekend, loaded once by `f1 load`; a test that writes copies it.

A load with its build, publication and pages takes 50 s of CPU, more than all tests that read its result. The first worker that needs the
lake loads it, under a lock; the others wait. Nothing in the original may be changed.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from f1_lakehouse.simulator.generate import generate
from f1_lakehouse.simulator.server import ReplayServer

F1 = str(Path(sys.executable).parent / "f1")
SEASON, RACE, QUALIFYING = 2024, 2024015, 2024014
NAME = 'Emma\'s "lake" é日 & $HOME; +1'
"""The name of the lake's folder: it has characters that are special in URLs, in SQL and in shells."""


@dataclass(frozen=True)
class LoadedLake:
    """A lake, the rows that its source serves, and what the load printed and requested."""

    root: Path
    folder: Path
    stderr: str
    requests: list[str]

    def copy(self, root: Path) -> Path:
        """Copy the lake to another root, which is returned."""
        return Path(shutil.copytree(self.root, root))


def environment_of(root: Path, url: str) -> dict[str, str]:
    """Return the environment of `f1` on a lake and a source without limits: none of this process's variables of f1 or Dagster."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("F1_", "DAGSTER_"))}
    lake = {
        "F1_LAKEHOUSE_ROOT": str(root),
        "F1_OPENF1_URL": url,
        "F1_OPENF1_REQUESTS_PER_SECOND": "0",
        "F1_OPENF1_REQUESTS_PER_MINUTE": "0",
        "F1_SOURCES": "openf1",
    }
    return {**clean, **lake}


def load_once(shared: Path) -> LoadedLake:
    """Return the lake of a folder that all workers share; the first call loads it."""
    served, result, root = shared / "openf1", shared / "load.json", shared / NAME
    shared.mkdir(exist_ok=True)
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not result.exists():
            shutil.rmtree(root, ignore_errors=True)  # left by a worker that was killed
            _load(served, root, result)
    return LoadedLake(root, served, **json.loads(result.read_text(encoding="utf-8")))


def _load(served: Path, root: Path, result: Path) -> None:
    generate(served, season=SEASON, meetings=1, telemetry=False, seed=5)
    with ReplayServer(served) as server:
        done = subprocess.run(
            [F1, "load", "--session", str(RACE), "--no-telemetry"],
            env=environment_of(root, server.url),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        requests = [target for _, target, _ in server.requests]
    result.write_text(json.dumps({"stderr": done.stderr, "requests": requests}), encoding="utf-8")
