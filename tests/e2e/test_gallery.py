"""The examples of docs/gallery/ and the commands of docs/tutorial.md, run as they are on the page.

SQL and Python of an example have the same answer. They run on published gold of the loaded lake; what that lake does not have (telemetry,
qualifying, corners, a later round) is added as rows. `make gallery` runs the same examples on a lake that has loaded them, and draws.
"""

import re
import sys
from pathlib import Path
from shutil import copyfile
from types import ModuleType
from typing import Any

import duckdb
import pytest
from deltalake import write_deltalake
from loaded_lake import QUALIFYING, RACE, SEASON, LoadedLake

PROJECT = Path(__file__).parents[2]
DOCS = PROJECT / "docs"

EXAMPLES_OF_FASTF1 = {
    "Draw a track map with numbered corners",
    "Driver Laptimes Distribution Visualization",
    "Driver Laptimes Scatterplot",
    "Driver specific plot styling",
    "Gear shifts on track",
    "Overlaying speed traces of two laps",
    "Plot driver standings in a heatmap",
    "Plot speed traces with corner annotations",
    "Position changes during a race",
    "Qualifying results overview",
    "Season Summary Visualization",
    "Speed visualization on track map",
    "Team Pace Comparison",
    "Tyre strategies during a race",
    "Who can still win the drivers WDC?",
}
"""The gallery of FastF1 3.8.1."""

ADDED = f"""
insert into fact_laps select * replace ({QUALIFYING} as session_key) from fact_laps where session_key = {RACE};
insert into fact_results select * replace ({QUALIFYING} as session_key, fastest_lap_time - 5 as fastest_lap_time) from fact_results where session_key = {RACE};
insert into championship_progression select * replace (4 as round_number, 2 * points as points) from championship_progression;
insert into circuit_corners (season, circuit_key, corner_number, corner_label, lap_distance_m, position_x, position_y, track_rotation)
select distinct season, circuit_key, n, n::varchar, 700.0 * n, 100.0 * n, 50.0 * n, 30.0 from dim_sessions, range(1, 4) r(n);
"""
TELEMETRY = """
select session_key, season, driver_number, name_acronym, lap_number, lap_start_at + to_seconds(n) as date, 80e0 * n as lap_distance_m,
    200 + (7 * n + driver_number + session_key) % 100 as speed, 1 + n % 8 as n_gear, 10 * n + session_key % 10 as position_x, n * n as position_y
from fact_laps, range(20) r(n) where is_personal_best_lap or lap_number = 2
"""


TUTORIAL = (DOCS / "tutorial.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r'f1 sql "\n([^"]+)"\n```\n+```\n[^\n]+\n│(.+?)│\n', TUTORIAL)
"""Each query of the tutorial, and the columns of the output below it."""
IN_THE_LAKE = {"2025": str(SEASON), "Australian": "Bahrain", "Australia": "Bahrain"}
"""The tutorial is about the weekend of `f1 demo`."""


def for_the_lake(code: str) -> str:
    """Return code of the tutorial for the weekend and the winner of the loaded lake."""
    for name, here in IN_THE_LAKE.items():
        code = code.replace(name, here)
    return code.replace("max-verstappen", "lando-norris").replace('"verstappen"', '"norris"')


def module(name: str) -> ModuleType:
    """Import a script of docs/."""
    sys.path.insert(0, str(DOCS))
    try:
        return __import__(name)
    finally:
        sys.path.remove(str(DOCS))


gallery = module("draw_gallery")
EXAMPLES = gallery.examples()


@pytest.fixture(scope="module")
def names(loaded_lake: LoadedLake, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the first lines of the index define, on a copy of published gold with the added rows."""
    root = tmp_path_factory.mktemp("gallery")
    copyfile(loaded_lake.root / "gold.duckdb", root / "gold.duckdb")
    with duckdb.connect(str(root / "gold.duckdb")) as con:
        con.execute(ADDED)
        write_deltalake(str(root / "gold" / "fact_telemetry"), con.sql(TELEMETRY).to_arrow_table())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("F1_LAKEHOUSE_ROOT", str(root))
        defined = gallery.prepared()
    yield defined
    defined["lake"].close()


@pytest.mark.parametrize("example", EXAMPLES, ids=[one.link for one in EXAMPLES])
def test_sql_and_python_of_an_example_have_the_same_answer(names: dict[str, Any], example: Any) -> None:
    of_sql = gallery.answer_of_sql(example, names["lake"])
    of_python = gallery.answer_of_python(example, dict(names))
    assert len(of_sql) >= 3
    assert all(any(row[column] is not None for row in of_sql) for column in of_sql[0])
    assert gallery.comparable(of_python) == gallery.comparable(of_sql)


@pytest.mark.parametrize("example", EXAMPLES, ids=[one.link for one in EXAMPLES])
def test_drawing_of_an_example_is_python_and_its_picture_is_small(example: Any) -> None:
    compile(gallery.first_lines()[1] + example.drawing, example.link, "exec")
    assert 1_000 < (DOCS / example.picture).stat().st_size < gallery.MAX_BYTES


def test_index_lists_every_example_of_fastf1_with_the_current_number_of_lines() -> None:
    rows = re.findall(
        r"^\| \[[^\]]+\]\(([^)]+)\)[^|]*\| (.+), \d+ \| (\d+) \| (\d+) \| \d+ \| \d+ \|$",
        gallery.INDEX.read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert {name for _, name, *_ in rows} == EXAMPLES_OF_FASTF1
    assert [(link, int(sql), int(python)) for link, _, sql, python in sorted(rows)] == [
        (one.link, gallery.lines_of(one.sql), gallery.lines_of(one.python) + gallery.lines_of(one.drawing))
        for one in sorted(EXAMPLES, key=lambda one: one.link)
    ]


def test_a_heading_without_a_complete_example_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "page.md").write_text("# Page\n\n## Only SQL\n\n```sql\nselect 1\n```\n")
    monkeypatch.setattr(gallery, "GALLERY", tmp_path)
    with pytest.raises(ValueError, match="Only SQL"):
        gallery.examples()


def test_queries_of_the_tutorial_return_rows_with_the_columns_of_the_output(names: dict[str, Any]) -> None:
    assert len(COMMANDS) == 3
    for sql, columns in COMMANDS:
        result = names["lake"].sql(for_the_lake(sql))
        assert list(result.columns) == columns.replace(" ", "").split("│")
        assert result.rows()


def test_python_of_the_tutorial_runs(
    names: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("F1_LAKEHOUSE_ROOT", str(names["lake"].root))
    defined: dict[str, Any] = {}
    for code in re.findall(r"```python\n(.+?)```", TUTORIAL, re.DOTALL):
        exec(for_the_lake(code), defined)
    assert defined["best"]["name_acronym"].sort().to_list() == ["NOR", "VER"]
    assert defined["career"]["wins"] == 1
    defined["lake"].close()
    assert "Lando Norris 1 1" in capsys.readouterr().out
