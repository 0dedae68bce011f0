"""Take the screenshots of README and docs: the Dagster UI on the demo's lake, in headless Chromium.

Run it while the demo's UI is running (`F1_LAKEHOUSE_ROOT=/srv/f1 f1 demo --ui`: the screenshots show paths), after its first
transform has ended, with Debian's chromium installed and `pip install playwright`:

    .venv/bin/python docs/screenshots.py [http://127.0.0.1:3000] [/usr/bin/chromium]
"""

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).parent / "images"
PAGES = {
    "asset-graph": ("/asset-groups", (1500, 720)),
    "checks-laps": ("/assets/bronze/laps?view=checks", (1500, 800)),
    "check-failing-rows": (
        "/assets/gold/race_pace?view=checks&checkDetail=source_pace_is_within_paces_by_compound",
        (1500, 720),
    ),
    "partition-laps": (
        "/assets/bronze/laps?view=partitions&partition=2025-03-16-melbourne-race-2025015",
        (1500, 930),
    ),
    "published-gold": ("/assets/published_gold?view=events", (1500, 800)),
    "automation": ("/automation", (1500, 604)),
    "timeline": ("/overview", (1500, 340)),
}
PRESSED = {"timeline": "1hr"}
"""The buttons to click on a page before its screenshot is taken."""


def main(url: str, chromium: str) -> None:
    """Take every screenshot; fail if a page logs an error to the console."""
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for name, (path, (width, height)) in PAGES.items():
            page = browser.new_page(viewport={"width": width, "height": height})
            errors: list[str] = []
            page.on("console", lambda m, errors=errors: errors.append(m.text) if m.type == "error" else None)
            page.goto(url + path)
            page.wait_for_load_state("networkidle", timeout=20_000)
            if name in PRESSED:
                page.get_by_text(PRESSED[name], exact=True).click()
            page.wait_for_timeout(3000)  # the UI draws the graph after its last request
            page.screenshot(path=IMAGES / f"{name}.png")
            page.close()
            if errors:
                raise SystemExit(f"{name}: {errors[0]}")
        browser.close()


if __name__ == "__main__":
    main(*(sys.argv[1:] + ["http://127.0.0.1:3000", "/usr/bin/chromium"][len(sys.argv) - 1 :]))
