"""A real Dagster instance in a folder of its own, with the storage that a lake has."""

from pathlib import Path

import dagster as dg


def instance_in(folder: Path) -> dg.DagsterInstance:
    folder.mkdir(exist_ok=True)
    custom = {
        "module": "f1_lakehouse.instance.sqlite_storage",
        "class": "Storage",
        "config": {"base_dir": str(folder)},
    }
    return dg.DagsterInstance.local_temp(str(folder), {"storage": {"custom": custom}})
