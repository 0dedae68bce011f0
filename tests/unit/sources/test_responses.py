"""The classification of each response of the service."""

import pickle
from datetime import UTC, datetime

import pytest

from f1_lakehouse.sources.errors import PermanentError, SourceError, TransientError
from f1_lakehouse.sources.exchange import ResponseKind
from f1_lakehouse.sources.openf1.errors import LiveWindowError
from f1_lakehouse.sources.openf1.responses import classify

URL = "https://api.openf1.org/v1/laps?session_key=9606"
NONE = b'{"detail":"No results found."}'
LIVE_2026 = (
    b'{"detail":"Live F1 session in progress. Global API access (including past sessions) is restricted to'
    b' authenticated users until the session ends."}'
)
LIVE_2025 = (
    b'{"detail":"Session in progress, access is restricted to authenticated users. Sign up here: https://x"}'
)
PAGE = b"<h1>An error occurred</h1><pre>Traceback"
NOW = datetime(2024, 9, 22, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, b'[{"a":1}]', ResponseKind.ROWS),
        (200, b' [1, "not an object"]\n', ResponseKind.ROWS),
        (200, b"[]", ResponseKind.EMPTY),
        (200, b" [ ]\n", ResponseKind.EMPTY),
        (200, NONE, ResponseKind.EMPTY),
        (404, NONE, ResponseKind.EMPTY),
        (422, b"anything", ResponseKind.TOO_LARGE),
    ],
)
def test_rows_and_every_form_of_an_empty_response_are_distinguished(
    status: int, body: bytes, outcome: ResponseKind
) -> None:
    found, content = classify(status, {}, body, URL)
    assert found is outcome
    assert (content is not None) == (outcome is ResponseKind.ROWS)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, b'{"error":"Rate limit exceeded: 30 per 10 second"}'),
        (429, b"Rate exceeded."),
        (200, b'{"error":"Rate limit exceeded: 30 per 10 second"}'),
        (408, b""),
        (500, b'{"detail":"timeout"}'),
        (502, PAGE),
        (503, b"Service Unavailable"),
        (504, b"upstream request timeout"),
        (520, b""),
        (200, b""),
        (200, b'[{"a":1},{"a'),
        (200, b'[{"segments":[2048]'),  # truncated after an inner bracket: both ends look complete
        (200, b'[{"a":1}][{"a":1}]'),
        (200, b"<html>Just a moment</html>"),
    ],
)
def test_transient_failures_are_transient(status: int, body: bytes) -> None:
    with pytest.raises(TransientError) as caught:
        classify(status, {}, body, URL)
    assert caught.value.rate_limited == (b"Rate" in body)


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (404, {}, b"<html>Not Found</html>"),
        (404, {}, b'{"detail":"Not Found"}'),
        (401, {}, b'{"detail":"Invalid token"}'),
        (400, {}, b""),
        (403, {}, b"forbidden"),
        (405, {}, b'{"detail":"Method Not Allowed"}'),
        (301, {"Location": "https://elsewhere/"}, b""),
        (200, {}, b'{"detail":"something else"}'),
        (200, {}, b'"text"'),
        (200, {}, b"null"),
        (204, {}, b""),
    ],
)
def test_permanent_failures_are_permanent(status: int, headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(PermanentError) as caught:
        classify(status, headers, body, URL)
    assert not caught.value.retry_once


def test_status_500_with_a_traceback_page_is_permanent_after_one_retry() -> None:
    with pytest.raises(PermanentError) as caught:
        classify(500, {"Content-Type": "text/html"}, PAGE, URL)
    assert caught.value.retry_once


@pytest.mark.parametrize("body", [LIVE_2026, LIVE_2025])
def test_401_during_a_live_session_names_the_time_to_load(body: bytes) -> None:
    with pytest.raises(LiveWindowError, match="load 30 minutes after"):
        classify(401, {}, body, URL)


def test_any_other_401_names_the_setting() -> None:
    with pytest.raises(PermanentError, match="F1_OPENF1_USERNAME"):
        classify(401, {}, b"{}", URL)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("Sun, 22 Sep 2024 16:00:20 GMT", 20.0),
        ("Sun, 22 Sep 2024 15:00:00 GMT", 0.0),
        ("86400", 300.0),
        ("soon", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_read_as_seconds_or_date_and_capped(
    status: int, value: str, seconds: float | None
) -> None:
    with pytest.raises(TransientError) as caught:
        classify(status, {"Retry-After": value}, b"", URL, NOW)
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize(
    ("status", "body"), [(404, b"x\ny"), (503, b"a\r\nb"), (401, LIVE_2026), (500, PAGE)]
)
def test_every_message_is_one_line_with_the_url_and_survives_pickling(status: int, body: bytes) -> None:
    with pytest.raises(SourceError) as caught:
        classify(status, {}, body, URL)
    text = str(caught.value)
    assert "\n" not in text
    assert URL in text
    assert "Traceback" not in text
    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), str(again), vars(again)) == (type(caught.value), text, vars(caught.value))
