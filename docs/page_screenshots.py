"""Take the screenshots of the pages for README and docs: generated races, loaded by `f1 load`, in headless Chromium.

Needs Debian's chromium and `pip install playwright pillow`; it takes some minutes. FOLDER keeps the lake for the next run.

    .venv/bin/python docs/page_screenshots.py FOLDER [/usr/bin/chromium]
"""

import io
import sys
from pathlib import Path

from generated_lake import MEETING, SEASON, generated_lake
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from f1_lakehouse.simulator.old_season import OLD_SEASON

IMAGES = Path(__file__).parent / "images"
MAX_BYTES = 150_000

PICTURES = {  # name → (session type or None for the season's page, season, part of the page, width, scheme)
    "page-positions": ("race", SEASON, "#lap-chart", 1100, "light"),
    "page-tyres": ("race", SEASON, "#tyres", 1100, "dark"),
    "page-track": ("race", SEASON, "#track", 1100, "light"),
    "page-qualifying": ("qualifying", SEASON, "#phases", 1100, "dark"),
    "page-season": (None, SEASON, "#drivers", 1100, "light"),
    "page-history": (None, OLD_SEASON, None, 1240, "light"),
    "page-phone": ("race", SEASON, None, 390, "dark"),
}


def take(browser: Browser, page_file: Path, part: str | None, width: int, scheme: str) -> bytes:
    """Return a part of a page, or its first screen, as PNG with few colours."""
    page = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)  # type: ignore[arg-type]
    errors: list[str] = []
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda e: errors.append(str(e)))
    page.goto(page_file.as_uri())
    page.wait_for_function("document.documentElement.dataset.drawn === 'yes'")
    content = page.locator(part).screenshot() if part else page.screenshot()
    page.close()
    if errors:
        raise SystemExit(f"{page_file}: {errors[0]}")
    picture = io.BytesIO()
    Image.open(io.BytesIO(content)).convert("RGB").quantize(256).save(picture, "PNG", optimize=True)
    return picture.getvalue()


def main(folder: str, chromium: str) -> None:
    """Take every screenshot; fail if a page logs an error or a file is too large for a repository."""
    pages = generated_lake(Path(folder).absolute()) / "pages"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for name, (kind, season, part, width, scheme) in PICTURES.items():
            found = sorted((pages / str(season)).glob(f"{MEETING}-{kind}-*.html" if kind else "index.html"))
            content = take(browser, found[0], part, width, scheme)
            if len(content) > MAX_BYTES:
                raise SystemExit(f"{name}: {len(content):,} bytes")
            (IMAGES / f"{name}.png").write_bytes(content)
        browser.close()


if __name__ == "__main__":
    main(*[*sys.argv[1:], "/usr/bin/chromium"][:2])
