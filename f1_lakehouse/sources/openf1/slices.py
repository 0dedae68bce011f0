"""How a pull of OpenF1 that is too large for one response is divided into slices: by driver, time or lap number.

Belongs here: slices and their URLs. Pure: nothing is sent. Does not belong here: the order of requests (request_plan.py).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from f1_lakehouse.sources.catalog import Endpoint
from f1_lakehouse.sources.errors import TooLargeError
from f1_lakehouse.sources.openf1.urls import Filter

DivisionKey = tuple[str, int | None]
"""Pulls with the same key are divided alike: endpoint, and length of the session in s, as a race has more rows than a practice."""


@dataclass(frozen=True)
class Axis:
    """The dimension along which rows are divided: full seconds of time, or lap numbers.

    `start` and `end`: the range of most rows. `reach`: how far outside that range a cut may lie.
    """

    field: str
    start: int
    end: int
    reach: int

    @property
    def length(self) -> int:
        """From start to end, in seconds or laps."""
        return self.end - self.start

    def value(self, bound: int) -> int | datetime:
        """A bound as the value of a filter."""
        return datetime.fromtimestamp(bound, UTC) if self.field == "date" else bound

    def middle(self, low: int | None, high: int | None) -> int | None:
        """Where to cut; None if it cannot be cut.

        Beyond start and end the cuts move outwards in doubling steps, because feeds begin hours before a session and end
        after its scheduled end.
        """
        step = max(1, self.length // 8)
        if low is None and high is None:
            return self.start + max(1, self.length // 2)
        if low is None:
            assert high is not None
            cut = (
                (self.start + high) // 2 if high - self.start > step else high - max(step, self.start - high)
            )
        elif high is None:
            cut = (low + self.end) // 2 if self.end - low > step else low + max(step, low - self.end)
        else:
            cut = (low + high) // 2
            return cut if low < cut < high else None
        return cut if self.start - self.reach < cut < self.end + self.reach else None


def axis_of(endpoint: Endpoint, window: tuple[datetime, datetime] | None) -> Axis | None:
    """The axis of an endpoint, given the session's start and end; None if its rows cannot be divided."""
    if endpoint.has("date"):
        if window is None:
            return None
        start, end = (int(moment.timestamp()) for moment in window)
        return Axis("date", start, max(end, start + 8), int(timedelta(hours=48).total_seconds()))
    lap = endpoint.column("lap_number")
    # Laps have a date_start that is null on lap 1 of many races: lap numbers never are. No race has 80 laps.
    return Axis("lap_number", 1, 81, 1000) if lap is not None and lap.required else None


@dataclass(frozen=True)
class Slice:
    """A part of a pull: one driver or all, from `low` to below `high` on the axis; None is unbounded."""

    driver: int | None = None
    low: int | None = None
    high: int | None = None

    def holds(self, other: "Slice") -> bool:
        """Whether the other slice lies within this one and is smaller."""
        return (
            self != other
            and self.driver in (None, other.driver)
            and (self.low is None or (other.low is not None and other.low >= self.low))
            and (self.high is None or (other.high is not None and other.high <= self.high))
        )

    def inside(self, bound: int) -> bool:
        """Whether a bound lies inside this slice."""
        return (self.low is None or bound > self.low) and (self.high is None or bound < self.high)

    def split(self, bound: int) -> list["Slice"]:
        """The rows before the bound, and those from it on."""
        return [replace(self, high=bound), replace(self, low=bound)]


