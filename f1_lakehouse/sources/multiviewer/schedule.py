"""Which circuits are requested of MultiViewer, and when.

Belongs here: the partitions (a season with its circuits), the requests of a pull, and the pull policy. Does not belong here: what
a response means (responses.py).

OpenF1 names the address of a circuit's map in `circuit_info_url` of a meeting. Only the circuit is taken from that address, and
only if it is one of MultiViewer and of the season of the meeting: requests go to F1_MULTIVIEWER_URL, never to a host that a response names.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from f1_lakehouse.sources.catalog import Endpoint, Partition, PastPull, Planner, Reason, Scope
from f1_lakehouse.sources.exchange import LandedResponse, Response
from f1_lakehouse.sources.multiviewer.endpoints import MULTIVIEWER_CORNERS
from f1_lakehouse.sources.multiviewer.responses import DEFAULT_URL
from f1_lakehouse.sources.pull_history import is_backing_off, last_answer, pulled_at, reason_without_answer
from f1_lakehouse.sources.season_partitions import SeasonPartitions
from f1_lakehouse.sources.source import LakeView

MEETINGS = "meetings"
"""The endpoint whose rows name the circuits of a season."""
YEARLY = timedelta(days=365)
MONTHLY = timedelta(days=30)
"""How often a season is pulled again while one of its circuits has no map: a new circuit is drawn after it was first driven."""
CONFIRM_AFTER = timedelta(hours=1)

_PATH = re.compile(r"/circuits/(\d{1,6})/(\d{4})/?", re.ASCII)


@dataclass(frozen=True)
class CircuitSeason:
    """A season as the partition of a pull. `circuits`: the keys of its circuits; `mapped`: of those that have rows."""

    season: int
    circuits: tuple[int, ...] = ()
    mapped: frozenset[int] = frozenset()

    @property
    def scope(self) -> Scope:
        """A season."""
        return Scope.SEASON

    @property
    def key(self) -> int:
        """The year."""
        return self.season

    @property
    def label(self) -> str:
        """The year as text."""
        return str(self.season)

    @property
    def window(self) -> None:
        """A circuit is requested without times."""
        return None


def circuit_in(url: object, season: int, bases: Sequence[str]) -> int | None:
    """The key of the circuit in the address of its map; None unless it is below one of `bases` and of that season."""
    if not isinstance(url, str):
        return None
    for base in bases:
        if url.startswith(f"{base}/") and (found := _PATH.fullmatch(url[len(base) :])):
            return int(found[1]) if int(found[2]) == season else None
    return None


def circuit_season(view: LakeView, season: int) -> CircuitSeason:
    """The season, with the circuits of its meetings in the lake."""
    bases = (DEFAULT_URL, view.settings.multiviewer_url)
    urls = [row.get("circuit_info_url") for row in view.current_rows(MEETINGS, [season])]
    circuits = {key for url in urls if (key := circuit_in(url, season, bases)) is not None}
    rows = view.current_rows(MULTIVIEWER_CORNERS.name, [season]) if circuits else []
    return CircuitSeason(season, tuple(sorted(circuits)), frozenset(row["circuit_key"] for row in rows))


def why_due(
    endpoint: Endpoint,
    partition: CircuitSeason,
    now: datetime,
    pulls: Sequence[PastPull],
    patient: bool = True,
) -> Reason | None:
    """Why the circuits of a season must be requested now, or None; see `Source.why_due`."""
    last, failures = last_answer(pulls)
    if patient and is_backing_off(now, pulls, failures):
        return None
    if last is None or last.outcome == "restored":
        return reason_without_answer(last, failures)
    at = pulled_at(last, now)
    if last.outcome == "empty_unconfirmed" and now >= at + CONFIRM_AFTER:
        return ("confirm empty", failures)
    if not partition.mapped.issuperset(partition.circuits) and now >= at + MONTHLY:
        return ("circuit without corners", failures)
    return ("yearly", failures) if now >= at + YEARLY else None


@dataclass(frozen=True)
class CircuitPartitions(SeasonPartitions):
    """See `source.Partitions`: seasons, with the circuits that OpenF1 names."""

    def of_season(self, view: LakeView, season: int) -> Partition:
        """The season with its circuits."""
        return circuit_season(view, season)

    def requests(self, endpoint: Endpoint, partition: Partition) -> int:
        """One per circuit."""
        assert isinstance(partition, CircuitSeason)
        return len(partition.circuits)

    def not_applicable(self, endpoint: Endpoint, partition: Partition) -> str | None:
        """A season without a meeting that has the address of a map has no circuits to request."""
        assert isinstance(partition, CircuitSeason)
        if partition.circuits:
            return None
        return f"no meeting of {partition.season} in the lake has a circuit_info_url of MultiViewer"


def planner(base_url: str) -> Planner:
    """Makes the plan of a pull below `base_url`: one request per circuit. Circuits do not depend on each other."""

    def plan(
        endpoint: Endpoint,
        partition: Partition,
        landed: Sequence[LandedResponse] = (),
        drivers: Sequence[int] = (),
    ) -> CircuitsPlan:
        assert isinstance(partition, CircuitSeason)
        urls = [f"{base_url}/{endpoint.path}/{key}/{partition.season}" for key in partition.circuits]
        done = {response.url for response in landed}
        return CircuitsPlan([url for url in urls if url not in done])

    return plan


class CircuitsPlan:
    """See `exchange.RequestPlan`. `urls`: those that have not landed."""

    def __init__(self, urls: list[str]) -> None:
        self._left = urls

    def next_url(self) -> str | None:
        """The next circuit."""
        return self._left.pop(0) if self._left else None

    def receive(self, response: Response) -> None:
        """No request depends on a response."""

    def check_complete(self) -> None:
        """One response says nothing of another one."""
