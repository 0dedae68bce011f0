"""Read-only users: what `f1` can do with the least permissions, and how the other commands fail."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
import unprivileged
from deltalake import write_deltalake

F1 = str(Path(sys.executable).parent / "f1")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Published tables, in a lake whose other folders cannot be listed."""
    root = tmp_path_factory.mktemp("readers") / "lake"
    for folder in ("gold", "bronze/_pulls", "landing", "dagster", "metrics"):
        (root / folder).mkdir(parents=True)
    with duckdb.connect(str(root / "gold.duckdb")) as con:
        con.execute("create schema gold; create schema meta")
        con.execute("create table gold.gold.fact_laps as select 1 as lap_number")
        con.execute(
            "create table gold.gold.dim_sessions as select timestamp '2024-09-22 12:00:00' as date_start, 9606 as session_key, "
            "2024 as season, 1246 as meeting_key, 'Race' as session_name, 'Singapore Grand Prix' as meeting_name, "
            "'Marina Bay' as location, 'Singapore' as circuit_short_name, 'Singapore' as country_name, "
            "'SGP' as country_code, 18 as round_number, false as is_cancelled"
        )
    write_deltalake(str(root / "gold" / "fact_telemetry"), pa.table({"speed": [300, 310]}))
    unprivileged.forbid_writing(root)
    closed = [root / name for name in ("bronze", "landing", "dagster", "metrics")]
    for folder in closed:
        folder.chmod(0)
    yield root
    for folder in closed:
        folder.chmod(0o755)
    unprivileged.allow_writing(root)


def f1(lake: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*unprivileged.prefix(), F1, *arguments],
        env=os.environ | {"F1_LAKEHOUSE_ROOT": str(lake)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_sql_needs_only_gold_and_its_delta_tables(lake: Path) -> None:
    for query, answer in (
        ("select count(*) as n from fact_laps", "1"),
        ("select max(speed) as n from fact_telemetry", "310"),
    ):
        done = f1(lake, "sql", "--csv", query)
        assert (done.stdout, done.stderr) == (f'"n"\n{answer}\n', "")


def test_sessions_are_listed_from_gold_alone(lake: Path) -> None:
    done = f1(lake, "sessions", "2024", "singapore")
    assert (done.returncode, done.stderr) == (0, "")
    assert "2024 singapore race" in done.stdout
    assert "9606" in done.stdout


@pytest.mark.parametrize(
    ("shell", "code", "said"),
    [
        ("{f1} sql --csv 'from fact_laps, range(100000)' | head -1; exit ${{PIPESTATUS[0]}}", 0, ""),
        (
            "{f1} sql 'from fact_laps' >&-",
            1,
            "f1: the standard output is closed; leave it open, or write a file",
        ),
        (
            "{f1} sql 'from fact_laps' >/dev/full",
            1,
            "f1: the result cannot be written (No space left on device); write it to another",
        ),
        ("{f1} sql --csv 'select [1] as n'", 1, "f1: CSV cannot hold a list or a struct; cast it"),
    ],
    ids=["reader gone", "closed", "full", "nested"],
)
def test_an_unwritable_output_is_at_most_one_line(lake: Path, shell: str, code: int, said: str) -> None:
    environment = os.environ | {"F1_LAKEHOUSE_ROOT": str(lake)}
    command = ["bash", "-c", shell.format(f1=F1)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (code, 1 if said else 0), done.stderr
    assert done.stderr.startswith(said)


def test_gold_opened_for_writing_elsewhere_is_one_line_with_the_process_id(tmp_path: Path) -> None:
    (tmp_path / "dagster").mkdir()
    held = (
        f"import duckdb; con = duckdb.connect('{tmp_path}/gold.duckdb'); print('ready', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", held], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        done = f1(tmp_path, "sql", "show tables")
        writer.kill()
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert f"is open for writing in process {writer.pid} " in done.stderr


@pytest.mark.parametrize("query", ["from runs", "from pulls", "from alerts"])
def test_a_denied_read_is_one_line(lake: Path, query: str) -> None:
    done = f1(lake, "sql", query)
    assert done.returncode == 1
    assert done.stderr.startswith("f1: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "command",
    [
        ["report"],
        ["load", "--session", "1"],
        ["transform"],
        ["optimize"],
        ["vacuum", "--yes"],
        ["restore", "laps", "--version", "1", "--yes"],
        ["rebuild-bronze"],
        ["sql", "--as-of", "2024-01-01T00:00", "from fact_laps"],
        ["replay-run", "abc"],
        ["ui"],
        ["daemon"],
    ],
    ids=" ".join,
)
def test_a_command_that_changes_the_lake_fails_before_it_starts(lake: Path, command: list[str]) -> None:
    done = f1(lake, *command)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"f1: {lake}: permission denied, this command changes the lake; "
        "use an account with write access (f1 sql needs only read access)\n"
    )
