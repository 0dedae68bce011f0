"""What a user asks a load for: sessions, meetings, seasons, sources and endpoints.

Belongs here: what a selection means. Does not belong here: what of it is due, and loading it (load.py).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from f1_lakehouse.errors import F1LakehouseError
from f1_lakehouse.sources.catalog import Endpoint, Scope
from f1_lakehouse.sources.registry import SOURCES
from f1_lakehouse.sources.source import Source


class LoadError(F1LakehouseError):
    """A load that is impossible as requested; one line with the cause and the cure."""


@dataclass(frozen=True)
class Selection:
    """The selection of a load: the union of sessions, meetings and seasons, restricted by categories and endpoints."""

    sessions: Sequence[str] = ()
    meetings: Sequence[str] = ()
    seasons: Sequence[int] = ()
    categories: Sequence[str] = ()
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
        endpoints = {one.name: one for source in SOURCES for one in selectable(source)}
        for name in self.endpoints:
            if name not in endpoints:
                raise LoadError(f"there is no endpoint {name!r}; there are: {', '.join(sorted(endpoints))}")
        wanted = self.endpoints or endpoints
        return {
            name
            for name, one in endpoints.items()
            if name in wanted and one.scope is Scope.SESSION and (self.telemetry or not one.by_driver)
        }

    def names_of(self, source: Source) -> set[str]:
        """The endpoints of a source without sessions that are wanted; none for sessions and meetings, which it does not know."""
        if self.sessions or self.meetings or self.categories or self.name:
            return set()
        known = {endpoint.name for endpoint in source.endpoints}
        return known & set(self.endpoints) if self.endpoints else known

    def sessions_part(self, sources: Sequence[Source]) -> "Selection | None":
        """The part of the source that has sessions, without the seasons that only others have. None if there is none."""
        owner = next((source for source in sources if source.has_sessions), None)
        if owner is None or (self.endpoints and not self.endpoint_names()):
            return None
        if len(sources) == 1:
            return self
        seasons = [season for season in self.seasons if season >= owner.partitions.first_season]
        if self.seasons and not (seasons or self.sessions or self.meetings or self.name):
            return None
        return replace(self, seasons=seasons)


def selectable(source: Source) -> list[Endpoint]:
    """The endpoints that a user can select: not those of the calendar, which a load of sessions pulls automatically."""
    return [one for one in source.endpoints if not source.has_sessions or one.scope is Scope.SESSION]


_SEASONS = re.compile(r"(\d{4})(?:-(\d{4}))?", re.ASCII)


def seasons_of(texts: Sequence[str]) -> list[int]:
    """Seasons named as years and ranges, `["1950-1952", "2024"]` → [1950, 1951, 1952, 2024]; ascending, each once.

    Raises ValueError with the text that is neither.
    """
    found: set[int] = set()
    for text in texts:
        match = _SEASONS.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"{text}: a season is a year (2024) or a range of years (1950-1999)")
        first, last = int(match[1]), int(match[2] or match[1])
        if first > last:
            raise ValueError(f"{text}: the range ends before it starts; write {last}-{first}")
        found.update(range(first, last + 1))
    return sorted(found)
