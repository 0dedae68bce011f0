"""What a response of Jolpica means."""

import pytest
from jolpica_bodies import RACE, body, races, result

from f1_lakehouse.sources.errors import PermanentError, TransientError
from f1_lakehouse.sources.exchange import ResponseKind
from f1_lakehouse.sources.jolpica.responses import classify

URL = "https://api.jolpi.ca/ergast/f1/2023/results.json?limit=100&offset=0"


def test_page_with_rows_is_rows_and_one_without_is_empty() -> None:
    kind, content = classify(200, {}, races("Results", (5, [result()])), URL)
    assert kind is ResponseKind.ROWS
    assert content["MRData"]["total"] == "1"
    assert classify(200, {}, body("RaceTable", {"Races": []}, total=0), URL) == (ResponseKind.EMPTY, None)


@pytest.mark.parametrize(
    ("served", "message"),
    [
        (b"<!doctype html><p>maintenance", "an HTML page instead of rows"),
        (b'{"MRData": {"total"', "bytes of broken JSON"),
        (b'{"detail": "hm"}', "without MRData"),
        (body("RaceTable", {"Races": []}, total="n/a"), "total is 'n/a'"),
        (body("RaceTable", {"Races": []}, offset=100), "that from row 100 was served"),
        (body("RaceTable", {"Races": []}, limit=30), "one of 30 was served"),
        (body("DriverTable", {"Drivers": []}), "without RaceTable"),
        (body("RaceTable", {"Races": [{**RACE, "Results": "none"}]}), "Results is not a list"),
    ],
)
def test_200_that_is_not_the_requested_page_is_requested_again_and_never_lands(
    served: bytes, message: str
) -> None:
    with pytest.raises(TransientError, match=message) as found:
        classify(200, {"Content-Type": "application/json"}, served, URL)
    assert "\n" not in str(found.value)


def test_throttled_request_waits_and_names_the_setting() -> None:
    with pytest.raises(TransientError, match="F1_JOLPICA_REQUESTS_PER_HOUR") as found:
        classify(429, {}, b'{"detail": "Request was throttled."}', URL)
    assert (found.value.rate_limited, found.value.retry_after) == (True, None)


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_failure_of_the_server_is_transient(status: int) -> None:
    with pytest.raises(TransientError, match=str(status)):
        classify(status, {}, b"<html>", URL)


@pytest.mark.parametrize("status", [301, 302, 400, 401, 403, 404])
def test_refusal_is_permanent(status: int) -> None:
    with pytest.raises(PermanentError, match=str(status)):
        classify(status, {"Location": "/elsewhere/"}, b"<html>", URL)
