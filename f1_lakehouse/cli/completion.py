"""`f1 completion`: prints the script with which a shell completes commands and options of `f1`.

The scripts in completions/ are written from the parser by shtab (write_completions.py), so that an installation needs no further
package and completing starts no Python. Does not belong here: the parser (app.py).
"""

import argparse
from pathlib import Path

from f1_lakehouse.cli.command import Command

FOLDER = Path(__file__).parent / "completions"
SHELLS = ("bash", "zsh", "fish")


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = """\
bash: f1 completion bash > ~/.local/share/bash-completion/completions/f1
zsh:  f1 completion zsh > "${fpath[1]}/_f1"
fish: f1 completion fish > ~/.config/fish/completions/f1.fish"""
    parser.add_argument("shell", choices=SHELLS, help="the shell")


def _completion(given: argparse.Namespace) -> int:
    print((FOLDER / f"f1.{given.shell}").read_text(encoding="utf-8"), end="")
    return 0


COMPLETION = Command("completion", "Print the completion script for a shell", _completion, _add_arguments)
