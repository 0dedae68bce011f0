"""A small served season, and a process that runs loads which are killed at a given crash point."""

import contextlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests
from deltalake import DeltaTable

from f1_lakehouse.simulator.ergast import History
from f1_lakehouse.simulator.history import write_history
from f1_lakehouse.simulator.jolpica import JolpicaApi, JolpicaServer
from f1_lakehouse.simulator.server import ReplayServer
from f1_lakehouse.sources.registry import BY_NAME
from f1_lakehouse.storage.bronze import Bronze

SEASON, RACE = 2024, 11
JOLPICA_ROWS = {"jolpica_results": 126}
"""Rows of the season 1957 as the simulator makes it: two pages."""
START = datetime(2024, 9, 22, 12, 0, tzinfo=UTC)
KILLED, TIMED_OUT = -9, -14


def served() -> dict[str, list[dict[str, Any]]]:
    """A race of three cars: laps with a row that cannot be typed, telemetry by driver, no weather."""
    end = START + timedelta(hours=2)
    keys = {"session_key": RACE, "meeting_key": 1}
    session = {**keys, "year": SEASON, "session_name": "Race", "location": "Marina Bay",
               "date_start": START.isoformat(), "date_end": end.isoformat()}  # fmt: skip
    cars = (1, 4, 81)
    laps = [
        {**keys, "driver_number": car, "lap_number": n, "lap_duration": 90.0 + n, "st_speed": 300}
        for car in cars
        for n in range(1, 6)
    ]
    laps[7]["st_speed"] = "fast"
    samples = [
        {**keys, "driver_number": car, "speed": n, "date": (START + timedelta(seconds=n)).isoformat()}
        for car in cars
        for n in range(40)
    ]
    return {
        "sessions": [session],
        "drivers": [{**keys, "driver_number": car} for car in cars],
        "laps": laps,
        "car_data": samples,
    }


@dataclass
class CrashProcess:
    """The process of crash_process.py."""

    process: subprocess.Popen[str]

    def run(self, root: Path, job: str = "load", **request: Any) -> list[tuple[int, str]]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps({"root": str(root), "job": job, **request}), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        assert line, "crash_process.py has ended"
        return [(one["code"], one["output"]) for one in json.loads(line)]


@dataclass
class CrashScenario:
    """A lake that processes load repeatedly from the servers of two sources; the processes may be killed."""

    root: Path
    server: ReplayServer
    jolpica: JolpicaServer
    crash_process: CrashProcess
    source: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def run(self, job: str = "load", **request: Any) -> tuple[int, str]:
        [ended] = self.run_several(job, **request)
        return ended

    def run_several(self, job: str = "load", **request: Any) -> list[tuple[int, str]]:
        """Run a job in one or several `processes`; return the exit code and output of each."""
        urls = {"url": self.server.url, "jolpica_url": self.jolpica.url}
        return self.crash_process.run(self.root, job, **urls, **request)

    def landed_urls(self) -> set[str]:
        """Return the URLs whose responses are in landing."""
        found = (orjson.loads(p.read_bytes())["url"] for p in (self.root / "landing").rglob("*.meta.json"))
        return {re.sub(r"^https?://[^/]+", "", url) for url in found}

    def served_urls(self) -> list[str]:
        """Return the URLs that the servers answered since the last call, and forget them."""
        found = []
        for answered in (self.server.requests, self.jolpica.api.requests):
            found += [one.target for one in answered if one.status in (200, 404, 422)]
            answered.clear()
        return found

    def table(self, name: str) -> list[dict[str, Any]]:
        return DeltaTable(str(self.root / "bronze" / name)).to_pyarrow_table().to_pylist()

    def assert_exact(self, laps_twice: bool = False) -> None:
        """Assert that every served row is in bronze or in quarantine exactly once, and each endpoint has one pull with its rows."""
        pull_log = Bronze(str(self.root / "bronze")).pull_log
        entries = [pull for pull in pull_log.all() if pull.is_applied]
        assert len({p.pull_id for p in entries}) == len(entries)
        bronze: dict[str, int] = {}
        served = {name: len(rows) for name, rows in self.source.items()}
        for name, count in (served | JOLPICA_ROWS).items():
            key = [*BY_NAME[name].key, "_pull_id"]
            kept = self.table(name)
            refused = [r for r in self.table("_quarantine") if r["endpoint"] == name]
            once = Counter(tuple(str(row[column]) for column in key) for row in kept)
            assert set(once.values()) <= {1}, name
            pulls = len({row["_pull_id"] for row in kept})
            assert pulls == (2 if name == "laps" and laps_twice else 1), name
            assert len(kept) + len(refused) == count * pulls, name
            bronze[name] = len(kept)
            [scope] = {scope for endpoint, scope in pull_log.scopes() if endpoint == name}
            current = pull_log.current_pull(name, scope)
            assert current is not None
            assert len([row for row in kept if row["_pull_id"] == current.pull_id]) == current.rows
        assert bronze["laps"] == 14 * (2 if laps_twice else 1)


