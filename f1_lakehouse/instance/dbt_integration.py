"""dagster-dbt without dbt-core in this process: dbt runs as a command only.

Everything that this project needs of dagster-dbt is imported from here.

Non-public behavior, used only with a tested version of dagster-dbt:

- `dagster_dbt.compat` imports dbt-core if it is installed and works without it otherwise (for dbt Fusion). The import of
  `definitions` takes 3 s less without it, in each process of Dagster. With an untested version dagster-dbt imports dbt-core.
- `DbtCliResource` would start a process to read dbt's version, and load the project into this process, for columns and row counts
  that nobody reads: 5 s per build. With an untested version the resource is used as it is.
- `get_output_asset_keys` of Dagster's step context makes the set of the step's assets for each output: of 660 outputs 82,000 look-ups, half
  a second per build. With a tested version of Dagster it is made once.
- Dagster warns of each blocking check without an output, that the next step does not wait for it. The checks of a build have none
  (defs/dbt.py), and a failed one fails the build. The 332 warnings per build are not logged; under another name of the logger they are.
"""

import logging
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import dagster as dg
from packaging.version import Version

from f1_lakehouse.dbt.project import dbt_command, without_dbt_variables
from f1_lakehouse.dbt.waiting_process import start_dbt
from f1_lakehouse.project_files import PROJECT_DIR
from f1_lakehouse.tested_versions import is_tested


@contextmanager
def _dbt_core_hidden() -> Iterator[None]:
    """Let `import dbt.version` fail within the block, unless dbt-core has been imported already."""
    if "dbt.version" in sys.modules or not is_tested("dagster-dbt"):
        yield
        return
    sys.modules["dbt.version"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["dbt.version"]


with _dbt_core_hidden():
    from dagster_dbt import (
        DagsterDbtTranslator,
        DagsterDbtTranslatorSettings,
        DbtCliInvocation,
        DbtCliResource,
        DbtProject,
        dbt_assets,
    )
    from dagster_dbt.core import dbt_cli_invocation as _invocation

__all__ = [
    "DagsterDbtTranslator",
    "DagsterDbtTranslatorSettings",
    "DbtCliInvocation",
    "DbtCliResource",
    "DbtCommand",
    "DbtProject",
    "dbt_assets",
    "dbt_resource",
    "do_not_warn_of_checks_without_output",
    "remember_output_keys",
]


@contextmanager
def _waiting_dbt_taken() -> Iterator[None]:
    """Within the block, dagster-dbt takes the dbt process that waits instead of starting one."""
    if not is_tested("dagster-dbt"):
        yield
        return
    module: Any = _invocation
    module.subprocess = SimpleNamespace(Popen=start_dbt, PIPE=subprocess.PIPE, STDOUT=subprocess.STDOUT)
    try:
        yield
    finally:
        module.subprocess = subprocess


class DbtCommand(DbtCliResource):
    """dbt as a command. With a tested version of dagster-dbt: without a process for its version, and without an adapter."""

    @cached_property
    def _cli_version(self) -> Version:
        if is_tested("dagster-dbt"):
            return Version(version("dbt-core"))
        return super()._cli_version

    def cli(self, *arguments: Any, **options: Any) -> DbtCliInvocation:
        """Start a dbt process, in an environment without another project's `DBT_*` variables."""
        with without_dbt_variables(), _waiting_dbt_taken():
            return super().cli(*arguments, **options)

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> Any:
        return None if is_tested("dagster-dbt") else super()._initialize_dbt_core_adapter(args)


def remember_output_keys(context: dg.AssetExecutionContext) -> None:
    """Make the set of the assets of this step once."""
    if is_tested("dagster"):
        step = context.get_step_execution_context()
        keys = step.get_output_asset_keys()
        step.get_output_asset_keys = lambda: keys


def _is_no_warning_of_a_check(record: logging.LogRecord) -> bool:
    text = record.getMessage()
    return not (text.startswith("Blocking asset check") and "emitted no result in step 'dbt_build'" in text)


def do_not_warn_of_checks_without_output() -> None:
    """Do not log that a step does not wait for a check of dbt's build; may be called several times."""
    logging.getLogger("dagster._core.execution.plan.active").addFilter(_is_no_warning_of_a_check)


def dbt_resource() -> DbtCommand:
    """Return the resource that runs the dbt of this Python environment on the project."""
    executable, *arguments = dbt_command()
    return DbtCommand(
        project_dir=str(PROJECT_DIR),
        profiles_dir=str(PROJECT_DIR),
        dbt_executable=executable,
        # dbt's own log at debug level would be 10 MB per build. Dagster stores dbt's events, and the target folder has the SQL.
        global_config_flags=[*arguments, "--log-level-file", "none"],
    )
