"""The session and the driver of a page, and how they are named there.

Belongs here: names that follow from a session's own values. Does not belong here: queries.
"""

import re
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