@dataclass(frozen=True)
class PullSlices:
    """What is fixed for one pull.

    `root`: the URL of the complete pull. `drivers` and `axis`: the ways to divide it. `known`: slices that have landed, with
    the status of their responses.
    """

    root: str
    drivers: tuple[int, ...]
    axis: Axis | None
    division_key: DivisionKey
    known: Mapping[Slice, int]

    def url(self, part: Slice) -> str:
        """The URL of a slice. Bounds are half-open, so that each row is in exactly one slice."""
        filters = []
        if part.driver is not None:
            filters.append(Filter("driver_number", "=", part.driver))
        if self.axis is not None and part.low is not None:
            filters.append(Filter(self.axis.field, ">=", self.axis.value(part.low)))
        if self.axis is not None and part.high is not None:
            filters.append(Filter(self.axis.field, "<", self.axis.value(part.high)))
        return "&".join([self.root, *map(str, filters)])

    def by_driver(self, part: Slice) -> list[Slice]:
        """One slice per driver; drivers that an interrupted pull has requested are included."""
        known = (other.driver for other in self.known if other.driver is not None)
        return [replace(part, driver=driver) for driver in dict.fromkeys([*self.drivers, *known])]

    def planned(self, part: Slice, memory: "DivisionMemory") -> list[Slice] | None:
        """How to divide a slice without requesting it first, because parts of it are known or similar ones were too large.

        None if it should be requested.
        """
        known = [other for other in self.known if part.holds(other)]
        same_driver = [other for other in known if other.driver == part.driver]
        cut = _middle_of(part, (bound for other in same_driver for bound in (other.low, other.high)))
        if cut is not None:
            if self.axis is None:
                cure = "it was requested in parts of time before: give the session's start and end again"
                raise TooLargeError("a part of this has landed", self.url(part), cure)
            return part.split(cut)
        if part.driver is None and any(other.driver is not None for other in known):
            return self.by_driver(part)
        if part == Slice() and self.drivers and self.division_key in memory.by_driver:
            return self.by_driver(part)
        if self.axis is not None and (part.driver is not None or not self.drivers):
            start = self.axis.start
            cut = _middle_of(part, (start + offset for offset in memory.offsets.get(self.division_key, ())))
            if cut is not None:
                return part.split(cut)
        return None

    def divide(self, part: Slice) -> list[Slice]:
        """How to divide a slice that was too large. Raises TooLargeError if it cannot be divided."""
        if part == Slice() and self.drivers:
            return self.by_driver(part)
        cut = self.axis.middle(part.low, part.high) if self.axis else None
        if cut is None:
            cure = "it cannot be divided further" + (
                "" if self.axis else " without the session's start and end"
            )
            raise TooLargeError("OpenF1 finds the result too large", self.url(part), cure)
        return part.split(cut)


class DivisionMemory:
    """How pulls had to be divided: which by driver, and where on the axis, counted from its start."""

    def __init__(self) -> None:
        self.by_driver: set[DivisionKey] = set()
        self.offsets: dict[DivisionKey, set[int]] = {}

    def record(self, pull: PullSlices, part: Slice, slices: Sequence[Slice]) -> None:
        """Note that a slice was too large and how it was divided."""
        if slices[0].driver != part.driver:
            self.by_driver.add(pull.division_key)
        elif pull.axis is not None and slices[0].high is not None:
            self.offsets.setdefault(pull.division_key, set()).add(slices[0].high - pull.axis.start)


def _middle_of(part: Slice, bounds: Iterable[int | None]) -> int | None:
    """The middle one of the bounds that lie inside the slice, so that few steps lead to each part of it."""
    inside = sorted(bound for bound in bounds if bound is not None and part.inside(bound))
    return inside[len(inside) // 2] if inside else None


def known_slices(root: str, known: Mapping[str, int]) -> dict[Slice, int]:
    """The slices of this pull that have landed, from their URLs; URLs of other pulls are ignored."""
    parts: dict[Slice, int] = {}
    for known_url, status in known.items():
        found = _PART.fullmatch(known_url[len(root) :]) if known_url.startswith(root) else None
        if found is None:
            continue
        driver = int(found["driver"]) if found["driver"] else None
        parts[Slice(driver, _bound(found["low"]), _bound(found["high"]))] = status
    return parts


_BOUND = r"-?\d+|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"
_PART = re.compile(
    r"(&driver_number=(?P<driver>\d+))?"
    rf"(&(date|lap_number)>=(?P<low>{_BOUND}))?"
    rf"(&(date|lap_number)<(?P<high>{_BOUND}))?"
)


def _bound(value: str | None) -> int | None:
    if value is None:
        return None
    if "T" not in value:
        return int(value)
    return int(datetime.fromisoformat(value).replace(tzinfo=UTC).timestamp())
