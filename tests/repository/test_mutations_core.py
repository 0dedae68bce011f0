"""Mutation tests of the Python package: each mutant in mutations_core.yml is detected by its test (slow).

A mutant is written into a copy of the package; the checkout is never changed.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).parents[2]
PYTEST = str(Path(sys.executable).parent / "pytest")
MUTATIONS: list[dict[str, str]] = yaml.safe_load(
    (Path(__file__).parent / "mutations_core.yml").read_text("utf-8")
)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one["invariant"])
def test_every_mutation_names_existing_code_and_an_existing_test(mutation: dict[str, str]) -> None:
    assert set(mutation) == {"invariant", "file", "original", "mutant", "killed_by"}
    assert (PROJECT / "f1_lakehouse" / mutation["file"]).read_text("utf-8").count(mutation["original"]) == 1
    file, name = mutation["killed_by"].split("::")
    assert f"def {name}(" in (PROJECT / file).read_text("utf-8")


@pytest.fixture(scope="module")
def package_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a copy of the package and links to the project files that it expects next to it."""
    folder = tmp_path_factory.mktemp("mutant")
    shutil.copytree(PROJECT / "f1_lakehouse", folder / "f1_lakehouse")
    for name in ("dbt_f1", "dagster.yaml", "pyproject.toml"):
        (folder / name).symlink_to(PROJECT / name)
    command = [sys.executable, "-c", "import f1_lakehouse; print(f1_lakehouse.__file__)"]
    found = subprocess.run(command, env=environment_of(folder), stdout=subprocess.PIPE, text=True, check=True)
    assert found.stdout.startswith(str(folder))
    return folder


def environment_of(folder: Path) -> dict[str, str]:
    # Safe path: a child that runs `python -c` would otherwise import the package from its working folder.
    return {
        **os.environ,
        "PYTHONPATH": str(folder),
        "PYTHONSAFEPATH": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


@pytest.mark.slow
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one["invariant"])
def test_every_mutant_is_killed(package_copy: Path, mutation: dict[str, str]) -> None:
    file = package_copy / "f1_lakehouse" / mutation["file"]
    source = file.read_text("utf-8")
    test = [
        PYTEST,
        "-q",
        "-x",
        "-n0",
        "-p",
        "no:cacheprovider",
        "-m",
        "slow or not slow",
        mutation["killed_by"],
    ]
    try:
        file.write_text(source.replace(mutation["original"], mutation["mutant"]), "utf-8")
        done = subprocess.run(
            test, cwd=PROJECT, env=environment_of(package_copy), capture_output=True, text=True, check=False
        )
    finally:
        file.write_text(source, "utf-8")
    # 1: a test failed. Any other error, such as an unknown test, has another exit code.
    assert done.returncode == 1, done.stdout[-2000:] + done.stderr[-500:]
