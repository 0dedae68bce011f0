"""Writes the completion scripts of `f1 completion` from the parser: `python -m f1_lakehouse.cli.write_completions`.

Run it after a change of commands or options. It needs shtab, which is a development dependency. Does not belong here: printing a script
(completion.py).
"""

import shtab

from f1_lakehouse.cli.app import parser
from f1_lakehouse.cli.completion import FOLDER, SHELLS


def generated(shell: str) -> str:
    """Return the script for a shell."""
    return str(shtab.complete(parser(), shell=shell)).rstrip() + "\n"


def write() -> None:
    """Write the scripts of all shells."""
    for shell in SHELLS:
        (FOLDER / f"f1.{shell}").write_text(generated(shell), encoding="utf-8")


if __name__ == "__main__":
    write()
