"""The pages of all seasons: numbers equal gold, pages link to each other, only what changed is rendered again."""

import re
from pathlib import Path

import orjson
import pytest
from gold_tables import GoldTables, build
from history_tables import PEOPLE, add_history, add_page_of_2025

from f1_lakehouse.cli.demo import print_planted_difference
from f1_lakehouse.publishing.data_card import GENERATED, LICENCE
from f1_lakehouse.site.history import EXPECTED_AT_MOST, History
from f1_lakehouse.site.links import address
from f1_lakehouse.site.queries import Gold, Row, open_gold
from f1_lakehouse.site.sections.profile import SCORES
from f1_lakehouse.site.sections.reconciliation import written
from f1_lakehouse.site.site import Built, broken_links

RACE = "2025/paper-race-103.html"


@pytest.fixture
def history(gold: GoldTables) -> GoldTables:
    """Rows of 1956 and 2025; no session has a page."""
    add_history(gold)
    return gold


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, empty: Path) -> tuple[GoldTables, Built]:
    """The same rows with their pages, for tests that only read."""
    gold = GoldTables(tmp_path_factory.mktemp("history") / "lake", empty)
    add_history(gold)
    return gold, build(gold.settings)


def read(gold: GoldTables, page: str) -> str:
    return (gold.settings.root / "pages" / page).read_text(encoding="utf-8")


def rows(page: str, section: str) -> list[list[str]]:
    """The cells of the first table of a section, without tags."""
    part = page.split(f'<section id="{section}"')[1].split("</table>")[0]
    found = re.findall(r"<tr(?: class=\"cut\")?>(.*?)\n", part.split("<tbody>")[1])
    return [[re.sub(r"<[^>]+>", "", cell) for cell in re.split(r"<t[hd][^>]*>", row)[1:]] for row in found]


def test_season_of_1956_shows_shared_cars_and_points_that_count(built: tuple[GoldTables, Built]) -> None:
    history, done = built
    assert done.failed == {}
    page = read(history, "1956/index.html")
    assert rows(page, "calendar") == [
        ["1", "Hill Grand Prix", "06 May", "Hillside", "Ann Alpha, Bob Bravo", "Red Cars", "Ann Alpha"],
        ["2", "Lake Grand Prix", "03 Jun", "Lakeside", "Bob Bravo", "Blue", "Ann Alpha"],
    ]
    assert rows(page, "results") == [
        ["1", "Bob Bravo", "1", "1", "11 (12)"],
        ["2", "Ann Alpha", "1/R", "2", "10"],
        ["3", "Dan Delta", "8", "D", "0"],
    ]
    assert "two results: the driver drove two cars" in page
    assert '<span class="p1"><b>1/R</b></span>' in page
    assert ["1", "Bob Bravo", "Blue", "11", "12", "0", "1"] in rows(page, "drivers")
    assert rows(page, "mates") == [["Red Cars", "Ann Alpha", "Bob Bravo", "2 : 1", "10 : 4"]]
    assert LICENCE in page


def test_lines_are_grey_without_a_color_and_the_leader_stands_out(built: tuple[GoldTables, Built]) -> None:
    history, _ = built
    [text] = re.findall(
        r'<figure id="drivers-chart">.*?json">(.*?)</script>', read(history, "1956/index.html"), re.DOTALL
    )
    lines = orjson.loads(text)["data"]
    assert [one["line"]["color"] for one in lines] == ["--ink", "--unknown", "--unknown"]
    assert [one["y"] for one in lines] == [[4.0, 11.0], [4.0, 10.0], [0.0, 0.0]]
    assert [one["name"] for one in lines] == ["Bravo", "Alpha", "Delta"]


def test_page_of_a_driver_equals_gold(built: tuple[GoldTables, Built]) -> None:
    history, _ = built
    page = read(history, "drivers/ann.html")
    assert rows(page, "seasons") == [["1956", "Red Cars", "2", "10", "2", "1", "2", "2", "–"]]
    assert rows(page, "wins") == [
        ["1956", "Hill Grand Prix", "06 May 1956", "Hillside", "Red Cars", "1", "1:00:00.500", "Jolpica"]
    ]
    assert [row[:2] for row in rows(page, "poles")] == [
        ["1956", "Lake Grand Prix"],
        ["1956", "Hill Grand Prix"],
    ]
    assert rows(page, "mates") == [["1956", "Red Cars", "Bob Bravo", "–", "–", "2 : 1", "10 : 4"]]
    assert [row[4] for row in rows(page, "all")] == ["2", "R", "1"]
    # The other one of the pair has the same numbers in the other order.
    assert rows(read(history, "drivers/bob.html"), "mates")[0][2:] == [
        "Ann Alpha",
        "–",
        "–",
        "1 : 2",
        "4 : 10",
    ]


