"""The dbt project as a command: which `dbt` is started, and in which environment.

No Dagster here: builds that Dagster records are started by instance/dbt_integration.py. What dbt's manifest says is in manifest.py; where
the project is and which version it has, in project_files.py.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from f1_lakehouse.allocators import with_heaps_for
from f1_lakehouse.errors import F1LakehouseError
from f1_lakehouse.project_files import PROJECT_DIR
from f1_lakehouse.settings import Settings
from f1_lakehouse.storage.object_store import write_atomically

PARTIAL_PARSE = "partial_parse.msgpack"
"""dbt's cache of a parse, in a target folder."""
THREADS = 2
"""Nodes of a build at the same time (node_turns.py). Python runs in one thread at a time, so that a third one would wait."""
AS_OF = "DBT_F1_AS_OF"
"""The environment variable of a build as of a time: dbt_f1/macros/replace_partitions.sql."""


class DbtError(F1LakehouseError):
    """dbt failed; the message is the end of its output."""


def dbt_command() -> list[str]:
    """Return the command that starts the dbt of this Python environment, independent of PATH and of its scripts."""
    return [sys.executable, "-P", "-m", "f1_lakehouse.dbt.command"]


def dbt_environment(settings: Settings) -> dict[str, str]:
    """Return the environment of a dbt process that builds the lake of these settings: without another project's `DBT_*` variables.

    `DBT_TARGET`, `DBT_DEFER` or `DBT_EMPTY` would change what is built, `DBT_QUIET` and `DBT_LOG_LEVEL` would hide dbt's results.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DBT_")}
    own = {**settings.environment(), "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
    return with_heaps_for(THREADS, inherited) | own


@contextmanager
def without_dbt_variables() -> Iterator[None]:
    """Remove the `DBT_*` variables from this process's environment within the block.

    For dagster-dbt, which starts dbt with the environment of this process and reads such variables itself.
    """
    removed = {name: value for name, value in os.environ.items() if name.startswith("DBT_")}
    for name in removed:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(removed)


def folder_arguments(target: Path) -> list[str]:
    """Return the options of dbt that name the project, and the folder of its artifacts and logs."""
    project = ["--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR)]
    return [*project, "--target-path", str(target), "--log-path", str(target)]


def run_dbt(
    arguments: Sequence[str], settings: Settings, target: Path, variables: Mapping[str, str] | None = None
) -> None:
    """Run one dbt command on the lake of these settings.

    Args:
        arguments: the command and its options.
        settings: names the lake's bronze and warehouse.
        target: the folder of dbt's artifacts.
        variables: environment variables that replace those of the settings.

    Raises:
        DbtError: dbt failed.
    """
    command = [
        *dbt_command(),
        *("--log-level-file", "none"),
        *arguments,
        *folder_arguments(target),
    ]
    environment = {**dbt_environment(settings), **(variables or {})}
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        lines = done.stdout.strip().splitlines()[-10:] or [f"exit code {done.returncode}"]
        raise DbtError(f"dbt {arguments[0]} failed: {' '.join(lines)}")


def discard_foreign_parse(target: Path) -> None:
    """Remove dbt's cache of a parse from a target folder if the project was at another path then.

    dbt's cache has the path of each seed. After the project was moved, or after another checkout has built the lake, dbt would not find
    the seeds and the build would fail.
    """
    note = target / "parsed_from.txt"
    if note.exists() and note.read_text() == str(PROJECT_DIR):
        return
    (target / PARTIAL_PARSE).unlink(missing_ok=True)
    write_atomically(note, str(PROJECT_DIR).encode())
