"""How an exception becomes one line: `in_one_line`, and the exit of `main`."""

import errno
import sqlite3

import pytest

from f1_lakehouse.cli import app
from f1_lakehouse.cli.errors import CliError, in_one_line
from f1_lakehouse.errors import F1LakehouseError


class OfAnyPackage(F1LakehouseError):
    pass


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (CliError("a\n  b"), "a b"),
        (OfAnyPackage("cause", cure="cure"), "cause; cure"),
        (
            PermissionError(errno.EACCES, "Permission denied", "/x"),
            "/x: permission denied; use an account with access to it, or another folder",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device", "/x"),
            "/x: No space left on device; free disk space",
        ),
        (
            NotADirectoryError(errno.ENOTDIR, "Not a directory", "/x"),
            "/x: Not a directory; choose another file or folder",
        ),
        (
            sqlite3.OperationalError("database or disk is full"),
            "database or disk is full; check that the disk is not full and that the folder of the lake is writable",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_an_error_for_the_user_is_one_line_with_its_cure(error: Exception, line: str) -> None:
    assert in_one_line(error) == line


@pytest.mark.parametrize("bug", [KeyError("x"), OSError("no errno"), RuntimeError("x"), ValueError("x")])
def test_a_bug_keeps_its_traceback(bug: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> int:
        raise bug

    assert in_one_line(bug) is None
    monkeypatch.setattr(app, "COMMANDS", (app.status.STATUS._replace(run=fail),))
    with pytest.raises(type(bug)) as raised:
        app.main(["status"])
    assert raised.value is bug
