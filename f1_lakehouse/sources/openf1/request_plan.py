"""Questions to OpenF1 as data: how one is spelled as a URL, and how one that is too large is cut into parts.

Belongs here: operators, encoding of values, the parts of a pull. Pure: nothing is sent (client.py does that).

The query string is made by hand because the operators are part of it: `params={"date>=": x}` of every HTTP library
sends `date%3E%3D=x`, which the service reads as "date is at least the text =x" and answers with no rows and no
error. Only values are encoded. `<` and `>` may be encoded on their way by the HTTP library: the service decodes
first and looks for operators then.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal
from urllib.parse import quote

from f1_lakehouse.sources.openf1.endpoints import Endpoint
from f1_lakehouse.sources.openf1.errors import TooLargeError

Op = Literal["=", ">=", "<=", ">", "<"]
Value = int | float | str | datetime
_OPS = frozenset({"=", ">=", "<=", ">", "<"})
_FIELD = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Filter:
    """One condition. Different fields are AND-ed, and so are one lower and one upper bound of the same field.

    Filter by numbers and times only: the service turns every text that looks like a date into one
    (`country_code=MON` asks for a Monday), and cannot be asked for null.
    """

    field: str
    op: Op
    value: Value

    def __str__(self) -> str:
        return f"{self.field}{self.op}{quote(text(self.value), safe=':')}"

    def __post_init__(self) -> None:
        # A bad name or operator is answered with rows that were not asked for, or with a 500: stop it here.
        if not _FIELD.fullmatch(self.field):
            raise ValueError(f"not a field name: {self.field!r}")
        if self.op not in _OPS:
            raise ValueError(f"not an operator of OpenF1: {self.op!r}")
        if not text(self.value):
            raise ValueError(f"the filter on {self.field} has no value")


def text(value: Value) -> str:
    """A value as the service reads it. Times are naive UTC (`2024-09-22T12:00:00[.ffffff]`), because an offset
    needs a `+`, which is read as a space when anything on the way decodes it.

    Raises ValueError for a time without a zone: it could mean any hour.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"a time needs a zone: {value}")
        return value.astimezone(UTC).replace(tzinfo=None).isoformat()
    return str(value)


def url(base: str, endpoint: str, filters: Sequence[Filter] = ()) -> str:
    """The URL of a question. `base` is the API's root without or with a slash at its end; the order of the filters
    is kept, so that the same question is always the same URL."""
    query = "&".join(str(part) for part in filters)
    return f"{base.rstrip('/')}/{endpoint}" + (f"?{query}" if query else "")


# How a pull is cut

# What pulls have in common that are cut alike: endpoint, and seconds of the session, for a race has more rows than
# a practice.
Kind = tuple[str, int | None]


@dataclass(frozen=True)
class Axis:
    """What a driver's rows are cut along: whole seconds of time, or lap numbers.

    `start` and `end`: where most rows are. `reach`: how far outside rows are still looked for.
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
        """A bound as it is asked for."""
        return datetime.fromtimestamp(bound, UTC) if self.field == "date" else bound

    def middle(self, low: int | None, high: int | None) -> int | None:
        """Where to cut; None if it cannot be cut. Beyond start and end it goes outwards by doubling steps,
        because feeds begin hours before a session and end after its scheduled end."""
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
    """What rows of an endpoint can be cut along, given the session's start and end; None if there is nothing."""
    if endpoint.has("date"):
        if window is None:
            return None
        start, end = (int(moment.timestamp()) for moment in window)
        return Axis("date", start, max(end, start + 8), int(timedelta(hours=48).total_seconds()))
    lap = endpoint.column("lap_number")
    # Laps have a date_start that is null on lap 1 of many races: lap numbers never are. No race has 80 laps.
    return Axis("lap_number", 1, 81, 1000) if lap is not None and lap.required else None


@dataclass(frozen=True)
class Part:
    """A part of a pull: of one driver or of all, from `low` to below `high` on the axis; None is unbounded."""

    driver: int | None = None
    low: int | None = None
    high: int | None = None

    def holds(self, other: "Part") -> bool:
        """Whether the other lies within this one and is smaller."""
        return (
            self != other
            and self.driver in (None, other.driver)
            and (self.low is None or (other.low is not None and other.low >= self.low))
            and (self.high is None or (other.high is not None and other.high <= self.high))
        )

    def inside(self, bound: int) -> bool:
        """Whether a bound cuts this part in two."""
        return (self.low is None or bound > self.low) and (self.high is None or bound < self.high)

    def split(self, bound: int) -> list["Part"]:
        """The rows before the bound, and those from it on."""
        return [replace(self, high=bound), replace(self, low=bound)]


