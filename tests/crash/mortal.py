"""A process that makes loads which die: forks a child for each, and the child kills itself where it is told to.

Reads one JSON object a line and answers with one a line. Forking from a process that has imported everything, and has
used nothing of it, makes a load cost tenths of a second instead of seconds, so that hundreds of kills can be tried.

A boundary is a moment before or after something lasting is done: a file written, renamed, a Delta commit, a table made.
"""

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import deltalake
import orjson  # noqa: F401
import pandera.polars  # noqa: F401
import polars  # noqa: F401
import pyarrow.compute
import pyarrow.dataset  # noqa: F401

from f1_lakehouse.ingest import pull
from f1_lakehouse.lakehouse import Lake
from f1_lakehouse.operations import maintenance
from f1_lakehouse.operations.history import Changes
from f1_lakehouse.publishing import delta_export, publish
from f1_lakehouse.settings import Settings
from f1_lakehouse.sources.catalog import SeasonPartition
from f1_lakehouse.sources.openf1.endpoints import BY_NAME
from f1_lakehouse.storage import append_pull, object_store, pull_log, quarantine
from f1_lakehouse.validation import schemas  # noqa: F401

SEASON, RACE = 2024, 11
ENDPOINTS = ("drivers", "laps", "weather", "car_data")
boundaries = 0


def mortal(owner: Any, name: str, kill_at: int) -> None:
    """Make a function a place to die: just before it, and just after."""
    whole: Callable[..., Any] = getattr(owner, name)

    def boundary() -> None:
        global boundaries
        boundaries += 1
        if boundaries == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def dying(*args: Any, **rest: Any) -> Any:
        boundary()
        result = whole(*args, **rest)
        boundary()
        return result

    setattr(owner, name, dying)


def make_mortal(kill_at: int) -> None:
    for module in (append_pull, quarantine, pull_log, delta_export):
        mortal(module, "write_deltalake", kill_at)
    mortal(object_store.ObjectStore, "write", kill_at)
    mortal(Path, "replace", kill_at)
    mortal(os, "fsync", kill_at)
    mortal(quarantine.Quarantine, "append", kill_at)
    mortal(pull_log.Ledger, "append", kill_at)
    mortal(maintenance, "_enter", kill_at)
    mortal(deltalake.DeltaTable, "create", kill_at)
    mortal(deltalake.DeltaTable, "restore", kill_at)


def load(settings: Settings) -> None:
    """What a load does below Dagster: the calendar, then every endpoint that has no answer yet."""
    lake = Lake.open(settings)
    if lake.bronze.ledger.last_answer("sessions", SEASON) is None:
        pull(lake, BY_NAME["sessions"], SeasonPartition(SEASON), why="first pull")
    [race] = [one for one in lake.calendar() if one.key == RACE]
    for name in ENDPOINTS:
        if lake.bronze.ledger.last_answer(name, RACE) is None:
            pull(lake, BY_NAME[name], race, why="first pull")


def force(settings: Settings) -> None:
    """Ask again for the laps."""
    lake = Lake.open(settings)
    [race] = [one for one in lake.calendar() if one.key == RACE]
    pull(lake, BY_NAME["laps"], race, why="forced", force=True)


def set_back(settings: Settings) -> None:
    """Restore the laps to their first version with rows."""
    lake = Lake.open(settings)
    changes = Changes(lake.bronze, lake.landing)
    maintenance.restore(changes, maintenance.plan_restore(changes, "laps", 1))


JOBS: dict[str, Callable[[Settings], Any]] = {
    "load": load,
    "force": force,
    "set_back": set_back,
    "publish": publish.publish,
}


def child(wish: dict[str, Any], answer: int) -> None:
    status = 1
    try:
        make_mortal(wish.get("kill_at", 0))
        # The signal has no handler: the system ends the process where it is, as SIGKILL does.
        signal.setitimer(signal.ITIMER_REAL, wish.get("kill_after", 0.0))
        settings = Settings(
            lakehouse_root=wish["root"],
            store_uri=wish.get("store_uri"),
            openf1_url=wish.get("url", "http://127.0.0.1:9/v1"),
            openf1_requests_per_second=0,
            openf1_requests_per_minute=0,
        )
        JOBS[wish["job"]](settings)
        status = 0
        os.write(answer, str(boundaries).encode())
    except BaseException:
        os.write(answer, traceback.format_exc().encode())
    finally:
        os._exit(status)


def main() -> None:
    for line in sys.stdin:
        wish = json.loads(line)
        children = []
        for _ in range(wish.get("at_once", 1)):
            reading, writing = os.pipe()
            pid = os.fork()
            if pid == 0:
                os.close(reading)
                child(wish, writing)
            os.close(writing)
            children.append((pid, reading))
        ended = []
        for pid, reading in children:
            with os.fdopen(reading) as pipe:
                said = pipe.read()
            ended.append({"code": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), "said": said})
        print(json.dumps(ended), flush=True)


if __name__ == "__main__":
    main()
