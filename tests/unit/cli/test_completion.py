"""`f1 completion`: the scripts know every command and option."""

import argparse
import subprocess

import pytest

from f1_lakehouse.cli import completion
from f1_lakehouse.cli.app import main, parser
from f1_lakehouse.cli.write_completions import generated


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_script_is_that_of_the_parser(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["completion", shell])
    assert ended.value.code == 0
    assert capsys.readouterr().out == generated(shell), (
        "run python -m f1_lakehouse.cli.write_completions after a change of commands or options"
    )


def test_bash_completes_commands_and_their_options() -> None:
    [commands] = [one for one in parser()._actions if isinstance(one, argparse._SubParsersAction)]
    script = completion.FOLDER / "f1.bash"
    ask = "source '{script}'; {function} f1 {word} {before}; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    for words, expected in (
        (["f1", ""], set(commands.choices)),
        (["f1", "load", "--no"], {"--no-telemetry", "--no-transform"}),
    ):
        found = subprocess.run(
            [
                "bash",
                "--norc",
                "-c",
                f"COMP_WORDS=({' '.join(repr(word) for word in words)}); COMP_CWORD={len(words) - 1}; "
                + ask.format(script=script, function="_shtab_f1", word=repr(words[-1]), before=words[-2]),
            ],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        assert expected <= set(found)
