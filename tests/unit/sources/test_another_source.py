"""A second source that uses the interface only: pages in an envelope, an hourly limit, a table in bronze."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from scripted_openf1 import FakeOpenF1, Reply

from f1_lakehouse.ingest import PullError, pull
from f1_lakehouse.lakehouse import Lake
from f1_lakehouse.operations.rebuild import rebuild
from f1_lakehouse.operations.verify import check_bronze
from f1_lakehouse.settings import Settings
from f1_lakehouse.sources import registry
from f1_lakehouse.sources.catalog import Column, Endpoint, Kind, Partition, Scope, SeasonPartition, Source
from f1_lakehouse.sources.errors import InconsistentResponsesError, PermanentError
from f1_lakehouse.sources.exchange import Connection, LandedResponse, Read, Response, ResponseKind, Window

RESULTS = Endpoint(
    "toy_results",
    "Results of a season",
    (
        Column("season", Kind.INT, "Season", required=True),
        Column("driver", Kind.TEXT, "Driver", required=True),
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


def source_at(base_url: str) -> Source:
    return Source(
        name="toy",
        title="Toy",
        endpoints=(RESULTS,),
        url_setting="F1_TOY_URL",
        default_url="https://toy.example",
        connect=lambda _: Connection(base_url, (Window(4, 1.0), Window(200, 3600.0))),
        planner=planner,
        classify=classify,
        why_due=lambda *_: ("first pull", 0),
        max_concurrent_requests=2,
    )


class Served:
    """The service: pages of PAGE rows; `broken_at` fails at that offset, `totals` are the totals on the pages."""

    def __init__(self, drivers: list[str]) -> None:
        self.drivers = drivers
        self.broken_at: int | None = None
        self.totals: dict[int, int] = {}

    def __call__(self, requested: str) -> Reply:
        offset = int(requested.rpartition("=")[2])
        if offset == self.broken_at:
            return Reply(400, b"no")
        rows = [{"season": 2024, "driver": driver} for driver in self.drivers[offset : offset + PAGE]]
        return Reply(body={"total": self.totals.get(offset, len(self.drivers)), "rows": rows})


@pytest.fixture
def served(openf1: FakeOpenF1) -> Served:
    openf1.script = served = Served(["a", "b", "c", "d", "e"])
    return served


@pytest.fixture
def lake(openf1: FakeOpenF1, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.setitem(registry.BY_NAME, RESULTS.name, RESULTS)
    settings = Settings(lakehouse_root=tmp_path / "lake")
    lake = Lake.open(settings, [*registry.SOURCES, source_at(openf1.base_url)])
    lake.bronze.create_table(RESULTS.name)
    return lake


def drivers_in(lake: Lake) -> list[str]:
    return sorted(lake.bronze.rows(RESULTS.name, 2024)["driver"].to_pylist())


def test_another_source_is_pulled_into_bronze_and_rebuilt_from_landing(
    lake: Lake, openf1: FakeOpenF1
) -> None:
    done = pull(lake, RESULTS, SeasonPartition(2024), why="first pull")
    assert (done.outcome, done.rows, done.requests) == ("appended", 5, 3)
    assert openf1.requested[0] == "2024/results?offset=0"
    assert sorted(openf1.requested) == [f"2024/results?offset={offset}" for offset in (0, 2, 4)]
    assert pull(lake, RESULTS, SeasonPartition(2024), why="again").outcome == "unchanged"
    assert (lake.settings.root / "toy_limits.sqlite").exists()
    assert lake.clients["toy"].http.limiter.remaining()[3600.0] == 194

    bronze = lake.bronze
    before = drivers_in(lake)
    Path(bronze.uri, RESULTS.name).rename(Path(bronze.uri, "gone"))
    [entry] = [one for one in rebuild(lake.landing, bronze, [RESULTS.name]) if one.table == RESULTS.name]
    assert (entry.restored, entry.rows, entry.problems) == (1, 5, [])
    assert drivers_in(Lake.open(lake.settings)) == before
    assert check_bronze(bronze, [RESULTS.name]).problems == []


def test_resumed_pull_requests_only_the_missing_pages(lake: Lake, served: Served, openf1: FakeOpenF1) -> None:
    served.broken_at = 4
    with pytest.raises(PullError, match="Toy answered 400"):
        pull(lake, RESULTS, SeasonPartition(2024), why="first pull")
    served.broken_at = None
    openf1.requested.clear()
    assert pull(lake, RESULTS, SeasonPartition(2024), why="failed").rows == 5
    assert openf1.requested == ["2024/results?offset=4"]


def test_pull_of_inconsistent_pages_fails_and_is_not_resumed(
    lake: Lake, served: Served, openf1: FakeOpenF1
) -> None:
    served.totals = {2: 6}
    with pytest.raises(PullError, match="different ages") as caught:
        pull(lake, RESULTS, SeasonPartition(2024), why="first pull")
    assert caught.value.pull.error_type == "InconsistentResponsesError"
    assert drivers_in(lake) == []
    served.totals = {}
    openf1.requested.clear()
    assert pull(lake, RESULTS, SeasonPartition(2024), why="failed").rows == 5
    assert openf1.requested[0] == "2024/results?offset=0"
    assert drivers_in(lake) == ["a", "b", "c", "d", "e"]


def test_endpoints_of_another_source_are_refused() -> None:
    with pytest.raises(ValueError, match="laps"):
        replace(source_at("http://x"), endpoints=(registry.BY_NAME["laps"],))
