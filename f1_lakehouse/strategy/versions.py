"""The versions of the models that are on disk, as a reader lists them. Needs no extra.

Not here: writing a version (artifacts.py).
"""

from pathlib import Path
from typing import Any

import orjson

IN_USE = "in_use.json"
MODEL_NAMES = (
    "lap_time_1_ahead",
    "lap_time_5_ahead",
    "lap_time_10_ahead",
    "stop_hazard",
    "pit_loss",
    "rejoin_position",
    "undercut",
    "finishing_order_25",
    "finishing_order_50",
    "remaining_time",
)
"""The models of registry.py, for those who list them without the extra."""


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