def test_profile_shows_each_score_with_what_it_is_worth(built: tuple[GoldTables, Built]) -> None:
    """Team mates first; a score without an interval is not shown; below 0.4 drivers cannot be told apart. Only who has scores has them."""
    history, _ = built
    page = read(history, "drivers/cat.html")
    titles = [score.title for score in SCORES]
    assert rows(page, "profile") == [
        [titles[0], "+10.0", "1.4 to 18.7", "differs"],
        [titles[1], "–", "–", "nothing to compare with"],
        [titles[2], "−0.027", "−0.086 to 0.032", "cannot be told apart"],
        [titles[3], "–", "–", "nothing to compare with"],
        [titles[4], "–", "–", "nothing to compare with"],
    ]
    rest = page.split("<caption>Scores, 2023–2025: 45 races")[1]
    assert rows('<section id="x"' + rest, "x") == [
        [titles[0], "33.7", "27.3", "21.1 to 33.5", "1,166 laps", "0.71", "tells drivers apart"],
        [titles[1], "–", "–", "–", "3 races", "–", "too few drivers to compare"],
        [titles[2], "0.299", "0.308", "0.279 to 0.338", "1,575 laps", "0.37", "cannot be told apart"],
        [titles[3], "–", "–", "–", "–", "–", "–"],
        [titles[4], "–", "–", "–", "–", "–", "–"],
    ]
    assert rest.count("cannot be told apart") == 3, "of all seasons, and of two seasons"
    assert 'id="profile"' not in read(history, "drivers/bob.html")


def test_driver_without_points_or_wins_has_a_page(built: tuple[GoldTables, Built]) -> None:
    history, _ = built
    page = read(history, "drivers/dan.html")
    assert rows(page, "seasons") == [["1956", "Blue", "3", "0", "2", "0", "0", "0", "–"]]
    assert 'id="wins"' not in page
    assert 'id="poles"' not in page
    assert "Signs: D disqualified." in page  # and no sign that no cell has


def test_value_of_another_source_is_named(built: tuple[GoldTables, Built]) -> None:
    history, _ = built
    assert rows(read(history, "drivers/cat.html"), "wins")[0][-1] == "Jolpica; grid OpenF1"


def test_driver_page_says_which_value_is_shown_and_why(built: tuple[GoldTables, Built]) -> None:
    history, _ = built
    assert rows(read(history, "drivers/cat.html"), "differences") == [
        ["2025", "Paper Grand Prix", "Race", "Grid", "1 (OpenF1)", "2 (Jolpica)", "Penalties after the grid"],
        ["2025", "Paper Grand Prix", "Race", "Points", "25 (Jolpica)", "24 (OpenF1)", "not explained yet"],
    ]
    assert 'id="differences"' not in read(history, "drivers/bob.html")


def test_pages_of_constructor_circuit_and_records_equal_gold(built: tuple[GoldTables, Built]) -> None:
    history, _ = built
    red = read(history, "constructors/red.html")
    assert rows(red, "drivers") == [["Çat Charlié", "2025", "1", "1", "1", "1", "31"]]
    # A shared victory has a row per driver, and counts once.
    assert [row[4] for row in rows(red, "wins")] == ["Çat Charlié", "Bob Bravo", "Ann Alpha"]
    assert "2 victories, newest first" in red
    hill = read(history, "circuits/hill.html")
    assert [row[3] for row in rows(hill, "winners")] == ["Çat Charlié", "Ann Alpha, Bob Bravo"]
    assert rows(hill, "drivers") == [["Bob Bravo", "1", "1", "0", "1", "1956", "1956"]]
    assert rows(hill, "laps") == [["1", "1:21.046", "Çat Charlié", "–", "2025"]]
    records = rows(read(history, "records.html"), "youngest-winner")
    assert records == [["1", "Bob Bravo", "18.6 years (6,802 days)", "1956, Hill", "1956"]]


