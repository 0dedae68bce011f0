"""A real Dagster instance in a separate folder, with the storage class of a lake."""

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
