"""The site in a folder: which pages exist, which of them are out of date, and how they are written.

A page is rendered if the fingerprint of its rows has changed, and written if its bytes have changed. The content of a page is in `session`, `season` and `data`.
"""

import hashlib
import logging
import os
import posixpath
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from importlib.util import find_spec
from pathlib import Path

import duckdb
import orjson

from f1_lakehouse.errors import F1LakehouseError
from f1_lakehouse.publishing.data_card import GENERATED, LICENCE
from f1_lakehouse.settings import Settings
from f1_lakehouse.site.data import data_page
from f1_lakehouse.site.entrants import circuit_page, constructor_page, driver_page, list_page
from f1_lakehouse.site.fingerprints import (
    forecasts_fingerprint,
    history_fingerprints,
    session_fingerprints,
    table_fingerprint,
)
from f1_lakehouse.site.history import History
from f1_lakehouse.site.index import index_page
from f1_lakehouse.site.links import address
from f1_lakehouse.site.model import Session
from f1_lakehouse.site.page import Page, Table, render
from f1_lakehouse.site.queries import Gold, open_gold
from f1_lakehouse.site.records import records_page
from f1_lakehouse.site.season import season_page
from f1_lakehouse.site.session import session_page
from f1_lakehouse.site.strategy import strategy_page

FAMILIES = (
    "races",
    "qualifyings",
    "practices",
    "seasons",
    "drivers",
    "constructors",
    "circuits",
    "records",
    "data",
)
"""The kinds of pages; sprints are among the races, the first page among the seasons, each list among the pages that it lists."""

INDEX = "index.html"

_ASSETS = Path(__file__).parent / "assets"
_NOTES = ".fingerprints.json"

log = logging.getLogger(__name__)


class PagesError(F1LakehouseError):
    """Pages cannot be built; one line that names the cause and the cure."""


@dataclass(frozen=True)
class Wanted:
    """A page for which gold has rows: its address in the site, and a hash of everything it is rendered from."""

    address: str
    family: str
    order: int
    """Newer pages of a family have a higher value."""
    fingerprint: str
    make: Callable[[], Page]
    identifier: object = None
    """The season, driver, constructor or circuit that the page is of."""


@dataclass
class Built:
    """The outcome of a build, by address; `failed`: address → the reason."""

    folder: Path
    written: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def site(settings: Settings) -> Path:
    """The folder of a lake's site."""
    return settings.root / "pages"


