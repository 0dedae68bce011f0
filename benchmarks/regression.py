"""`python -m benchmarks regression --against REF`: this working copy compared with a commit, in one run of at most three minutes.

The commands of both run in turn, on the same data and the same machine, so that other load slows both. The code of the commit is checked
out into a git worktree in the folder of the data. It runs in this Python environment, or in one of its own if its requirements.lock
differs. Exits with 1 if a case takes more CPU time or memory than `--limit` times that of the commit.

Does not belong here: targets and references other than the own earlier code (__main__.py).
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks import lakes
from benchmarks.commands import OPENF1_ONLY, command
from benchmarks.data import AT_WORK, RECORDED, ROOT, serving_race
from benchmarks.references import Measured

PROJECT = Path(__file__).parents[1]
REFERENCES = ROOT / "regression"
F1 = """
try:
    from f1_lakehouse.cli.app import main
except ImportError:
    from f1_lakehouse.cli import main
main()
"""
"""Runs `f1`; early versions had it in one module."""


@dataclass(frozen=True)
class Code:
    """A version of the code: its name in the table, its folder, and the Python that runs it."""

    name: str
    folder: Path
    python: str


@dataclass(frozen=True)
class Case:
    """A case: the arguments of `f1`, or the layout that is parsed. `{session}` is the key of the race."""

    name: str
    rounds: int
    f1: str = ""
    layout: str = ""


CASES = (
    Case("`f1 --help`", 3, f1="--help"),
    Case("parse telemetry", 2, layout="compact"),
    Case("parse telemetry with spaces", 2, layout="spaces"),
    Case("`f1 load` of a race with telemetry, to bronze", 2, f1="load --session {session} --no-transform"),
    Case("`f1 load` of a race without telemetry, to gold", 1, f1="load --session {session} --no-telemetry"),
)


def git(*arguments: str) -> str:
    """Run git in the project and return what it printed."""
    done = subprocess.run(["git", *arguments], cwd=PROJECT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip()


def reference(ref: str) -> Code:
    """Check out a commit into a worktree and return it; one that is there is used again."""
    commit = git("rev-parse", "--verify", f"{ref}^{{commit}}")
    folder = REFERENCES / commit
    if not (folder / "pyproject.toml").exists():
        shutil.rmtree(folder, ignore_errors=True)
        git("worktree", "prune")
        git("worktree", "add", "--detach", str(folder), commit)
    python = sys.executable
    if (folder / "requirements.lock").read_bytes() != (PROJECT / "requirements.lock").read_bytes():
        subprocess.run(["make", "-C", str(folder), "install"], check=True, stdout=subprocess.DEVNULL)
        python = str(folder / ".venv" / "bin" / "python")
    return Code(commit[:9], folder, python)


def run(case: Case, code: Code, url: str, session: int) -> Measured:
    """Run a case once with a version of the code, in an empty lake."""
    root = AT_WORK / "regression"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    # The benchmarks of this working copy, with the lakehouse of that version.
    (root / "path").mkdir()
    (root / "path" / "benchmarks").symlink_to(PROJECT / "benchmarks")
    environment = {
        **lakes.environment(root / "lake", url),
        **OPENF1_ONLY,
        "F1_BENCH_DATA": str(ROOT),
        **({"F1_RECORDED_DATA": RECORDED} if RECORDED else {}),
        "PYTHONPATH": f"{root / 'path'}{os.pathsep}{code.folder}",
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    try:
        if case.layout:
            arguments = [code.python, "-P", "-m", "benchmarks.layouts", case.layout]
            done = subprocess.run(arguments, env=environment, stdout=subprocess.PIPE, text=True, check=True)
            measured: Measured = json.loads(done.stdout.splitlines()[-1])
            del measured["peak_mib"]  # that of making the body
            return measured
        return command([code.python, "-P", "-c", F1, *case.f1.format(session=session).split()], environment)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def table(runs: dict[str, dict[str, list[Measured]]], new: str, old: str) -> list[str]:
    """The results as Markdown: for each case the medians of both, and their ratios."""
    lines = [
        f"| {new} against {old} | CPU s | × | s | × | peak MiB | × | all MiB | × |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, by_code in runs.items():
        cells = [name]
        for key, digits in (("cpu", 2), ("seconds", 2), ("peak_mib", 0), ("tree_mib", 0)):
            now, before = (_median(by_code[code], key) for code in (new, old))
            cells += [f"{now:.{digits}f}", f"{now / before:.2f}"] if before else ["", ""]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _median(runs: list[Measured], key: str) -> float:
    return statistics.median(one.get(key, 0.0) for one in runs)


def slower(runs: dict[str, dict[str, list[Measured]]], new: str, old: str, limit: float) -> list[str]:
    """The cases that need more than `limit` times the CPU seconds or the memory of the commit."""
    return [
        name
        for name, by_code in runs.items()
        if any(_median(by_code[new], key) > limit * _median(by_code[old], key) for key in ("cpu", "peak_mib"))
    ]


def main(given: list[str]) -> None:
    """Compare, print the table, and exit with 1 if a case has become slower or larger."""
    arguments = argparse.ArgumentParser(
        prog="benchmarks regression", description=(__doc__ or "").split("\n")[0]
    )
    arguments.add_argument("--against", default="HEAD", metavar="REF", help="the commit; default: HEAD")
    arguments.add_argument(
        "--limit", type=float, default=1.25, help="the ratio beyond which a case fails; default: 1.25"
    )
    arguments.add_argument(
        "--case", nargs="+", default=[], help="only the cases whose name contains one of these texts"
    )
    chosen = arguments.parse_args(given)
    old = reference(chosen.against)
    new = Code("working copy", PROJECT, sys.executable)
    cases = [one for one in CASES if not chosen.case or any(text in one.name for text in chosen.case)]
    runs: dict[str, dict[str, list[Measured]]] = {}
    with serving_race() as served:
        for case in cases:
            runs[case.name] = {new.name: [], old.name: []}
            for number in range(case.rounds):
                for code in (new, old) if number % 2 == 0 else (old, new):
                    runs[case.name][code.name].append(run(case, code, served.url, served.session_key))
            print(f"{case.name}: {json.dumps(runs[case.name])}", file=sys.stderr, flush=True)
    print("\n".join(table(runs, new.name, old.name)))
    print(f"load of the machine: {os.getloadavg()[1]:.1f}")
    if found := slower(runs, new.name, old.name, chosen.limit):
        raise SystemExit(f"more than {chosen.limit} times the CPU time or memory: {', '.join(found)}")
