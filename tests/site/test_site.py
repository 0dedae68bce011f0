"""The site as files: which pages are written, and the content of pages, also of incomplete sessions."""

import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import orjson
import plotly.graph_objects as go
import pytest
from gold_tables import GoldTables, build, contracts

from f1_lakehouse.publishing.data_card import GENERATED, LICENCE
from f1_lakehouse.settings import Settings
from f1_lakehouse.site import site
from f1_lakehouse.site.fingerprints import session_fingerprints
from f1_lakehouse.site.queries import open_gold
from f1_lakehouse.site.site import FAMILIES, PagesError, broken_links, open_site

RACE = "2025/paper-race-103.html"
SHARED = {
    "index.html",
    "data.html",
    "records.html",
    "drivers/index.html",
    "constructors/index.html",
    "circuits/index.html",
}
"""The pages that every site has."""

HOSTILE = "<script>alert(1)</script>"


def read(gold: GoldTables, address: str) -> str:
    return (gold.settings.root / "pages" / address).read_text(encoding="utf-8")


def figures(page: str) -> dict[str, dict]:
    found = re.findall(
        r'<figure id="([^"]+)">.*?<script type="application/json">(.*?)</script>', page, re.DOTALL
    )
    return {name: orjson.loads(text) for name, text in found}


def stamps(folder: Path) -> dict[str, int]:
    return {str(p.relative_to(folder)): p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}


