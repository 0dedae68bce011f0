"""`f1 sql`: the shell without a terminal (statements, commands, completion, Ctrl-C), statements from stdin, and wide results."""

import io
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from shutil import copyfile

import duckdb
import pytest

from f1_lakehouse.cli import query
from f1_lakehouse.cli.app import main
from f1_lakehouse.cli.sql_shell import CONTINUED, PROMPT, Shell
from f1_lakehouse.settings import Settings

WIDE = ", ".join(f"{n} as column_with_a_long_name_{n}" for n in range(20))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    publish(folder, 2)
    return folder


@pytest.fixture
def settings(published: Path, tmp_path: Path) -> Settings:
    copyfile(published / "gold.duckdb", tmp_path / "gold.duckdb")
    return Settings(lakehouse_root=tmp_path)


def publish(root: Path, laps: int) -> None:
    with duckdb.connect(str(root / "new.duckdb")) as con:
        con.execute("create schema meta")
        con.execute(
            f"create table fact_laps as select n as lap_number, 90.5 as lap_duration from range({laps}) r(n)"
        )
        con.execute("create table fact_weather as select 20.5 as air_temperature")
        con.execute("comment on table fact_laps is 'One row per lap. More.'")
        con.execute("comment on column fact_laps.lap_duration is 'Time of the lap, s'")
    (root / "new.duckdb").replace(root / "gold.duckdb")


class Typed:
    """What a user types: lines, or exceptions as the terminal raises them; then Ctrl-D. `prompts`: those that were shown."""

    def __init__(self, *lines: str | type[BaseException]) -> None:
        self._lines = iter(lines)
        self.prompts: list[str] = []

    def __call__(self, prompt: str) -> str:
        self.prompts.append(prompt)
        line = next(self._lines, EOFError)
        if isinstance(line, str):
            return line
        raise line


def said(settings: Settings, capsys: pytest.CaptureFixture[str], *lines: str | type[BaseException]) -> str:
    assert Shell(settings).run(Typed(*lines)) == 0
    return capsys.readouterr().out


