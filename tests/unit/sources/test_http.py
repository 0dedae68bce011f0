"""One request: retries, rate limits, proxies, events."""

import logging
import threading
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pulls import DOWN, NONE, ROWS, START, Make, get
from scripted_openf1 import HTML, Reply

from f1_lakehouse.sources.errors import PermanentError, SourceError, TooLargeError, TransientError
from f1_lakehouse.sources.exchange import Response, Window
from f1_lakehouse.sources.http import HttpClient
from f1_lakehouse.sources.openf1.errors import LiveWindowError
from f1_lakehouse.sources.openf1.urls import Filter, request_url
from f1_lakehouse.sources.rate_limiter import RateLimiter


def test_unreachable_host_without_earlier_responses_is_tried_twice(
    make: Make,
) -> None:
    client = make("http://127.0.0.1:9/v1")
    with pytest.raises(TransientError, match="no connection"):
        get(client)
    assert client.http.requests == 2


PROXY = "http://ann:s3c@et@127.0.0.1:9"


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.7"])
def test_this_machine_is_never_reached_through_a_proxy(
    openf1: Any, make: Make, monkeypatch: pytest.MonkeyPatch, variable: str, host: str
) -> None:
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("no_proxy", "example.com")
    monkeypatch.setenv(variable, PROXY)
    openf1.script = [ROWS]
    client = make(openf1.base_url.replace("127.0.0.1", host), attempts=1)
    if host == "127.0.0.7":  # nothing listens there; the direct connection fails, not the proxy
        with pytest.raises(TransientError, match="no connection to OpenF1 "):
            get(client)
    else:
        assert get(client).status == 200


@pytest.mark.parametrize(
    ("url", "variable", "proxy", "named"),
    [
        ("http://example.com/v1", "http_proxy", PROXY, "http://127.0.0.1:9 failed"),
        ("https://example.com/v1", "HTTPS_PROXY", PROXY, "http://127.0.0.1:9 failed"),
        (
            "https://example.com/v1",
            "all_proxy",
            "socks5://ann:s3c@et@127.0.0.1:9",
            "socks5://127.0.0.1:9 cannot",
        ),
        (
            "http://example.com/v1",
            "http_proxy",
            "http://ann:s3c@et@[127.0.0.1:9",
            "http://[127.0.0.1:9 cannot",
        ),
    ],
)
def test_proxy_that_fails_is_named_without_its_password(
    make: Make,
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    variable: str,
    proxy: str,
    named: str,
) -> None:
    monkeypatch.setenv(variable, proxy)
    client = make(url)
    with pytest.raises(SourceError) as caught:
        get(client)
    assert f"the proxy {named}" in str(caught.value)
    assert "HTTPS_PROXY" in str(caught.value)
    assert "s3c" not in str(caught.value)