def test_season_shows_each_difference_of_the_sources_and_the_value_used(history: GoldTables) -> None:
    build(history.settings)
    page = read(history, "2025/index.html")
    assert rows(page, "sources") == [["Position", "2", "0", "1"], ["Points", "2", "0", "1"]]
    text = re.sub(r"<[^>]+>", " ", page.split('<section id="sources"')[1])
    assert re.search(
        r"Paper Grand Prix\s+Race\s+Çat Charlié\s+Points\s+25\s+24\s+Jolpica\s+not explained yet", text
    )
    assert re.search(r"Grid\s+2\s+1\s+OpenF1\s+Penalties after the grid", text)
    history.run("delete from source_reconciliation")
    build(history.settings)
    assert "The sources agree on every value that both have." in read(history, "2025/index.html")


def test_pages_of_race_season_driver_constructor_and_circuit_link_to_each_other(gold: GoldTables) -> None:
    add_page_of_2025(gold)
    assert build(gold.settings).failed == {}
    assert broken_links(gold.settings) == []
    race = ["drivers/cat.html", "constructors/red.html", "circuits/hill.html", "2025/index.html"]
    expected = {
        RACE: race,
        "2025/index.html": [RACE, *race[:3]],
        "drivers/cat.html": [RACE, *race[1:]],
        "constructors/red.html": [RACE, race[0], *race[2:]],
        "circuits/hill.html": [RACE, *race[:2], race[3]],
        "index.html": [RACE, race[0], race[3], "drivers/index.html", "records.html"],
    }
    for page, targets in expected.items():
        found = set(re.findall(r'href="(?:\.\./)?([^"#]+)"', read(gold, page)))
        assert set(targets) <= found, page
    assert 'style="--c:var(--t0)"' in read(gold, "2025/index.html")


def test_first_page_names_the_winners_of_the_newest_races(gold: GoldTables) -> None:
    add_page_of_2025(gold)
    build(gold.settings)
    [race] = rows(read(gold, "index.html"), "newest")
    assert race[-1] == "Çat Charlié"


def test_a_changed_result_renders_its_season_driver_constructor_and_circuit_only(history: GoldTables) -> None:
    build(history.settings)
    history.run(
        "update fact_race_results set status_text = 'Engine' where driver_id = 'dan' and round_number = 2"
    )
    before = set(build(history.settings).written)
    assert before == {"drivers/dan.html"}  # the other pages of the result do not show the text
    history.run(
        "update fact_race_results set position_text = 'E' where driver_id = 'dan' and round_number = 2"
    )
    again = build(history.settings)
    assert set(again.written) == {"drivers/dan.html", "1956/index.html"}
    assert build(history.settings).written == []


def test_link_to_a_race_appears_with_the_page_of_the_race(gold: GoldTables) -> None:
    add_page_of_2025(gold)
    gold.run("create table kept as from fact_results")
    gold.run("delete from fact_results")
    build(gold.settings)
    assert RACE not in read(gold, "drivers/cat.html")
    gold.run("insert into fact_results from kept")
    done = build(gold.settings)
    assert RACE in read(gold, "drivers/cat.html")
    assert "drivers/dan.html" in done.unchanged


def test_search_has_every_page_of_history_and_namesakes_differ(built: tuple[GoldTables, Built]) -> None:
    history, done = built
    [text] = re.findall(r'id="names">(.*?)</script>', read(history, "index.html"))
    names = orjson.loads(text)
    found = {row[1] for kind in names.values() for row in kind}
    lists = {
        "index.html",
        "data.html",
        "records.html",
        *(f"{one}/index.html" for one in ("drivers", "constructors", "circuits")),
    }
    assert found == set(done.written) - lists
    assert {row[0] for row in names["Driver"]} == set(PEOPLE.values())
    assert ["Bob Bravo", "drivers/bob.html", "1956–1956"] in names["Driver"]


def test_value_that_differs_is_written_as_on_the_other_pages() -> None:
    values = (
        ("points", "19.0"),
        ("q1_s", "115.282"),
        ("race_time_s", "4867.678"),
        ("position", "3"),
        ("points", None),
    )
    assert [written(*value) for value in values] == ["19", "1:55.282", "1:21:07.678", "3", "–"]


