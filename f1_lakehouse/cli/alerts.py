"""`f1 alerts`: current problems on a terminal; and the monitoring that follows each command that changes the lake.

Does not belong here: what a problem is (observability/health.py), and when an alert is sent (monitor.py).
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from f1_lakehouse.cli.command import EXIT_FAILED, Command
from f1_lakehouse.cli.lake_folder import lake_settings

if TYPE_CHECKING:
    from f1_lakehouse.settings import Settings


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--test", action="store_true", help="send a test message to each receiver of F1_ALERT_URLS"
    )


def _alerts(given: argparse.Namespace) -> int:
    settings = lake_settings(must_exist=not given.test)
    return send_test(settings) if given.test else print_alerts()


def print_alerts() -> int:
    """Print every current problem; the exit code is 1 if there is one."""
    from rich.table import Table

    from f1_lakehouse.cli.tables import stdout
    from f1_lakehouse.lakehouse import current_lake
    from f1_lakehouse.monitor import state_of
    from f1_lakehouse.observability.health import conditions

    found = conditions(state_of(current_lake()))
    if not found:
        print("no problems")
        return 0
    table = Table(title="Current problems", title_justify="left")
    for name in ("kind", "subject", "since (UTC)", "what", "start with"):
        table.add_column(name)
    for one in found:
        table.add_row(one.kind, one.subject, f"{one.since:%Y-%m-%d %H:%M}", one.what, one.todo)
    stdout().print(table)
    return EXIT_FAILED


def send_test(settings: Settings) -> int:
    """Send a test message to each receiver; the exit code is 1 if one of them failed.

    Raises:
        AlertError: there is no receiver.
    """
    from f1_lakehouse.observability import notifications

    sent = notifications.test(settings)
    for receiver, problem in sent.items():
        print(
            f"receiver {receiver}: {problem or 'message delivered'}",
            file=sys.stderr if problem else sys.stdout,
        )
    return EXIT_FAILED if any(sent.values()) else 0


def look_after() -> None:
    """Add the runs of this process to the run log, and notify of problems. Never fails the command."""
    from f1_lakehouse.lakehouse import current_lake, current_settings
    from f1_lakehouse.observability.log_output import tell
    from f1_lakehouse.storage.pull_log import BronzeError

    try:
        lake = current_lake()
    except Exception:
        return  # the command has already reported that the lake cannot be opened
    try:
        # Dagster takes seconds to import: a process that did not run a job has no runs to record.
        if "f1_lakehouse.runs.run_job" in sys.modules:
            from f1_lakehouse.defs.monitoring import monitor_after_command

            done = monitor_after_command(lake)
        else:
            from f1_lakehouse.monitor import monitor_lake

            done = monitor_lake(lake, current_settings())
        problems = done.problems
    except BronzeError:
        return  # the command has already reported that bronze is damaged
    except Exception as error:
        problems = [f"the run log could not be updated ({type(error).__name__}: {error})"]
    for problem in problems:
        tell(f"f1: {' '.join(problem.split())}", "failed")


ALERTS = Command("alerts", "Show current problems, since when, and what to do", _alerts, _add_arguments)
