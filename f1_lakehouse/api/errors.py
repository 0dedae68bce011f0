"""The error of the Python API."""

from f1_lakehouse.errors import F1LakehouseError


class LakeError(F1LakehouseError):
    """A request that the lake cannot answer; one line with the cause and what to do."""
