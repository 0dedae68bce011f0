"""Dagster's services on a lake: its own UI and daemon, on the lake's own instance. Nothing else."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from f1_lakehouse import interrupts
from f1_lakehouse.errors import F1LakehouseError

GRACE_S = 8
"""What the services get to end in. A run that is under way is not waited for: it is reaped, and goes on at the next start."""


class UiError(F1LakehouseError):
    """The UI cannot be started; one line."""


def serve(host: str, port: int) -> int:
    """Run the webserver and the daemon until interrupted; the exit code.

    Raises:
        UiError: the port is taken.
    """
    _refuse_taken(host, port)
    return _run("dagster", "dev", "-h", host, "-p", str(port), said=f"UI and daemon: {_url(host, port)}")


def serve_read_only(host: str, port: int) -> int:
    """Run a webserver that changes nothing until interrupted; the exit code.

    Raises:
        UiError: the port is taken.
    """
    _refuse_taken(host, port)
    arguments = ("--read-only", "-h", host, "-p", str(port))
    return _run("dagster_webserver", *arguments, said=f"read-only UI: {_url(host, port)}", looks_only=True)


def serve_daemon() -> int:
    """Run the daemon until interrupted; the exit code."""
    return _run("dagster._daemon", "run", said="daemon")


def _url(host: str, port: int) -> str:
    return f"http://{host}:{port}"


def _refuse_taken(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise UiError(
                f"port {port} of {host} cannot be used ({error.strerror}); choose another with --port"
            ) from None


def _run(module: str, *arguments: str, said: str, looks_only: bool = False) -> int:
    from f1_lakehouse.instance.dagster_instance import check_postgresql, current_instance, dagster_home
    from f1_lakehouse.instance.orphaned_runs import fail_orphaned_runs
    from f1_lakehouse.lakehouse import current_settings
    from f1_lakehouse.settings import LogFormat

    settings = current_settings()
    if looks_only:
        dagster_home(settings)
        if settings.dagster_storage is not None:
            check_postgresql(settings.dagster_storage.get_secret_value())
    else:
        fail_orphaned_runs(current_instance())
    as_json = settings.log_format is LogFormat.JSON
    command = [
        *(sys.executable, "-m", module),
        *arguments,
        *("-m", "f1_lakehouse.definitions"),
        *("--log-level", "warning", "--log-format", "json" if as_json else "colored"),
    ]
    print(f"{settings.root}, {said} (stop it with Ctrl-C)", flush=True)
    # Not in the project's folder: its dagster.yaml would be found beside the lake's own, and warned about.
    return supervise(command, settings.root)


def supervise(command: Sequence[str], folder: Path) -> int:
    """Run a command in a folder; asked to end (SIGINT, SIGTERM), it and all that it started do so in `GRACE_S`. The exit code."""
    interrupts.uninstall()
    # Started in the background by a script, this process ignores SIGINT, and so would dagster and, with it, SIGTERM.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    environment = {**os.environ, "PYTHONWARNINGS": "ignore::FutureWarning"}
    # A group of its own: what dagster starts (code servers, runs, dbt) ends with it, however it ends.
    child = subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True)
    asked_to_end = False

    def end(*_: object) -> None:
        nonlocal asked_to_end
        asked_to_end = True
        child.terminate()
        signal.alarm(GRACE_S)

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGALRM, lambda *_: _end_all(child))
    code = child.wait()
    _end_all(child)
    return 0 if asked_to_end else code


def _end_all(child: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
