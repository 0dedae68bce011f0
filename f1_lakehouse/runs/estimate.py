"""How many requests a load takes, and how long at the rate limits of the sources; whether that must be confirmed first.

Belongs here: the estimate of a load that has not begun. Does not belong here: asking the user (cli/load.py), and the time that
remains while a load runs (cli/progress.py), and how many requests a pull takes (`Work.requests`, which its source sets).
"""

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from f1_lakehouse.counts import counted
from f1_lakehouse.lakehouse import Lake
from f1_lakehouse.sources.exchange import Window
from f1_lakehouse.sources.source import Source, Work

MAX_UNCONFIRMED_REQUESTS, MAX_UNCONFIRMED_S = 2000, 2 * 3600.0
"""A load with more requests or hours is confirmed first. A season without telemetry takes about 1,500 requests and 50 minutes."""


@dataclass(frozen=True)
class Estimate:
    """Requests of a load, and its seconds at the rate limits."""

    requests: int = 0
    seconds: float = 0.0

    @property
    def is_large(self) -> bool:
        """Whether the load must be confirmed. Without a rate limit the source is a server of one's own, and nobody has to wait."""
        return self.seconds > 0 and (
            self.requests > MAX_UNCONFIRMED_REQUESTS or self.seconds > MAX_UNCONFIRMED_S
        )

    def __str__(self) -> str:
        minutes = math.ceil(self.seconds / 60)
        time = f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
        return f"about {counted(self.requests, 'request')} and {time} at the rate limits"

    def __add__(self, other: "Estimate") -> "Estimate":
        """Both loads, one after the other."""
        return Estimate(self.requests + other.requests, self.seconds + other.seconds)


Confirm = Callable[[Estimate], None]
"""Called before a load begins; raises an error to prevent it."""


def seconds_for(requests: int, windows: Sequence[Window]) -> float:
    """The seconds that a number of requests takes at the rate limits: those that the first window admits take none."""
    times = [
        math.ceil(max(0, requests - one.requests) / one.requests) * one.seconds
        for one in windows
        if one.requests
    ]
    return max(times, default=0.0)


def requests_of(work: Sequence[Work]) -> int:
    """The requests of planned pulls."""
    return sum(one.requests for one in work)


def estimate_of(lake: Lake, source: Source, work: Sequence[Work], further_requests: int = 0) -> Estimate:
    """The estimate for planned pulls of a source, and for requests that are not planned yet."""
    requests = requests_of(work) + further_requests
    return Estimate(requests, seconds_for(requests, lake.clients[source.name].http.limiter.windows))


def estimate_seasons(
    lake: Lake,
    source: Source,
    seasons: Sequence[int],
    wanted: Collection[str],
    now: datetime,
    *,
    every_round: bool,
    force: bool,
) -> Estimate:
    """The estimate for seasons and rounds of a source without sessions; arguments as in `load_seasons`."""
    work = source.partitions.due(
        lake, now, seasons=seasons, endpoints=wanted, force=force, every_round=every_round
    )
    unlisted = source.partitions.unlisted_requests(lake, seasons, wanted) if every_round else 0
    return estimate_of(lake, source, work, unlisted)