class Tags(HTMLParser):
    """The tags of a page, and the text between them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data):
        self.text += data


# Which pages are written


def test_second_build_without_changes_writes_no_file(race: GoldTables) -> None:
    first = build(race.settings)
    assert set(first.written) == {RACE, "2025/index.html", *SHARED}
    before = stamps(first.folder)
    second = build(race.settings)
    assert (second.written, second.removed, set(second.unchanged)) == ([], [], set(first.written))
    assert stamps(first.folder) == before


def test_the_same_gold_makes_the_same_bytes(race: GoldTables, tmp_path: Path) -> None:
    build(race.settings)
    other = Settings(lakehouse_root=tmp_path / "other")
    other.root.mkdir()
    other.gold.write_bytes(race.settings.gold.read_bytes())
    build(other)
    for address in (RACE, "2025/index.html", "data.html", "index.html"):
        assert (race.settings.root / "pages" / address).read_bytes() == (
            other.root / "pages" / address
        ).read_bytes()


def test_a_changed_row_changes_the_page_of_its_session_and_of_its_season_only(race: GoldTables) -> None:
    race.weekend("qualifying", name="Second Grand Prix")
    race.run("update dim_sessions set meeting_key = 11 where session_key = 102")
    race.run(
        "update dim_meetings set meeting_key = 11, round_number = 2 where meeting_name = 'Second Grand Prix'"
    )
    race.results("qualifying", {"driver_number": 4, "q1_s": 80.0})
    build(race.settings)
    race.run("update fact_results set points = 26 where session_key = 103 and driver_number = 4")
    again = build(race.settings)
    assert again.written == [RACE]
    assert "2025/paper-qualifying-102.html" in again.unchanged


def test_changed_corner_changes_the_fingerprint_of_the_sessions_on_that_circuit_only(
    race: GoldTables,
) -> None:
    race.weekend("qualifying", name="Second Grand Prix")
    race.results("qualifying", {"driver_number": 4, "q1_s": 80.0})
    race.run("update dim_sessions set circuit_key = session_key")
    with open_gold(race.settings) as gold:
        before = session_fingerprints(gold)
    race.insert("circuit_corners", [{"season": 2025, "circuit_key": 103, "corner_label": "1"}])
    with open_gold(race.settings) as gold:
        after = session_fingerprints(gold)
    assert {key for key in before if before[key] != after[key]} == {103}


def test_deleted_page_is_rendered_again(race: GoldTables) -> None:
    build(race.settings)
    (race.settings.root / "pages" / RACE).unlink()
    assert build(race.settings).written == [RACE]


def test_page_of_a_session_removed_from_gold_is_deleted(race: GoldTables) -> None:
    race.weekend("sprint")
    race.results("sprint", {"driver_number": 4})
    build(race.settings)
    race.run("delete from fact_results where session_key = 101")
    done = build(race.settings)
    assert done.removed == ["2025/paper-sprint-101.html"]
    assert not (done.folder / done.removed[0]).exists()
    assert broken_links(race.settings) == []


def test_a_family_alone_leaves_the_pages_of_the_others(race: GoldTables) -> None:
    build(race.settings)
    assert build(race.settings, ["data"]).removed == []
    assert (race.settings.root / "pages" / RACE).exists()


def test_all_families_are_built_with_one_fingerprint_query(
    race: GoldTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, look = [], site.session_fingerprints
    monkeypatch.setattr(site, "session_fingerprints", lambda gold: looks.append(1) or look(gold))
    with open_site(race.settings) as opened:
        for family in FAMILIES:
            opened.build([family])
            opened.preview(family)
    assert len(looks) == 1


def test_failed_page_is_named_and_other_pages_are_rendered(
    race: GoldTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(race.settings)
    before = read(race, RACE)
    race.run("update fact_results set points = 26 where session_key = 103")

    def broken(*_: object) -> None:
        raise ValueError("no such lap")

    monkeypatch.setattr(site, "session_page", broken)
    done = build(race.settings)
    assert done.failed == {RACE: "ValueError: no such lap"}
    assert "data.html" in done.unchanged
    assert read(race, RACE) == before
    monkeypatch.undo()
    assert build(race.settings).written == [RACE]


def test_error_without_published_gold_names_the_cure(tmp_path: Path) -> None:
    with pytest.raises(PagesError, match="run f1 load or f1 transform"):
        build(Settings(lakehouse_root=tmp_path))


def test_error_for_gold_of_an_older_version_names_the_cure(race: GoldTables) -> None:
    race.run("drop table fact_weather")
    with pytest.raises(PagesError, match="run: f1 transform"):
        build(race.settings)


def test_every_link_leads_to_a_file_and_a_missing_one_is_found(race: GoldTables) -> None:
    build(race.settings)
    assert broken_links(race.settings) == []
    (race.settings.root / "pages" / "data.html").unlink()
    assert broken_links(race.settings) != []


# Content of the pages


def test_result_shows_the_numbers_of_gold(race: GoldTables) -> None:
    build(race.settings)
    text = Tags(read(race, RACE)).text
    for written in ("15:05.125", "+5.500", "1:30.000", "25", "18", "+1", "−1"):
        assert written in text


def test_figures_are_valid_for_plotly_and_axes_have_titles(race: GoldTables) -> None:
    build(race.settings)
    found = figures(read(race, RACE))
    assert {"lap-chart", "gap-chart", "tyre-chart", "pace-chart", "weather-chart"} <= found.keys()
    for name, figure in found.items():
        go.Figure(
            data=[{"type": "scatter", **trace} for trace in without_tokens(figure["data"])],
            layout=without_tokens(figure["layout"]),
        )
        axes = {k: v for k, v in figure["layout"].items() if re.fullmatch(r"[xy]axis\d*", k)}
        assert len(axes) >= 2, name
        assert all(axis["title"]["text"] for axis in axes.values()), name


def without_tokens(value):
    """Colours are names of CSS variables, which Plotly's own checks do not know."""
    if isinstance(value, dict):
        return {k: without_tokens(v) for k, v in value.items()}
    if isinstance(value, list):
        return [without_tokens(v) for v in value]
    return "#000000" if isinstance(value, str) and value.startswith("--") else value


def test_chart_has_text_alternative_and_table_and_defined_colors(race: GoldTables) -> None:
    build(race.settings)
    page = read(race, RACE)
    charts = re.findall(r"<figure.*?</figure>", page, re.DOTALL)
    assert len(charts) == len(figures(page))
    assert all(re.search(r'role="img" aria-label="[^"]{20,}"', chart) for chart in charts)
    assert all("<details>" in chart and "<tbody>" in chart for chart in charts)
    used = set(re.findall(r'"(--[a-z0-9]+)"', page)) | set(re.findall(r"var\((--[a-z0-9]+)\)", page))
    assert used <= {*re.findall(r"(--[a-z0-9]+):", page)}


