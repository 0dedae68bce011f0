"""How many requests a load takes, and how long at the rate limits of the sources; whether that must be confirmed first.

Belongs here: the estimate of a load that has not begun. Does not belong here: asking the user (cli/load.py), and the time that
remains while a load runs (cli/progress.py).
"""

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from f1_lakehouse.lakehouse import Lake
from f1_lakehouse.sources.catalog import Scope
from f1_lakehouse.sources.exchange import Window
from f1_lakehouse.sources.jolpica.endpoints import BY_TABLE
from f1_lakehouse.sources.jolpica.pages import exists
from f1_lakehouse.sources.jolpica.partitions import round_partition
from f1_lakehouse.sources.jolpica.source import ENDPOINTS as HISTORY_ENDPOINTS
from f1_lakehouse.sources.jolpica.work import expected_requests, round_work, season_work
from f1_lakehouse.sources.openf1.endpoints import BY_NAME
from f1_lakehouse.sources.openf1.pull_policy import Due

REQUESTS_PER_TELEMETRY_PULL = 20
"""An estimate: one request per driver."""
MAX_UNCONFIRMED_REQUESTS, MAX_UNCONFIRMED_S = 2000, 2 * 3600.0
"""A load with more requests or hours is confirmed first. A season without telemetry takes about 1,500 requests and 50 minutes."""
ASSUMED_ROUNDS = 20
"""Rounds of a season whose races are not known yet."""


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
        return f"about {self.requests:,} requests and {time} at the rate limits"

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


def requests_of(work: Sequence[Due]) -> int:
    """The requests of planned pulls of OpenF1."""
    names = [name for one in work for name in one.endpoints]
    return sum(REQUESTS_PER_TELEMETRY_PULL if BY_NAME[name].by_driver else 1 for name in names)


def openf1_estimate(lake: Lake, work: Sequence[Due]) -> Estimate:
    """The estimate for planned pulls of OpenF1."""
    requests = requests_of(work)
    return Estimate(requests, seconds_for(requests, lake.client.http.limiter.windows))


def jolpica_estimate(
    lake: Lake,
    seasons: Sequence[int],
    wanted: Collection[str],
    now: datetime,
    *,
    lap_times: bool,
    force: bool,
) -> Estimate:
    """The estimate for seasons of Jolpica. Seasons whose races are not in the lake yet count as `ASSUMED_ROUNDS` rounds."""
    pulls_of = lake.bronze.pull_log.of
    races = lake.races({*seasons, now.year})
    work = season_work(races, pulls_of, seasons, wanted, now, force=force)
    work += round_work(races, pulls_of, seasons, wanted, now, lap_times=lap_times, force=force)
    requests = sum(one.requests for one in work)
    if lap_times:
        unknown = set(seasons) - {one.season for one in races}
        names = [one.name for one in HISTORY_ENDPOINTS if one.scope is Scope.ROUND and one.name in wanted]
        for season in unknown:
            existing = [name for name in names if exists(BY_TABLE[name], round_partition(season, 1))]
            requests += ASSUMED_ROUNDS * expected_requests(existing)
    return Estimate(requests, seconds_for(requests, lake.clients["jolpica"].http.limiter.windows))
