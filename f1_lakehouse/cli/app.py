"""The entry point of `f1`: builds the parser, runs the command, and turns its end into an exit code.

Does not belong here: what the commands do and print, which is in their modules; how an error becomes one line (errors.py).
"""

import logging
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from f1_lakehouse import allocators, interrupts, quick_exit
from f1_lakehouse.cli import (
    alerts,
    completion,
    demo,
    history,
    load,
    promote,
    replay_run,
    report,
    sessions,
    simulator,
    sql,
    status,
    strategy,
    ui,
    upkeep,
)
from f1_lakehouse.cli.command import EXIT_FAILED, EXIT_USAGE, Parser
from f1_lakehouse.cli.errors import in_one_line

COMMANDS = (
    load.LOAD,
    sessions.SESSIONS,
    load.TRANSFORM,
    simulator.REPLAY,
    simulator.GENERATE,
    demo.DEMO,
    ui.UI,
    ui.DAEMON,
    report.REPORT,
    status.STATUS,
    alerts.ALERTS,
    sql.SQL,
    strategy.STRATEGY,
    replay_run.REPLAY_RUN,
    history.HISTORY,
    upkeep.RESTORE,
    upkeep.REBUILD_BRONZE,
    upkeep.OPTIMIZE,
    upkeep.VACUUM,
    upkeep.BACKUP,
    promote.PROMOTE,
    upkeep.VERIFY,
    completion.COMPLETION,
)
"""The commands in the order of `f1 --help`."""


def parser() -> Parser:
    """Build the parser of the complete command line."""
    top = Parser(prog="f1", description="A Formula 1 lakehouse: OpenF1 → Delta bronze → dbt silver and gold.")
    top.add_argument("--version", action="store_true", help="print the version and exit")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    for command in COMMANDS:
        one = commands.add_parser(command.name, help=command.summary, description=command.summary)
        one.set_defaults(run=command.run)
        command.add_arguments(one)
    return top


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `f1`: exits with 0, 1 (failed), 2 (wrong usage), 130 (ended by SIGINT) or 143 (ended by SIGTERM)."""
    if arguments is None:
        quick_exit.prepare()
    allocators.keep_little()
    allocators.collect_garbage_rarely()
    top = parser()
    given = top.parse_args(arguments)
    if given.version:
        from f1_lakehouse import __version__

        print(__version__)
        sys.exit(0)
    if given.command is None:
        top.print_help()
        sys.exit(EXIT_USAGE)
    # Libraries set levels of their own; this handler decides what reaches the terminal.
    handler = logging.StreamHandler()
    handler.setLevel(logging.CRITICAL)
    logging.basicConfig(handlers=[handler])
    interrupts.install(_print_interrupted)
    try:
        code = given.run(given)
        interrupts.check()
    except KeyboardInterrupt:
        interrupts.end()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        # An interrupted import can fail with another error: pydantic, for example, raises an error of its own.
        if interrupts.is_requested():
            interrupts.end()
        line = in_one_line(error)
        if line is None:
            raise
        _print_failed(f"f1: {line}")
        code = EXIT_FAILED
    finally:
        if arguments is not None:  # called by a program that continues after the command
            interrupts.uninstall()
    if arguments is None:
        quick_exit.exit_quickly(code)
    sys.exit(code)


def _print_interrupted(what: str) -> None:
    """Print the last lines of an interrupted command: what is complete, and how to resume."""
    from f1_lakehouse.observability.log_output import tell_directly

    again = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
    tell_directly(
        [f"f1: interrupted; {what}" if what else "f1: interrupted", f"f1: to continue, run again: {again}"]
    )


def _print_failed(line: str) -> None:
    from f1_lakehouse.observability.log_output import tell

    tell(line, "failed")