def test_proxy_that_requires_a_password_is_named(
    openf1: Any, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    openf1.script = [Reply(407, b"", {}), Reply(407, b"", {})]
    monkeypatch.setenv("http_proxy", openf1.base_url.removesuffix("/v1"))
    client = make("http://example.com/v1", attempts=1)
    with pytest.raises(TransientError, match=r"the proxy http://127.0.0.1:\d+ refuses: it wants a user name"):
        get(client)


def test_host_that_has_answered_before_is_retried(openf1: Any, make: Make) -> None:
    openf1.script = [ROWS]
    client = make(attempts=4)
    get(client)
    client.base_url = "http://127.0.0.1:9/v1"  # as if the server had ended
    with pytest.raises(TransientError, match="no connection"):
        get(client)
    assert client.http.requests == 1 + 4


def test_response_has_the_fields_for_landing(openf1: Any, make: Make, clock: Any) -> None:
    openf1.script = [ROWS]
    client = make()
    answer = get(client)
    assert answer == Response(
        f"{openf1.base_url}/laps?session_key=9606", 200, clock.now(), ROWS.raw, 0.0, 0.0, 1
    )
    assert not answer.is_empty
    assert (client.http.requests, client.http.bytes, client.http.retries, client.http.seconds_waited) == (
        1,
        len(ROWS.raw),
        0,
        0,
    )


@pytest.mark.parametrize("reply", [NONE, Reply(body=[]), Reply(200, {"detail": "No results found."})])
def test_every_form_of_an_empty_response_is_empty_and_not_retried(
    openf1: Any, make: Make, reply: Reply
) -> None:
    openf1.script = [reply]
    assert get(make()).is_empty
    assert len(openf1.requested) == 1


def test_operators_reach_the_server_unchanged(openf1: Any, make: Make) -> None:
    client = make()
    filters = [Filter("session_key", "=", 9606), Filter("date", ">=", START), Filter("date", "<", START)]
    answer = client.get(request_url(client.base_url, "car_data", filters))
    meant = "car_data?session_key=9606&date>=2024-09-22T12:00:00&date<2024-09-22T12:00:00"
    assert openf1.requested == [meant]
    assert answer.url == f"{openf1.base_url}/{meant}"
    assert "%3D" not in openf1.raw[0]


@pytest.mark.parametrize(
    "bad",
    [
        DOWN,
        Reply(502, b"<h1>Bad Gateway", HTML),
        Reply(429, {"error": "Rate limit exceeded"}),
        Reply(200, b'[{"a":1},{"a', {}),
        Reply(200, b"<html>", HTML),
        Reply(body=[{"a": 1}], cut_at=4),
        Reply(drop=True),
    ],
)
def test_transient_failure_is_retried_until_it_works(openf1: Any, make: Make, bad: Reply) -> None:
    openf1.script = [bad, bad, ROWS]
    client = make()
    answer = get(client)
    assert (answer.body, answer.attempts, client.http.retries, client.http.requests) == (ROWS.raw, 3, 2, 3)
    assert answer.waited == pytest.approx(client.http.seconds_waited)
    assert answer.waited > 2


def test_missing_chunk_is_a_time_out_and_retried(openf1: Any, make: Make) -> None:

    release = threading.Event()

    def script(_: str) -> Reply:
        if len(openf1.requested) == 1:
            release.wait(10)
        return ROWS

    openf1.script = script
    client = make(timeout=(5, 0.05))
    assert get(client).attempts == 2
    release.set()


def test_a_caller_that_must_not_wait_sends_nothing_after_the_first_failure(
    openf1: Any, make: Make, clock: Any
) -> None:
    openf1.script = lambda _: Reply(429, {"error": "Rate limit exceeded"})
    client, began = make(attempts=6), clock()
    with client.http.giving_up_early():
        for _ in range(3):
            with pytest.raises(TransientError, match="429"):
                get(client)
    assert (len(openf1.requested), clock()) == (1, began)
    openf1.script = lambda _: ROWS
    assert get(client).attempts == 1


def test_back_off_grows_with_jitter_and_ends_after_the_attempts(openf1: Any, make: Make, clock: Any) -> None:
    sent = list[float]()

    def down(_: str) -> Reply:
        sent.append(clock())
        return DOWN

    openf1.script = down
    with pytest.raises(TransientError, match=r"503 Service Unavailable.*laps.*run again later"):
        get(make())
    waits = [after - before for before, after in pairwise(sent)]
    assert all(base <= waited <= base + 1 for base, waited in zip([1, 2, 4, 8, 16], waits, strict=True)), (
        waits
    )


def test_retry_after_pauses_all_processes(openf1: Any, make: Make, clock: Any, tmp_path: Path) -> None:
    openf1.script = [Reply(429, b"Rate exceeded.", {"Retry-After": "17"}), ROWS]
    others: list[float] = []

    def sleep(seconds: float) -> None:
        others.append(RateLimiter(tmp_path / "limits.sqlite", [], clock=clock).seconds_until_free())
        clock.sleep(seconds)

    assert get(make(sleep=sleep)).waited == pytest.approx(17)
    assert others[0] == pytest.approx(17)


@pytest.mark.parametrize("status", [400, 403, 405])
def test_permanent_failure_is_not_retried(openf1: Any, make: Make, status: int) -> None:
    openf1.script = [Reply(status, b"no")]
    with pytest.raises(PermanentError):
        get(make())
    assert len(openf1.requested) == 1


def test_500_page_is_retried_once(openf1: Any, make: Make) -> None:
    openf1.script = [Reply(500, b"<h1>An error occurred</h1>", HTML)]
    with pytest.raises(PermanentError):
        get(make())
    assert len(openf1.requested) == 2


def test_redirect_is_not_followed(openf1: Any, make: Make) -> None:
    openf1.script = [Reply(302, b"", {"Location": "/v1/elsewhere"})]
    with pytest.raises(PermanentError, match=r"redirect to /v1/elsewhere.*F1_OPENF1_URL"):
        get(make())
    assert len(openf1.requested) == 1


def test_single_request_that_is_too_large_raises(openf1: Any, make: Make) -> None:
    openf1.script = [Reply(422)]
    with pytest.raises(TooLargeError):
        get(make())


def test_unreachable_host_is_transient_and_names_the_setting(
    make: Make, limiter: RateLimiter, clock: Any, openf1: Any
) -> None:
    openf1.close()
    with pytest.raises(TransientError, match=r"no connection to OpenF1.*F1_OPENF1_URL"):
        get(make(attempts=2))


@pytest.mark.parametrize(
    "base_url", ["", "api.openf1.org/v1", "ftp://x/v1", "https://u:hush@x/v1", "https://x/v1?a=1"]
)
def test_invalid_base_url_is_refused_immediately(make: Make, base_url: str) -> None:
    with pytest.raises(PermanentError, match="F1_OPENF1_URL") as caught:
        make(base_url)
    assert "hush" not in str(caught.value)


def events_in(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [vars(record) for record in caplog.records if "event" in vars(record)]


def test_every_attempt_passes_the_rate_limiter(
    openf1: Any, make: Make, clock: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    openf1.script = [DOWN, DOWN, DOWN, ROWS]
    limiter = RateLimiter(tmp_path / "limits.sqlite", [Window(2, 60.0)], clock=clock, sleep=clock.sleep)
    client = make(limiter=limiter)
    with caplog.at_level(logging.INFO, "f1_lakehouse.sources"):
        answer = get(client)
    assert clock.seconds - 1000 > 60
    assert answer.waited == pytest.approx(client.http.seconds_waited)
    assert answer.waited == pytest.approx(clock.seconds - 1000, abs=0.01)
    assert [event["event"] for event in events_in(caplog)].count("wait") == 1


def test_slot_is_released_when_the_response_begins(
    make: Make, clock: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limiter = RateLimiter(tmp_path / "limits.sqlite", [Window(1, 1.0)], clock=clock, sleep=clock.sleep)
    free: list[float] = []

    def slow_body(*_: object) -> bytes:
        clock.seconds += 10
        free.append(limiter.seconds_until_free())
        return b"[]"

    monkeypatch.setattr(HttpClient, "_read_body", slow_body)
    get(make(limiter=limiter))
    assert free == [0]


def test_events_are_logged_with_their_fields(
    openf1: Any, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    openf1.script = [DOWN, ROWS]
    with caplog.at_level(logging.INFO, "f1_lakehouse.sources"):
        get(make())
    records = events_in(caplog)
    assert [record["event"] for record in records] == ["request", "retry", "request"]
    assert records[2]["status"] == 200
    assert records[2]["bytes"] == len(ROWS.raw)
    assert records[1]["attempt"] == 1


def test_live_session_is_not_retried(openf1: Any, make: Make) -> None:
    openf1.script = [Reply(401, {"detail": "Live F1 session in progress. Global API access is restricted"})]
    with pytest.raises(LiveWindowError):
        get(make())
    assert len(openf1.requested) == 1
