"""What assets are handed: the lake of this process."""

import os

import dagster as dg

from f1_lakehouse.pull import Lake
from f1_lakehouse.settings import Settings, load_settings

_lakes: dict[str, Lake] = {}


def current_settings() -> Settings:
    """The settings of this process, also put into the environment so that dbt and child processes see the same lake."""
    settings = load_settings()
    os.environ.update(settings.environment())
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
