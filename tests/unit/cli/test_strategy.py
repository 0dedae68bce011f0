"""What `f1 strategy` prints and refuses."""

from pathlib import Path

import duckdb
import orjson
import pytest

from f1_lakehouse.cli import strategy
from f1_lakehouse.cli.app import main
from f1_lakehouse.cli.errors import CliError
from f1_lakehouse.strategy.tables import tables_schema


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Published gold with one lap of one race on the pit wall."""
    monkeypatch.setenv("F1_LAKEHOUSE_ROOT", str(tmp_path))
    with duckdb.connect(str(tmp_path / "gold.duckdb")) as con:
        for name, schema in tables_schema().items():
            con.register("empty", schema.empty_table())
            con.execute(f"create table {name} as from empty")
        con.execute("create schema meta")
        con.execute(
            "insert into pit_wall by name select 9606 as session_key, 2024 as season, 'Singapore Grand Prix' as meeting_name, "
            "4 as driver_number, 'NOR' as name_acronym, 15 as lap_number, 1 as position, 'MEDIUM' as compound, 14 as tyre_age_laps, "
            "false as has_stopped, 0.04 as stop_chance, 23.7 as pit_loss_s, 4 as rejoin_position, 2.0 as rejoin_gap_ahead_s, "
            "81 as rejoin_driver_number_ahead"
        )
        con.execute(
            "create table dim_sessions as select 9606 as session_key, 1246 as meeting_key, 2024 as season, "
            "'Singapore Grand Prix' as meeting_name, 'Race' as session_category, 'Race' as session_name, "
            "now()::timestamp as date_start, 'Marina Bay' as location, 'Singapore' as country_name, 'SGP' as country_code, "
            "'Singapore' as circuit_short_name, 18 as round_number, false as is_cancelled"
        )
    return tmp_path


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["strategy", *arguments])
    return int(ended.value.code or 0)


def test_pit_wall_of_a_named_race_is_printed(lake: Path, capsys: pytest.CaptureFixture[str]):
    assert run("--session", "Singapore", "2024", "--lap", "15") == 0
    printed = capsys.readouterr().out
    assert "NOR" in printed
    assert "23.7" in printed
    assert run("--session", "9606", "--lap", "15", "--driver", "nor") == 0
    assert "after the out-lap P4" in capsys.readouterr().out


def test_json_has_the_columns_of_the_table(lake: Path, capsys: pytest.CaptureFixture[str]):
    assert run("--session", "latest", "--lap", "15", "--json") == 0
    [row] = orjson.loads(capsys.readouterr().out)
    assert list(row) == tables_schema()["pit_wall"].names
    assert run("score", "--json") == 0
    assert orjson.loads(capsys.readouterr().out) == {"scorecard": [], "calibration": []}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--session", "latest"], 2, "--session and --lap are required"),
        (["--session", "latest", "--what-if", "20"], 2, "--what-if needs --driver"),
        (["score", "--version", "20240101-a"], 2, "--version and --model belong together"),
        (["--session", "monza", "--lap", "3"], 1, "has the name 'monza'"),
        (["--session", "latest", "--lap", "99"], 1, "there is no lap 99"),
        (["--session", "latest", "--what-if", "20", "--driver", "NOR"], 1, "made no stop"),
    ],
)
def test_wrong_question_is_one_line(
    lake: Path, arguments: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
):
    assert run(*arguments) == code
    said = capsys.readouterr().err.strip()
    assert message in said
    assert "\n" not in said


def test_no_forecasts_name_the_command(lake: Path, capsys: pytest.CaptureFixture[str]):
    with duckdb.connect(str(lake / "gold.duckdb")) as con:
        con.execute("drop table pit_wall")
    assert run("--session", "latest", "--lap", "15") == 1
    assert "run f1 strategy train" in capsys.readouterr().err


def test_lake_without_published_gold_is_one_line_with_the_cure(
    lake: Path, capsys: pytest.CaptureFixture[str]
):
    (lake / "gold.duckdb").unlink()
    (lake / "landing").mkdir()
    for arguments in (["--session", "latest", "--lap", "15"], ["score"]):
        assert run(*arguments) == 1
        assert "nothing is published yet at" in capsys.readouterr().err


def test_missing_extra_names_the_install_command(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(CliError, match=r"pip install 'f1-lakehouse\[strategy\]'"):
        strategy.require_extra()
