"""A lake of generated seasons for the pictures of the documentation: no recorded row, no network.

Belongs here: what is generated and how it is loaded. Does not belong here: screenshots (page_screenshots.py) and charts
(draw_gallery.py).
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from f1_lakehouse.simulator.circuits import CircuitServer, write_circuits
from f1_lakehouse.simulator.ergast import History
from f1_lakehouse.simulator.generate import generate
from f1_lakehouse.simulator.history import write_history
from f1_lakehouse.simulator.jolpica import JolpicaApi, JolpicaServer
from f1_lakehouse.simulator.old_season import OLD_SEASON
from f1_lakehouse.simulator.server import ReplayServer

F1 = str(Path(sys.executable).parent / "f1")
SEASON, MEETINGS, SEED = 2024, 6, 11
MEETING = "bahrain"
"""The first meeting of the season, the only one with telemetry: a meeting does not depend on later ones, so it is generated twice."""


def generated_lake(folder: Path) -> Path:
    """Load a season and an old one into `folder`/lake with `f1 load`, unless it is there; return the folder of the lake."""
    source, lake, complete = folder / "openf1", folder / "lake", folder / "complete"
    if complete.exists():
        return lake
    if not source.exists():
        _generate(source)
    history = History(write_history(folder / "jolpica", source))
    maps = write_circuits(folder / "multiviewer", source)
    with (
        ReplayServer(source) as server,
        JolpicaServer(JolpicaApi(history)) as jolpica,
        CircuitServer(maps) as circuits,
    ):
        environment = {
            **os.environ,
            "F1_LAKEHOUSE_ROOT": str(lake),
            "F1_SOURCES": "openf1 jolpica multiviewer",
            "F1_OPENF1_URL": server.url,
            "F1_OPENF1_REQUESTS_PER_SECOND": "0",
            "F1_OPENF1_REQUESTS_PER_MINUTE": "0",
            "F1_JOLPICA_URL": jolpica.url,
            "F1_JOLPICA_REQUESTS_PER_SECOND": "0",
            "F1_JOLPICA_REQUESTS_PER_HOUR": "0",
            "F1_MULTIVIEWER_URL": circuits.url,
            "F1_MULTIVIEWER_REQUESTS_PER_SECOND": "0",
            "F1_MULTIVIEWER_REQUESTS_PER_HOUR": "0",
        }
        for arguments in (
            ["load", str(SEASON), MEETING, "race", "--no-transform"],
            ["load", str(SEASON), MEETING, "q", "--no-transform"],
            ["load", "--season", str(OLD_SEASON), str(SEASON), "--no-telemetry", "--yes"],
        ):
            subprocess.run([F1, *arguments], env=environment, check=True)
    complete.touch()
    return lake


def _generate(source: Path) -> None:
    partial = source.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    generate(partial / "with", season=SEASON, meetings=1, telemetry=True, seed=SEED)
    generate(partial / "all", season=SEASON, meetings=MEETINGS, telemetry=False, seed=SEED)
    for endpoint in ("car_data", "location"):
        shutil.copytree(partial / "with" / endpoint, partial / "all" / endpoint)
    (partial / "all").replace(source)
    shutil.rmtree(partial)


if __name__ == "__main__":
    generated_lake(Path(sys.argv[1]).absolute())
