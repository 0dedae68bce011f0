"""Takes the pictures of README and docs: the real UI, on the demo's lake, in headless Chromium.

Run it with the demo's UI open (`f1 demo --ui`), Debian's chromium installed and `pip install playwright`:

    .venv/bin/python docs/screenshots.py [http://127.0.0.1:3000] [/usr/bin/chromium]
"""

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).parent / "images"
PAGES = {
    "asset-graph": ("/asset-groups", (1500, 420)),
    "lineage-session-leaderboard": (
        "/assets/gold/session_leaderboard?view=lineage&lineageScope=upstream&lineageDepth=10",
        (1900, 1150),
    ),
    "checks-laps": ("/assets/bronze/laps?view=checks", (1500, 800)),
    "automation": ("/automation", (1500, 600)),
}


def main(url: str, chromium: str) -> None:
    """Take every picture; fails if a page logs an error to the console."""
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for name, (path, (width, height)) in PAGES.items():
            page = browser.new_page(viewport={"width": width, "height": height})
            errors: list[str] = []
            page.on("console", lambda m, errors=errors: errors.append(m.text) if m.type == "error" else None)
            page.goto(url + path)
            page.wait_for_load_state("networkidle", timeout=20_000)
            page.wait_for_timeout(3000)  # the graph is laid out after the last request
            page.screenshot(path=IMAGES / f"{name}.png")
            page.close()
            if errors:
                raise SystemExit(f"{name}: {errors[0]}")
        browser.close()


if __name__ == "__main__":
    main(*(sys.argv[1:] + ["http://127.0.0.1:3000", "/usr/bin/chromium"][len(sys.argv) - 1 :]))
