"""`f1 ui` and `f1 daemon`: the Dagster webserver and daemon on the Dagster instance of a lake.

Does not belong here: the instance (instance/dagster_instance.py) and the definitions that the services load.
"""

import argparse
import os
import sys

from f1_lakehouse import interrupts
from f1_lakehouse.cli.command import Command, port
from f1_lakehouse.cli.lake_folder import lake_settings
from f1_lakehouse.cli.supervise import supervise
from f1_lakehouse.errors import F1LakehouseError


class UiError(F1LakehouseError):
    """The UI cannot be started; one line."""


def _add_ui_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", metavar="H")
    parser.add_argument("--port", type=port, default=3000, metavar="N")
    parser.add_argument("--read-only", action="store_true", help="run only a UI that cannot change anything")


def _ui(given: argparse.Namespace) -> int:
    lake_settings(must_exist=given.read_only, writes=not given.read_only)
    return (serve_read_only if given.read_only else serve)(given.host, given.port, becomes=True)


def _daemon(_: argparse.Namespace) -> int:
    lake_settings(must_exist=False, writes=True)
    return serve_daemon()


def serve(host: str, port: int, *, becomes: bool = False) -> int:
    """Run the webserver and the daemon until interrupted; the exit code. With `becomes`, nothing else runs in this process afterwards.

    Raises:
        UiError: the port is in use.
    """
    _check_port_is_free(host, port)
    return _run(
        "dagster",
        "dev",
        "-h",
        host,
        "-p",
        str(port),
        said=f"UI and daemon: {_url(host, port)}",
        becomes=becomes,
    )


def serve_read_only(host: str, port: int, *, becomes: bool = False) -> int:
    """Run a read-only webserver until interrupted; the exit code. `becomes`: see `serve`.

    Raises:
        UiError: the port is in use.
    """
    _check_port_is_free(host, port)
    arguments = ("--read-only", "-h", host, "-p", str(port))
    return _run(
        "dagster_webserver",
        *arguments,
        said=f"read-only UI: {_url(host, port)}",
        read_only=True,
        becomes=becomes,
    )


def serve_daemon() -> int:
    """Run the daemon until interrupted; the exit code."""
    return _run("dagster._daemon", "run", said="daemon", becomes=True)


def _url(host: str, port: int) -> str:
    return f"http://{host}:{port}"


def _check_port_is_free(host: str, port: int) -> None:
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise UiError(
                f"port {port} of {host} cannot be used ({error.strerror}); choose another with --port"
            ) from None


def _run(module: str, *arguments: str, said: str, becomes: bool, read_only: bool = False) -> int:
    from f1_lakehouse.instance.dagster_instance import check_postgresql, current_instance, dagster_home
    from f1_lakehouse.instance.orphaned_runs import fail_orphaned_runs
    from f1_lakehouse.lakehouse import current_settings
    from f1_lakehouse.settings import LogFormat

    settings = current_settings()
    if read_only:
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
        *("--dagster-log-level" if read_only else "--log-level", "info"),
        *("--log-format", "json" if as_json else "colored"),
    ]
    print(f"{settings.root}, {said} (stop it with Ctrl-C)", flush=True)
    # Not in the project's folder: Dagster would find its dagster.yaml in addition to that of the lake, and warn.
    if becomes:
        interrupts.uninstall()
        started = [sys.executable, "-P", "-m", supervise.__module__, str(settings.root), *command]
        os.execv(sys.executable, started)
    return supervise(command, settings.root)


UI = Command("ui", "Run the Dagster UI and daemon on this lake", _ui, _add_ui_arguments)
DAEMON = Command("daemon", "Run only the Dagster daemon, for a lake whose UI runs elsewhere", _daemon)
