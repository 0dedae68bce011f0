"""The parse of the dbt project in a process that waits for its arguments (waiting_process.py).

Reading dbt's cache of a parse takes a second, and needs nothing of the arguments: a build uses the manifest as dbt's own
`dbtRunner(manifest=…)` does. Belongs here: when the project is parsed ahead, and when a build may use the result. Where the cache is, is in
parse_cache.py.
"""

import os
import select
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from f1_lakehouse.dbt.parse_cache import take_shared_parse
from f1_lakehouse.dbt.project import AS_OF, folder_arguments
from f1_lakehouse.project_files import PROJECT_DIR

OTHER_PARSE = {"--target", "-t", "--vars", "--profile", "--no-partial-parse"}
"""Options with which dbt parses something else."""


def parse_ahead(target: Path) -> Any:
    """Return the manifest of the project from the shared cache of its parse; None without one, and if the arguments have come already.

    `target`: the folder of dbt's artifacts in the lake.
    """
    is_told, _, _ = select.select([sys.stdin], [], [], 0)
    if is_told or not target.parent.is_dir() or take_shared_parse(target) is None:
        return None
    from dbt.cli.main import dbtRunner

    # Its stdout is that of the build.
    quiet = ["--quiet", "--log-level", "none", "--log-level-file", "none"]
    return dbtRunner().invoke([*quiet, "parse", *folder_arguments(target), "--no-write-json"]).result


def may_use_parse(before: Mapping[str, str], arguments: Sequence[str]) -> bool:
    """Return whether a command with these arguments parses the same project in the same way.

    Args:
        before: the environment when the project was parsed.
        arguments: those of the command, which runs in the environment of this process now.
    """

    def read_by_dbt(environment: Mapping[str, str]) -> dict[str, str]:
        return {name: value for name, value in environment.items() if name.startswith("F1_") or name == AS_OF}

    names = {one.partition("=")[0] for one in arguments}
    return (
        read_by_dbt(before) == read_by_dbt(os.environ)
        and not names & OTHER_PARSE
        and str(PROJECT_DIR) in arguments
    )
