"""The container and compose files: read by real parsers, and what they run, run without containers.

No engine runs here, so the image itself is not built by any test.
"""

import json
import os
import shlex
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import postgres
import pytest
import unprivileged

from f1_lakehouse.cli.app import parser

PROJECT = Path(__file__).parents[2]
DEPLOY = PROJECT / "deploy"
BIN = Path(sys.executable).parent


def tool(name: str) -> str:
    """A program of the dev dependencies; some have none for this platform."""
    if not (BIN / name).exists():
        pytest.skip(f"no {name} for this platform on PyPI")
    return str(BIN / name)


def compose(**environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("F1_", "POSTGRES_"))}
    return subprocess.run(
        [tool("docker-compose"), "-f", str(DEPLOY / "compose.yaml"), "config", "--format", "json"],
        env=clean | environment,
        text=True,
        capture_output=True,
        check=False,
    )


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    done = compose(POSTGRES_PASSWORD="s3cret")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["services"]


def dockerfile() -> list[list[str]]:
    """Its instructions, word by word."""
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    return [shlex.split(line, posix=False) for line in text.splitlines() if line and not line.startswith("#")]


def test_container_file_linter_reports_nothing() -> None:
    done = subprocess.run(
        [tool("hadolint"), "--no-color", str(DEPLOY / "Dockerfile")],
        text=True,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_copied_files_exist_and_are_in_the_build_context() -> None:
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().split()
    copied = [source for word, *rest in dockerfile() if word == "COPY" for source in rest[:-1]]
    assert all((PROJECT / source).exists() for source in copied)
    assert {f"!{source}" for source in copied} == {line for line in ignored if line.startswith("!")}
    assert ignored[0] == "*"


def test_image_runs_as_any_user_with_the_extras_of_the_project() -> None:
    words = dockerfile()
    assert int([line for line in words if line[0] == "USER"][-1][1]) > 0
    import tomllib

    extras = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    run = next(line for line in words if "--extra" in line)
    asked = {run[place + 1] for place, word in enumerate(run) if word == "--extra"}
    # spark is an engine that few use: with pandas and gRPC it would make the image larger, and requirements.lock leaves it out.
    assert asked == set(extras) - {"explore", "spark"}


def test_no_service_starts_without_a_password() -> None:
    done = compose()
    assert done.returncode != 0
    assert "set POSTGRES_PASSWORD" in done.stderr


def test_password_of_the_environment_is_in_one_variable(services: dict[str, Any]) -> None:
    assert "s3cret" not in (DEPLOY / "compose.yaml").read_text()
    for name in ("daemon", "webserver"):
        found = services[name]["environment"]
        assert found["F1_DAGSTER_STORAGE"] == "postgresql://f1:s3cret@postgres:5432/f1"
        secrets = {key for key, value in found.items() if value and "s3cret" in value}
        assert secrets == {"F1_DAGSTER_STORAGE"}


def test_ui_is_read_only_and_bound_to_localhost(services: dict[str, Any]) -> None:
    [lake] = services["webserver"]["volumes"]
    assert (lake["target"], lake["read_only"]) == ("/lake", True)
    [port] = services["webserver"]["ports"]
    assert port["host_ip"] == "127.0.0.1"
    for name in ("daemon", "webserver"):
        assert services[name]["read_only"]
        assert services[name]["cap_drop"] == ["ALL"]


def test_service_has_a_fixed_host_name_to_identify_killed_runs(services: dict[str, Any]) -> None:
    assert services["daemon"]["hostname"] == "f1-daemon"


def test_each_service_runs_an_f1_command_and_has_a_health_check(services: dict[str, Any]) -> None:
    for name in ("daemon", "webserver"):
        given = parser().parse_args(services[name]["command"])
        assert given.command == services[name]["command"][0]
    assert parser().parse_args(services["webserver"]["command"]).read_only
    assert all(service["healthcheck"]["test"][0] == "CMD" for service in services.values())
    assert (BIN / services["daemon"]["healthcheck"]["test"][1]).exists()


# The services, as processes of a user who may write to the lake alone


@dataclass
class Stack:
    """A lake, and the environment that its services have in common."""

    root: Path
    environment: dict[str, str]

    def start(self, command: list[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*unprivileged.prefix(), str(BIN / command[0]), *command[1:]],
            env=self.environment,
            cwd="/",
            start_new_session=True,
        )

    def wait_until(self, check: list[str]) -> None:
        deadline = time.monotonic() + 240
        while self.start(check).wait(timeout=120) != 0:
            assert time.monotonic() < deadline, check


def ask(port: int, query: str) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        json.dumps({"query": query}).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["data"]


@pytest.mark.slow
def test_compose_services_start_serve_and_stop(services: dict[str, Any], tmp_path: Path) -> None:
    root, port = tmp_path / "lake", 0
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with postgres.Postgres() as server:
        stack = Stack(
            root,
            {
                "PATH": f"{BIN}:{os.environ['PATH']}",
                "HOME": "/nonexistent",
                "F1_LAKEHOUSE_ROOT": str(root),
                "DAGSTER_HOME": str(root / "dagster"),
                "F1_DAGSTER_STORAGE": server.database("deploy"),
                "F1_OPENF1_URL": "http://127.0.0.1:9/v1",
            },
        )
        running = [stack.start(["f1", *services["daemon"]["command"]])]
        try:
            stack.wait_until(services["daemon"]["healthcheck"]["test"][1:])
            # The UI is started on a lake in which it may write nothing, as on its read-only volume.
            unprivileged.forbid_writing(root)
            running.append(stack.start(["f1", *services["webserver"]["command"], "--port", str(port)]))
            check = [one.replace(":3000", f":{port}") for one in services["webserver"]["healthcheck"]["test"]]
            stack.wait_until(check[1:])
            places = "locationEntries {loadStatus locationOrLoadError {__typename}}"
            found = ask(port, f"{{workspaceOrError {{... on Workspace {{{places}}}}}}}")
            [place] = found["workspaceOrError"]["locationEntries"]
            assert place["locationOrLoadError"]["__typename"] == "RepositoryLocation"
            refused = ask(port, 'mutation {deletePipelineRun(runId: "any") {__typename}}')
            assert refused["deletePipelineRun"]["__typename"] == "UnauthorizedError"
        finally:
            unprivileged.allow_writing(root)
            for service in reversed(running):
                service.terminate()
        assert [service.wait(timeout=30) for service in running] == [0] * len(running)
        assert len(running) == 2
