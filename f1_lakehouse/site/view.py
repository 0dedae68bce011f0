"""The session of a page with its rows in gold, as the sections read it.

Belongs here: what several sections of a session's page use. Does not belong here: the content of one section.
"""

from collections import Counter
from collections.abc import Sequence
from functools import cached_property

from markupsafe import Markup

from f1_lakehouse.site.charts import SHADED, Style, spans
from f1_lakehouse.site.links import address
from f1_lakehouse.site.model import Driver, Session
from f1_lakehouse.site.page import NONE, Key, Part, Section, link, swatch, text
from f1_lakehouse.site.queries import Gold, Row
from f1_lakehouse.site.samples import telemetry_laps

MIN_SAMPLES = 30
"""Fewest samples of a lap for which its telemetry is drawn."""

MIN_CURVE_LAPS = 3
"""Fewest laps per point of the degradation chart, and fewest points per curve."""


class View:
    """A session with its rows in gold, each query run once, when a section needs it."""

    def __init__(self, gold: Gold, session: Session) -> None:
        self.gold = gold
        self.session = session

    @cached_property
    def drivers(self) -> dict[int, Driver]:
        """Car number → driver."""
        return self.gold.drivers(self.session)

    @cached_property
    def teams(self) -> dict[str, str]:
        """Team → the CSS variable of its colour."""
        return {team: f"t{i}" for i, team in enumerate(sorted({d.team_id for d in self.drivers.values()}))}

    @cached_property
    def styles(self) -> dict[int, Style]:
        """How each driver is drawn."""
        return {n: Style(f"d{n}", d.label, self.teams[d.team_id], d.mate) for n, d in self.drivers.items()}

    @property
    def classification(self) -> str:
        """The caption of the table of results."""
        return "Generated classification" if self.session.is_generated else "Official classification"

    @cached_property
    def results(self) -> list[Row]:
        """The classification."""
        return self.gold.results(self.session)

    @cached_property
    def leaderboard(self) -> list[Row]:
        """Drivers by fastest lap."""
        return self.gold.leaderboard(self.session)

    @cached_property
    def laps(self) -> list[Row]:
        """Every lap."""
        return self.gold.laps(self.session)

    @cached_property
    def corners(self) -> list[Row]:
        """The corners of the circuit in the order of a lap."""
        return self.gold.corners(self.session)

    @cached_property
    def telemetry_laps(self) -> dict[int, list[Row]]:
        """Car number → its timed laps with enough samples of telemetry to be drawn."""
        found: dict[int, list[Row]] = {}
        for row in telemetry_laps(self.gold, self.session):
            if row["samples"] >= MIN_SAMPLES and row["driver_number"] in self.styles:
                found.setdefault(row["driver_number"], []).append(row)
        return found

    @cached_property
    def order(self) -> list[int]:
        """Car numbers as classified, then by fastest lap, then all others."""
        found = [row["driver_number"] for row in (*self.results, *self.leaderboard)] + list(self.drivers)
        return [n for n in dict.fromkeys(found) if n in self.drivers]

    @cached_property
    def status_by_lap(self) -> dict[int, str | None]:
        """Lap → track status of the leader's lap; without a known leader, the most frequent one."""
        seen: dict[int, list[Row]] = {}
        for row in self.laps:
            seen.setdefault(row["lap_number"], []).append(row)
        found = {}
        for lap, rows in seen.items():
            leading = [row["track_status"] for row in rows if row["position_at_lap_end"] == 1]
            found[lap] = (
                leading[0] if leading else Counter(row["track_status"] for row in rows).most_common(1)[0][0]
            )
        return found

    def label(self, driver: int | None) -> str:
        """The short name of a driver."""
        if driver is None:
            return NONE
        return self.drivers[driver].label if driver in self.drivers else f"#{driver}"

    def named(self, driver: int) -> Markup | str:
        """The full name of a driver after a chip in the color of the team."""
        known = self.drivers.get(driver)
        return swatch(self.teams[known.team_id], known.name) if known else f"Car {driver}"

    def linked(self, driver: int) -> Markup | str:
        """The name as in `named`, with a link to the driver's page."""
        known = self.drivers.get(driver)
        if known is None or known.driver_id is None:
            return self.named(driver)
        return swatch(
            self.teams[known.team_id], link(f"../{address('drivers', known.driver_id)}", known.name)
        )

    def team(self, row: Row) -> Markup | str:
        """The name of the team in a row, with a link to the constructor's page."""
        known = self.drivers.get(row["driver_number"])
        if known is None or known.constructor_id is None:
            return text(row["team_name"])
        return link(f"../{address('constructors', known.constructor_id)}", text(row["team_name"]))

    def keys(self, drivers: Sequence[int]) -> list[Key]:
        """The legend of a chart with these drivers."""
        return [Key(s.label, s.colour, s.key, min(s.dash, 3)) for s in (self.styles[n] for n in drivers)]


def section(name: str, title: str, *parts: Part | None) -> Section | None:
    found = [part for part in parts if part is not None]
    return Section(name, title, found) if found else None


def shading_note(view: View) -> str:
    runs = spans(view.status_by_lap, SHADED)
    names = {"SC": "safety car", "VSC": "virtual safety car", "Red": "red flag"}
    if not runs:
        return ""
    return (
        " Shaded: "
        + ", ".join(
            f"{names[state]} on " + (f"laps {first} to {last}" if last > first else f"lap {first}")
            for state, first, last in runs
        )
        + "."
    )


def clean_laps(view: View) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    for row in view.laps:
        if row["is_clean_lap"] and row["driver_number"] in view.styles:
            found.setdefault(row["driver_number"], []).append(row)
    return found