def test_demo_names_a_difference_without_a_known_class(
    history: GoldTables, capsys: pytest.CaptureFixture[str]
) -> None:
    print_planted_difference(history.settings)
    said = capsys.readouterr().out
    assert "points of Çat Charlié, round 1 of 2025 (Race): 25 in Jolpica, 24 in OpenF1." in said
    assert "Its class is new" in said
    assert "2025/index.html#sources" in said
    history.run("update source_reconciliation set class = 'first lap'")
    print_planted_difference(history.settings)
    assert capsys.readouterr().out == ""


def test_generated_seasons_are_marked(history: GoldTables) -> None:
    history.run("update fact_race_results set race_name = 'Hill Grand Prix (generated)' where season = 1956")
    build(history.settings)
    assert f"<strong>{GENERATED}" in read(history, "1956/index.html")
    assert LICENCE not in read(history, "drivers/ann.html")
    assert "2 of 3 races are generated data" in read(history, "circuits/index.html")
    assert GENERATED not in read(history, "2025/index.html")


def test_identifier_that_is_no_file_name_has_a_safe_address() -> None:
    found = {address("drivers", one) for one in ("../../etc", "index", "a/b", "a b", "ann", "red_bull")}
    assert len(found) == 6
    assert {"drivers/ann.html", "drivers/red_bull.html"} <= found
    assert all(re.fullmatch(r"drivers/[a-z0-9_-]+\.html", one) for one in found)
    assert "drivers/index.html" not in found


def test_pages_that_are_made_alone_are_as_if_made_with_all(built: tuple[GoldTables, Built]) -> None:
    """Only the rows of the pages that are behind are read: a page alone, a family, and all pages together are the same bytes."""
    history, _ = built
    pages = history.settings.root / "pages"
    everything = {one: one.read_bytes() for one in pages.rglob("*.html")}
    assert len(everything) > 10
    for name in (
        "drivers/ann.html",
        "circuits/hill.html",
        "1956/index.html",
    ):
        page = pages / name
        page.unlink()
        assert build(history.settings).failed == {}
        assert page.read_bytes() == everything[page], name
    for folder in ("drivers", "constructors", "circuits"):
        for page in (pages / folder).glob("*.html"):
            page.unlink()
    assert build(history.settings).failed == {}
    assert {one: one.read_bytes() for one in pages.rglob("*.html")} == everything


def test_rows_of_expected_pages_are_read_at_once_and_others_when_they_are_asked_for(
    built: tuple[GoldTables, Built], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    select = Gold.select

    def counted(gold: Gold, sql: str, *values: object) -> list[Row]:
        found = select(gold, sql, *values)
        read.append(len(found))
        return found

    monkeypatch.setattr(Gold, "select", counted)
    with open_gold(built[0].settings) as gold:
        everything, few = History(gold), History(gold)
        of = {one: list(everything.results_of(driver_id=one)) for one in PEOPLE}
        assert [len(rows) for rows in of.values()] == [3, 2, 2, 2]
        assert read == [9], "all at once"
        read.clear()
        few.expect("drivers", ["bob", "cat", None])
        assert [few.results_of(driver_id=one) for one in ("cat", "bob", "cat")] == [
            of["cat"],
            of["bob"],
            of["cat"],
        ]
        assert read == [4], "those of both"
        assert few.results_of(driver_id="ann") == of["ann"]
        assert few.results_of(driver_id="nobody") == ()
        assert few.results_of(driver_id="nobody") == ()
        assert read == [4, 3, 0]
        assert few.season_rows("driver", "bob") == everything.season_rows("driver", "bob")
        # Another kind of pages: all rows, and none twice.
        few.expect("seasons", [1956])
        assert few.results_of(driver_id="bob") == of["bob"]
        assert few.results_of(driver_id="dan") == of["dan"]
        read.clear()
        few.expect("drivers", [str(number) for number in range(EXPECTED_AT_MOST + 1)])
        few.poles_of(driver_id="ann")
        assert few.poles_of(driver_id="bob") == everything.poles_of(driver_id="bob")
        assert read == [3, 3], "all, as they are many"
