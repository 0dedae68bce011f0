"""The Dagster code location: everything below `defs/`, assembled. Nothing is defined here."""

from pathlib import Path

import dagster as dg


@dg.definitions
def defs() -> dg.Definitions:
    """All assets, checks, jobs, schedules and sensors of the lakehouse."""
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
