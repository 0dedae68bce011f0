"""The pages in a browser: nothing goes wrong, nothing is fetched, nothing is empty, in every size and scheme.

Needs chromium, and playwright and axe-playwright-python, which are no dependencies of the project: make test-pages installs both.
"""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gold_tables import GoldTables, build
from history_tables import add_page_of_2025

pytestmark = pytest.mark.slow

EMPTY = """
[...document.querySelectorAll(".chart")].filter(one => !one.querySelector(".trace, .bars .point, .boxes")).map(one => one.parentElement.id)
"""
KINDS = (
    "*/*-race-*.html",
    "*/*-sprint-[0-9]*.html",
    "*/*-qualifying-*.html",
    "*/*-practice-*.html",
    "[0-9]*/index.html",
    "drivers/*.html",
    "constructors/*.html",
    "circuits/*.html",
    "index.html",
    "records.html",
    "strategy.html",
    "data.html",
)
"""One pattern per kind of page."""

RACE = "2025/paper-race-103.html"

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
    page.goto((done.folder / RACE).as_uri())
    page.wait_for_function("document.documentElement.dataset.drawn === 'yes'")
    assert "<b>&amp;" in page.locator("#tyre-chart .ytick").all_text_contents()
    assert page.locator("#lap-chart .annotation", has_text="<b>&amp;").count() == 1
    page.close()


def test_button_hides_and_shows_its_line(race: GoldTables, browser: Any) -> None:
    done = build(race.settings)
    page = browser.new_page()
    page.goto((done.folder / RACE).as_uri())
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


SHOWN = """
() => Object.fromEntries([...document.querySelectorAll("figure:has(button[data-trace]) .chart")].map(gd =>
  [gd.parentElement.id, gd.data.filter(trace => trace.meta && trace.visible && (trace.mode ?? "lines") === "lines").map(trace => trace.name)]))
"""


def test_legend_shows_all_none_or_one_line_in_all_charts_at_once(race: GoldTables, browser: Any) -> None:
    race.driver(30, label="HIR")
    race.results("race", {"driver_number": 30, "grid_position": 3})
    race.laps("race", 30, [95.0] * 10, position=3)
    done = build(race.settings)
    page = browser.new_page()
    page.goto((done.folder / RACE).as_uri())
    page.wait_for_function("document.documentElement.dataset.drawn === 'yes'")

    def shown(*names: str) -> None:
        wanted = "{" + ", ".join(f"'{chart}': {list(names)}" for chart in ("lap-chart", "gap-chart")) + "}"
        page.wait_for_function(
            f"(wanted => {{ const found = ({SHOWN})(); return Object.entries(wanted).every(([chart, names]) => "
            f"JSON.stringify(found[chart].toSorted()) === JSON.stringify(names.toSorted())); }})({wanted})"
        )

    control = page.locator("#lap-chart .control")
    shown("NOR", "PIA", "HIR")
    control.get_by_label("Only").select_option(label="PIA")
    shown("PIA")
    assert page.locator("#gap-chart .control select").evaluate("one => one.selectedOptions[0].text") == "PIA"
    assert page.locator("#gap-chart button[aria-pressed='true']").all_inner_texts() == ["PIA"]
    page.locator("#gap-chart button", has_text="HIR").press("Enter")
    shown("PIA", "HIR")
    control.get_by_text("None").press("Enter")
    shown()
    page.locator("#gap-chart .control").get_by_text("All").press("Enter")
    shown("NOR", "PIA", "HIR")
    page.close()


def test_reference_of_the_gaps_is_chosen(race: GoldTables, browser: Any) -> None:
    race.run("update fact_laps set gap_to_leader_s = lap_number / 4.0 where driver_number = 81")
    done = build(race.settings)
    page = browser.new_page()
    page.goto((done.folder / RACE).as_uri())
    page.wait_for_function("document.documentElement.dataset.drawn === 'yes'")
    values = "document.querySelector('#gap-chart .chart').data[1].y"
    assert page.evaluate(values)[-1] == pytest.approx(14.5)
    page.get_by_label("Reference").select_option(label="Leader")
    page.wait_for_function(f"{values}.at(-1) === 2.5")
    assert page.locator("#gap-chart .ytitle").text_content() == "Behind the leader, s"
    page.close()


def test_axes_of_lap_times_have_minutes_also_after_zooming(race: GoldTables, browser: Any) -> None:
    done = build(race.settings)
    page = browser.new_page()
    page.goto((done.folder / RACE).as_uri())
    page.wait_for_function("document.documentElement.dataset.drawn === 'yes'")
    for chart in ("pace-chart", "lap-times-chart"):
        labels = page.locator(f"#{chart} .ytick").all_text_contents()
        assert len(labels) > 2
        assert all(re.fullmatch(r"1:\d\d\.\d00", label) for label in labels), labels
    page.evaluate(
        "Plotly.relayout(document.querySelector('#lap-times-chart .chart'), {'yaxis.range': [90.1, 90.3]})"
    )
    page.wait_for_function(
        "document.querySelector('#lap-times-chart .chart').layout.yaxis.ticktext.includes('1:30.150')"
    )
    page.evaluate(
        "Plotly.Fx.hover(document.querySelector('#lap-times-chart .chart'), [{curveNumber: 0, pointNumber: 2}], ['xy'])"
    )
    assert page.locator("#lap-times-chart .hovertext").text_content() == "NOR lap 3: 1:30.200"
    page.close()