@dataclass(frozen=True)
class Pull:
    """What is fixed for one pull: the URL of the whole (`root`), the ways to cut it, and what is known of it."""

    root: str
    drivers: tuple[int, ...]
    axis: Axis | None
    kind: Kind
    known: Mapping[Part, int]

    def url(self, part: Part) -> str:
        """The question for a part. Half-open bounds, so that no row is in two parts or in none."""
        filters = []
        if part.driver is not None:
            filters.append(Filter("driver_number", "=", part.driver))
        if self.axis is not None and part.low is not None:
            filters.append(Filter(self.axis.field, ">=", self.axis.value(part.low)))
        if self.axis is not None and part.high is not None:
            filters.append(Filter(self.axis.field, "<", self.axis.value(part.high)))
        return "&".join([self.root, *map(str, filters)])

    def by_driver(self, part: Part) -> list[Part]:
        """One part a driver; drivers that an interrupted pull has asked for stay in."""
        known = (other.driver for other in self.known if other.driver is not None)
        return [replace(part, driver=driver) for driver in dict.fromkeys([*self.drivers, *known])]

    def planned(self, part: Part, learnt: "Learnt") -> list[Part] | None:
        """How to cut a part that need not be asked first, because parts of it are known, or similar ones were
        too large; None if it should be asked."""
        known = [other for other in self.known if part.holds(other)]
        same_driver = [other for other in known if other.driver == part.driver]
        cut = _middle_one(part, (bound for other in same_driver for bound in (other.low, other.high)))
        if cut is not None:
            if self.axis is None:
                cure = "it was asked in parts of time before: give the session's start and end again"
                raise TooLargeError("part of this is known", self.url(part), cure)
            return part.split(cut)
        if part.driver is None and any(other.driver is not None for other in known):
            return self.by_driver(part)
        if part == Part() and self.drivers and self.kind in learnt.by_driver:
            return self.by_driver(part)
        if self.axis is not None and (part.driver is not None or not self.drivers):
            start = self.axis.start
            cut = _middle_one(part, (start + offset for offset in learnt.offsets.get(self.kind, ())))
            if cut is not None:
                return part.split(cut)
        return None

    def cut(self, part: Part) -> list[Part]:
        """How to cut a part that was too large. Raises TooLargeError if there is no way."""
        if part == Part() and self.drivers:
            return self.by_driver(part)
        cut = self.axis.middle(part.low, part.high) if self.axis else None
        if cut is None:
            cure = "it cannot be cut any smaller" + (
                "" if self.axis else " without the session's start and end"
            )
            raise TooLargeError("OpenF1 finds the result too large", self.url(part), cure)
        return part.split(cut)


class Learnt:
    """How pulls had to be cut, by kind of pull: which by driver, and where on the axis, counted from its start."""

    def __init__(self) -> None:
        self.by_driver: set[Kind] = set()
        self.offsets: dict[Kind, set[int]] = {}

    def learn(self, pull: Pull, part: Part, parts: Sequence[Part]) -> None:
        """Note that the part was too large and was cut so."""
        if parts[0].driver != part.driver:
            self.by_driver.add(pull.kind)
        elif pull.axis is not None and parts[0].high is not None:
            self.offsets.setdefault(pull.kind, set()).add(parts[0].high - pull.axis.start)


def _middle_one(part: Part, bounds: Iterable[int | None]) -> int | None:
    """The middle one of the bounds that lie inside the part, so that few steps lead to each piece of it."""
    inside = sorted(bound for bound in bounds if bound is not None and part.inside(bound))
    return inside[len(inside) // 2] if inside else None


def known_parts(root: str, known: Mapping[str, int]) -> dict[Part, int]:
    """The parts of this pull that are known, from their URLs; URLs of other pulls are passed over."""
    parts: dict[Part, int] = {}
    for known_url, status in known.items():
        found = _PART.fullmatch(known_url[len(root) :]) if known_url.startswith(root) else None
        if found is None:
            continue
        driver = int(found["driver"]) if found["driver"] else None
        parts[Part(driver, _bound(found["low"]), _bound(found["high"]))] = status
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
