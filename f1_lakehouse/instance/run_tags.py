"""The tags of runs: why a run was started, which process it lives in, whose it is, and by which code.

The names of the tags are stored with every run and do not change.
"""

import os
import socket

from f1_lakehouse.observability.run_log import code_version, command, user
from f1_lakehouse.processes import process_started

WHY_TAG = "f1/why"
HOST_TAG, PID_TAG, STARTED_TAG = "f1/host", "f1/pid", "f1/process_started"
USER_TAG, COMMAND_TAG, CODE_TAG = "f1/user", "f1/command", "f1/code"


def process_tags() -> dict[str, str]:
    """Return the tags that identify the process which a run lives in."""
    return {
        HOST_TAG: socket.gethostname(),
        PID_TAG: str(os.getpid()),
        STARTED_TAG: process_started(os.getpid()) or "",
    }


def command_tags() -> dict[str, str]:
    """Return the tags of a run of the command line: its process, its user, the command, and the version of the code."""
    return {
        **process_tags(),
        USER_TAG: user(),
        COMMAND_TAG: command(),
        CODE_TAG: code_version(),
    }
