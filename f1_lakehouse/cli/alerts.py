"""What is wrong, on a terminal, and the look that follows each command which changes the lake. Decides nothing."""

import sys

from rich.table import Table

from f1_lakehouse.cli.tables import stdout
from f1_lakehouse.lakehouse import current_lake, current_settings
from f1_lakehouse.monitor import monitor_lake, state_of
from f1_lakehouse.observability import notifications
from f1_lakehouse.observability.health import conditions
from f1_lakehouse.observability.log_output import tell
from f1_lakehouse.settings import Settings
from f1_lakehouse.storage.pull_log import BronzeError


def print_alerts() -> int:
    """Print every condition that is wrong now; the exit code says whether there is one."""
    found = conditions(state_of(current_lake()))
    if not found:
        print("nothing is wrong")
        return 0
    table = Table(title="What is wrong", title_justify="left")
    for name in ("kind", "subject", "since (UTC)", "what", "start with"):
        table.add_column(name)
    for one in found:
        table.add_row(one.kind, one.subject, f"{one.since:%Y-%m-%d %H:%M}", one.what, one.todo)
    stdout().print(table)
    return 1


def send_test(settings: Settings) -> int:
    """Send a message to each receiver; the exit code says whether all took it.

    Raises:
        AlertError: there is no receiver.
    """
    sent = notifications.test(settings)
    for receiver, problem in sent.items():
        print(
            f"receiver {receiver}: {problem or 'took the message'}",
            file=sys.stderr if problem else sys.stdout,
        )
    return 1 if any(sent.values()) else 0


def look_after() -> None:
    """Enter the runs of this process in the record, and tell what is wrong. Whatever happens, the command goes on."""
    try:
        lake = current_lake()
    except Exception:
        return  # a lake that cannot be opened cannot be looked at, as the command itself has said
    try:
        # Dagster takes seconds to import: who has not run anything by it has nothing to ask it.
        if "f1_lakehouse.runs.run_job" in sys.modules:
            from f1_lakehouse.defs.monitoring import monitor_after_command

            done = monitor_after_command(lake)
        else:
            done = monitor_lake(lake, current_settings())
        problems = done.problems
    except BronzeError:
        return  # a damaged lake cannot be looked at, as the command itself has said
    except Exception as error:
        problems = [f"the record of runs could not be brought up to date ({type(error).__name__}: {error})"]
    for problem in problems:
        tell(f"f1: {' '.join(problem.split())}", "failed")
