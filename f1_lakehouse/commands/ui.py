"""The Dagster UI and daemon on a lake: starts `dagster dev` with the lake's own instance. Nothing else."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path


class UiError(Exception):
    """The UI cannot be started; one line."""


def serve(host: str, port: int) -> int:
    """Run the webserver and the daemon until interrupted; the exit code.

    Raises:
        UiError: the port is taken.
    """
    from f1_lakehouse.defs.local_runs import dagster_home, instance, reap
    from f1_lakehouse.lakes import current_settings
    from f1_lakehouse.settings import LogFormat

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise UiError(
                f"port {port} of {host} cannot be used ({error.strerror}); choose another with --port"
            ) from None
    settings = current_settings()
    dagster_home(settings)
    reap(instance())
    dagster = str(Path(sys.executable).parent / "dagster")
    print(f"The UI of {settings.root}: http://{host}:{port} (stop it with Ctrl-C)", flush=True)
    # Started in the background by a script, this process ignores SIGINT, and so would dagster and, with it, SIGTERM.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    child = subprocess.Popen(
        [
            dagster,
            "dev",
            "-m",
            "f1_lakehouse.definitions",
            "-h",
            host,
            "-p",
            str(port),
            "--log-level",
            "warning",
            "--log-format",
            "json" if settings.log_format is LogFormat.JSON else "colored",
        ],
        # Not in the project's folder: its dagster.yaml would be found beside the lake's own, and warned about.
        cwd=settings.root,
        env={**os.environ, "PYTHONWARNINGS": "ignore::FutureWarning"},
    )
    # Ctrl-C reaches the child too (same terminal); a SIGTERM that only this process gets is passed on.
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            continue
