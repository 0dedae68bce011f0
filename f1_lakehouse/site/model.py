"""The session and the driver of a page, and how they are named there.

Belongs here: names that follow from a session's own values. Does not belong here: queries.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from f1_lakehouse.simulator.keys import generated


@dataclass(frozen=True, order=True)
class Session:
    """A session with a page. `title` is the meeting's name, `name` the session's within it; times are UTC."""

    date_start: datetime
    key: int
    season: int
    round_number: int | None
    meeting_key: int
    title: str
    name: str
    category: str
    circuit: str
    country: str
    slug: str
    is_cancelled: bool
    winner_driver_number: int | None

    @property
    def page(self) -> str:
        """Address in the site; the number at the end identifies the session, the rest is readable text."""
        return (
            f"{self.season}/{'-'.join(part for part in (self.slug, slug(self.name)) if part)}-{self.key}.html"
        )

    @property
    def is_generated(self) -> bool:
        """Whether the session is generated."""
        return bool(generated([self.key]))

    @property
    def shown_title(self) -> str:
        """The meeting's name, marked when the session is generated."""
        return f"{self.title} (generated)" if self.is_generated else self.title

    @property
    def is_race(self) -> bool:
        """Whether cars start together: a race or a sprint."""
        return self.category in ("Race", "Sprint")

    @property
    def is_qualifying(self) -> bool:
        """Qualifying of either kind."""
        return self.category in ("Qualifying", "Sprint Qualifying")


Neighbours = tuple[Session | None, Session | None]
"""The session of the same kind before a session, and the one after it."""


def neighbours(sessions: Sequence[Session]) -> dict[int, Neighbours]:
    """Session key → its neighbours among these sessions, which are in the order of time; cancelled sessions are no neighbours."""
    kinds: dict[tuple[str, str], list[Session]] = {}
    for one in sessions:
        if not one.is_cancelled:
            kinds.setdefault((one.category, one.name if one.category == "Practice" else ""), []).append(one)
    return {
        here.key: (before, after)
        for of_kind in kinds.values()
        for before, here, after in zip([None, *of_kind[:-1]], of_kind, [*of_kind[1:], None], strict=True)
    }


@dataclass(frozen=True)
class Driver:
    """The driver of a car in a session. `label` is short and unique in the session; `mate` counts within the team.

    `driver_id` and `constructor_id` are None for those who have no page.
    """

    number: int
    label: str
    name: str
    team_id: str
    team: str
    colour: str | None
    mate: int
    driver_id: str | None = None
    constructor_id: str | None = None


def short_race_name(name: str) -> str:
    """The name of a race without "Grand Prix", where only races are named."""
    return name.replace("Grand Prix", "").strip() or name


def slug(text: str) -> str:
    """Lower case, everything but letters, digits a single hyphen: a text that is safe in a file name."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
