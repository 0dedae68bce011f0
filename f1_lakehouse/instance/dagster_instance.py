"""The Dagster instance of a lake: its folder with the dagster.yaml, and the instance of this process.

Belongs here: how the instance is opened. Non-public API: `InstanceRef`, to replace one part of the configuration for this process alone:
the output of steps stays on the terminal (compute_logs.py). With a Dagster version that was not tested, the instance is opened by the
public `DagsterInstance.get`, and Dagster copies the output of each step to the terminal with some delay.
"""

import fcntl
import logging
import os
import re
import sys
from functools import cache
from pathlib import Path

import dagster as dg
from pydantic import SecretStr

from f1_lakehouse.errors import F1LakehouseError
from f1_lakehouse.lakehouse import current_settings
from f1_lakehouse.project_files import DAGSTER_CONFIG
from f1_lakehouse.settings import Settings, load_settings
from f1_lakehouse.storage.object_store import write_atomically
from f1_lakehouse.tested_versions import is_tested

IN_POSTGRESQL = "\nstorage: { postgres: { postgres_url: { env: F1_DAGSTER_STORAGE } } }\n"
IN_FILES = (
    "\nstorage: { custom: { module: f1_lakehouse.instance.sqlite_storage, class: Storage, "
    "config: { base_dir: { env: DAGSTER_HOME } } } }\n"
)
IN_DAGSTERS_OWN_FILES = "\nstorage: { sqlite: { base_dir: { env: DAGSTER_HOME } } }\n"
"""The same files, opened by Dagster's own class: for a version of Dagster that was not tested."""


class StorageError(F1LakehouseError):
    """Dagster's storage cannot be used. The message never contains the URL, which may have a password."""


def dagster_home(settings: Settings) -> Path:
    """Return the lake's Dagster folder; its dagster.yaml is written: the project's, and where the storage is.

    Raises:
        StorageError: the lake's runs are in PostgreSQL, but F1_DAGSTER_STORAGE is not set.
    """
    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    target = home / "dagster.yaml"
    found = target.read_text() if target.exists() else ""
    if settings.dagster_storage is None and found.endswith(IN_POSTGRESQL):
        # Otherwise a second history would begin silently, with pools that do not hold across both.
        raise StorageError(
            f"the runs of this lake are in PostgreSQL: set F1_DAGSTER_STORAGE, or remove {target} to keep them here from now on"
        )
    in_files = IN_FILES if is_tested("dagster") else IN_DAGSTERS_OWN_FILES
    config = DAGSTER_CONFIG.read_text() + (IN_POSTGRESQL if settings.dagster_storage else in_files)
    if found != config:
        write_atomically(target, config.encode())
    return home


def check_postgresql(url: str) -> None:
    """Connect to PostgreSQL once. Dagster would retry for minutes and then show its stack.

    Raises:
        StorageError: PostgreSQL does not accept the connection, or its driver is not installed.
    """
    try:
        import dagster_postgres  # noqa: F401
        import psycopg2
    except ImportError:
        raise StorageError("F1_DAGSTER_STORAGE needs pip install 'f1-lakehouse[postgres]'") from None
    try:
        psycopg2.connect(url, connect_timeout=10).close()
    except psycopg2.Error as error:
        # Only the part of the message that cannot contain the URL: a password with an @ in it appears as a host.
        said = re.findall(r"(?:failed|to address|FATAL): +([^:\n]+)$", str(error), re.MULTILINE)
        raise StorageError(
            f"F1_DAGSTER_STORAGE: PostgreSQL cannot be used ({said[-1] if said else 'the URL is malformed'}); "
            "start it, or correct the variable"
        ) from None


@cache
def warn_of_other_instance() -> None:
    """Log a warning, once, if Dagster's own commands (`dagster dev`, `dg dev`) use another instance than the lake's.

    Without DAGSTER_HOME theirs is temporary: runs, schedules and sensors of `f1 ui` are not shown, and runs are lost when it ends.
    Called before this process has set the variables of the lake for its child processes.
    """
    if Path(sys.argv[0]).parent.name != "dagster":
        return
    home = load_settings().dagster_home
    if Path(os.environ.get("DAGSTER_HOME", "")) != home:
        logging.getLogger("dagster").warning(
            "This is not the Dagster instance of the lake, which f1 ui uses: its runs are not shown, and new ones are not kept. "
            "Use f1 ui, or: export DAGSTER_HOME=%s",
            dagster_home(load_settings()),
        )


def current_instance() -> dg.DagsterInstance:
    """Return the Dagster instance of the lake that the environment names; opened once per process, which takes half a second.

    Raises:
        StorageError: its storage cannot be used.
    """
    settings = current_settings()
    return _open(dagster_home(settings), settings.dagster_storage)


@cache
def _open(home: Path, storage: SecretStr | None) -> dg.DagsterInstance:
    if storage is not None:
        check_postgresql(storage.get_secret_value())
    # Two processes that create the storage of a new lake at the same time would fail.
    with (home / "instance.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not is_tested("dagster"):
            assert os.environ["DAGSTER_HOME"] == str(home)
            return dg.DagsterInstance.get()
        from dagster._core.instance.ref import InstanceRef

        from f1_lakehouse.instance.compute_logs import NoComputeLogs

        compute_logs = {
            "module": NoComputeLogs.__module__,
            "class": NoComputeLogs.__name__,
            "config": {"base_dir": str(home / "storage")},
        }
        return dg.DagsterInstance.from_ref(
            InstanceRef.from_dir(str(home), overrides={"compute_logs": compute_logs})
        )
