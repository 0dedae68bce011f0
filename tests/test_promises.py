"""What breaks a promise turns a test red: promises.yml, one break at a time, on a copy of the package (slow)."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).parents[1]
PYTEST = str(Path(sys.executable).parent / "pytest")
PROMISES: list[dict[str, str]] = yaml.safe_load((Path(__file__).parent / "promises.yml").read_text("utf-8"))


@pytest.mark.parametrize("broken", PROMISES, ids=lambda one: one["promise"])
def test_every_break_is_of_code_and_of_a_test_that_there_are(broken: dict[str, str]) -> None:
    assert set(broken) == {"promise", "file", "right", "wrong", "red"}
    assert (PROJECT / "f1_lakehouse" / broken["file"]).read_text("utf-8").count(broken["right"]) == 1
    file, name = broken["red"].split("::")
    assert f"def {name}(" in (PROJECT / file).read_text("utf-8")


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a copy of the package, and beside it what the package looks for there."""
    folder = tmp_path_factory.mktemp("broken")
    shutil.copytree(PROJECT / "f1_lakehouse", folder / "f1_lakehouse")
    for beside in ("dbt_f1", "dagster.yaml", "pyproject.toml"):
        (folder / beside).symlink_to(PROJECT / beside)
    where = [sys.executable, "-c", "import f1_lakehouse; print(f1_lakehouse.__file__)"]
    found = subprocess.run(where, env=environment_of(folder), stdout=subprocess.PIPE, text=True, check=True)
    assert found.stdout.startswith(str(folder))
    return folder


def environment_of(folder: Path) -> dict[str, str]:
    # Safe path: a child that runs `python -c` would find the package in its working folder first.
    return {
        **os.environ,
        "PYTHONPATH": str(folder),
        "PYTHONSAFEPATH": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


@pytest.mark.slow
@pytest.mark.parametrize("broken", PROMISES, ids=lambda one: one["promise"])
def test_a_broken_promise_turns_its_test_red(elsewhere: Path, broken: dict[str, str]) -> None:
    file = elsewhere / "f1_lakehouse" / broken["file"]
    whole = file.read_text("utf-8")
    test = [PYTEST, "-q", "-x", "-p", "no:cacheprovider", "-m", "slow or not slow", broken["red"]]
    try:
        file.write_text(whole.replace(broken["right"], broken["wrong"]), "utf-8")
        done = subprocess.run(
            test, cwd=PROJECT, env=environment_of(elsewhere), capture_output=True, text=True, check=False
        )
    finally:
        file.write_text(whole, "utf-8")
    # 1: a test failed. An error before it, as of a name that there is not, would be another number.
    assert done.returncode == 1, done.stdout[-2000:] + done.stderr[-500:]