def test_number_in_hover_text_is_the_value_not_the_axis_label(race: GoldTables) -> None:
    """Without a format Plotly writes an axis label, which on the axis of positions names who started there."""
    race.run("update dim_sessions set season = 2025")
    build(race.settings)
    for address in (RACE, "2025/index.html"):
        for name, figure in figures(read(race, address)).items():
            layout, shared = figure["layout"], figure["layout"].get("meta", {}).get("hover", "")
            for trace in figure["data"]:
                axes = {"x": trace.get("xaxis", "x"), "y": trace.get("yaxis", "y")}
                for letter, axis in axes.items():
                    text = layout[f"{letter}axis{axis[1:]}"].get("type") == "category"
                    used = re.findall(rf"%{{{letter}(.*?)}}", trace.get("hovertemplate", shared))
                    assert all((form == "") == text for form in used), (name, trace)
                template = trace.get("hovertemplate", shared)
                assert template or trace.get("hoverinfo") == "skip", (name, trace)


def test_hover_text_of_a_box_includes_laps_beyond_the_whiskers(gold: GoldTables) -> None:
    gold.weekend("race")
    gold.driver(4, label="NOR")
    gold.laps("race", 4, [90.0, 90.1, 90.2, 90.3, 90.4, 99.0])
    build(gold.settings)
    box, marks = figures(read(gold, RACE))["pace-chart"]["data"]
    assert box["upperfence"] == [90.4]
    assert marks["hovertemplate"].startswith(
        "NOR: median 1:30.250, middle half 1:30.125 to 1:30.375, laps 1:30.000 to 1:39.000"
    )
    assert set(marks["y"]) == {90.0, 90.125, 90.25, 90.375, 90.4}


def test_unknown_tyre_age_is_not_shown_as_new(race: GoldTables) -> None:
    race.run("update fact_stints set tyre_age_at_start = null where driver_number = 4")
    build(race.settings)
    [trace] = figures(read(race, RACE))["tyre-chart"]["data"]
    assert [template for *_, template in trace["customdata"]] == ["age of the tyres unknown", "new tyres"]


def test_names_next_to_the_lines_are_within_the_axis(race: GoldTables) -> None:
    for number in range(30, 42):
        race.driver(number, label=f"D{number}")
        race.laps("race", number, [95.0 + i / 10 for i in range(10)], position=number)
        race.results("race", {"driver_number": number, "number_of_laps": 10})
    build(race.settings)
    figure = figures(read(race, RACE))["gap-chart"]["layout"]
    low, high = sorted(figure["yaxis"]["range"])
    assert len(figure["meta"]["ends"]) > 10
    assert all(low <= y <= high for *_, y in figure["meta"]["ends"])


# Generated data


def renumber(gold: GoldTables, key: int, to: int) -> None:
    for table, columns in contracts().items():
        if "session_key" in columns:
            gold.run(f"update {table} set session_key = {to} where session_key = {key}")


def test_generated_session_is_marked_on_every_page_and_a_real_one_is_not(
    race: GoldTables,
) -> None:
    race.weekend("qualifying")
    race.results("qualifying", {"driver_number": 4, "q1_s": 80.0})
    build(race.settings)
    for path in (race.settings.root / "pages").rglob("*.html"):
        assert not re.search(r"enerated data|\(generated\)|Generated class", path.read_text("utf-8")), path
    renumber(race, 103, 2025015)
    build(race.settings)
    generated, real = read(race, "2025/paper-race-2025015.html"), read(race, "2025/paper-qualifying-102.html")
    assert GENERATED in generated
    assert "Generated classification" in generated
    assert "Official" not in generated
    assert LICENCE not in generated
    assert "(generated)</h1>" in generated
    assert LICENCE in real
    assert "Official classification" in real
    assert GENERATED not in real
    for address in ("2025/index.html", "index.html", "data.html"):
        page = read(race, address)
        assert "1 of 2 sessions are generated data" in page, address
        assert LICENCE in page, address
        assert "(generated)" in page, address
    renumber(race, 102, 2025014)
    build(race.settings)
    for address in ("2025/index.html", "index.html", "data.html"):
        assert GENERATED in read(race, address), address
        assert LICENCE not in read(race, address), address


def test_heading_levels_are_in_order(race: GoldTables) -> None:
    build(race.settings)
    levels = [int(level) for level in re.findall(r"<h([1-6])", read(race, RACE))]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_page_loads_nothing_from_another_host(race: GoldTables) -> None:
    build(race.settings)
    for path in (race.settings.root / "pages").rglob("*.html"):
        assert not re.search(r'(src|href)="(https?:)?//', path.read_text(encoding="utf-8"))


