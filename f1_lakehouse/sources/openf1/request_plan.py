"""The requests of one pull of OpenF1, in as few as possible.

Belongs here: the order of requests, and what a response changes about the rest. Does not belong here: how a slice is divided
and written as a URL (slices.py), sending (sources/http.py, sources/client.py).

Logs the event `cut` (url, parts) when a request is too large and is divided.
"""

import logging
from collections import deque
from collections.abc import Sequence

from f1_lakehouse.sources.catalog import Endpoint, Partition, Scope
from f1_lakehouse.sources.errors import PermanentError
from f1_lakehouse.sources.exchange import LandedResponse, Response
from f1_lakehouse.sources.openf1.slices import (
    DivisionMemory,
    PullSlices,
    Slice,
    axis_of,
    known_slices,
)
from f1_lakehouse.sources.openf1.urls import Filter, request_url

logger = logging.getLogger(__name__)


class OpenF1Planner:
    """Makes request plans; remembers how pulls had to be divided. `base_url`: up to and including `/v1`."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._memory = DivisionMemory()

    def __call__(
        self,
        endpoint: Endpoint,
        partition: Partition,
        landed: Sequence[LandedResponse] = (),
        drivers: Sequence[int] = (),
    ) -> "OpenF1RequestPlan":
        """The plan of a pull.

        `drivers`: who took part; required for telemetry. `partition.window` (start and end, aware) is needed to divide by
        time, and only its middle matters, because the first slice has no lower and the last no upper bound.

        Raises PermanentError for telemetry without drivers.
        """
        field = "year" if endpoint.scope is Scope.SEASON else "session_key"
        root = request_url(self._base_url, endpoint.path, [Filter(field, "=", partition.key)])
        if endpoint.by_driver and not drivers:
            cure = "load the session's drivers first"
            raise PermanentError(
                f"{endpoint.name} is requested driver by driver and none is given", root, cure
            )
        driver, window = endpoint.column("driver_number"), partition.window
        slices = PullSlices(
            root=root,
            drivers=tuple(dict.fromkeys(drivers)) if driver is not None and driver.required else (),
            axis=axis_of(endpoint, window),
            division_key=(endpoint.name, int((window[1] - window[0]).total_seconds()) if window else None),
            known=known_slices(root, {response.url: response.status for response in landed}),
        )
        return OpenF1RequestPlan(slices, self._memory, by_driver=endpoint.by_driver)


class OpenF1RequestPlan:
    """The requests of one pull; see `exchange.RequestPlan`.

    What is answered with 422 is kept too, and is then requested in slices: by driver, where every row has one and drivers
    are given, then by halving time (`date`) or, where rows have no such column, lap numbers. How a driver's rows had to be
    divided is remembered for the next driver and for the next session of the same length. Rows without a date are not in
    any slice of time, nor are rows of drivers who are not listed in any slice by driver.

    Slices that an interrupted pull has landed are not requested again, a 422 among them is divided immediately, and the rest is
    requested in slices that overlap none of them, even if another process with another memory, drivers or window made them.

    The first driver is requested alone, and shows how large responses are; then several requests are sent concurrently, those of
    endpoints without drivers one by one. With `by_driver`, the complete session is requested once if the first driver has no
    rows: when it has none either, the pull is complete.
    """

    def __init__(self, slices: PullSlices, memory: DivisionMemory, *, by_driver: bool) -> None:
        self._slices = slices
        self._memory = memory
        self._waiting: deque[Slice] = deque()
        self._under_way: dict[str, Slice] = {}
        self._first_driver: int | None = None
        self._others: list[Slice] = []
        self._is_probing_session = False
        self._has_rows = any(status != 404 for status in slices.known.values())
        if not by_driver:
            self._waiting.append(Slice())
        elif slices.known.get(Slice()) not in (200, 404):  # else the session was requested completely
            first, *self._others = slices.by_driver(Slice())
            self._waiting.append(first)

    def next_url(self) -> str | None:
        """The next URL to request; see `exchange.RequestPlan`. Raises TooLargeError for what cannot be divided."""
        if self._under_way and not self._is_complete(self._first_driver):
            return None
        part = self._next_slice()
        if part is None and not self._under_way and self._others:
            part = self._begin_other_drivers()
        if part is None:
            return None
        self._first_driver = part.driver if self._first_driver is None else self._first_driver
        url = self._slices.url(part)
        self._under_way[url] = part
        return url

    def receive(self, response: Response) -> None:
        """Take a response into account. Raises TooLargeError if it was too large and cannot be divided."""
        part = self._under_way.pop(response.url)
        self._has_rows = self._has_rows or not response.is_empty
        if self._is_probing_session:
            self._is_probing_session = False
            if not response.is_too_large:
                self._others = []  # it has no rows, or these are all of them
            return
        if response.is_too_large:
            self._waiting.extendleft(reversed(self._divide(part)))

    def check_complete(self) -> None:
        """OpenF1's slices do not overlap and need no check."""

    def _is_complete(self, driver: int | None) -> bool:
        """Whether all responses of a driver are there: how they had to be divided is then known for the others."""
        unfinished = (*self._waiting, *self._under_way.values())
        return driver is not None and all(part.driver != driver for part in unfinished)

    def _begin_other_drivers(self) -> Slice | None:
        """Continue after the first driver: with the complete session while no rows were seen, else with the other drivers."""
        if not self._has_rows:
            # A session that was never published would cost one request per driver. If there is something, it is refused as
            # too large, or is all that there is.
            self._has_rows = self._is_probing_session = True
            return Slice()
        self._waiting.extend(self._others)
        self._others = []
        return self._next_slice()

    def _next_slice(self) -> Slice | None:
        """The next slice to request; landed ones are skipped, and what need not be requested first is divided."""
        while self._waiting:
            part = self._waiting.popleft()
            status = self._slices.known.get(part)
            if status in (200, 404):
                continue
            planned = self._slices.planned(part, self._memory)
            if planned is None and status != 422:
                return part
            self._waiting.extendleft(reversed(self._divide(part, planned)))
        return None

    def _divide(self, part: Slice, planned: Sequence[Slice] | None = None) -> Sequence[Slice]:
        slices = planned or self._slices.divide(part)
        self._memory.record(self._slices, part, slices)
        url, count = self._slices.url(part), len(slices)
        extra = {"event": "cut", "url": url, "parts": count}
        logger.info("%s is too large, requesting %d parts", url, count, extra=extra)
        return slices
