"""What assets are handed: the lake of this process."""

import dagster as dg

from f1_lakehouse.lakes import Lake, current_lake


class LakeResource(dg.ConfigurableResource):
    """The lake that the environment names."""

    def open(self) -> Lake:
        """The lake."""
        return current_lake()


@dg.definitions
def defs() -> dg.Definitions:
    """Resources by the names that assets ask for."""
    return dg.Definitions(resources={"lake": LakeResource()})