def test_statement_ends_with_a_semicolon_and_may_have_several_lines(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = Typed("select count(*) as laps", "from fact_laps;", "", "\\q", "select never;")
    assert Shell(settings).run(typed) == 0
    assert typed.prompts == [PROMPT, CONTINUED, PROMPT, PROMPT]
    assert "laps" in capsys.readouterr().out


def test_ctrl_c_discards_the_statement_and_ctrl_d_leaves(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = Typed("select nonsense", KeyboardInterrupt, "select 'after' as word;")
    assert Shell(settings).run(typed) == 0
    assert typed.prompts == [PROMPT, CONTINUED, PROMPT, PROMPT]
    out = capsys.readouterr().out
    assert "after" in out
    assert "error" not in out


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("Query interrupted")], ids=repr)
def test_stopped_query_leaves_the_shell_open(
    settings: Settings,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(query, "_print_result", stop)
    assert "stopped" in said(settings, capsys, "from fact_laps;")


def test_error_is_one_line_and_the_shell_goes_on(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    out = said(
        settings, capsys, "select nothing from fact_laps;", "\\d gone", "\\z", "select 41 + 1 as answer;"
    )
    assert 'error: Binder Error: Referenced column "nothing"' in out
    assert "error: there is no table gone; \\d lists the tables" in out
    assert "unknown command \\z" in out
    assert "42" in out


def test_d_lists_tables_and_the_columns_of_one(
    settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    tables = said(settings, capsys, "\\d")
    assert "One row per lap" in tables
    assert "More." not in tables
    assert "fact_telemetry" in tables
    columns = said(settings, capsys, "\\d fact_laps;")
    assert "lap_duration" in columns
    assert "Time of the lap, s" in columns
    assert "run_id" in said(settings, capsys, "\\d runs")


def test_gold_as_of_a_time_has_neither_the_logs_nor_the_published_telemetry(
    settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query, "build_as_of", lambda settings, _: settings.gold)
    with duckdb.connect(str(settings.gold)) as con:
        con.execute(
            "create schema gold; create schema silver; create table fact_telemetry as select 1 as built_then"
        )
    shell = Shell(settings, datetime(2024, 9, 22, tzinfo=UTC))
    shell.run(Typed("\\d", "\\d fact_telemetry", "\\d runs"))
    out = capsys.readouterr().out
    assert "published as Delta" not in out
    assert "a log of this lake" not in out
    assert "built_then" in out
    assert "error: there is no table runs" in out
    assert "runs" not in shell.names


def test_next_statement_reads_a_new_publication(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    def type_lines() -> Iterator[str]:
        yield "select 'laps: ' || count(*) as n from fact_laps;"
        publish(settings.root, 7)
        yield "select 'laps: ' || count(*) as n from fact_laps;"

    lines = type_lines()

    def read(_: str) -> str:
        try:
            return next(lines)
        except StopIteration:
            raise EOFError from None

    Shell(settings).run(read)
    out = capsys.readouterr().out
    assert "laps: 2" in out
    assert "laps: 7" in out
    assert "gold was published again" in out


@pytest.mark.parametrize(
    ("text", "line", "found"),
    [
        ("fact_", "select * from fact_", ["fact_laps", "fact_weather", "fact_telemetry"]),
        ("lap_", "select lap_", ["lap_duration", "lap_number"]),
        ("AIR", "select AIR", ["air_temperature"]),
        (
            "fact_weather.",
            "from fact_weather where lap_number = 1 and fact_weather.",
            ["fact_weather.air_temperature"],
        ),
        ("l.lap_d", "from fact_laps l where l.lap_d", ["l.lap_duration"]),
        ("air", "from fact_laps where air", []),
        ("sel", "sel", ["select"]),
        ("fact_l", "\\d fact_l", ["fact_laps"]),
        ("\\", "\\", ["\\d", "\\x", "\\?", "\\q"]),
    ],
)
def test_completion_offers_what_fits_at_the_cursor(
    settings: Settings, text: str, line: str, found: list[str]
) -> None:
    shell = Shell(settings)
    shell.run(Typed())
    assert shell.complete(text, line) == found


class Screen(io.StringIO):
    """A terminal as far as `f1 sql` looks."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("rows", "width", "expected", "absent"),
    [
        (1, "80", "column_with_a_long_name_19 │ 19", ["columns fit"]),
        (9, "80", "of 20 columns fit; name the columns, or use --csv (in the shell: \\x)", ["-- row"]),
        (1, "900", "column_with_a_long_name_19 │", ["-- row", "columns fit"]),
    ],
)
def test_result_wider_than_the_terminal_is_shown_by_column_or_says_what_is_left_out(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    rows: int,
    width: str,
    expected: str,
    absent: list[str],
) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", width)
    assert query.run_query(settings, f"select {WIDE} from range({rows})", "table") == 0
    shown = screen.getvalue()
    assert expected in shown
    assert not [text for text in absent if text in shown]
    assert max(map(len, shown.splitlines())) <= int(width)


@pytest.mark.parametrize("arguments", [["-"], [], ["--csv", "-"]])
def test_statements_are_read_from_stdin(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
    arguments: list[str],
) -> None:
    monkeypatch.setenv("F1_LAKEHOUSE_ROOT", str(settings.root))
    monkeypatch.setattr(
        sys, "stdin", io.StringIO("select 1 as first;\nselect count(*) as second from fact_laps;\n")
    )
    with pytest.raises(SystemExit) as ended:
        main(["sql", *arguments])
    assert ended.value.code == 0
    out = capfdbinary.readouterr().out
    assert b"first" in out
    assert b"second" in out


def test_empty_stdin_is_one_line(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("F1_LAKEHOUSE_ROOT", str(settings.root))
    monkeypatch.setattr(sys, "stdin", io.StringIO(" \n"))
    with pytest.raises(SystemExit) as ended:
        main(["sql", "-"])
    assert ended.value.code == 1
    assert capsys.readouterr().err == 'f1: the query is empty; try f1 sql "show tables"\n'