class Site:
    """The site of a lake and the published gold that it is rendered from.

    The list of pages is computed once, because it reads all of gold.
    """

    def __init__(self, settings: Settings, gold: Gold) -> None:
        self._folder = site(settings)
        self._gold = gold
        self._history = History(gold)
        self._newest_made: dict[str, tuple[Wanted, Page]] = {}

    @property
    def sessions(self) -> list[Session]:
        """The sessions that have a page, in date order."""
        return self._gold.sessions

    @property
    def seasons(self) -> list[int]:
        """The seasons that have a page, newest first."""
        return self._history.page_seasons

    def build(
        self,
        families: Collection[str] = FAMILIES,
        progress: Callable[[str, int, int], None] = lambda address, done, total: None,
    ) -> Built:
        """Render the pages of these families that are out of date.

        A page that cannot be rendered is named in the result and keeps its old file; the others are rendered.

        Args:
            families: of FAMILIES.
            progress: called before each page is rendered, with its address, the number of pages done, and their total.
        """
        folder = self._folder
        built = Built(folder)
        _write_assets(folder)
        pages = [one for one in self._wanted if one.family in families]
        notes = _notes(folder)
        behind = [
            one
            for one in pages
            if notes.get(one.address, [])[:2] != [one.family, one.fingerprint]
            or not all((folder / file).exists() for file in (one.address, *notes[one.address][2:]))
        ]
        built.unchanged = [one.address for one in pages if one not in behind]
        family = ""
        for done, one in enumerate(behind):
            if one.family != family:
                family = one.family
                self._history.expect(family, [other.identifier for other in behind if other.family == family])
            progress(one.address, done, len(behind))
            try:
                page = one.make()
                if family not in self._newest_made or self._newest_made[family][0].order < one.order:
                    self._newest_made[family] = one, page
                content = render(page, "../" * one.address.count("/"))
                files = {file: make() for file, make in page.files.items()}
            except Exception as error:  # a failed page must not prevent the others; it is reported by name
                log.exception("the page %s cannot be made", one.address)
                built.failed[one.address] = f"{type(error).__name__}: {error}"
                continue
            for file, data in files.items():
                _write(folder / file, data)
            changed = _write(folder / one.address, content)
            (built.written if changed else built.unchanged).append(one.address)
            _remove(folder, [file for file in notes.get(one.address, [])[2:] if file not in files])
            notes[one.address] = [one.family, one.fingerprint, *files]
        kept = {one.address for one in pages}
        for old in [a for a, (family, *_) in notes.items() if family in families and a not in kept]:
            _remove(folder, [old, *notes.pop(old)[2:]])
            built.removed.append(old)
        _write(folder / _NOTES, orjson.dumps(notes, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2))
        return built

    def preview(self, family: str) -> tuple[str, str, Table] | None:
        """Address, title and first table of the newest page of a family; None if it has no page, or that no table."""
        pages = [one for one in self._wanted if one.family == family and one.order >= 0]
        for one in sorted(pages, key=lambda one: one.order, reverse=True):
            newest, page = self._newest_made.get(family, (None, None))
            if page is None or newest is not one:
                page = one.make()
            tables = [part for section in page.sections for part in section.parts if isinstance(part, Table)]
            if tables:
                return one.address, page.title, tables[0]
        return None

    @cached_property
    def _wanted(self) -> list[Wanted]:
        """Every page that the site has with this gold."""
        gold = self._gold
        code = pages_version()
        by_session, forecasts = session_fingerprints(gold), forecasts_fingerprint(gold)
        weekends: dict[int, str] = {}
        for one in gold.sessions:
            weekends[one.meeting_key] = weekends.get(one.meeting_key, "") + one.page + one.name
        wanted = []
        for order, one in enumerate(gold.sessions):
            family = "races" if one.is_race else "qualifyings" if one.is_qualifying else "practices"
            # The record of the models is below the pit wall of a race.
            record = forecasts if one.is_race else ""
            near = [
                f"{other.page} {other.title} {other.name}" if other else ""
                for other in gold.neighbours.get(one.key, ())
            ]
            made_of = _hash(code, by_session[one.key], weekends[one.meeting_key], record, *near)
            wanted.append(Wanted(one.page, family, order, made_of, partial(session_page, gold, one)))
        pages = [f"{one.page} {one.title} {one.name} {one.circuit}" for one in gold.sessions]
        published = gold.published()
        made_of = _hash(code, *map(str, published.values()), *pages)
        wanted.append(Wanted("data.html", "data", 1, _hash(made_of, forecasts), partial(data_page, gold)))
        if forecasts:
            wanted.append(
                Wanted("strategy.html", "data", 0, _hash(code, forecasts), partial(strategy_page, gold))
            )
        return wanted + self._wanted_of_history(code, by_session, pages)

    def _wanted_of_history(
        self, code: str, by_session: dict[int, str], session_pages: list[str]
    ) -> list[Wanted]:
        """The pages of seasons, drivers, constructors and circuits, and those that list them."""
        gold, history = self._gold, self._history
        rows = history_fingerprints(gold)
        wanted = []
        for season in history.page_seasons:
            of_season = [by_session[one.key] + one.page for one in gold.sessions if one.season == season]
            neighbours = [str(other) for other in (season - 1, season + 1) if other in history.page_seasons]
            made_of = _hash(code, rows["seasons"].get(season, ""), *neighbours, *of_season)
            page = f"{season}/{INDEX}"
            wanted.append(
                Wanted(page, "seasons", season, made_of, partial(season_page, history, season), season)
            )
        makers = {"drivers": driver_page, "constructors": constructor_page, "circuits": circuit_page}
        lists = table_fingerprint(gold, "career_summary", "dim_people", "dim_constructors", "dim_circuits")
        for folder, make in makers.items():
            for one in sorted(history.pages[folder]):
                made_of = _hash(code, rows[folder].get(one, ""))
                page = address(folder, one)
                wanted.append(
                    Wanted(
                        page, folder, history.order(folder, one), made_of, partial(make, history, one), one
                    )
                )
            wanted.append(
                Wanted(
                    f"{folder}/{INDEX}", folder, -1, _hash(code, lists), partial(list_page, history, folder)
                )
            )
        winners = [f"{one.key} {one.winner_driver_number}" for one in gold.sessions]
        made_of = _hash(code, lists, table_fingerprint(gold, "season_summary"), *session_pages, *winners)
        wanted.append(Wanted(INDEX, "seasons", -1, made_of, partial(index_page, history)))
        made_of = _hash(code, table_fingerprint(gold, "records"))
        wanted.append(Wanted("records.html", "records", 0, made_of, partial(records_page, history)))
        return wanted


