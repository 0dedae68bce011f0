"""A lake of generated seasons for the pictures of the documentation: no recorded row, no network.

Belongs here: what is generated and how it is loaded. Does not belong here: screenshots (page_screenshots.py) and charts
(draw_gallery.py).
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from f1_lakehouse.simulator.embedded import embedded_sources
from f1_lakehouse.simulator.generate import generate
from f1_lakehouse.simulator.old_season import OLD_SEASON

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
    with embedded_sources(source, folder) as variables:
        environment = {**os.environ, **variables, "F1_LAKEHOUSE_ROOT": str(lake)}
        environment.pop("F1_STORE_URI", None)
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
