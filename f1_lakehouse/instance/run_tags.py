"""The tags of runs: why a run was started, which process it lives in, and what the run log takes from it.

The names of the tags are stored with every run and do not change. Tags are shown and filtered in the UI, so there are few: what only the
run log reads (user, command, versions) is in one tag, a JSON object.
"""

import os
import socket
from collections.abc import Mapping

import orjson

from f1_lakehouse.observability.run_log import code_version, command, user
from f1_lakehouse.processes import process_started

WHY_TAG = "f1/why"
HOST_TAG, PID_TAG, STARTED_TAG = "f1/host", "f1/pid", "f1/process_started"
RECORD_TAG = "f1/record"
USER, COMMAND, CODE, DBT = "user", "command", "code", "dbt"
BRONZE_VERSION, BRONZE_SEEN_AT = "bronze_version", "bronze_seen_at"
"""Keys of the JSON object. Runs of earlier versions have a tag `f1/<key>` for each of them."""


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
        **record_tag({USER: user(), COMMAND: command(), CODE: code_version()}),
    }


def record_tag(record: Mapping[str, str]) -> dict[str, str]:
    """Return the tag with what the run log takes from the run."""
    return {RECORD_TAG: orjson.dumps(record).decode()}


def recorded(tags: Mapping[str, str]) -> dict[str, str]:
    """Return what the tags of a run have for the run log, also those of a run of an earlier version."""
    names = (USER, COMMAND, CODE, DBT, BRONZE_VERSION, BRONZE_SEEN_AT)
    earlier = {name: tags[f"f1/{name}"] for name in names if f"f1/{name}" in tags}
    return {**earlier, **(orjson.loads(tags[RECORD_TAG]) if RECORD_TAG in tags else {})}
