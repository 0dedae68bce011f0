"""What assets are handed: the lake of this process."""

import os
import sys
from pathlib import Path

import dagster as dg

from f1_lakehouse.pull import Lake
from f1_lakehouse.settings import Settings, load_settings

_lakes: dict[str, Lake] = {}


def current_settings() -> Settings:
    """The settings of this process, also put into the environment so that dbt and child processes see the same lake."""
    settings = load_settings()
    os.environ.update(settings.environment())
    # dbt is looked for on the PATH, which lacks the environment's own folder when `f1` is called by its path.
    here = str(Path(sys.executable).parent)
    if here not in os.environ.get("PATH", "").split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([here, os.environ.get("PATH", "")])
    return settings


class LakeResource(dg.ConfigurableResource):
    """The lake that the environment names; opened once a process, so that its ledger is read once."""

    def open(self) -> Lake:
        """The lake."""
        settings = current_settings()
        key = settings.model_dump_json()
        if key not in _lakes:
            _lakes[key] = Lake.open(settings)
        return _lakes[key]


@dg.definitions
def defs() -> dg.Definitions:
    """Resources by the names that assets ask for."""
    return dg.Definitions(resources={"lake": LakeResource()})
