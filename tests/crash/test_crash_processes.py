"""`f1 load` as a process that is killed: its locks and runs do not block the next one."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from f1_lakehouse.simulator.gateway import Gateway
from f1_lakehouse.simulator.generate import generate
from f1_lakehouse.simulator.server import ReplayServer

F1 = str(Path(sys.executable).parent / "f1")
CrashScenario = Any
Make = Callable[..., CrashScenario]
LOAD = ("load", "--session", "11", "--endpoint", "drivers", "laps", "car_data", "--no-transform")
STARTED = "STARTED"


def environment(scenario: CrashScenario, **more: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("F1_", "DAGSTER_"))}
    lake = {
        "F1_LAKEHOUSE_ROOT": str(scenario.root),
        "F1_OPENF1_URL": scenario.server.url,
        "F1_OPENF1_REQUESTS_PER_SECOND": "0",
        "F1_OPENF1_REQUESTS_PER_MINUTE": "0",
        "F1_SOURCES": "openf1",
        "NO_PROXY": "127.0.0.1",
    }
    return {**clean, **lake, **more}


def start(scenario: CrashScenario, *arguments: str, **more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [F1, *(arguments or LOAD)],
        env=environment(scenario, **more),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def finish(scenario: CrashScenario, *arguments: str, **more: str) -> tuple[int, str]:
    process = start(scenario, *arguments, **more)
    _, output = process.communicate(timeout=300)
    return process.returncode, output


def kill_when(process: subprocess.Popen[str], output: str) -> None:
    """Send SIGKILL to its process group when its output contains the text."""
    assert process.stderr is not None
    for line in process.stderr:
        if output in line:
            break
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def runs(scenario: CrashScenario) -> list[str]:
    import sqlite3

    with sqlite3.connect(scenario.root / "dagster" / "history" / "runs.db") as con:
        return [status for (status,) in con.execute("select status from runs order by id")]


def test_killed_load_is_reaped_and_resumed_by_the_next(make_scenario: Make) -> None:
    scenario = make_scenario()
    kill_when(start(scenario), "drivers: appended")
    assert STARTED in runs(scenario)
    landed = scenario.landed_urls()
    assert any("drivers" in url for url in landed)
    scenario.served_urls()
    began = time.monotonic()
    code, output = finish(scenario)
    assert code == 0, output
    # If the dead run still held its pool slot, this load would not have ended.
    assert time.monotonic() - began < 120
    assert STARTED not in runs(scenario)
    assert "FAILURE" in runs(scenario)
    assert not landed & set(scenario.served_urls())
    assert len(scenario.table("laps")) == 14
    assert len(scenario.table("car_data")) == 120


@pytest.mark.slow
def test_repeatedly_killed_loads_from_a_failing_server_end_with_exact_rows(
    make_scenario: Make, rng: random.Random, tmp_path: Path, kills: int
) -> None:
    """15 % of responses fail and 5 % are dropped; `f1 load` of a generated season."""
    generated = generate(tmp_path / "source", season=2024, meetings=1, telemetry=False, seed=4)
    with ReplayServer(generated.folder, Gateway(fail_rate=0.15, drop_rate=0.05, seed=4)) as server:
        scenario = make_scenario(new=True)
        scenario.server = server
        arguments = ("load", "--season", "2024", "--no-telemetry", "--no-transform")
        seen: set[str] = set()
        code = -1
        for _ in range(max(6, kills // 10)):
            process = start(scenario, *arguments)
            try:
                process.communicate(timeout=rng.uniform(6, 20))
                code = process.returncode
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
            requested = set(scenario.served_urls())
            assert not seen & requested
            seen = scenario.landed_urls()
        while code != 0:
            code, output = finish(scenario, *arguments)
            assert not seen & set(scenario.served_urls())
            seen = scenario.landed_urls()
            assert "Traceback" not in output
        import orjson

        for name in (
            "drivers",
            "laps",
            "stints",
            "pit",
            "race_control",
            "position",
            "session_result",
            "weather",
        ):
            rows = [
                row for p in (generated.folder / name).glob("*.json*") for row in orjson.loads(p.read_bytes())
            ]
            refused = [r for r in scenario.table("_quarantine") if r["endpoint"] == name]
            assert len(scenario.table(name)) + len(refused) == len(rows), name
        code, output = finish(scenario, *arguments)
        assert (code, scenario.served_urls()) == (0, []), output


@pytest.mark.slow
def test_load_killed_while_dbt_runs_is_completed_by_the_next(make_scenario: Make, tmp_path: Path) -> None:
    generated = generate(tmp_path / "source", season=2024, meetings=1, telemetry=False, seed=4)
    with ReplayServer(generated.folder) as server:
        scenario = make_scenario(new=True)
        scenario.server = server
        arguments = ("load", "--session", "2024015", "--no-telemetry")
        kill_when(start(scenario, *arguments), "silver, gold")
        assert not (scenario.root / "gold.duckdb").exists()
        process = start(scenario, *arguments)
        warehouse = scenario.root / "warehouse.duckdb"
        while process.poll() is None and not warehouse.exists():
            os.sched_yield()
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        scenario.served_urls()
        code, output = finish(scenario, *arguments)
        assert code == 0, output
        assert scenario.served_urls() == []
        assert STARTED not in runs(scenario)
        with duckdb.connect(str(scenario.root / "gold.duckdb"), read_only=True) as con:
            [(laps,)] = con.execute("select count(*) from gold.fact_laps").fetchall()
        assert laps == len(scenario.table("laps"))

        # A damaged warehouse: readers keep the published gold, and the warehouse is rebuilt from bronze.
        warehouse.write_bytes(warehouse.read_bytes()[:5000])
        code, output = finish(scenario, "transform")
        assert (code != 0, "Traceback" in output) == (True, False)
        assert f"{warehouse} is damaged: remove it" in output
        with duckdb.connect(str(scenario.root / "gold.duckdb"), read_only=True) as con:
            assert con.execute("select count(*) from fact_laps").fetchall() == [(laps,)]
        warehouse.unlink()
        code, output = finish(scenario, "transform")
        assert code == 0, output
        with duckdb.connect(str(scenario.root / "gold.duckdb"), read_only=True) as con:
            assert con.execute("select count(*) from fact_laps").fetchall() == [(laps,)]


@pytest.fixture
def rate_limited_server(tmp_path: Path) -> Iterator[ReplayServer]:
    folder = generate(tmp_path / "source", season=2024, meetings=1, telemetry=False, seed=4).folder
    with ReplayServer(folder, Gateway(rps=4, rpm=40)) as server:
        yield server


@pytest.mark.slow
def test_concurrent_load_processes_do_not_exceed_the_rate_limit(
    make_scenario: Make, rate_limited_server: ReplayServer
) -> None:
    scenario = make_scenario(new=True)
    scenario.server = rate_limited_server
    windows = {"F1_OPENF1_REQUESTS_PER_SECOND": "4", "F1_OPENF1_REQUESTS_PER_MINUTE": "40"}
    processes = [
        start(scenario, "load", "--session", key, "--no-telemetry", "--no-transform", **windows)
        for key in ("2024015", "2024014", "2024013")
    ]
    output = [process.communicate(timeout=600)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], output
    assert {request.status for request in rate_limited_server.requests} <= {200, 404}
    assert len(rate_limited_server.requests) > 40
