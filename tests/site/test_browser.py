"""The pages in a browser: nothing goes wrong, nothing is fetched, nothing is empty, in every size and scheme.

Needs chromium and playwright, which are no dependencies of the project.
"""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from gold_tables import GoldTables, build
from history_tables import add_page_of_2025

pytestmark = pytest.mark.slow

EMPTY = """
[...document.querySelectorAll(".chart")].filter(one => !one.querySelector(".trace, .bars .point, .boxes")).map(one => one.parentElement.id)
"""
TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("there is no chromium on the PATH")
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_is_drawn_without_error_request_or_empty_chart(
    race: GoldTables, browser: Any, width: int, scheme: str
) -> None:
    race.run(
        "update dim_drivers set full_name = '<script>alert(1)</script>', name_acronym = '<b>' where driver_number = 4"
    )
    done = build(race.settings)
    for address in done.written:
        page = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
        said: list[str] = []
        page.on("console", lambda m, said=said: said.append(m.text))
        page.on("pageerror", lambda e, said=said: said.append(str(e)))
        page.on("dialog", lambda d, said=said: (said.append(d.message), d.dismiss()))
        page.on(
            "request",
            lambda r, said=said: said.append(r.url) if not r.url.startswith(("file:", "data:")) else None,
        )
        page.goto((done.folder / address).as_uri())
        if page.locator(".chart").count():
            page.wait_for_function("document.documentElement.dataset.drawn === 'yes'")
        assert said == [], address
        assert page.evaluate(EMPTY) == [], address
        assert not page.evaluate(TOO_WIDE), address
        page.close()


def test_markup_in_name_is_drawn_as_text(race: GoldTables, browser: Any) -> None:
    race.run("update dim_drivers set name_acronym = '<b>&amp;' where driver_number = 4")
    done = build(race.settings)
    page = browser.new_page()
    page.goto((done.folder / "2025/paper-race-103.html").as_uri())
    page.wait_for_function("document.documentElement.dataset.drawn === 'yes'")
    assert "<b>&amp;" in page.locator("#tyre-chart .ytick").all_text_contents()
    assert page.locator("#lap-chart .annotation", has_text="<b>&amp;").count() == 1
    page.close()


def test_button_hides_and_shows_its_line(race: GoldTables, browser: Any) -> None:
    done = build(race.settings)
    page = browser.new_page()
    page.goto((done.folder / "2025/paper-race-103.html").as_uri())
    page.wait_for_function("document.documentElement.dataset.drawn === 'yes'")
    button, lines = page.locator("#lap-chart button").first, page.locator("#lap-chart .scatterlayer .trace")
    before = lines.count()
    button.press("Enter")
    page.wait_for_function(
        f"document.querySelectorAll('#lap-chart .scatterlayer .trace').length === {before - 1}"
    )
    assert button.get_attribute("aria-pressed") == "false"
    button.press("Enter")
    page.wait_for_function(
        f"document.querySelectorAll('#lap-chart .scatterlayer .trace').length === {before}"
    )
    page.close()


HOVERED = """
() => [...document.querySelectorAll("#lap-chart .chart")].flatMap(gd => gd.data.flatMap((trace, curve) =>
  gd.calcdata[curve].map((point, number) => {
    Plotly.Fx.hover(gd, [{ curveNumber: curve, pointNumber: number }], ["xy"]);
    const said = gd.querySelector(".hovertext").textContent;
    Plotly.Fx.unhover(gd);
    return [said, trace.name, point.x, point.y];
  })))
"""
TITLE_AT_LABELS = """
() => [...document.querySelectorAll(".chart")].flatMap(gd => ["x", "y"].flatMap(letter => {
  const title = gd.querySelector(`.${letter}title`)?.getBoundingClientRect();
  return [...gd.querySelectorAll(`.${letter}tick text`)].map(one => one.getBoundingClientRect()).filter(one => title &&
    one.left < title.right + (letter === "y" ? 5 : 0) && one.right > title.left && one.top < title.bottom && one.bottom > title.top
  ).map(() => gd.parentElement.id);
}))
"""


@pytest.mark.parametrize("width", [390, 1440])
def test_hover_text_names_its_driver_and_titles_do_not_overlap_labels(
    race: GoldTables, browser: Any, width: int
) -> None:
    for position, number in enumerate(range(30, 48), 3):
        race.driver(number, label=f"WM{number}")
        race.results("race", {"driver_number": number, "grid_position": position})
        race.laps("race", number, [95.0] * 10, position=position)
    done = build(race.settings)
    page = browser.new_page(viewport={"width": width, "height": 844})
    page.goto((done.folder / "2025/paper-race-103.html").as_uri())
    page.wait_for_function("document.documentElement.dataset.drawn === 'yes'")
    hovered = page.evaluate(HOVERED)
    assert len(hovered) == 220
    assert [text for text, *_ in hovered] == [
        f"{name} lap {lap}: position {position}" for _, name, lap, position in hovered
    ]
    assert page.evaluate(TITLE_AT_LABELS) == []
    page.close()


GRID = """
[...document.querySelectorAll("#results tbody tr")].map(row => [...row.children].map(cell => cell.innerText.trim()))
"""


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_of_history_have_no_error_no_overflow_and_the_numbers_of_gold(
    gold: GoldTables, browser: Any, width: int, scheme: str
) -> None:
    add_page_of_2025(gold)
    done = build(gold.settings)
    page = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
    said: list[str] = []
    page.on("console", lambda m: said.append(m.text))
    page.on("pageerror", lambda e: said.append(str(e)))
    for address in done.written:
        page.goto((done.folder / address).as_uri())
        if page.locator(".chart").count():
            page.wait_for_function("document.documentElement.dataset.drawn === 'yes'")
        for folded in page.locator("summary").all():
            folded.click()
        assert said == [], address
        assert not page.evaluate(TOO_WIDE), address
        if address == "1956/index.html":
            assert page.evaluate(GRID) == [
                ["1", "Bob Bravo", "1", "1", "11 (12)"],
                ["2", "Ann Alpha", "1/R", "2", "10"],
                ["3", "Dan Delta", "8", "D", "0"],
            ]
    page.close()


def test_search_finds_names_without_accents_and_opens_the_first(gold: GoldTables, browser: Any) -> None:
    add_page_of_2025(gold)
    done = build(gold.settings)
    page = browser.new_page()
    page.goto((done.folder / "index.html").as_uri())
    search = page.get_by_role("searchbox")
    for text, found in (
        ("cat", ["Çat Charlié"]),
        ("charlie c", ["Çat Charlié"]),
        ("hill", ["Hillside"]),
        ("a", ["Ann Alpha"]),
        ("1956", ["Season 1956", "Ann Alpha", "Bob Bravo", "Dan Delta", "Red Cars", "Blue"]),
        ("lewis", []),
        ("(", []),
    ):
        search.fill(text)
        assert page.locator(".found a").all_inner_texts() == found, text
    search.fill("brav")
    search.press("Enter")
    page.wait_for_url("**/drivers/bob.html")
    assert page.locator("h1").inner_text() == "Bob Bravo"
    page.close()