@contextlib.contextmanager
def start_crash_process(**environment: str) -> Iterator[CrashProcess]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("F1_")}
    with subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("crash_process.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**clean, "NO_PROXY": "127.0.0.1", "PYTHONPATH": os.pathsep.join(sys.path), **environment},
    ) as process:
        yield CrashProcess(process)


@pytest.fixture(scope="session")
def crash_process() -> Iterator[CrashProcess]:
    with start_crash_process() as process:
        yield process


@pytest.fixture(scope="module")
def object_store() -> Iterator[dict[str, str]]:
    """An S3 server with a bucket `lake`, and the variables for it. A separate process: in this one the server
    could not run while delta-rs waits for its response."""
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        origin = next(
            line.split("Running on ")[1].split()[0] for line in process.stderr if "Running on" in line
        )
        reader = threading.Thread(target=process.stderr.read, daemon=True)  # a full pipe would stop it
        reader.start()
        assert requests.put(f"{origin}/lake", timeout=30, proxies={"http": ""}).status_code == 200
        yield {
            "AWS_ENDPOINT_URL": origin,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
            "AWS_ALLOW_HTTP": "true",
            "NO_PROXY": "127.0.0.1",
        }
        process.kill()
        reader.join()
    finally:
        process.kill()
        process.communicate()  # closes its pipe


@pytest.fixture(scope="module")
def s3_crash_process(object_store: dict[str, str]) -> Iterator[CrashProcess]:
    with start_crash_process(**object_store) as process:
        yield process


@pytest.fixture(scope="session")
def served_rows() -> dict[str, list[dict[str, Any]]]:
    return served()


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, served_rows: dict[str, list[dict[str, Any]]]
) -> Iterator[ReplayServer]:
    folder = tmp_path_factory.mktemp("openf1")
    for name, rows in served_rows.items():
        (folder / name).mkdir()
        (folder / name / "all.json").write_bytes(orjson.dumps(rows))
    with ReplayServer(folder, max_rows=20) as running:
        yield running


@pytest.fixture(scope="session")
def jolpica(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JolpicaServer]:
    api = JolpicaApi(History(write_history(tmp_path_factory.mktemp("jolpica"))))
    with JolpicaServer(api) as running:
        yield running


@pytest.fixture(scope="session")
def empty_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with empty tables, as before most loads."""
    root = tmp_path_factory.mktemp("empty")
    Bronze(str(root / "bronze")).create()
    return root


@pytest.fixture
def make_scenario(
    tmp_path: Path,
    server: ReplayServer,
    jolpica: JolpicaServer,
    crash_process: CrashProcess,
    empty_lake: Path,
    served_rows: dict[str, list[dict[str, Any]]],
) -> Callable[..., CrashScenario]:
    numbers = iter(range(1_000_000))

    def make(*, new: bool = False) -> CrashScenario:
        root = tmp_path / f"lake{next(numbers)}"
        if not new:
            shutil.copytree(empty_lake, root)
        server.requests.clear()
        jolpica.api.requests.clear()
        server.gateway.fail_rate = server.gateway.drop_rate = 0.0
        return CrashScenario(root, server, jolpica, crash_process, served_rows)

    return make


@pytest.fixture(scope="session")
def kills() -> int:
    """The number of kills of the exhaustive tests: F1_TEST_KILLS, 0 if it is not set."""
    return int(os.environ.get("F1_TEST_KILLS", "0"))


@pytest.fixture
def rng() -> random.Random:
    """Random numbers with the seed F1_TEST_SEED, 1 if it is not set."""
    return random.Random(int(os.environ.get("F1_TEST_SEED", "1")))