@pytest.mark.parametrize("width", [390, 1440])
def test_two_laps_are_compared_from_disk_with_the_keyboard(
    race: GoldTables, browser: Any, width: int
) -> None:
    race.telemetry("race", {4: {1: 200, 2: 180}, 81: {1: 190, 2: 200}}, samples=400)
    done = build(race.settings)
    page = browser.new_page(viewport={"width": width, "height": 844})
    said: list[str] = []
    loaded: list[str] = []
    page.on("pageerror", lambda e: said.append(str(e)))
    page.on("request", lambda r: loaded.append(r.url.rsplit("/", 1)[1]))
    page.goto((done.folder / RACE).as_uri())
    page.wait_for_function("document.documentElement.dataset.drawn === 'yes'")
    assert not {"4.js", "81.js"} & set(loaded)
    page.locator("#compare > summary").press("Enter")
    page.wait_for_function("document.getElementById('compare').dataset.drawn === '1'")
    assert {"4.js", "81.js"} <= set(loaded)
    status = page.locator("#compare [role=status]")
    assert status.inner_text() == (
        "NOR lap 1 (1:30.000) is 1.000 s faster than PIA lap 1 (1:31.000). Top speeds: 202 and 192 km/h."
    )
    second = page.locator("#compare fieldset").nth(1)
    assert second.get_by_label("Lap").locator("option").all_inner_texts() == [
        "1, 1:31.000, soft, fastest",
        "2, 1:31.100, soft",
    ]
    second.get_by_label("Driver").focus()
    page.keyboard.press("ArrowUp")
    page.wait_for_function("document.getElementById('compare').dataset.drawn === '2'")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.wait_for_function("document.getElementById('compare').dataset.drawn === '3'")
    assert status.inner_text().startswith("NOR lap 1 (1:30.000) is 0.100 s faster than NOR lap 2 (1:30.100)")
    traces = page.evaluate(
        "document.querySelector('#compare .chart').data.map(one => [one.yaxis ?? 'y', one.line.dash ?? '', one.y[0], one.y.at(-1)])"
    )
    assert [axis for axis, *_ in traces] == ["y", "y", "y2", "y3", "y3", "y4", "y4", "y5", "y5"]
    assert traces[0][1] != traces[1][1]
    assert traces[2][2] == 0
    assert traces[2][3] == pytest.approx(0.1)
    assert not page.evaluate(TOO_WIDE)
    assert said == []
    page.close()


CUT = """
[...document.querySelectorAll(".scroll")].filter(one => one.scrollWidth > one.clientWidth + 1 && one.querySelector("thead")
  && one.querySelectorAll("thead th").length <= 12 && !one.querySelector(".grid")).length
"""
AXE = """
() => axe.run(document, { resultTypes: ["violations"] }).then(found => found.violations
  .filter(one => ["serious", "critical"].includes(one.impact)).map(one => [one.id, one.nodes[0].html]))
"""


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_has_no_serious_finding(gold: GoldTables, browser: Any, width: int, scheme: str) -> None:
    """On a page of each kind, with its folded parts open; F1_PAGES names the folder of other pages."""
    axe = pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
    script = (Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    folder = Path(os.environ.get("F1_PAGES", ""))
    if "F1_PAGES" not in os.environ:
        add_page_of_2025(gold)
        gold.weekend("qualifying", "practice", name="Second Grand Prix")
        gold.run("delete from dim_meetings where meeting_name = 'Second Grand Prix'")
        gold.laps("race", 4, [90.0 + i / 10 for i in range(10)])
        gold.laps("practice", 4, [91.0, 91.2, 91.1, 91.3, 91.0, 91.4])
        gold.results("qualifying", {"driver_number": 4, "driver_id": "cat", "q1_s": 90.5, "q2_s": 90.1})
        gold.telemetry("race", {4: {1: 200, 2: 180}}, samples=400)
        folder = build(gold.settings).folder
    pages = [max(found) for kind in KINDS if (found := list(folder.glob(kind)))]
    assert len(pages) > 8
    for file in pages:
        page = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
        page.goto(file.as_uri())
        if page.locator("figure > script").count():
            page.wait_for_function("document.documentElement.dataset.drawn === 'yes'", timeout=120_000)
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        if page.locator("#compare").count():
            page.wait_for_function("document.getElementById('compare').dataset.drawn")
        page.evaluate(script)
        assert page.evaluate(AXE) == [], file
        assert not page.evaluate(TOO_WIDE), file
        if width == 390:
            page.wait_for_function(f"{CUT.strip()} === 0")
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
    page.goto((done.folder / RACE).as_uri())
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
