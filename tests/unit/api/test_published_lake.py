"""The Python API: tables by the names of sessions and drivers, conversions, errors in one line, and what it imports."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from small_gold import SINGAPORE, publish

import f1_lakehouse
from f1_lakehouse.api.errors import LakeError
from f1_lakehouse.api.published_lake import PublishedLake
from f1_lakehouse.errors import F1LakehouseError
from f1_lakehouse.lake_paths import read_paths
from f1_lakehouse.session_names import AmbiguousSessionError
from f1_lakehouse.settings import SettingsError, load_settings


@pytest.mark.parametrize(
    ("read", "rows"),
    [
        (lambda lake: lake.results(2024, "Singapore", "R"), 3),
        (lambda lake: lake.laps(2024, "marina bay", "race"), 9),
        (lambda lake: lake.laps(2024, 11, "R", "HAM"), 3),
        (lambda lake: lake.stints(2024, "sgp"), 3),
        (lambda lake: lake.pit_stops(2024, "singapore", driver=44), 1),
        (lambda lake: lake.weather(2024, "singapore"), 1),
        (lambda lake: lake.race_control(2024, "singapore"), 1),
        (lambda lake: lake.drivers(2024, "singapore"), 3),
        (lambda lake: lake.drivers(), 3),
        (lambda lake: lake.sessions(2024, "singapore"), 5),
        (lambda lake: lake.sessions(name="monaco race"), 2),
        (lambda lake: lake.sessions(2023), 10),
        (lambda lake: lake.sessions(), 88),
    ],
)
def test_tables_are_read_by_name(lake: PublishedLake, read: Callable, rows: int) -> None:
    found = read(lake)
    assert len(found) == rows
    if "session_key" in found.columns and "session_name" not in found.columns:
        assert {row["session_key"] for row in found} == {SINGAPORE.key}


def test_list_of_sessions_says_which_are_loaded(lake: PublishedLake) -> None:
    assert [row["session_key"] for row in lake.sessions(2024) if row["is_loaded"]] == [SINGAPORE.key]


@pytest.mark.parametrize("driver", [44, "44", "ham", "Hamilton", "lewis hamilton", "lewis-hamilton"])
def test_driver_is_named_by_number_acronym_or_name(lake: PublishedLake, driver: str | int) -> None:
    assert {row["driver_number"] for row in lake.laps(2024, "Singapore", "R", driver)} == {44}


def test_accents_in_the_name_of_a_driver_do_not_matter(lake: PublishedLake) -> None:
    assert {row["driver_number"] for row in lake.laps(2024, "Singapore", "R", "hulkenberg")} == {27}


def test_result_is_converted_to_each_form(lake: PublishedLake, capsys: pytest.CaptureFixture[str]) -> None:
    laps = lake.laps(2024, "Singapore", "R", 4)
    assert laps.polars()["lap_number"].to_list() == [1, 2, 3]
    assert laps.arrow()["lap_number"].to_pylist() == [1, 2, 3]
    assert [row["lap_number"] for row in laps.rows()] == [1, 2, 3]
    assert laps.columns[:3] == ("session_key", "driver_number", "driver_id")
    laps.show()
    assert "lap_number" in capsys.readouterr().out
    assert "3 rows of session_key" in repr(laps)
    assert "<th>lap_number</th>" in laps._repr_html_()


def test_missing_library_of_a_conversion_is_one_line(
    lake: PublishedLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(LakeError, match=r"pandas is not installed; install it \(pip install pandas\)"):
        lake.results(2024, "Singapore").pandas()


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (
            lambda lake: lake.laps(2024, "Monaco"),
            "Monaco Grand Prix 2024, Race is not loaded; run f1 load 2024 monaco race",
        ),
        (
            lambda lake: lake.laps(2019, "Monaco"),
            "this lake has no session of 2019; load one: f1 load 2019 Monaco R",
        ),
        (lambda lake: lake.laps(2024, "Singapore", "S"), "has no sprint session; it has FP1, FP2, FP3, Q, R"),
        (
            lambda lake: lake.laps(2024, "Singapore", "R", "hamiltn"),
            "the nearest are: Lewis HAMILTON (HAM, 44)",
        ),
        (
            lambda lake: lake.laps(2024, "Singapore", "R", 99),
            "there is no driver 99 in Singapore Grand Prix 2024, Race",
        ),
        (
            lambda lake: lake.telemetry(2024, "Singapore"),
            "no telemetry of Singapore Grand Prix 2024, Race; load it",
        ),
        (lambda lake: lake.telemetry(2024, "Singapore", "R", lap=3), "telemetry of a lap needs a driver too"),
        (lambda lake: lake.career("hamilton"), "no table career_summary; load the history: f1 load --season"),
        (lambda lake: lake.drivers(2024), "drivers() needs a session too"),
        (lambda lake: lake.sql("select nothing from fact_laps"), 'Referenced column "nothing" not found'),
        (lambda lake: lake.sql("create table x as select 1"), "read-only"),
    ],
)
def test_what_cannot_be_answered_is_one_line_with_the_cure(
    lake: PublishedLake, read: Callable, message: str
) -> None:
    with pytest.raises(F1LakehouseError) as raised:
        read(lake)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_ambiguous_session_lists_the_candidates(lake: PublishedLake) -> None:
    with pytest.raises(AmbiguousSessionError, match="2024 singapore fp1, 2024 singapore fp2"):
        lake.laps(2024, "Singapore", "practice")


def test_telemetry_is_read_from_delta_by_driver_and_lap(telemetry: Path) -> None:
    with f1_lakehouse.open(telemetry) as lake:

        def speeds(driver: str | None = None, lap: int | str | None = None) -> list[int]:
            return [row["speed"] for row in lake.telemetry(2024, "Singapore", "R", driver, lap)]

        assert speeds() == [100, 110, 300, 310]
        assert speeds("NOR", 1) == [100, 110]
        # Lap 2 is the fastest of the valid laps.
        assert speeds("NOR", "fastest") == [300, 310]
        with pytest.raises(LakeError, match="there are no samples of lap 3 of 'NOR'"):
            speeds("NOR", 3)
        with pytest.raises(LakeError, match="there are no samples of 'HAM'"):
            speeds("HAM")
        with pytest.raises(LakeError, match="a lap is a number, or 'fastest'"):
            speeds("NOR", "best")
        assert lake.sql("select max(speed) as speed from fact_telemetry").rows() == [{"speed": 310}]


def test_sql_takes_parameters_by_position_and_by_name(lake: PublishedLake) -> None:
    query = "select count(*) as laps from fact_laps where driver_number = "
    assert lake.sql(query + "?", [4]).rows() == [{"laps": 3}]
    assert lake.sql(query + "$car", {"car": 4}).rows() == [{"laps": 3}]


def test_tables_have_descriptions_and_the_tables_outside_the_file(lake: PublishedLake) -> None:
    found = {row["table_name"]: row["description"] for row in lake.tables()}
    assert found["fact_laps"] == "One row per driver and lap"
    assert found["fact_telemetry"] == "published as Delta"
    assert {found[log] for log in ("runs", "pulls", "alerts")} == {"a log of this lake"}


def test_next_query_reads_a_new_publication(root: Path) -> None:
    with f1_lakehouse.open(root) as lake:
        laps = lake.laps(2024, "Singapore", "R", 4)
        assert len(laps) == 3
        publish(root, laps=5)
        assert len(laps) == 5
        assert len(lake.laps(2024, "Singapore", "R", 4)) == 5


def test_career_is_one_row_of_career_summary(root: Path) -> None:
    with duckdb.connect(str(root / "gold.duckdb")) as con:
        con.execute(
            "create table career_summary as select * from (values ('driver', 'hamilton', 'Lewis Hamilton', 105), "
            "('driver', 'michael_schumacher', 'Michael Schumacher', 91), ('driver', 'ralf_schumacher', 'Ralf Schumacher', 6), "
            "('constructor', null, 'Hamilton', 0)) t(entrant_type, driver_id, entrant_name, wins)"
        )
    with f1_lakehouse.open(root) as lake:
        assert [row["wins"] for row in lake.career("hamilton")] == [105]
        assert [row["wins"] for row in lake.career("Michael Schumacher")] == [91]
        with pytest.raises(
            LakeError, match="means several drivers in career_summary: Michael Schumacher, Ralf Schumacher"
        ):
            lake.career("schumacher")


@pytest.mark.parametrize("page", ["README.md", "docs/python-api.md"])
def test_documented_code_runs(page: str, telemetry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("F1_LAKEHOUSE_ROOT", str(telemetry))
    text = (Path(__file__).parents[3] / page).read_text(encoding="utf-8")
    [code] = [block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "f1.open" in block]
    exec(compile(code, page, "exec"), {})


def test_lake_without_gold_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match=r"nothing is published yet at .*; run f1 load"):
        f1_lakehouse.open(tmp_path / "new")


def test_opening_imports_neither_dagster_nor_the_libraries_of_conversions(root: Path) -> None:
    heavy = [
        "dagster",
        "dbt",
        "polars",
        "pandas",
        "pyarrow",
        "deltalake",
        "pydantic",
        "rich",
        "numpy",
        "requests",
    ]
    code = (
        "import sys, f1_lakehouse as f1; first = set(sys.modules); lake = f1.open(); n = len(lake.results(2024, 'singapore')); "
        f"print(n, 'duckdb' in first, [m for m in {heavy} if m in sys.modules])"
    )
    environment = os.environ | {"F1_LAKEHOUSE_ROOT": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "3 False []"


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"F1_ENV": "prod"},
        {"F1_ENV": "", "F1_LAKEHOUSE_ROOT": "~/lake"},
        {"F1_LAKEHOUSE_ROOT": "relative/lake", "F1_STORE_URI": "s3://bucket/lake/"},
        {"F1_LAKEHOUSE_ROOT": "/a/lake", "F1_STORE_URI": "other"},
    ],
    ids=str,
)
def test_paths_are_those_of_the_settings(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("F1_ENV", "F1_LAKEHOUSE_ROOT", "F1_STORE_URI"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    paths, settings = read_paths(), load_settings()
    assert paths is not None
    assert (paths.root, paths.store, paths.gold) == (settings.root, settings.store, settings.gold)


@pytest.mark.parametrize(
    ("name", "value"), [("F1_ENV", "test"), ("F1_LAKEHOUSE_ROOT", "s3://bucket"), ("F1_STORE_URI", "a?b")]
)
def test_malformed_variable_is_the_error_of_the_settings(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError):
        f1_lakehouse.open()
