"""How an exception becomes one line on stderr, with its cause and its cure.

An `F1LakehouseError` has a message for the user. An error of the operating system, and the errors in which libraries wrap one, get
a cure here. Any other exception is a bug and keeps its traceback. Does not belong here: errors of other packages, which are
defined next to the code that raises them.
"""

import errno
import sys
from collections.abc import Iterator

from f1_lakehouse.errors import F1LakehouseError

_CHECK_THE_FOLDER = "check that the disk is not full and that the folder of the lake is writable"
_WRAPPERS = (
    ("deltalake.exceptions", "DeltaError", _CHECK_THE_FOLDER),
    ("duckdb", "IOException", _CHECK_THE_FOLDER),
    ("sqlite3", "OperationalError", _CHECK_THE_FOLDER),
    ("sqlalchemy.exc", "OperationalError", _CHECK_THE_FOLDER),
    ("dagster_postgres.utils", "DagsterPostgresException", "check that PostgreSQL is running"),
)
"""Module, class and cure of library errors that report the state of the machine (a full disk, a stopped server), not a bug."""


class CliError(F1LakehouseError):
    """A command that cannot run as it was called; one line with the cause and the cure."""


def in_one_line(error: Exception) -> str | None:
    """Return the line to print for an error; None for a bug, which keeps its traceback."""
    if isinstance(error, F1LakehouseError):
        return _joined(error)
    if isinstance(error, PermissionError) and error.filename:
        return f"{error.filename}: permission denied; use an account with access to it, or another folder"
    if isinstance(error, OSError) and (error.errno or "pyarrow" in "".join(_files(error))):
        cause = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return f"{_joined(cause)}; {'free disk space' if is_full else 'choose another file or folder'}"
    for module, name, cure in _WRAPPERS:
        # An exception of a library can have been raised only if its module has been imported.
        if module in sys.modules and isinstance(error, getattr(sys.modules[module], name)):
            return f"{_joined(getattr(error, 'orig', None) or error)}; {cure}"
    return None


def _joined(text: object) -> str:
    """A text in one line."""
    return " ".join(str(text).split())


def _files(error: Exception) -> Iterator[str]:
    """The source files that an error passed through."""
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame.f_code.co_filename
        trace = trace.tb_next
