"""The versions of the models on disk: `models/<name>/<version>/` with `model.txt`, `metadata.json` and `metrics.json`.

A version is written to a folder of its own and renamed, so a killed training leaves no half version. `models/in_use.json` names the
version of each model that is in use; it is replaced once all models are trained. No pickles: text and JSON only. Not here: reading them
(versions.py), which needs no extra.
"""

import os
import platform
import shutil
from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import orjson

from f1_lakehouse.processes import is_running
from f1_lakehouse.storage.object_store import write_atomically
from f1_lakehouse.strategy.learners import SEED
from f1_lakehouse.strategy.model import Model
from f1_lakehouse.strategy.race_data import StrategyError
from f1_lakehouse.strategy.versions import IN_USE, Versions

PACKAGES = ("lightgbm", "scikit-learn", "numpy", "polars")


class ModelStore(Versions):
    """The versions below a folder, which can be added to.

    Args:
        folder: `models/` of the lake.
        code_version: of the project, for the metadata.
        bronze_version: that gold was built from, for the metadata.
    """

    def __init__(self, folder: Path, code_version: str = "", bronze_version: str = "") -> None:
        super().__init__(folder)
        self.code_version = code_version
        self.bronze_version = bronze_version

    @cached_property
    def packages(self) -> dict[str, str]:
        """The packages that determine a model, and Python."""
        return {**{name: installed(name) for name in PACKAGES}, "python": platform.python_version()}

    def has(self, name: str, version: str) -> bool:
        """Whether a version is complete."""
        return (self.folder / name / version / "metadata.json").exists()

    def text(self, name: str, version: str) -> str:
        """Return the model of a version.

        Raises:
            StrategyError: there is no such version.
        """
        try:
            return (self.folder / name / version / "model.txt").read_text("utf-8")
        except FileNotFoundError:
            raise StrategyError(
                f"{name} {version}: no such version; list them with f1 strategy models"
            ) from None

    def put(
        self,
        model: Model,
        version: str,
        text: str,
        races: Sequence[Mapping[str, Any]],
        examples: int,
        digest: str,
    ) -> None:
        """Write a version that was trained on these races, in order."""
        metadata = {
            "name": model.name,
            "version": version,
            "commit": self.code_version,
            "bronze_version": self.bronze_version,
            "feature_hash": digest,
            "features": list(model.features),
            "split": {
                "scheme": "rolling origin",
                "first_race": f"{races[0]['session_date']:%Y-%m-%d}",
                "last_race": f"{races[-1]['session_date']:%Y-%m-%d}",
                "races": len(races),
            },
            "examples": examples,
            "seed": SEED,
            "revision": model.revision,
            "packages": self.packages,
        }
        target = self.folder / model.name / version
        partial = target.with_name(f".{version}.{os.getpid()}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        (partial / "model.txt").write_text(text, "utf-8")
        (partial / "metadata.json").write_bytes(_json(metadata))
        (partial / "metrics.json").write_bytes(_json({}))
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)

    def remove_leftovers(self) -> None:
        """Remove the unfinished versions of trainings that were killed."""
        for path in self.folder.glob("*/.*.partial"):
            pid = path.name.split(".")[-2]
            if path.is_dir() and pid.isdigit() and not is_running(int(pid)):
                shutil.rmtree(path, ignore_errors=True)

    def put_metrics(self, name: str, version: str, metrics: Mapping[str, Any]) -> None:
        """Write the score of the rolling origin that ended with a version."""
        write_atomically(self.folder / name / version / "metrics.json", _json(metrics))

    def use(self, versions: Mapping[str, str]) -> None:
        """Make these versions the ones in use."""
        write_atomically(self.folder / IN_USE, _json(dict(sorted(versions.items()))))


def _json(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"
