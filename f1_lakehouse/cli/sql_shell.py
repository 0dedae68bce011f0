"""The shell of `f1 sql`: reads statements from a terminal, with history, completion, and commands such as `\\d`.

Line editing is the standard library's readline, so the shell needs no further package. Does not belong here: connecting and printing
a result (query.py).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from f1_lakehouse import interrupts
from f1_lakehouse.cli import query
from f1_lakehouse.errors import F1LakehouseError

if TYPE_CHECKING:
    import duckdb

    from f1_lakehouse.settings import Settings

HELP = """\
A statement ends with a semicolon, and can have several lines. Tab completes tables and columns.
  \\d           list the tables
  \\d TABLE     list its columns, with type and description
  \\x           show results as tables, with one line per column, or automatically
  \\?           show this help
  \\q, Ctrl-D   leave; Ctrl-C discards the statement, or stops a query"""
PROMPT, CONTINUED = "f1> ", "  > "
MAX_HISTORY = 2000
COMMANDS = ("\\d", "\\x", "\\?", "\\q")
_LEAVE = frozenset({"\\q", "exit", "quit", "exit;", "quit;", ".exit", ".quit"})
_SEPARATORS = " \t\n,()=<>;+-*/'\"!|"


class Shell:
    """One session of the shell. `names`: table → columns of what can be queried."""

    def __init__(self, settings: Settings, as_of: datetime | None = None) -> None:
        self._settings = settings
        self._as_of = as_of
        # Gold as of a time has a telemetry of its own, and the logs are those of today.
        self._tables_next_to_gold = settings if as_of is None else None
        self._file: tuple[int, int] | None = None
        self._con: duckdb.DuckDBPyConnection | None = None
        self._layout = query.Layout.AUTO
        self.names: dict[str, list[str]] = {}
        self.keywords: list[str] = []

    def run(self, read: Callable[[str], str]) -> int:
        """Read and run statements until the end of the input; the exit code. `read`: returns a line for a prompt."""
        self._connect()
        print(f"published gold of {self._settings.root}; \\? shows help, Ctrl-D leaves")
        lines: list[str] = []
        while True:
            try:
                line = read(CONTINUED if lines else PROMPT)
            except EOFError:
                print()
                return 0
            except KeyboardInterrupt:
                lines = []
                print("^C")
                continue
            if not lines and line.strip().lower() in _LEAVE:
                return 0
            if not lines and line.lstrip().startswith("\\"):
                self._guarded(self._command, line)
                continue
            lines += [line] if line.strip() or lines else []
            if line.rstrip().endswith(";"):
                self._guarded(self._statement, "\n".join(lines))
                lines = []

    def complete(self, text: str, line: str) -> list[str]:
        """Return what `text`, the end of `line`, can become: commands, tables, columns of the named tables, keywords."""
        if line.lstrip().startswith("\\"):
            return _beginning(text, COMMANDS if line.strip() == text else self.names)
        alias, dot, beginning = text.rpartition(".")
        named = [table for table in self.names if table in line.lower()]
        columns = sorted({name for table in named or self.names for name in self.names[table]})
        if dot:
            return [f"{alias}.{name}" for name in _beginning(beginning, columns)]
        before = line[: len(line) - len(text)].split()
        if before and before[-1].lower() in ("from", "join", "describe", "summarize"):
            return _beginning(text, self.names)
        return _beginning(text, [*columns, *self.names, *self.keywords])

    def _guarded(self, run: Callable[[str], None], text: str) -> None:
        """Run a statement or a command; print its error in the shell."""
        try:
            run(text)
        except KeyboardInterrupt:
            print("stopped")
        except RuntimeError as error:  # as which DuckDB raises a KeyboardInterrupt during a query
            if "interrupt" not in str(error).lower():
                raise
            print("stopped")
        except F1LakehouseError as error:
            print(f"error: {error}")

    def _command(self, line: str) -> None:
        con = self._connect()
        words = line.split()
        if words[0] == "\\d":
            table = words[1].rstrip(";") if len(words) > 1 else None
            if table is not None and table not in self.names:
                raise query.QueryError(f"there is no table {table}; \\d lists the tables")
            query.print_tables(con, self._tables_next_to_gold, table)
        elif words[0] == "\\x":
            self._layout = self._layout.next
            print(f"results are shown as: {self._layout}")
        else:
            print(HELP if words[0] == "\\?" else f"unknown command {words[0]}\n{HELP}")

    def _statement(self, text: str) -> None:
        con = self._connect()
        query.print_statements(con, self._tables_next_to_gold, text, layout=self._layout)

    def _connect(self) -> duckdb.DuckDBPyConnection:
        """The connection, opened again when new gold has been published."""
        gold = self._settings.gold
        stat = gold.stat() if gold.exists() else None
        current = (stat.st_ino, stat.st_mtime_ns) if stat else None
        if self._con is None or (current != self._file and self._as_of is None):
            if self._con is not None:
                self._con.close()
                print("(gold was published again; temporary tables and settings are gone)")
            self._con, self._file = query.connect(self._settings, self._as_of), current
            self.names = query.names_of(self._con, self._tables_next_to_gold)
            words = "select keyword_name from duckdb_keywords() where keyword_category = 'reserved' or keyword_name = 'by'"
            self.keywords = [word for (word,) in self._con.execute(words).fetchall()]
        return self._con


def run_shell(settings: Settings, as_of: datetime | None = None) -> int:
    """Run the shell on the terminal; the exit code."""
    # Ctrl-C discards a statement or stops a query; everywhere else in f1 it ends the process.
    interrupts.uninstall()
    shell = Shell(settings, as_of)
    with _line_editing(shell):
        return shell.run(input)


@contextlib.contextmanager
def _line_editing(shell: Shell) -> Iterator[None]:
    """History and completion within the block, if this Python has readline."""
    try:
        import readline
    except ImportError:  # Python on Windows
        yield
        return
    import platformdirs

    def complete(text: str, state: int) -> str | None:
        found = shell.complete(text, readline.get_line_buffer()[: readline.get_endidx()])
        return found[state] if state < len(found) else None

    history = Path(platformdirs.user_state_dir("f1-lakehouse")) / "sql_history"
    with contextlib.suppress(OSError):
        readline.read_history_file(history)
    readline.set_history_length(MAX_HISTORY)
    readline.set_completer(complete)
    readline.set_completer_delims(_SEPARATORS)
    is_libedit = "libedit" in (readline.__doc__ or "")
    for line in (
        ("bind ^I rl_complete",)
        if is_libedit
        else ("tab: complete", "set completion-ignore-case on", "set show-all-if-ambiguous on")
    ):
        readline.parse_and_bind(line)
    try:
        yield
    finally:
        readline.set_completer(None)
        with contextlib.suppress(OSError):
            history.parent.mkdir(parents=True, exist_ok=True)
            readline.write_history_file(history)


def _beginning(text: str, names: Iterable[str]) -> list[str]:
    """The names that begin with a text."""
    return [name for name in dict.fromkeys(names) if name.startswith(text.lower())]
