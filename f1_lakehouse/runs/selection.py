"""What a user asks a load for: sessions, meetings, seasons, sources and endpoints.

Belongs here: what a selection means. Does not belong here: what of it is due, and loading it (load.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from f1_lakehouse.errors import F1LakehouseError
from f1_lakehouse.sources.jolpica.source import ENDPOINTS as HISTORY_ENDPOINTS
from f1_lakehouse.sources.openf1.calendar import Category
from f1_lakehouse.sources.openf1.endpoints import SESSION_ENDPOINTS, TELEMETRY

FIRST_SEASON = 2023


class LoadError(F1LakehouseError):
    """A load that is impossible as requested; one line with the cause and the cure."""


@dataclass(frozen=True)
class Selection:
    """The selection of a load: the union of sessions, meetings and seasons, restricted by categories and endpoints."""

    sessions: Sequence[str] = ()
    meetings: Sequence[str] = ()
    seasons: Sequence[int] = ()
    categories: Sequence[Category] = ()
    endpoints: Sequence[str] = ()
    telemetry: bool = True
    force: bool = False
    sources: Sequence[str] = ()
    lap_times: bool = False
    name: str = ""
    """One session by its name, e.g. `2024 singapore race`."""

    @property
    def is_open(self) -> bool:
        """Whether nothing is named: then everything due of the last weeks is loaded."""
        return not (self.sessions or self.meetings or self.seasons or self.name)

    def endpoint_names(self) -> set[str]:
        """Return the selected session endpoints. Raises LoadError for an unknown endpoint."""
        known = {endpoint.name for endpoint in SESSION_ENDPOINTS}
        history = {endpoint.name for endpoint in HISTORY_ENDPOINTS}
        for name in self.endpoints:
            if name not in known | history:
                shown = ", ".join(sorted(known | history))
                raise LoadError(f"there is no endpoint {name!r}; there are: {shown}")
        wanted = known & set(self.endpoints) if self.endpoints else known
        return wanted if self.telemetry else wanted - TELEMETRY

    def history_names(self) -> set[str]:
        """The resources of Jolpica that are wanted; none for sessions and meetings, which Jolpica does not know."""
        if self.sessions or self.meetings or self.categories or self.name:
            return set()
        known = {endpoint.name for endpoint in HISTORY_ENDPOINTS}
        return known & set(self.endpoints) if self.endpoints else known

    def openf1_part(self, sources: Sequence[str]) -> "Selection | None":
        """What of it is OpenF1's: not the seasons before 2023, if another source has them. None if nothing is."""
        if "openf1" not in sources or (self.endpoints and not self.endpoint_names()):
            return None
        if "jolpica" not in sources:
            return self
        seasons = [season for season in self.seasons if season >= FIRST_SEASON]
        if self.seasons and not (seasons or self.sessions or self.meetings or self.name):
            return None
        return replace(self, seasons=seasons)
