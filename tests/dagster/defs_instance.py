"""A real Dagster instance in a separate folder, with the storage class of a lake."""

import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg


def instance_in(folder: Path) -> dg.DagsterInstance:
    """Open the instance of a folder; a new one gets copies of empty databases, whose creation takes 0.3 s of CPU."""
    folder.mkdir(exist_ok=True)
    if not any(folder.iterdir()):
        shutil.copytree(_empty().name, folder, dirs_exist_ok=True)
    return _open(folder)


@cache
def _empty() -> "TemporaryDirectory[str]":
    """The databases of an instance without runs, once per process."""
    folder = TemporaryDirectory(prefix="dagster-")
    with _open(Path(folder.name)) as instance:
        instance.get_runs(limit=1)
        instance.get_latest_materialization_event(dg.AssetKey("none"))
        instance.all_instigator_state()
    return folder


def _open(folder: Path) -> dg.DagsterInstance:
    custom = {
        "module": "f1_lakehouse.instance.sqlite_storage",
        "class": "Storage",
        "config": {"base_dir": str(folder)},
    }
    return dg.DagsterInstance.local_temp(str(folder), {"storage": {"custom": custom}})
