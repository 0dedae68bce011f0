"""Helpers of these tests: one request, one pull, and a service with rows that refuses large results."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from scripted_openf1 import Reply

from f1_lakehouse.sources.catalog import Scope, SeasonPartition
from f1_lakehouse.sources.client import SourceClient
from f1_lakehouse.sources.errors import SourceError
from f1_lakehouse.sources.exchange import LandedResponse, Response
from f1_lakehouse.sources.openf1.endpoints import BY_NAME

Make = Callable[..., SourceClient]
ROWS = Reply(body=[{"a": 1}])
NONE = Reply(404, {"detail": "No results found."})
DOWN = Reply(503, b"Service Unavailable", {"Content-Type": "text/plain"})
START = datetime(2024, 9, 22, 12, tzinfo=UTC)
WINDOW = (START, START + timedelta(hours=2))
DRIVERS = (1, 4, 16)


@dataclass(frozen=True)
class SessionPartition:
    """A session as the partition of a pull."""

    scope: Scope = Scope.SESSION
    key: int = 9606
    season: int = 2024
    label: str = "race"
    window: tuple[datetime, datetime] | None = WINDOW


def get(client: SourceClient) -> Response:
    """Return the response to one request for laps."""
    return client.get(f"{client.base_url}/laps?session_key=9606")


def fail(client: SourceClient) -> type[SourceError]:
    """Return the error class of one request."""
    with pytest.raises(SourceError) as caught:
        get(client)
    return type(caught.value)


def responses(
    client: SourceClient,
    name: str = "car_data",
    *,
    drivers: Sequence[int] = DRIVERS,
    window: tuple[datetime, datetime] | None = WINDOW,
    known: Mapping[str, int] | None = None,
) -> Iterable[Response]:
    """The responses of one pull; `known`: landed ones, URL to status."""
    landed = [LandedResponse(url, status) for url, status in (known or {}).items()]
    partition = SessionPartition(window=window)
    return client.responses(BY_NAME[name], partition, drivers=drivers, landed=landed)


def pull(client: SourceClient, name: str = "car_data", **rest: object) -> list[Response]:
    """Return all responses of one pull."""
    return list(responses(client, name, **rest))  # type: ignore[arg-type]


def pull_season(client: SourceClient, name: str, season: int) -> list[Response]:
    """Return all responses of one pull of a season."""
    return list(client.responses(BY_NAME[name], SeasonPartition(season)))


def rows_of(received: Iterable[Response]) -> list[tuple[int, int]]:
    """Return the rows of all responses, sorted."""
    return sorted(tuple(row) for one in received if one.status == 200 for row in json.loads(one.body))


def refused(received: Iterable[Response]) -> int:
    """Return the number of requests that were too large."""
    return sum(one.is_too_large for one in received)


class ServedRows:
    """A service with rows of each driver at (seconds from START | lap), and a limit to the rows of a response."""

    def __init__(self, positions: list[int], most: int, field: str = "date") -> None:
        self.rows = [(driver, position) for driver in DRIVERS for position in positions]
        self.most = most
        self.field = field

    def __call__(self, requested: str) -> Reply:
        found = self.rows
        for part in requested.partition("?")[2].split("&"):
            name, op, value = re.fullmatch(r"(\w+?)(>=|<|=)(.+)", part).groups()  # type: ignore[union-attr]
            if name == "driver_number":
                found = [row for row in found if row[0] == int(value)]
            elif name == self.field:
                bound = (
                    int(value)
                    if name == "lap_number"
                    else (datetime.fromisoformat(value).replace(tzinfo=UTC) - START).total_seconds()
                )
                found = [row for row in found if (row[1] >= bound if op == ">=" else row[1] < bound)]
            else:
                assert part == "session_key=9606"
        if len(found) > self.most:
            return Reply(422, {"detail": "too many"})
        return Reply(body=found) if found else NONE
