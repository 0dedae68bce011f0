"""A source that only tests know: pages in an envelope, an hourly limit, one endpoint by season."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from f1_lakehouse.sources.catalog import (
    Column,
    Endpoint,
    Kind,
    Partition,
    PastPull,
    Reason,
    Scope,
)
from f1_lakehouse.sources.errors import InconsistentResponsesError, PermanentError
from f1_lakehouse.sources.exchange import Connection, LandedResponse, Read, Response, ResponseKind, Window
from f1_lakehouse.sources.season_partitions import SeasonPartitions
from f1_lakehouse.sources.source import Source

RESULTS = Endpoint(
    "toy_results",
    "Results of a season",
    (
        Column("season", Kind.INT, "Season", required=True),
        Column("driver", Kind.TEXT, "Driver", required=True),
        Column("points", Kind.DOUBLE, "Points"),
    ),
    key=("season", "driver"),
    scope=Scope.SEASON,
    source="toy",
    path="results",
    rows=lambda content: content["rows"],
    partition_column="season",
)
PAGE = 2


def classify(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    url: str = "",
    now: datetime | None = None,
    read: Read = orjson.loads,
) -> tuple[ResponseKind, Any]:
    if status != 200:
        raise PermanentError(f"Toy answered {status}", url, "look at it")
    content = read(body)
    return (ResponseKind.ROWS, content) if content["total"] else (ResponseKind.EMPTY, None)


class Pages:
    """The plan of a pull: the first page, then the number of pages that follows from its total."""

    def __init__(self, root: str, landed: Sequence[LandedResponse]) -> None:
        self.root = root
        self.totals = {response.url: orjson.loads(response.body())["total"] for response in landed}
        self.under_way: set[str] = set()

    def next_url(self) -> str | None:
        if not self.totals and self.under_way:
            return None
        total = max(self.totals.values(), default=1)
        urls = [f"{self.root}?offset={offset}" for offset in range(0, total, PAGE)]
        url = next((url for url in urls if url not in self.totals and url not in self.under_way), None)
        if url is not None:
            self.under_way.add(url)
        return url

    def receive(self, response: Response) -> None:
        self.under_way.discard(response.url)
        self.totals[response.url] = response.content["total"] if response.content else 0

    def check_complete(self) -> None:
        if len(set(self.totals.values())) > 1:
            raise InconsistentResponsesError("the pages of Toy are of different ages", self.root, "run again")


def planner(base_url: str) -> Any:
    def plan(
        endpoint: Endpoint,
        partition: Partition,
        landed: Sequence[LandedResponse] = (),
        drivers: Sequence[int] = (),
    ) -> Pages:
        return Pages(f"{base_url}/{partition.season}/{endpoint.path}", landed)

    return plan


def why_due(
    endpoint: Endpoint, partition: Partition, now: datetime, pulls: Sequence[PastPull], back_off: bool
) -> Reason | None:
    return None if any(pull.is_answer for pull in pulls) else ("first pull", len(pulls))


def source_at(base_url: str) -> Source:
    return Source(
        name="toy",
        title="Toy",
        endpoints=(RESULTS,),
        url_setting="F1_TOY_URL",
        default_url="https://toy.example",
        connect=lambda _: Connection(base_url, (Window(200, 3600.0),)),
        planner=planner,
        classify=classify,
        why_due=why_due,
        partitions=SeasonPartitions("toy", (RESULTS,), why_due, first_season=2000),
        credit="Toy (toy.example)",
        licence="CC0",
        max_concurrent_requests=2,
    )
