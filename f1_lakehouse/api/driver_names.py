"""What the name of a driver means: number, acronym, last name, full name or driver_id, without regard to case and accents.

Pure. Does not belong here: which drivers there are (published_lake.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from f1_lakehouse.api.errors import LakeError
from f1_lakehouse.session_names import plain

MAX_SUGGESTIONS = 4


@dataclass(frozen=True)
class NamedDriver:
    """A driver with what one can be named by. `number`: in one session; None for a career."""

    driver_id: str
    full_name: str = ""
    acronym: str = ""
    number: int | None = None

    def __str__(self) -> str:
        details = ", ".join(filter(None, (self.acronym, str(self.number or ""))))
        return f"{self.full_name or self.driver_id}{f' ({details})' if details else ''}"

    @property
    def names(self) -> set[str]:
        """All that this driver is called; the name of the driver and each part of it."""
        full = plain(self.full_name)
        identity = plain(self.driver_id)
        return {full, identity, plain(self.acronym), *full.split(), *identity.split()} - {""}


def resolve_driver(drivers: Iterable[NamedDriver], asked: str | int, where: str) -> NamedDriver:
    """Return the driver that a name or a number means.

    `where`: the session or the table, for the message.

    Raises:
        LakeError: no driver has this name, with the nearest names; or several have it.
    """
    known = list(drivers)
    text = plain(str(asked))
    if text.isdigit():
        found = [one for one in known if one.number == int(text)]
    else:
        exact = [
            one for one in known if text in (plain(one.full_name), plain(one.driver_id), plain(one.acronym))
        ]
        found = exact or [one for one in known if set(text.split()) <= one.names]
    if len({one.driver_id for one in found}) == 1:
        return found[0]
    if found:
        raise LakeError(f"{asked!r} means several drivers in {where}: {_listed(found)}; use the full name")
    names = {name: one for one in known for name in one.names}
    near = [names[name] for name in get_close_matches(text, names, MAX_SUGGESTIONS, 0.6)]
    cure = f"the nearest are: {_listed(near)}" if near else f"there are: {_listed(known)}"
    raise LakeError(f"there is no driver {asked!r} in {where}; {cure}")


def _listed(drivers: list[NamedDriver]) -> str:
    shown = list(dict.fromkeys(str(one) for one in drivers))
    return ", ".join(shown[:20]) + (", …" if len(shown) > 20 else "")
