"""Links between the pages of seasons, races, drivers, constructors and circuits.

Belongs here: which of these pages exist, their addresses, and the links to them. Does not belong here: the pages themselves. A name
without a page is text: a driver without a race, a circuit of a future race.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from f1_lakehouse.site.history import History
from f1_lakehouse.site.model import slug
from f1_lakehouse.site.page import NONE, link, swatch
from f1_lakehouse.site.queries import Row

LISTS = {"drivers": "Drivers", "constructors": "Constructors", "circuits": "Circuits"}
"""Folder of the pages of one kind, which has a list of them → how they are called."""

TRAIL = (
    ("index.html", "All seasons"),
    *((f"{folder}/index.html", name) for folder, name in LISTS.items()),
    ("records.html", "Records"),
)
"""The pages that every page of history links to at its top."""


def address(folder: str, identifier: str) -> str:
    """The address of a page in a folder of LISTS; an identifier that is no safe file name has a hash in it."""
    if re.fullmatch(r"[a-z0-9]+([-_]+[a-z0-9]+)*", identifier) and identifier != "index":
        return f"{folder}/{identifier}.html"
    return f"{folder}/{slug(identifier)[:40]}-{hashlib.sha256(identifier.encode()).hexdigest()[:8]}.html"


@dataclass(frozen=True)
class Links:
    """Links from a page. `root`: the relative address of the site's root; `colours`: team → CSS variable, where one is known."""

    history: History
    root: str = "../"
    colours: Mapping[str, str] = field(default_factory=dict)

    def driver(self, identifier: str | None, name: str, team: str | None = None) -> Markup | str:
        """A driver's name, after a chip in the color of the team if it is known."""
        return self._named("drivers", identifier, name, team)

    def constructor(self, identifier: str | None, name: str, team: str | None = None) -> Markup | str:
        """A constructor's name, after a chip in the color of the team if it is known."""
        return self._named("constructors", identifier, name, team)

    def entrant(self, entrant_type: str, identifier: str, name: str) -> Markup | str:
        """The name of a driver or constructor."""
        return self._named(f"{entrant_type}s", identifier, name, None)

    def circuit(self, identifier: str | None, name: str = "") -> Markup | str:
        """A circuit's name."""
        known = self.history.circuits.get(identifier or "")
        shown = name or (known["circuit_name"] if known else None) or identifier or NONE
        return self._named("circuits", identifier, shown, None)

    def season(self, season: int) -> Markup | str:
        """A year."""
        known = season in self.history.page_seasons
        return link(f"{self.root}{season}/index.html", str(season)) if known else str(season)

    def race(self, row: Row, name: str | None = None) -> Markup | str:
        """The name of a race: a link to its page if it has one."""
        shown = name or row["race_name"] or f"Round {row['round_number']}"
        page = self.history.session_pages.get(row.get("session_key") or row.get("race_session_key"))
        return link(f"{self.root}{page}", shown) if page else shown

    def drivers(self, rows: Sequence[Row]) -> Markup | str:
        """The drivers of several rows, such as the winners of a race in a shared car."""
        names = [self.driver(row["driver_id"], row["full_name"], row["team_id"]) for row in rows]
        return Markup(", ").join(names) if names else NONE

    def constructors(self, rows: Sequence[Row]) -> Markup | str:
        """The constructors of several rows, each once."""
        found = {row["constructor_id"]: row["constructor_name"] for row in rows}
        names = [self.constructor(one, name or one) for one, name in found.items() if one]
        return Markup(", ").join(names) if names else NONE

    def _named(self, folder: str, identifier: str | None, name: str | None, team: str | None) -> Markup | str:
        shown: Markup | str = name or identifier or NONE
        if identifier in self.history.pages[folder]:
            shown = link(f"{self.root}{address(folder, identifier or '')}", str(shown))
        return swatch(self.colours[team], shown) if team is not None and team in self.colours else shown
