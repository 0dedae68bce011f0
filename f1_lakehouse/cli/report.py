"""`f1 report`: update the static site, and print the path of a page.

Does not belong here: the pages (the package site).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from f1_lakehouse.cli.command import EXIT_FAILED, Command, year
from f1_lakehouse.cli.lake_folder import lake_settings

if TYPE_CHECKING:
    from f1_lakehouse.session_names import NamedSession
    from f1_lakehouse.settings import Settings
    from f1_lakehouse.site.site import Site


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--session",
        nargs="+",
        metavar="NAME",
        help="print the path of the page of this session: words such as 2024 singapore race, a session key, or latest",
    )
    which.add_argument(
        "--season", type=year, metavar="YEAR", help="print the path of the page of this season"
    )
    parser.add_argument("--open", action="store_true", help="open that page in a browser")


def _report(given: argparse.Namespace) -> int:
    session = " ".join(given.session) if given.session else None
    return print_report(lake_settings(writes=True), session, given.season, browse=given.open)


def print_report(settings: Settings, session: str | None, season: int | None, *, browse: bool) -> int:
    """Build the pages that are older than gold, and print the path of one page; the exit code.

    Args:
        settings: of the lake.
        session: print the page of this session: its name, its key, or "latest".
        season: print the page of this season. Without session and season, print the first page.
        browse: whether to open the page in a browser.

    Raises:
        PagesError: nothing is published, or there is no such page.
        SessionNameError: the name does not mean one session.
    """
    from f1_lakehouse.cli.progress import working
    from f1_lakehouse.observability.log_output import tell
    from f1_lakehouse.site.site import open_site, site

    with open_site(settings) as opened:
        address = _address(settings, opened, session, season)
        with working("building pages") as say:
            built = opened.build(progress=lambda name, done, total: say(f"{done + 1}/{total} {name}"))
    for name, reason in built.failed.items():
        tell(f"failed: {name}: {reason}", "failed")
    print(
        f"{len(built.written)} pages written, {len(built.unchanged)} unchanged, {len(built.removed)} removed"
    )
    page = site(settings) / address
    print(page)
    if browse:
        import webbrowser

        webbrowser.open(page.as_uri())
    return EXIT_FAILED if built.failed else 0


def _address(settings: Settings, opened: Site, session: str | None, season: int | None) -> str:
    """The path of a page within the site."""
    from f1_lakehouse.site.site import INDEX, PagesError

    if season is not None:
        if season not in opened.seasons:
            raise PagesError(
                f"published gold has no race or session of {season}; run f1 load --season {season}"
            )
        return f"{season}/{INDEX}"
    if session is None:
        return INDEX
    from f1_lakehouse.publishing.calendar import published_calendar

    return page_of({one.key: one.page for one in opened.sessions}, published_calendar(settings), session)


def page_of(pages: dict[int, str], known: Sequence[NamedSession], text: str) -> str:
    """Return the page of a session.

    Args:
        pages: session key → page, in date order.
        known: the sessions of the calendar.
        text: a name, a key of a session, or "latest".

    Raises:
        PagesError: the session has no page.
        SessionNameError: the name does not mean one session.
    """
    from f1_lakehouse.session_names import name_of, parse, resolve
    from f1_lakehouse.site.site import PagesError

    if text == "latest":
        if not pages:
            raise PagesError("published gold has no session; run f1 load")
        return list(pages.values())[-1]
    if text.isdigit():
        key, what, load = int(text), f"session {text}", f"--session {text}"
    else:
        found = resolve(known, parse(text))
        key, what, load = found.key, found.title, name_of(found, known) or f"--session {found.key}"
    if key not in pages:
        raise PagesError(f"{what} is not in published gold; run f1 load {load}")
    return pages[key]


REPORT = Command("report", "Update the static site from published gold", _report, _add_arguments)
