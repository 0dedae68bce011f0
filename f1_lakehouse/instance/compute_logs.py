"""The output of steps stays on the terminal.

Dagster redirects the stderr of each step to a file and starts four processes that copy it to the terminal: progress would appear late
and between other lines, and those processes, which receive Ctrl-C too, would print their tracebacks.

Non-public API: `LocalComputeLogManager` and what it is made from, because the UI waits until its file says that a step has no more
output; the public `NoOpComputeLogManager` does not write that file. Used only with a tested version of Dagster
(dagster_instance.py); otherwise Dagster redirects the output as usual.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dagster._core.storage.compute_log_manager import CapturedLogContext
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._serdes import ConfigurableClassData


class NoComputeLogs(LocalComputeLogManager):
    """Captures no output of a step, and records for the UI that there is no more output to come."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "NoComputeLogs":
        """Make an object of this class; Dagster's method makes one of its own class."""
        return cls(inst_data=inst_data, **config_value)

    @contextlib.contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Iterator[CapturedLogContext]:
        """Capture nothing."""
        yield CapturedLogContext(log_key)
        complete = Path(self.complete_artifact_path(log_key))
        complete.parent.mkdir(parents=True, exist_ok=True)
        complete.touch()
