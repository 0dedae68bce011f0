"""What a command of `f1` consists of, the parser class, and the types of arguments that several commands share.

Does not belong here: the commands.
"""

import argparse
from collections.abc import Callable
from typing import NamedTuple, NoReturn

EXIT_FAILED, EXIT_USAGE = 1, 2
MAX_PORT = 65_535


class Command(NamedTuple):
    """One command: its name, one line of help, its arguments, and the function that runs it.

    `run` takes the parsed arguments and returns the exit code. Not a dataclass: importing dataclasses takes 10 ms.
    """

    name: str
    summary: str
    run: Callable[[argparse.Namespace], int]
    add_arguments: Callable[[argparse.ArgumentParser], None] = lambda _: None


class Parser(argparse.ArgumentParser):
    """A parser that prints a usage error in one line."""

    def error(self, message: str) -> NoReturn:
        """Print the message and exit with code 2."""
        self.exit(EXIT_USAGE, f"{self.prog}: {message}; see {self.prog} --help\n")


def port(text: str) -> int:
    """Parse a TCP port."""
    if not text.isdigit() or int(text) > MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (0 to {MAX_PORT})")
    return int(text)


def share(text: str) -> float:
    """Parse a share between 0 and 1."""
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return found


def year(text: str) -> int:
    """Parse a season."""
    if not text.isdigit() or len(text) != 4:
        raise argparse.ArgumentTypeError(f"{text!r} is not a year (4 digits)")
    return int(text)
