"""`f1 load` as a process that is killed: nothing that it held is in the way of the next one."""

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

from f1_lakehouse.simulator.generate import generate
from f1_lakehouse.simulator.server import ReplayServer

F1 = str(Path(sys.executable).parent / "f1")
Scene = Any
Make = Callable[..., Scene]
LOAD = ("load", "--session", "11", "--endpoint", "drivers", "laps", "car_data", "--no-transform")
BUSY = "STARTED"


def environment(made: Scene, **more: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("F1_", "DAGSTER_"))}
    lake = {
        "F1_LAKEHOUSE_ROOT": str(made.root),
        "F1_OPENF1_URL": made.server.url,
        "F1_OPENF1_REQUESTS_PER_SECOND": "0",
        "F1_OPENF1_REQUESTS_PER_MINUTE": "0",
        "NO_PROXY": "127.0.0.1",
    }
    return {**clean, **lake, **more}


def start(made: Scene, *arguments: str, **more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [F1, *(arguments or LOAD)],
        env=environment(made, **more),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def finish(made: Scene, *arguments: str, **more: str) -> tuple[int, str]:
    process = start(made, *arguments, **more)
    _, said = process.communicate(timeout=300)
    return process.returncode, said


def kill_when(process: subprocess.Popen[str], said: str) -> None:
    """SIGKILL, to all of its processes, as soon as it has said something."""
    assert process.stderr is not None
    for line in process.stderr:
        if said in line:
            break
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def runs(made: Scene) -> list[str]:
    import sqlite3

    with sqlite3.connect(made.root / "dagster" / "history" / "runs.db") as con:
        return [status for (status,) in con.execute("select status from runs order by id")]


def test_killed_load_is_reaped_and_resumed_by_the_next(scene: Make) -> None:
    made = scene()
    kill_when(start(made), "drivers: appended")
    assert BUSY in runs(made)
    landed = made.landed()
    assert any("drivers" in url for url in landed)
    made.asked()
    began = time.monotonic()
    code, said = finish(made)
    assert code == 0, said
    # A run that waited for the dead one's pool slot would never have come so far.
    assert time.monotonic() - began < 120
    assert BUSY not in runs(made)
    assert "FAILURE" in runs(made)
    assert not landed & set(made.asked())
    assert len(made.table("laps")) == 14
    assert len(made.table("car_data")) == 120


@pytest.mark.slow
def test_repeatedly_killed_loads_from_a_failing_server_end_with_exact_rows(
    scene: Make, chance: random.Random, tmp_path: Path, kills: int
) -> None:
    """15 % of answers fail and 5 % are dropped; a generated season with telemetry, and `f1 load` as people run it."""
    made_of = generate(tmp_path / "source", season=2024, meetings=1, telemetry=False, seed=4)
    with ReplayServer(made_of.folder, fail_rate=0.15, drop_rate=0.05, seed=4) as server:
        made = scene(new=True)
        made.server = server
        arguments = ("load", "--season", "2024", "--no-telemetry", "--no-transform")
        seen: set[str] = set()
        code = -1
        for _ in range(max(6, kills // 10)):
            process = start(made, *arguments)
            try:
                process.communicate(timeout=chance.uniform(6, 20))
                code = process.returncode
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
            asked = set(made.asked())
            assert not seen & asked
            seen = made.landed()
        while code != 0:
            code, said = finish(made, *arguments)
            assert not seen & set(made.asked())
            seen = made.landed()
            assert "Traceback" not in said
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
                row for p in (made_of.folder / name).glob("*.json*") for row in orjson.loads(p.read_bytes())
            ]
            refused = [r for r in made.table("_quarantine") if r["endpoint"] == name]
            assert len(made.table(name)) + len(refused) == len(rows), name
        code, said = finish(made, *arguments)
        assert (code, made.asked()) == (0, []), said


@pytest.mark.slow
def test_load_killed_while_dbt_runs_is_completed_by_the_next(scene: Make, tmp_path: Path) -> None:
    made_of = generate(tmp_path / "source", season=2024, meetings=1, telemetry=False, seed=4)
    with ReplayServer(made_of.folder) as server:
        made = scene(new=True)
        made.server = server
        arguments = ("load", "--session", "2024015", "--no-telemetry")
        kill_when(start(made, *arguments), "silver, gold")
        assert not (made.root / "gold.duckdb").exists()
        process = start(made, *arguments)
        warehouse = made.root / "warehouse.duckdb"
        while process.poll() is None and not warehouse.exists():
            os.sched_yield()
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        made.asked()
        code, said = finish(made, *arguments)
        assert code == 0, said
        assert made.asked() == []
        assert BUSY not in runs(made)
        with duckdb.connect(str(made.root / "gold.duckdb"), read_only=True) as con:
            [(laps,)] = con.execute("select count(*) from gold.fact_laps").fetchall()
        assert laps == len(made.table("laps"))

        # A damaged warehouse: readers keep the published gold, and it is made again from bronze.
        warehouse.write_bytes(warehouse.read_bytes()[:5000])
        code, said = finish(made, "transform")
        assert (code != 0, "Traceback" in said) == (True, False)
        assert f"{warehouse} is damaged: remove it" in said
        with duckdb.connect(str(made.root / "gold.duckdb"), read_only=True) as con:
            assert con.execute("select count(*) from fact_laps").fetchall() == [(laps,)]
        warehouse.unlink()
        code, said = finish(made, "transform")
        assert code == 0, said
        with duckdb.connect(str(made.root / "gold.duckdb"), read_only=True) as con:
            assert con.execute("select count(*) from fact_laps").fetchall() == [(laps,)]


@pytest.fixture
def exact(tmp_path: Path) -> Iterator[ReplayServer]:
    folder = generate(tmp_path / "source", season=2024, meetings=1, telemetry=False, seed=4).folder
    with ReplayServer(folder, rps=4, rpm=40) as server:
        yield server


@pytest.mark.slow
def test_concurrent_load_processes_do_not_exceed_the_rate_limit(scene: Make, exact: ReplayServer) -> None:
    made = scene(new=True)
    made.server = exact
    windows = {"F1_OPENF1_REQUESTS_PER_SECOND": "4", "F1_OPENF1_REQUESTS_PER_MINUTE": "40"}
    processes = [
        start(made, "load", "--session", key, "--no-telemetry", "--no-transform", **windows)
        for key in ("2024015", "2024014", "2024013")
    ]
    said = [process.communicate(timeout=600)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], said
    assert {request.status for request in exact.requests} <= {200, 404}
    assert len(exact.requests) > 40
