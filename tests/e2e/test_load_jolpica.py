"""`f1 load` with Jolpica as a person uses it: ranges of seasons, an outage, and what is there already."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from f1_lakehouse.settings import Settings
from f1_lakehouse.simulator.circuits import CircuitServer, write_circuits
from f1_lakehouse.simulator.ergast import History
from f1_lakehouse.simulator.generate import generate
from f1_lakehouse.simulator.history import write_history
from f1_lakehouse.simulator.jolpica import JolpicaApi, JolpicaServer
from f1_lakehouse.simulator.server import ReplayServer
from f1_lakehouse.storage.bronze import Bronze

F1 = str(Path(sys.executable).parent / "f1")


@dataclass
class Shell:
    """A lake, both servers, and `f1` pointed at them."""

    root: Path
    openf1: ReplayServer
    api: JolpicaApi
    jolpica: JolpicaServer

    def f1(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("F1_", "DAGSTER_"))}
        off = dict.fromkeys(
            (
                "F1_OPENF1_REQUESTS_PER_SECOND",
                "F1_OPENF1_REQUESTS_PER_MINUTE",
                "F1_JOLPICA_REQUESTS_PER_SECOND",
                "F1_JOLPICA_REQUESTS_PER_HOUR",
            ),
            "0",
        )
        urls = {"F1_OPENF1_URL": self.openf1.url, "F1_JOLPICA_URL": self.jolpica.url}
        env = {**clean, **off, **urls, "F1_LAKEHOUSE_ROOT": str(self.root), **environment}
        return subprocess.run([F1, *arguments], env=env, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """What both sources serve: a season of OpenF1 with one weekend, and the history of Jolpica that goes with it."""
    source, history = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("jolpica")
    generate(source, season=2024, meetings=1, telemetry=False, seed=3)
    return source, write_history(history, source)


@pytest.fixture
def shell(tmp_path: Path, served: tuple[Path, Path]) -> Iterator[Shell]:
    source, history = served
    api = JolpicaApi(History(history))
    with ReplayServer(source) as openf1, JolpicaServer(api) as jolpica:
        yield Shell(tmp_path / "lake", openf1, api, jolpica)


def test_range_of_seasons_is_loaded_once_and_openf1_is_not_needed(shell: Shell) -> None:
    done = shell.f1("load", "--season", "1956-1957", "--no-transform")
    assert done.returncode == 0, done.stderr
    assert shell.openf1.requests == []
    assert Bronze(Settings(lakehouse_root=shell.root).bronze).rows("jolpica_results", 1957).num_rows == 126
    before = len(shell.api.requests)
    again = shell.f1("load", "--season", "1956-1957", "--no-transform")
    assert again.returncode == 0, again.stderr
    assert len(shell.api.requests) == before
    shown = shell.f1("status")
    assert shown.returncode == 0, shown.stderr
    assert "Jolpica" in shown.stdout
    assert "1957" in shown.stdout
    pulls = shell.f1("history", "jolpica_results")
    assert pulls.returncode == 0, pulls.stderr
    assert "126" in pulls.stdout
    rebuilt = shell.f1("rebuild-bronze")
    assert rebuilt.returncode == 0, rebuilt.stderr + rebuilt.stdout
    verified = shell.f1("verify")
    assert verified.returncode == 0, verified.stderr + verified.stdout
    assert Bronze(Settings(lakehouse_root=shell.root).bronze).rows("jolpica_results", 1957).num_rows == 126
    assert len(shell.api.requests) == before


def test_sources_that_are_down_are_one_warning_each_and_openf1_is_complete(
    shell: Shell, served: tuple[Path, Path], tmp_path: Path
) -> None:
    every = {"F1_SOURCES": "openf1 jolpica multiviewer"}
    down = {"F1_JOLPICA_URL": "http://127.0.0.1:9/ergast/f1", "F1_MULTIVIEWER_URL": "http://127.0.0.1:9/api"}
    some = ("--endpoint", "session_result", "jolpica_results", "multiviewer_corners", "--no-transform")
    done = shell.f1("load", "--season", "2024", *some, **every, **down)
    assert done.returncode == 0, done.stderr
    warnings = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    assert len(warnings) == 2, done.stderr
    assert "no connection to Jolpica" in warnings[0]
    assert "no connection to MultiViewer" in warnings[1]
    bronze = Bronze(Settings(lakehouse_root=shell.root).bronze)
    assert {scope for endpoint, scope in bronze.pull_log.scopes() if endpoint == "session_result"} == set(
        range(2024011, 2024016)
    )
    # Nor does a load of both sources wait for the window of an hour.
    with CircuitServer(write_circuits(tmp_path / "maps", served[0])) as circuits:
        done = shell.f1(
            "load",
            "--season",
            "2024",
            *some,
            F1_JOLPICA_REQUESTS_PER_HOUR="3",
            F1_MULTIVIEWER_URL=circuits.url,
            **every,
        )
    assert done.returncode == 0, done.stderr
    assert circuits.requests == ["/api/v1/circuits/63/2024"]
    bronze = Bronze(Settings(lakehouse_root=shell.root).bronze)
    assert bronze.rows("multiviewer_corners", 2024)["number"].to_pylist() == list(range(1, 13))
    assert "warning: Jolpica: its requests of this hour are used up" in done.stderr
    assert len(shell.api.requests) <= 3


def test_jolpica_that_is_down_fails_a_load_of_its_own(shell: Shell, tmp_path: Path) -> None:
    # Python runs this file when it starts: there is no pause between the attempts.
    (tmp_path / "sitecustomize.py").write_text("import time\ntime.sleep = lambda seconds: None\n")
    down = {"F1_JOLPICA_URL": "http://127.0.0.1:9/ergast/f1", "PYTHONPATH": str(tmp_path)}
    done = shell.f1("load", "--season", "1957", "--no-transform", **down)
    assert done.returncode != 0
    assert "no connection to Jolpica" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--season", "1949"], "season 1949: Jolpica has seasons from 1950"),
        (["--season", "1999-1950"], "the range ends before it starts"),
        (["--season", "twenty"], "a season is a year"),
        (["--season", "2024", "--source", "ergast"], "there is no source 'ergast'"),
        (["--season", "1957", "--source", "openf1"], "OpenF1 has seasons from 2023"),
    ],
)
def test_bad_season_or_source_is_one_line(shell: Shell, arguments: list[str], message: str) -> None:
    done = shell.f1("load", *arguments)
    assert done.returncode != 0
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