@contextmanager
def open_site(settings: Settings) -> Iterator[Site]:
    """The site of a lake, with published gold open.

    Raises:
        PagesError: nothing is published, or gold was published by a version with other tables.
    """
    if not settings.gold.exists():
        raise PagesError(f"nothing is published yet at {settings.root}; run f1 load or f1 transform")
    try:
        with open_gold(settings) as gold:
            yield Site(settings, gold)
    except duckdb.CatalogException as error:
        raise PagesError(
            f"published gold is of another version ({str(error).splitlines()[0]}); run: f1 transform"
        ) from None


def broken_links(settings: Settings) -> list[str]:
    """Links of the site to a missing file, as "page → address"."""
    folder, found = site(settings), []
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}

    @cache
    def leads_somewhere(beside: str, address: str) -> bool:
        return posixpath.normpath(posixpath.join(beside, address)) in files

    for page in sorted(one for one in files if one.endswith(".html")):
        beside = posixpath.dirname(page)
        addresses = set(re.findall(r'(?:href|src)="([^"#:]+)"', (folder / page).read_text(encoding="utf-8")))
        found += [f"{page} → {one}" for one in sorted(addresses) if not leads_somewhere(beside, one)]
    return found


@cache
def pages_version() -> str:
    """A hash of this package, so that pages are rendered again after a change of the code."""
    package = Path(__file__).parent
    files = sorted(p for p in package.rglob("*") if p.suffix in (".py", ".html", ".css"))
    return _hash(LICENCE, GENERATED, *(p.read_text(encoding="utf-8") for p in files))


def _hash(*parts: str) -> str:
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:32]


def _notes(folder: Path) -> dict[str, list[str]]:
    """Address → family, fingerprint and files of the existing pages; empty if the file is missing or damaged."""
    try:
        found: dict[str, list[str]] = orjson.loads((folder / _NOTES).read_bytes())
    except (FileNotFoundError, orjson.JSONDecodeError):
        return {}
    return found


def _write_assets(folder: Path) -> None:
    """The files that all pages share: the script, and the bundle of the plotly package."""
    package = find_spec("plotly")  # found, not imported: only its file is needed
    assert package is not None
    assert package.origin is not None
    bundle = Path(package.origin).parent / "package_data" / "plotly.min.js"
    there = folder / "assets" / bundle.name
    if not there.exists() or there.stat().st_size != bundle.stat().st_size:
        _write(there, bundle.read_bytes())
    for script in ("pages.js", "search.js", "compare.js", "tables.js"):
        _write(folder / "assets" / script, (_ASSETS / script).read_bytes())


def _write(path: Path, content: bytes) -> bool:
    """Replace a file by rename if its content differs; whether it did."""
    if path.exists() and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    partial_ = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial_.write_bytes(content)
    partial_.replace(path)
    return True


def _remove(folder: Path, addresses: Sequence[str]) -> None:
    """Delete files of the site, and a folder next to a page with its last file."""
    for one in addresses:
        (folder / one).unlink(missing_ok=True)
        beside = (folder / one).parent
        if one.count("/") > 1 and beside.is_dir() and not any(beside.iterdir()):
            beside.rmdir()
