"""Workflows, templates and the files of development tools: they parse, and what they name exists. Nothing here runs them."""

import json
import re
import shlex
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import f1_lakehouse

PROJECT = Path(__file__).parents[2]
GITHUB = PROJECT / ".github"
WORKFLOWS = sorted(GITHUB.glob("workflows/*.yml"))
PINNED = re.compile(r"^[\w-]+/[\w./-]+@[0-9a-f]{40}$")


def read(path: Path) -> dict[Any, Any]:
    return yaml.safe_load(path.read_text("utf-8"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflow_has_pinned_actions_least_permissions_and_time_limits(path: Path) -> None:
    workflow = read(path)
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow[True]  # `on`, which YAML 1.1 reads as a boolean
    for name, job in workflow["jobs"].items():
        assert job["timeout-minutes"] <= 60, name
        assert set(job.get("needs", "").split()) <= set(workflow["jobs"]), name
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step), step
            assert "uses" not in step or PINNED.match(step["uses"]), step


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflow_runs_targets_and_files_that_exist(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text("utf-8"), re.MULTILINE))
    commands = [step["run"] for job in read(path)["jobs"].values() for step in job["steps"] if "run" in step]
    assert set(re.findall(r"\bmake ([a-z-]+)", "\n".join(commands))) <= targets
    for file in re.findall(r"tests/[\w/]+\.py", "\n".join(commands)):
        assert (PROJECT / file).exists(), file


def test_release_is_of_a_tag_and_publishes_only_what_was_tested() -> None:
    workflow = read(GITHUB / "workflows" / "release.yml")
    assert workflow[True] == {"push": {"tags": ["v*"]}}
    jobs = workflow["jobs"]
    assert (jobs["release"]["needs"], jobs["publish"]["needs"]) == ("build", "release")
    assert jobs["publish"]["if"] == "vars.PUBLISH == 'true'"
    assert {name for name, job in jobs.items() if "write" in str(job.get("permissions"))} == {
        "release",
        "publish",
    }
    steps = "\n".join(step.get("run", "") for step in jobs["build"]["steps"])
    assert "tests/e2e/test_wheel.py" in steps
    assert steps.index("uv build") < steps.index("tool run --from")


def test_version_of_the_package_is_semantic() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    assert re.fullmatch(r"\d+\.\d+\.\d+(rc\d+)?", project["version"])
    assert project["version"] == f1_lakehouse.__version__
    assert re.search(r"^## Unreleased$", (PROJECT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)


def test_issue_forms_have_what_github_requires() -> None:
    for path in (GITHUB / "ISSUE_TEMPLATE").glob("[!c]*.yml"):
        form = read(path)
        assert {"name", "description"} <= set(form), path
        ids = [field["id"] for field in form["body"]]
        assert len(ids) == len(set(ids))
        assert all(field["attributes"]["label"] for field in form["body"])


def test_dependency_updates_look_into_folders_that_exist() -> None:
    for update in read(GITHUB / "dependabot.yml")["updates"]:
        for folder in update.get("directories", [update.get("directory")]):
            assert (PROJECT / folder.lstrip("/")).is_dir()


def test_hooks_run_programs_of_the_environment_on_files_that_exist() -> None:
    [repository] = read(PROJECT / ".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    for hook in repository["hooks"]:
        program, *arguments = shlex.split(hook["entry"])
        assert program.startswith(".venv/bin/")
        assert Path(sys.executable).with_name(Path(program).name).exists(), program
        assert all((PROJECT / one).exists() for one in arguments if one.startswith("tests/"))


def test_development_container_is_built_from_its_file_and_uses_the_makefile() -> None:
    folder = PROJECT / ".devcontainer"
    container = json.loads((folder / "devcontainer.json").read_text("utf-8"))
    assert (folder / container["build"]["dockerfile"]).exists()
    assert container["postCreateCommand"] == "make install"
    assert f"useradd --uid 1000 --create-home --shell /bin/bash {container['remoteUser']}" in (
        folder / "Dockerfile"
    ).read_text("utf-8")