def test_safety_cars_are_shaded_in_every_chart_over_laps(race: GoldTables) -> None:
    race.run("update fact_laps set track_status = 'SC' where lap_number between 4 and 6")
    build(race.settings)
    page = read(race, RACE)
    for name in ("lap-chart", "gap-chart", "tyre-chart"):
        [shape] = figures(page)[name]["layout"]["shapes"]
        assert (shape["x0"], shape["x1"], shape["fillcolor"]) == (3, 6, "--sc")
    assert "safety car on laps 4 to 6" in page


def test_without_telemetry_a_sentence_replaces_map_and_trace(race: GoldTables) -> None:
    build(race.settings)
    page = read(race, RACE)
    assert "There is no telemetry of this session in the lake" in page
    assert "track-map" not in figures(page)


def test_session_with_results_only_has_a_result_and_no_chart(gold: GoldTables) -> None:
    gold.weekend("race")
    gold.results(
        "race",
        {"driver_number": 4, "duration_s": 5000.0, "points": 25.0},
        {"driver_number": 5, "position": None, "status": "DNF"},
    )
    assert build(gold.settings).failed == {}
    page = read(gold, RACE)
    assert "Car 4" in page
    assert "1:23:20.000" in page
    assert "DNF" in page
    assert "no laps" in page
    assert figures(page) == {}


@pytest.mark.parametrize("kind", ["race", "sprint", "qualifying", "practice"])
def test_a_session_with_a_single_lap_has_a_page_without_an_empty_chart(gold: GoldTables, kind: str) -> None:
    gold.weekend(kind)
    gold.driver(4)
    gold.laps(kind, 4, [90.5])
    [address] = [a for a in build(gold.settings).written if a.startswith("2025/paper")]
    page = read(gold, address)
    assert "1:30.500" in page
    for name, figure in figures(page).items():
        assert all(trace.get("y") or trace.get("q1") or trace.get("x") for trace in figure["data"]), name


def test_cancelled_session_is_marked_on_its_page_and_in_the_season(gold: GoldTables) -> None:
    gold.weekend("race", cancelled=True)
    assert build(gold.settings).failed == {}
    assert "This session was cancelled." in read(gold, RACE)
    assert ">cancelled<" in read(gold, "2025/index.html")


def test_future_session_has_no_page_and_no_link(race: GoldTables) -> None:
    race.weekend("sprint")
    build(race.settings)
    assert not (race.settings.root / "pages/2025/paper-sprint-101.html").exists()
    assert "paper-sprint-101" not in read(race, "2025/index.html")


def test_sessions_of_a_sprint_weekend_link_to_each_other(race: GoldTables) -> None:
    race.weekend("sprint", "practice")
    race.results("sprint", {"driver_number": 4})
    race.laps("practice", 4, [90.0, 91.0, 92.0])
    build(race.settings)
    assert 'href="../2025/paper-sprint-101.html"' in read(race, RACE)
    assert 'href="../2025/paper-race-103.html"' in read(race, "2025/paper-sprint-101.html")
    assert "Longer runs" in read(race, "2025/paper-practice-100.html")
    assert broken_links(race.settings) == []


def test_driver_without_a_time_in_the_next_phase_is_above_the_cut_off(gold: GoldTables) -> None:
    gold.weekend("qualifying")
    times = [
        {
            "driver_number": n,
            "q1_s": 80 + n / 10,
            "q2_s": 79.0 if n <= 14 else None,
            "q3_s": 78.0 if n <= 8 else None,
        }
        for n in range(1, 21)
    ]
    gold.results("qualifying", *times)
    build(gold.settings)
    page = read(gold, "2025/paper-qualifying-102.html")
    rows = re.findall(r"<tr( class=\"cut\")?><td>(\d+)", page)
    assert [int(position) for cut, position in rows if cut] == [10, 15]
    assert figures(page)["phase-chart"]["layout"]["shapes"][0]["x0"] == 81.5


