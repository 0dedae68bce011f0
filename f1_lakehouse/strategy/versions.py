"""The versions of the models that are on disk, as a reader lists them. Needs no extra.

Not here: writing a version (artifacts.py).
"""

from pathlib import Path
from typing import Any

import orjson

IN_USE = "in_use.json"
MODELS = {
    "lap_time_1_ahead": "The time of the next clean lap.",
    "lap_time_5_ahead": "The time of the clean lap 5 laps ahead.",
    "lap_time_10_ahead": "The time of the clean lap 10 laps ahead.",
    "stop_hazard": "The chance of a stop in the next lap.",
    "pit_loss": "The time that a stop costs, by circuit.",
    "rejoin_position": "The position after the out-lap.",
    "undercut": "The chance that an undercut works.",
    "finishing_order_25": "The finishing order, at a quarter of the distance.",
    "finishing_order_50": "The finishing order, at half of the distance.",
    "remaining_time": "The time from a last stop to the finish.",
}
"""Name → description of the models of registry.py, for code that lists them without the extra."""


class Versions:
    """The versions below a folder: `models/` of a lake."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def in_use(self) -> dict[str, str]:
        """Return the versions in use, by the name of the model."""
        try:
            return dict(orjson.loads((self.folder / IN_USE).read_bytes()))
        except FileNotFoundError:
            return {}

    def versions(self) -> list[dict[str, Any]]:
        """Return metadata and metrics of every version, by name and last race."""
        found = [
            {
                **orjson.loads(path.read_bytes()),
                "metrics": orjson.loads(path.with_name("metrics.json").read_bytes()),
            }
            for path in self.folder.glob("*/[0-9]*/metadata.json")
        ]
        return sorted(found, key=lambda one: (one["name"], one["version"]))
