"""The site of pages on the command line: bring it up to date, say where it is."""

import webbrowser

from f1_lakehouse.cli.progress import working
from f1_lakehouse.observability.log_output import tell
from f1_lakehouse.settings import Settings
from f1_lakehouse.site.model import Session
from f1_lakehouse.site.site import INDEX, PagesError, open_site, site


def print_report(settings: Settings, session: str | None, season: int | None, *, browse: bool) -> int:
    """Build the pages that are behind gold and print where the wanted one is; the exit code.

    Args:
        settings: whose gold.
        session: a session key or "latest"; then that page is meant.
        season: then the page of that season is meant; with neither the first page.
        browse: whether to open it.

    Raises:
        PagesError: nothing is published, or there is no such page.
    """
    with open_site(settings) as opened:
        address = _address(opened.sessions, session, season)
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
        webbrowser.open(page.as_uri())
    return 1 if built.failed else 0


def _address(known: list[Session], session: str | None, season: int | None) -> str:
    if season is not None:
        if season not in {one.season for one in known}:
            raise PagesError(
                f"there is no session of {season} in published gold; run f1 load --season {season}"
            )
        return f"{season}/{INDEX}"
    if session is None:
        return INDEX
    if session != "latest" and not session.isdigit():
        raise PagesError(f"--session {session}: a session key is a number (or the word latest)")
    found = [one for one in known if session == "latest" or one.key == int(session)]
    if not found:
        raise PagesError(f"session {session} is not in published gold; run f1 load --session {session}")
    return found[-1].page
