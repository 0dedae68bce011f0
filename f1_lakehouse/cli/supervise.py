"""A process that starts the services of Dagster, waits for them, and ends them: `python -m f1_lakehouse.cli.supervise FOLDER COMMAND…`.

It imports next to nothing, because it runs as long as they do: the command `f1 ui` needs 190 MiB to prepare them and becomes this process,
which needs 20. Does not belong here: what is started (ui.py).
"""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TextIO

from f1_lakehouse import interrupts
from f1_lakehouse.processes import kill_group

GRACE_S = 8
"""Seconds in which the services must end. A run in progress is not waited for: the next start marks it and resumes."""
COLOR_CODE = re.compile(r"\x1b\[[0-9;]*m")


def supervise(command: Sequence[str], folder: Path) -> int:
    """Run a command in a folder; on SIGINT or SIGTERM, it and its child processes end within `GRACE_S`. The exit code.

    Its output is copied without color codes where this process does not write to a terminal: Dagster has no such format.
    """
    interrupts.uninstall()
    # A process that a script starts in the background ignores SIGINT. Dagster would inherit that, and then ignore SIGTERM too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    environment = {**os.environ, "PYTHONWARNINGS": "ignore::FutureWarning"}
    # A process group of its own, so that code servers, runs and dbt are killed with dagster.
    child = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        start_new_session=True,
        stdout=None if sys.stdout.isatty() else subprocess.PIPE,
        stderr=None if sys.stderr.isatty() else subprocess.PIPE,
    )
    copies = [
        threading.Thread(target=_copy_plain, args=(source, target), daemon=True)
        for source, target in ((child.stdout, sys.stdout), (child.stderr, sys.stderr))
        if source is not None
    ]
    for copy in copies:
        copy.start()
    is_ending = False

    def end(*_: object) -> None:
        nonlocal is_ending
        is_ending = True
        child.terminate()
        signal.alarm(GRACE_S)

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGALRM, lambda *_: kill_group(child.pid))
    code = child.wait()
    kill_group(child.pid)
    for copy in copies:
        copy.join(timeout=GRACE_S)
    return 0 if is_ending else code


def _copy_plain(source: IO[bytes], target: TextIO) -> None:
    """Copy lines until the source ends, without color codes."""
    for line in source:
        target.write(COLOR_CODE.sub("", line.decode(errors="replace")))
        target.flush()


if __name__ == "__main__":
    sys.exit(supervise(sys.argv[2:], Path(sys.argv[1])))
