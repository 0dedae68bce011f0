"""Who may only read: what `f1` answers with the least permissions, and how it refuses the rest."""

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
    """What is published, in a lake whose other folders may not even be looked into."""
    root = tmp_path_factory.mktemp("readers") / "lake"
    for folder in ("gold", "bronze/_pulls", "landing", "dagster", "metrics"):
        (root / folder).mkdir(parents=True)
    with duckdb.connect(str(root / "gold.duckdb")) as con:
        con.execute("create schema gold; create schema meta")
        con.execute("create table gold.gold.fact_laps as select 1 as lap_number")
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


def test_gold_and_its_delta_tables_are_all_that_sql_needs(lake: Path) -> None:
    for query, answer in (
        ("select count(*) as n from fact_laps", "1"),
        ("select max(speed) as n from fact_telemetry", "310"),
    ):
        done = f1(lake, "sql", "--csv", query)
        assert (done.stdout, done.stderr) == (f'"n"\n{answer}\n', "")


@pytest.mark.parametrize("query", ["from runs", "from pulls", "from alerts"])
def test_what_a_reader_may_not_read_is_one_line(lake: Path, query: str) -> None:
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
def test_what_changes_the_lake_refuses_before_it_has_begun(lake: Path, command: list[str]) -> None:
    done = f1(lake, *command)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"f1: {lake} may only be read by this user, and this command changes it (f1 sql does not)\n"
    )
