"""A process that runs loads which are killed: it forks a child per load, and the child kills itself at a given crash point.

It reads one JSON object per line and writes one per line. It imports everything before it forks, so a load takes tenths of
a second instead of seconds and hundreds of kills are possible.

A crash point is directly before or after a lasting change: a file written or renamed, a Delta commit, a table created.
"""

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import deltalake
import orjson  # noqa: F401
import pandera.polars  # noqa: F401
import polars  # noqa: F401
import pyarrow.compute
import pyarrow.dataset  # noqa: F401

from f1_lakehouse.ingest import pull
from f1_lakehouse.lakehouse import Lake, connect
from f1_lakehouse.operations import maintenance
from f1_lakehouse.operations.history import Changes
from f1_lakehouse.publishing import delta_export, publish
from f1_lakehouse.settings import Settings
from f1_lakehouse.sources.catalog import SeasonPartition
from f1_lakehouse.sources.exchange import Window
from f1_lakehouse.sources.jolpica.calendar import JolpicaPartition
from f1_lakehouse.sources.jolpica.source import JOLPICA
from f1_lakehouse.sources.jolpica.work import season_work
from f1_lakehouse.sources.rate_limiter import RateLimiter
from f1_lakehouse.sources.registry import BY_NAME
from f1_lakehouse.storage import append_pull, object_store, pull_log, quarantine
from f1_lakehouse.validation import schemas  # noqa: F401

SEASON, RACE, OLD_SEASON = 2024, 11, 1957
ENDPOINTS = ("drivers", "laps", "weather", "car_data")
crash_points = 0


def add_crash_points(owner: Any, name: str, kill_at: int) -> None:
    """Wrap a function with a crash point before and after it."""
    original: Callable[..., Any] = getattr(owner, name)

    def pass_crash_point() -> None:
        global crash_points
        crash_points += 1
        if crash_points == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def wrapper(*args: Any, **rest: Any) -> Any:
        pass_crash_point()
        result = original(*args, **rest)
        pass_crash_point()
        return result

    setattr(owner, name, wrapper)


def add_all_crash_points(kill_at: int) -> None:
    for module in (append_pull, quarantine, pull_log, delta_export):
        add_crash_points(module, "write_deltalake", kill_at)
    add_crash_points(object_store.ObjectStore, "write", kill_at)
    add_crash_points(Path, "replace", kill_at)
    add_crash_points(os, "fsync", kill_at)
    add_crash_points(quarantine.Quarantine, "append", kill_at)
    add_crash_points(pull_log.PullLog, "append", kill_at)
    add_crash_points(maintenance, "_enter", kill_at)
    add_crash_points(deltalake.DeltaTable, "create", kill_at)
    add_crash_points(deltalake.DeltaTable, "restore", kill_at)


def load(settings: Settings) -> None:
    """Pull the calendar, then every endpoint without a response, then pages of results of another source, as a load does without Dagster."""
    lake = Lake.open(settings)
    if lake.bronze.pull_log.last_answer("sessions", SEASON) is None:
        pull(lake, BY_NAME["sessions"], SeasonPartition(SEASON), why="first pull")
    [race] = [one for one in lake.calendar() if one.key == RACE]
    for name in ENDPOINTS:
        if lake.bronze.pull_log.last_answer(name, RACE) is None:
            pull(lake, BY_NAME[name], race, why="first pull")
    if lake.bronze.pull_log.last_answer("jolpica_results", OLD_SEASON) is None:
        pull(lake, BY_NAME["jolpica_results"], JolpicaPartition(OLD_SEASON), why="first pull")


def history(settings: Settings, seasons: list[int], windows: list[list[float]]) -> None:
    """Pull resources of Jolpica that have no response, within these rate windows: (requests, seconds)."""
    lake = Lake.open(settings)
    limits = [Window(int(count), seconds) for count, seconds in windows]
    limiter = RateLimiter(settings.root / "jolpica_limits.sqlite", limits)
    client = connect(JOLPICA, settings, lake.budget, limiter)
    lake = replace(lake, clients={**lake.clients, "jolpica": client})
    for work in season_work([], lake.pulls_of, seasons, JOLPICA.by_name, datetime(2030, 1, 1, tzinfo=UTC)):
        for name in work.endpoints:
            known = lake.pulls_of(name, work.partition.key)
            if not any(one.is_answer for one in known):
                pull(lake, BY_NAME[name], work.partition, why="first pull", known=known)


def force(settings: Settings) -> None:
    """Pull the laps again."""
    lake = Lake.open(settings)
    [race] = [one for one in lake.calendar() if one.key == RACE]
    pull(lake, BY_NAME["laps"], race, why="forced", force=True)


def restore_first_version(settings: Settings) -> None:
    """Restore the laps to their first version with rows."""
    lake = Lake.open(settings)
    changes = Changes(lake.bronze, lake.landing)
    maintenance.restore(changes, maintenance.plan_restore(changes, "laps", 1))


JOBS: dict[str, Callable[..., Any]] = {
    "load": load,
    "history": history,
    "force": force,
    "restore": restore_first_version,
    "publish": publish.publish,
}


def run_child(request: dict[str, Any], pipe_out: int) -> None:
    status = 1
    try:
        add_all_crash_points(request.get("kill_at", 0))
        # The signal has no handler: the system ends the process immediately, as with SIGKILL.
        signal.setitimer(signal.ITIMER_REAL, request.get("kill_after", 0.0))
        settings = Settings(
            lakehouse_root=request["root"],
            store_uri=request.get("store_uri"),
            openf1_url=request.get("url", "http://127.0.0.1:9/v1"),
            openf1_requests_per_second=0,
            openf1_requests_per_minute=0,
            jolpica_url=request.get("jolpica_url", "http://127.0.0.1:9"),
            jolpica_requests_per_second=0,
            jolpica_requests_per_hour=0,
        )
        JOBS[request["job"]](settings, **request.get("arguments", {}))
        status = 0
        os.write(pipe_out, str(crash_points).encode())
    except BaseException:
        os.write(pipe_out, traceback.format_exc().encode())
    finally:
        os._exit(status)


def main() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        children = []
        for _ in range(request.get("processes", 1)):
            reading, writing = os.pipe()
            pid = os.fork()
            if pid == 0:
                os.close(reading)
                run_child(request, writing)
            os.close(writing)
            children.append((pid, reading))
        ended = []
        for pid, reading in children:
            with os.fdopen(reading) as pipe:
                output = pipe.read()
            ended.append({"code": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), "output": output})
        print(json.dumps(ended), flush=True)


if __name__ == "__main__":
    main()
