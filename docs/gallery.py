"""Take the screenshots of the pages for README and docs: generated races, loaded by `f1 load`, in headless Chromium.

Needs Debian's chromium and `pip install playwright pillow`; it takes some minutes. FOLDER keeps the lake for the next run.

    .venv/bin/python docs/gallery.py FOLDER [/usr/bin/chromium]
"""

import io
import os
import subprocess
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from f1_lakehouse.simulator.ergast import History
from f1_lakehouse.simulator.generate import generate
from f1_lakehouse.simulator.history import write_history
from f1_lakehouse.simulator.jolpica import JolpicaApi, JolpicaServer
from f1_lakehouse.simulator.old_season import OLD_SEASON
from f1_lakehouse.simulator.server import ReplayServer

IMAGES = Path(__file__).parent / "images"
F1 = str(Path(sys.executable).parent / "f1")
MAX_BYTES = 150_000

SEASONS = {2024: 6, 2025: 1}
"""Season → meetings; the race of 2025 has telemetry."""

PICTURES = {  # name → (session type or None for the season's page, season, part of the page, width, scheme)
    "page-positions": ("race", 2025, "#laps", 1100, "light"),
    "page-tyres": ("race", 2025, "#tyres", 1100, "dark"),
    "page-track": ("race", 2025, "#track", 1100, "light"),
    "page-qualifying": ("qualifying", 2025, "#phases", 1100, "dark"),
    "page-season": (None, 2024, "#drivers", 1100, "light"),
    "page-history": (None, OLD_SEASON, None, 1100, "light"),
    "page-phone": ("race", 2025, None, 390, "dark"),
}


def load(folder: Path) -> Path:
    """Load a lake of generated seasons, one of them old, with its pages; return the folder of the pages."""
    source, lake = folder / "openf1", folder / "lake"
    if not source.exists():
        for season, meetings in SEASONS.items():
            generate(source, season=season, meetings=meetings, telemetry=season == 2025, seed=11)
    history = History(write_history(folder / "jolpica", source))
    with ReplayServer(source) as server, JolpicaServer(JolpicaApi(history)) as jolpica:
        environment = {
            **os.environ,
            "F1_LAKEHOUSE_ROOT": str(lake),
            "F1_OPENF1_URL": server.url,
            "F1_OPENF1_REQUESTS_PER_SECOND": "0",
            "F1_OPENF1_REQUESTS_PER_MINUTE": "0",
            "F1_JOLPICA_URL": jolpica.url,
            "F1_JOLPICA_REQUESTS_PER_SECOND": "0",
            "F1_JOLPICA_REQUESTS_PER_HOUR": "0",
        }
        seasons = [str(season) for season in (OLD_SEASON, *SEASONS)]
        for arguments in (
            ["load", "--season", *seasons, "--no-telemetry", "--no-transform"],
            ["load", "--season", "2025", "--session-type", "Race", "Qualifying"],
        ):
            subprocess.run([F1, *arguments], env=environment, check=True)
    return lake / "pages"


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
    Image.open(io.BytesIO(content)).convert("RGB").quantize(64).save(picture, "PNG", optimize=True)
    return picture.getvalue()


def main(folder: str, chromium: str) -> None:
    """Take every screenshot; fail if a page logs an error or a file is too large for a repository."""
    pages = load(Path(folder).absolute())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for name, (kind, season, part, width, scheme) in PICTURES.items():
            found = sorted((pages / str(season)).glob(f"*-{kind}-*.html" if kind else "index.html"))
            content = take(browser, found[0], part, width, scheme)
            if len(content) > MAX_BYTES:
                raise SystemExit(f"{name}: {len(content):,} bytes")
            (IMAGES / f"{name}.png").write_bytes(content)
        browser.close()


if __name__ == "__main__":
    main(*[*sys.argv[1:], "/usr/bin/chromium"][:2])
