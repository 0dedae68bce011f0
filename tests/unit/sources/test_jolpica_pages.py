"""The pages of a pull: which are requested, and what makes them inconsistent."""

from typing import Any

import pytest
from jolpica_bodies import body, races, result

from f1_lakehouse.sources.jolpica.endpoints import BY_TABLE
from f1_lakehouse.sources.jolpica.pages import (
    InconsistentPullError,
    Page,
    check,
    exists,
    read_page,
    requests,
    url,
)
from f1_lakehouse.sources.jolpica.unpack import EnvelopeError

BASE = "https://api.jolpi.ca/ergast/f1"
RESULTS = BY_TABLE["jolpica_results"]


def page(offset: int, total: int, count: int | None = None, first: int | None = None) -> Page:
    """A page of results; `first`: the number in the id of its first driver."""
    held = range(min(100, total - offset) if count is None else count)
    start = offset if first is None else first
    rows = tuple(
        {"season": 2023, "round": 1, "driver_id": f"d{start + i}", "constructor_id": "c", "number": start + i}
        for i in held
    )
    return Page(url(BASE, RESULTS, 2023, offset), offset, total, rows)


@pytest.mark.parametrize(
    ("table", "partition", "path"),
    [
        ("jolpica_seasons", 0, "seasons.json"),
        ("jolpica_results", 1957, "1957/results.json"),
        ("jolpica_driver_standings", 2024, "2024/driverstandings.json"),
        ("jolpica_laps", 202405, "2024/5/laps.json"),
        ("jolpica_pitstops", 202412, "2024/12/pitstops.json"),
    ],
)
def test_url_of_a_page(table: str, partition: int, path: str) -> None:
    assert url(BASE + "/", BY_TABLE[table], partition, 200) == f"{BASE}/{path}?limit=100&offset=200"


@pytest.mark.parametrize(
    ("table", "partition"), [("jolpica_laps", 2024), ("jolpica_results", 202405), ("jolpica_drivers", 2024)]
)
def test_url_of_a_partition_that_the_resource_does_not_have_is_an_error(table: str, partition: int) -> None:
    with pytest.raises(ValueError, match="is pulled by"):
        url(BASE, BY_TABLE[table], partition)


@pytest.mark.parametrize(
    ("table", "partition", "there"),
    [
        ("jolpica_constructor_standings", 1957, False),
        ("jolpica_constructor_standings", 1958, True),
        ("jolpica_qualifying", 1993, False),
        ("jolpica_sprint", 2020, False),
        ("jolpica_laps", 199516, False),
        ("jolpica_laps", 199601, True),
        ("jolpica_pitstops", 201019, False),
        ("jolpica_results", 202405, False),
        ("jolpica_drivers", 0, True),
    ],
)
def test_what_cannot_exist_is_never_requested(table: str, partition: int, there: bool) -> None:
    assert exists(BY_TABLE[table], partition) is there


def test_first_page_is_requested_alone_and_says_how_many_follow() -> None:
    assert requests(BASE, RESULTS, 2023, []) == [url(BASE, RESULTS, 2023, 0)]
    assert requests(BASE, RESULTS, 2023, [page(0, 440)]) == [
        url(BASE, RESULTS, 2023, offset) for offset in (100, 200, 300, 400)
    ]


@pytest.mark.parametrize(("total", "count"), [(0, 1), (1, 1), (100, 1), (101, 2), (200, 2), (1055, 11)])
def test_a_pull_takes_one_request_per_100_rows(total: int, count: int) -> None:
    assert 1 + len(requests(BASE, RESULTS, 2023, [page(0, total)])) == count


def test_resumed_pull_requests_only_missing_pages() -> None:
    landed = [page(0, 440), page(300, 440)]
    assert requests(BASE, RESULTS, 2023, landed) == [
        url(BASE, RESULTS, 2023, offset) for offset in (100, 200, 400)
    ]


def test_complete_pull_requests_nothing_and_is_consistent() -> None:
    landed = [page(200, 240), page(0, 240), page(100, 240)]
    assert requests(BASE, RESULTS, 2023, landed) == []
    check(RESULTS, 2023, landed)


def test_pull_without_rows_is_complete() -> None:
    assert requests(BASE, RESULTS, 2023, [page(0, 0)]) == []
    check(RESULTS, 2023, [page(0, 0)])


def test_race_over_two_pages_is_consistent() -> None:
    first = [result(f"d{i}", number=str(i)) for i in range(100)]
    rest = [result(f"d{i}", number=str(i)) for i in range(100, 120)]
    pages = [
        read_page(RESULTS, url(BASE, RESULTS, 2023, 0), races("Results", (5, first), total=120)),
        read_page(RESULTS, url(BASE, RESULTS, 2023, 100), races("Results", (5, rest), total=120, offset=100)),
    ]
    check(RESULTS, 2023, pages)
    assert sum(len(one.rows) for one in pages) == 120


@pytest.mark.parametrize(
    ("landed", "message"),
    [
        pytest.param([page(0, 200), page(100, 201, count=100)], "number of rows changed", id="row inserted"),
        pytest.param([page(0, 200), page(100, 199)], "number of rows changed", id="page shrank"),
        pytest.param([page(0, 200), page(100, 200, first=99)], "d99.* is on two pages", id="rows moved"),
        pytest.param([page(0, 150), page(100, 150, count=49)], "149 rows came of 150", id="row missing"),
        pytest.param([page(0, 250), page(200, 250)], "2 pages at rows", id="page missing"),
        pytest.param([], "number of rows", id="nothing"),
    ],
)  # fmt: skip
def test_pages_that_are_not_one_answer_are_inconsistent(landed: list[Page], message: str) -> None:
    with pytest.raises(InconsistentPullError, match=message):
        check(RESULTS, 2023, landed)


def test_key_twice_on_one_page_is_inconsistent() -> None:
    twice = read_page(RESULTS, url(BASE, RESULTS, 2023), races("Results", (5, [result(), result()])))
    with pytest.raises(InconsistentPullError, match="on one page"):
        check(RESULTS, 2023, [twice])


def test_driver_with_two_cars_and_a_car_without_number_are_two_keys() -> None:
    cars = [result(), result(number="2"), result(number="None")]
    check(RESULTS, 2023, [read_page(RESULTS, url(BASE, RESULTS, 2023), races("Results", (5, cars)))])


@pytest.mark.parametrize(
    ("frame", "message"), [({"offset": 100}, "from row 0 was requested"), ({"limit": 30}, "of 30 was served")]
)
def test_another_page_than_requested_is_an_error(frame: dict[str, Any], message: str) -> None:
    with pytest.raises(EnvelopeError, match=message):
        read_page(RESULTS, url(BASE, RESULTS, 2023), body("RaceTable", {"Races": []}, total=0, **frame))


def test_rows_of_another_round_are_inconsistent() -> None:
    laps = BY_TABLE["jolpica_pitstops"]
    rows = ({"season": 2023, "round": 6, "driver_id": "a", "stop": 1},)
    with pytest.raises(InconsistentPullError, match="202305 was requested, a row of season 2023, round 6"):
        check(laps, 202305, [Page(url(BASE, laps, 202305), 0, 1, rows)])
    check(laps, 202306, [Page(url(BASE, laps, 202306), 0, 1, rows)])
