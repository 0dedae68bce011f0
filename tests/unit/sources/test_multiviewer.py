"""MultiViewer: which circuits are requested, what a response means, its rows, and the pulls of a season."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from scripted_openf1 import HTML, FakeOpenF1, Reply

from f1_lakehouse.ingest import PullError, pull
from f1_lakehouse.lakehouse import Lake
from f1_lakehouse.settings import Settings
from f1_lakehouse.sources.catalog import SeasonPartition
from f1_lakehouse.sources.errors import PermanentError, TransientError
from f1_lakehouse.sources.exchange import ResponseKind
from f1_lakehouse.sources.multiviewer.endpoints import MULTIVIEWER_CORNERS, corner_rows
from f1_lakehouse.sources.multiviewer.responses import DEFAULT_URL, classify
from f1_lakehouse.sources.multiviewer.schedule import circuit_in, circuit_season
from f1_lakehouse.sources.multiviewer.source import MULTIVIEWER
from f1_lakehouse.sources.registry import BY_NAME

SEASON = 2026
URL = f"{DEFAULT_URL}/circuits/61/{SEASON}"
PLACE = {"x": 10.5, "y": -20}
CORNER = {"number": 1, "angle": -68.9, "length": 8118.5, "trackPosition": PLACE}


def circuit(key: int = 61, *corners: Any, **rest: Any) -> dict[str, Any]:
    return {
        "circuitKey": key,
        "year": SEASON,
        "circuitName": "Singapore",
        "rotation": 335.0,
        "corners": list(corners),
    } | rest


def meeting(key: int, url: str | None) -> dict[str, Any]:
    return {"meeting_key": key, "circuit_key": 1, "year": SEASON, "circuit_info_url": url}


@pytest.mark.parametrize(
    ("url", "key"),
    [
        (URL, 61),
        ("http://127.0.0.1:9/v1/circuits/61/2026/", 61),
        (f"{DEFAULT_URL}/circuits/61/2025", None),
        ("https://api.elsewhere11.org/api/v1/circuits/61/2026", None),
        ("https://elsewhere.example/api/v1/circuits/61/2026", None),
        (f"{DEFAULT_URL}.elsewhere.example/circuits/61/2026", None),
        (f"{DEFAULT_URL}/circuits/../61/2026", None),
        (f"{DEFAULT_URL}/circuits/x/2026", None),
        (None, None),
        (61, None),
    ],
)
def test_circuit_is_taken_only_from_an_address_of_the_service_and_season(
    url: object, key: int | None
) -> None:
    assert circuit_in(url, SEASON, (DEFAULT_URL, "http://127.0.0.1:9/v1")) == key


def test_response_with_corners_is_rows_and_one_without_is_empty() -> None:
    body = orjson.dumps(circuit(61, CORNER))
    assert classify(200, {}, body, URL) == (ResponseKind.ROWS, circuit(61, CORNER))
    assert classify(200, {}, orjson.dumps(circuit(61)), URL) == (ResponseKind.EMPTY, None)
    assert classify(200, {}, b'{"circuitKey": 61, "year": 2026}', URL) == (ResponseKind.EMPTY, None)
    assert classify(404, HTML, b"<html>", URL) == (ResponseKind.EMPTY, None)


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (200, b"<!doctype html><p>maintenance", "an HTML page instead of a circuit"),
        (200, b'{"corners": [', "bytes of broken JSON"),
        (200, b"[]", "something else than circuit 61"),
        (200, orjson.dumps(circuit(62, CORNER)), "something else than circuit 61"),
        (200, orjson.dumps(circuit(61, corners={"1": CORNER})), "corners that are not a list"),
        (429, b"", "429"),
        (503, b"", "503"),
    ],
)
def test_other_response_is_a_transient_failure(status: int, body: bytes, message: str) -> None:
    with pytest.raises(TransientError, match=message) as found:
        classify(status, {}, body, URL)
    assert found.value.rate_limited == (status == 429)


@pytest.mark.parametrize("status", [302, 403])
def test_refusal_and_redirect_are_permanent(status: int) -> None:
    with pytest.raises(PermanentError, match="F1_MULTIVIEWER_URL"):
        classify(status, {"Location": "https://elsewhere.example"}, b"", URL)


def test_corner_without_place_or_that_is_no_object_is_still_a_row() -> None:
    lettered = {"number": 2, "letter": "A", "trackPosition": "nowhere"}
    first, second, third = corner_rows(circuit(61, CORNER, lettered, 7))
    assert first == {
        "number": 1,
        "angle": -68.9,
        "length": 8118.5,
        "x": 10.5,
        "y": -20,
        "season": SEASON,
        "circuit_key": 61,
        "circuit_name": "Singapore",
        "rotation": 335.0,
    }
    assert (second["letter"], second["x"], second["y"], third) == ("A", None, None, 7)


class Served:
    """OpenF1's meetings and MultiViewer's circuits; `replies` by circuit."""

    def __init__(self, base: str) -> None:
        urls = [f"{DEFAULT_URL}/circuits/61/2026", f"{base}/circuits/61/2026", f"{base}/circuits/63/2026"]
        urls += ["http://127.0.0.1:9/v1/circuits/99/2026"]
        self.meetings = [meeting(key, url) for key, url in enumerate([*urls, None])]
        self.replies: dict[str, Reply] = {
            "61": Reply(body=circuit(61, CORNER, CORNER | {"number": 2, "letter": ""})),
            "63": Reply(404, b"{}"),
        }

    def __call__(self, requested: str) -> Reply:
        if requested.startswith("meetings"):
            return Reply(body=self.meetings)
        return self.replies[requested.split("/")[1]]


@pytest.fixture
def served(openf1: FakeOpenF1) -> Served:
    openf1.script = found = Served(openf1.base_url)
    return found


@pytest.fixture
def lake(openf1: FakeOpenF1, served: Served, tmp_path: Path) -> Lake:
    """A lake that has the meetings of the season."""
    lake = Lake.open(
        Settings(
            lakehouse_root=tmp_path,
            openf1_url=openf1.base_url,
            multiviewer_url=openf1.base_url,
            multiviewer_requests_per_second=0,
        )
    )
    pull(lake, BY_NAME["meetings"], SeasonPartition(SEASON), why="first pull")
    openf1.requested.clear()
    return lake


@pytest.fixture
def pulled(lake: Lake) -> Callable[[], Any]:
    return lambda: pull(lake, MULTIVIEWER_CORNERS, circuit_season(lake, SEASON), why="test")


def test_every_circuit_of_the_season_is_requested_once_and_only_from_the_service(
    lake: Lake, openf1: FakeOpenF1, pulled: Callable[[], Any]
) -> None:
    partitions, now = MULTIVIEWER.partitions, datetime.now(UTC)
    [work] = partitions.due(lake, now, seasons=[SEASON, 2023])
    assert (work.partition.label, work.why, work.requests) == ("2026", "first pull", 2)
    done = pulled()
    assert (done.outcome, done.rows, done.quarantined) == ("appended", 2, 0)
    assert openf1.requested == ["circuits/61/2026", "circuits/63/2026"]

    def due(days: int) -> list[str]:
        at = done.at + timedelta(days=days)
        return [one.why for one in partitions.due(lake, at, seasons=[SEASON])]

    assert (due(29), due(31)) == ([], ["circuit without corners"])
    assert partitions.not_applicable(MULTIVIEWER_CORNERS, circuit_season(lake, 2023)) is not None
    assert partitions.due(lake, now, seasons=[2023], force=True) == []


def test_season_with_all_corners_is_requested_again_once_a_year(
    lake: Lake, served: Served, pulled: Callable[[], Any]
) -> None:
    served.replies["63"] = Reply(body=circuit(63, CORNER))
    at = pulled().at
    found = [
        MULTIVIEWER.partitions.due(lake, at + timedelta(days=days), seasons=[SEASON]) for days in (364, 366)
    ]
    assert [[work.why for work in one] for one in found] == [[], ["yearly"]]


def test_circuits_without_corners_where_corners_were_are_requested_again_after_an_hour(
    lake: Lake, served: Served, pulled: Callable[[], Any]
) -> None:
    pulled()
    served.replies["61"] = Reply(404, b"{}")
    done = pulled()
    assert (done.outcome, lake.bronze.rows("multiviewer_corners", SEASON).num_rows) == (
        "empty_unconfirmed",
        2,
    )
    found = [
        MULTIVIEWER.partitions.due(lake, done.at + timedelta(minutes=minutes), seasons=[SEASON])
        for minutes in (59, 61)
    ]
    assert [[work.why for work in one] for one in found] == [[], ["confirm empty"]]


def test_odd_values_are_quarantined_and_the_others_kept(
    lake: Lake, served: Served, pulled: Callable[[], Any]
) -> None:
    odd = [{"number": "one"}, {"number": 3, "length": "far"}, {"letter": "A"}, "corner"]
    served.replies["61"] = Reply(body=circuit(61, CORNER, *odd))
    served.replies["63"] = Reply(body=circuit(63, CORNER, year=2025))
    done = pulled()
    assert (done.rows, done.quarantined) == (1, 5)
    assert lake.bronze.rows("multiviewer_corners", SEASON)["x"].to_pylist() == [10.5]


def test_failed_pull_is_resumed_with_the_circuits_that_are_missing(
    openf1: FakeOpenF1, served: Served, pulled: Callable[[], Any]
) -> None:
    served.replies["63"] = Reply(403, b"no")
    with pytest.raises(PullError, match="MultiViewer answered 403"):
        pulled()
    served.replies["63"] = Reply(body=circuit(63, CORNER))
    openf1.requested.clear()
    assert pulled().rows == 3
    assert openf1.requested == ["circuits/63/2026"]