def test_corrections_are_listed(race: GoldTables) -> None:
    assert build(race.settings).failed == {}
    assert "Nothing was corrected" in read(race, RACE)
    change = {
        "session_key": 103,
        "driver_number": 4,
        "revision": 2,
        "change": "Changed",
        "changed_columns": "position",
    }
    race.insert(
        "result_revisions",
        [change | {"previous_position": 2, "position": 1, "revised_at": "2025-03-17 10:00:00"}],
    )
    build(race.settings)
    assert "2 → 1" in read(race, RACE)


def test_data_page_lists_what_is_missing_of_a_session(race: GoldTables) -> None:
    build(race.settings)
    assert "every session in the lake has a result" in read(race, "data.html")
    race.run(
        "update session_coverage set missing_laps = 3, drivers_with_missing_laps = 2, is_grid_missing = true, lap_rows = 17"
    )
    race.run("update publication set code_version = '0.2'")
    build(race.settings)
    page = read(race, "data.html")
    assert "<td>3 laps of 2 drivers missing" in page
    assert "<td>no grid" in page
    assert "no result" not in page
    assert "<td>17" in page


# Hostile values from the API


def test_markup_in_names_and_messages_is_text(gold: GoldTables) -> None:
    gold.weekend("race", "qualifying", name=f'{HOSTILE}"><img src=x onerror=alert(1)>')
    gold.run("update dim_meetings set grand_prix_slug = '../../../etc', circuit_short_name = ?", HOSTILE)
    gold.driver(4, HOSTILE, "<b>", f"{HOSTILE}&amp;", "red;}</style><script>alert(1)</script>")
    gold.driver(5, "</script><img src=x onerror=alert(1)>", "{{7*7}}", "\u2028</script>")
    gold.results("race", {"driver_number": 4, "status": HOSTILE}, {"driver_number": 5}, team=HOSTILE)
    gold.results(
        "qualifying", {"driver_number": 4, "q1_s": 80.0}, {"driver_number": 5, "q1_s": 81.0}, team=HOSTILE
    )
    for kind in ("race", "qualifying"):
        gold.laps(kind, 4, [90.0, 91.0, 92.0, 93.0])
        gold.laps(kind, 5, [91.0, 91.0, 92.0, 93.0], position=2)
    gold.run("update fact_stints set compound = ?", HOSTILE)
    gold.insert(
        "fact_race_control",
        [{"session_key": 103, "race_control_key": "a", "message": f"{HOSTILE}\u2028", "flag": HOSTILE}],
    )
    gold.insert(
        "teammate_head_to_head",
        [
            {
                "season": 2025,
                "team_name": HOSTILE,
                "driver_id": "d4",
                "full_name": HOSTILE,
                "teammate_id": HOSTILE,
                "teammate_full_name": HOSTILE,
                "team_id": "t4",
            }
        ],
    )
    gold.insert(
        "championship_progression",
        [
            {
                "season": 2025,
                "championship": "drivers",
                "round_number": 1,
                "entrant_id": "d4",
                "driver_id": "d4",
                "full_name": HOSTILE,
                "name_acronym": "<b>",
                "team_id": "t4",
                "team_name": HOSTILE,
                "points": 1.0,
                "points_behind_leader": 0.0,
                "championship_rank": 1,
                "is_complete": True,
            }
        ],
    )
    done = build(gold.settings)
    assert done.failed == {}
    assert done.written
    for path in done.folder.rglob("*.html"):
        page = path.read_text(encoding="utf-8")
        tags = Tags(page)
        ours = 1 + len(figures(page)) + (2 if figures(page) else 0) + (2 if 'role="search"' in page else 0)
        assert tags.names.count("script") == ours, path
        assert "img" not in tags.names
        assert "b" not in tags.names or "<b>" not in page.split("<tbody>")[0]
        assert not {name for name in tags.attributes if name.startswith("on")}
        assert "\u2028" not in "".join(
            re.findall(r'<script type="application/json">(.*?)</script>', page, re.DOTALL)
        )
        assert page.count("</style>") == 1
    assert all(
        p.resolve().is_relative_to(done.folder.resolve()) for p in map(done.folder.joinpath, done.written)
    )
    drawn = orjson.dumps(figures(next(read(gold, a) for a in done.written if "race-103" in a))).decode()
    assert "&lt;b&gt;" in drawn  # as Plotly has to be told, which reads tags in text
    assert "<b>" not in drawn
    assert set(FAMILIES) >= {"races"}
