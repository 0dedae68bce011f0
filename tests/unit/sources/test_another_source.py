"""A second source that uses the interface only: pages in an envelope, an hourly limit, a table in bronze."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from scripted_openf1 import FakeOpenF1, Reply
from toy_source import PAGE, RESULTS, source_at

from f1_lakehouse.ingest import PullError, pull
from f1_lakehouse.lakehouse import Lake
from f1_lakehouse.monitor import state_of
from f1_lakehouse.observability.health import conditions
from f1_lakehouse.operations.rebuild import rebuild
from f1_lakehouse.operations.verify import check_bronze
from f1_lakehouse.settings import Settings
from f1_lakehouse.sources import registry
from f1_lakehouse.sources.catalog import Scope, SeasonPartition
from f1_lakehouse.sources.season_partitions import SeasonPartitions
from f1_lakehouse.sources.source import UnknownPartitionError


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
        rows = [
            {"season": 2024, "driver": driver, "points": 1} for driver in self.drivers[offset : offset + PAGE]
        ]
        return Reply(body={"total": self.totals.get(offset, len(self.drivers)), "rows": rows})


@pytest.fixture
def served(openf1: FakeOpenF1) -> Served:
    openf1.script = served = Served(["a", "b", "c", "d", "e"])
    return served


@pytest.fixture
def lake(openf1: FakeOpenF1, served: Served, tmp_path: Path) -> Lake:
    settings = Settings(lakehouse_root=tmp_path / "lake")
    return Lake.open(settings, [*registry.SOURCES, source_at(openf1.base_url)])


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
    assert drivers_in(Lake.open(lake.settings, lake.sources)) == before
    assert check_bronze(bronze, [RESULTS.name]).problems == []


def test_resumed_pull_requests_only_the_missing_pages(lake: Lake, served: Served, openf1: FakeOpenF1) -> None:
    served.broken_at = 4
    with pytest.raises(PullError, match="Toy answered 400"):
        pull(lake, RESULTS, SeasonPartition(2024), why="first pull")
    served.broken_at = None
    openf1.requested.clear()
    assert pull(lake, RESULTS, SeasonPartition(2024), why="failed").rows == 5
    assert openf1.requested == ["2024/results?offset=4"]


def test_failed_pull_is_an_alert_with_the_command_that_loads_its_source(lake: Lake, served: Served) -> None:
    served.broken_at = 0
    with pytest.raises(PullError, match="Toy answered 400"):
        pull(lake, RESULTS, SeasonPartition(2024), why="first pull")
    [alert] = conditions(state_of(lake))
    assert (alert.subject, alert.todo) == ("toy 2024", "f1 load --season 2024 --source toy")


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


def test_endpoint_that_no_job_pulls_is_refused() -> None:
    with pytest.raises(ValueError, match="no job of toy pulls the endpoints by round"):
        replace(source_at("http://x"), endpoints=(replace(RESULTS, scope=Scope.ROUND),))


def test_source_with_seasons_follows_the_current_one_and_corrects_loaded_ones(lake: Lake) -> None:
    toy, now = lake.sources[-1], datetime(2026, 7, 1, tzinfo=UTC)
    stale = SeasonPartitions("toy", (RESULTS,), lambda *_: ("yearly", 0), first_season=2000)
    assert [work.partition.label for work in toy.partitions.due(lake, now)] == ["2026"]
    pull(lake, RESULTS, SeasonPartition(2024), why="by hand")
    assert [work.partition.label for work in toy.partitions.due(lake, now)] == ["2026"]
    assert [(work.partition.label, work.why) for work in stale.due(lake, now)] == [
        ("2024", "yearly"),
        ("2026", "yearly"),
    ]
    assert [work.partition.label for work in stale.due(lake, now, followed=())] == ["2024"]
    assert [work.partition.label for work in toy.partitions.due(lake, now, seasons=[2020, 2021])] == [
        "2020",
        "2021",
    ]
    with pytest.raises(UnknownPartitionError, match="toy has seasons from 2000 to 2026"):
        toy.partitions.named(lake, RESULTS, "1999", now)
