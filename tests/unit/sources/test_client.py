"""The client against a scripted server: retries, breaker, token, and cutting what is too large."""

import json
import logging
import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from scripted_openf1 import HTML, Reply

from f1_lakehouse.sources.openf1.client import Answer, Client
from f1_lakehouse.sources.openf1.endpoints import BY_NAME
from f1_lakehouse.sources.openf1.errors import (
    BudgetError,
    LiveWindowError,
    OpenF1Error,
    OutageError,
    PermanentError,
    TooLargeError,
    TransientError,
)
from f1_lakehouse.sources.openf1.request_plan import Filter
from f1_lakehouse.sources.rate_limiter import RateLimits

Make = Callable[..., Client]
ROWS = Reply(body=[{"a": 1}])
NONE = Reply(404, {"detail": "No results found."})
DOWN = Reply(503, b"Service Unavailable", {"Content-Type": "text/plain"})
SESSION = Filter("session_key", "=", 9606)
TOKEN = Reply(body={"expires_in": "3600", "access_token": "t0", "token_type": "bearer"})
USER = {"username": "ann", "password": "correct+horse"}

# One question


def test_a_host_that_never_answered_and_cannot_be_connected_to_is_tried_twice(
    limits: RateLimits, clock: Any
) -> None:
    client = Client("http://127.0.0.1:9/v1", limits, clock=clock, now=clock.now, sleep=clock.sleep)
    with pytest.raises(TransientError, match="no connection"):
        client.get("laps", SESSION)
    assert client.requests == 2


PROXY = "http://ann:s3c@et@127.0.0.1:9"


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.7"])
def test_this_machine_is_never_asked_through_a_proxy(
    openf1: Any, make: Make, monkeypatch: pytest.MonkeyPatch, variable: str, host: str
) -> None:
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("no_proxy", "example.com")
    monkeypatch.setenv(variable, PROXY)
    openf1.script = [ROWS]
    client = Client(openf1.base_url.replace("127.0.0.1", host), make()._limits, attempts=1)
    if host == "127.0.0.7":  # nothing listens there: tried directly, it is not the proxy that fails
        with pytest.raises(TransientError, match="no connection to OpenF1 "):
            client.get("laps", SESSION)
    else:
        assert client.get("laps", SESSION).status == 200


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
def test_a_proxy_that_fails_is_named_without_its_password(
    limits: RateLimits,
    clock: Any,
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    variable: str,
    proxy: str,
    named: str,
) -> None:
    monkeypatch.setenv(variable, proxy)
    client = Client(url, limits, clock=clock, now=clock.now, sleep=clock.sleep)
    with pytest.raises(OpenF1Error) as caught:
        client.get("laps", SESSION)
    assert f"the proxy {named}" in str(caught.value)
    assert "HTTPS_PROXY" in str(caught.value)
    assert "s3c" not in str(caught.value)


def test_a_proxy_that_wants_a_password_is_named(
    openf1: Any, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    openf1.script = [Reply(407, b"", {}), Reply(407, b"", {})]
    monkeypatch.setenv("http_proxy", openf1.base_url.removesuffix("/v1"))
    client = Client("http://example.com/v1", make()._limits, attempts=1)
    with pytest.raises(TransientError, match=r"the proxy http://127.0.0.1:\d+ refuses: it wants a user name"):
        client.get("laps", SESSION)


def test_a_host_that_has_answered_before_is_waited_for(openf1: Any, make: Make) -> None:
    openf1.script = [ROWS]
    client = make(attempts=4)
    client.get("laps", SESSION)
    client.base_url = "http://127.0.0.1:9/v1"  # as if the server were gone
    with pytest.raises(TransientError, match="no connection"):
        client.get("laps", SESSION)
    assert client.requests == 1 + 4


def test_an_answer_carries_what_landing_needs(openf1: Any, make: Make, clock: Any) -> None:
    openf1.script = [ROWS]
    client = make()
    answer = client.get("laps", SESSION)
    assert answer == Answer(
        f"{openf1.base_url}/laps?session_key=9606", 200, clock.now(), ROWS.raw, 0.0, 0.0, 1
    )
    assert not answer.is_empty
    assert (client.requests, client.bytes, client.retries, client.seconds_waited) == (1, len(ROWS.raw), 0, 0)


@pytest.mark.parametrize("reply", [NONE, Reply(body=[]), Reply(200, {"detail": "No results found."})])
def test_every_way_of_saying_nothing_is_an_empty_answer_and_is_not_retried(
    openf1: Any, make: Make, reply: Reply
) -> None:
    openf1.script = [reply]
    assert make().get("weather", SESSION).is_empty
    assert len(openf1.asked) == 1


def test_operators_reach_the_server_as_they_are_meant(openf1: Any, make: Make) -> None:
    moment = datetime(2024, 9, 22, 12, tzinfo=UTC)
    answer = make().get("car_data", SESSION, Filter("date", ">=", moment), Filter("date", "<", moment))
    meant = "car_data?session_key=9606&date>=2024-09-22T12:00:00&date<2024-09-22T12:00:00"
    assert openf1.asked == [meant]
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
def test_a_transient_failure_is_retried_until_it_works(openf1: Any, make: Make, bad: Reply) -> None:
    openf1.script = [bad, bad, ROWS]
    client = make()
    answer = client.get("laps", SESSION)
    assert (answer.body, answer.attempts, client.retries, client.requests) == (ROWS.raw, 3, 2, 3)
    assert answer.waited == pytest.approx(client.seconds_waited)
    assert answer.waited > 2


def test_a_chunk_that_does_not_come_is_a_time_out_and_retried(openf1: Any, make: Make) -> None:
    import threading

    release = threading.Event()

    def script(_: str) -> Reply:
        if len(openf1.asked) == 1:
            release.wait(10)
        return ROWS

    openf1.script = script
    client = make(timeout=(5, 0.05))
    assert client.get("laps", SESSION).attempts == 2
    release.set()


def test_back_off_grows_with_jitter_and_ends_after_the_attempts(openf1: Any, make: Make, clock: Any) -> None:
    sent = list[float]()

    def down(_: str) -> Reply:
        sent.append(clock())
        return DOWN

    openf1.script = down
    with pytest.raises(TransientError, match=r"503 Service Unavailable.*laps.*run again later"):
        make().get("laps", SESSION)
    waits = [after - before for before, after in pairwise(sent)]
    assert all(base <= waited <= base + 1 for base, waited in zip([1, 2, 4, 8, 16], waits, strict=True)), (
        waits
    )


def test_retry_after_is_honoured_and_holds_for_the_other_processes(
    openf1: Any, make: Make, clock: Any, tmp_path: Path
) -> None:
    openf1.script = [Reply(429, b"Rate exceeded.", {"Retry-After": "17"}), ROWS]
    others: list[float] = []

    def sleep(seconds: float) -> None:
        others.append(RateLimits(tmp_path / "limits.sqlite", 0, 0, clock=clock).seconds_until_free())
        clock.sleep(seconds)

    assert make(sleep=sleep).get("laps", SESSION).waited == pytest.approx(17)
    assert others[0] == pytest.approx(17)


@pytest.mark.parametrize("status", [400, 403, 405])
def test_a_permanent_failure_is_asked_once(openf1: Any, make: Make, status: int) -> None:
    openf1.script = [Reply(status, b"no")]
    with pytest.raises(PermanentError):
        make().get("laps", SESSION)
    assert len(openf1.asked) == 1


def test_a_500_page_is_asked_twice_at_most(openf1: Any, make: Make) -> None:
    openf1.script = [Reply(500, b"<h1>An error occurred</h1>", HTML)]
    with pytest.raises(PermanentError):
        make().get("laps", SESSION)
    assert len(openf1.asked) == 2


def test_a_redirect_is_not_followed(openf1: Any, make: Make) -> None:
    openf1.script = [Reply(302, b"", {"Location": "/v1/elsewhere"})]
    with pytest.raises(PermanentError, match=r"redirect to /v1/elsewhere.*F1_OPENF1_URL"):
        make().get("laps", SESSION)
    assert len(openf1.asked) == 1


def test_a_single_question_that_is_too_large_says_so(openf1: Any, make: Make) -> None:
    openf1.script = [Reply(422)]
    with pytest.raises(TooLargeError):
        make().get("car_data", SESSION)


def test_a_host_that_nobody_serves_is_transient_and_names_the_setting(
    make: Make, limits: RateLimits, clock: Any, openf1: Any
) -> None:
    openf1.close()
    with pytest.raises(TransientError, match=r"no connection to OpenF1.*F1_OPENF1_URL"):
        make(attempts=2).get("laps", SESSION)


@pytest.mark.parametrize(
    "base_url", ["", "api.openf1.org/v1", "ftp://x/v1", "https://u:hush@x/v1", "https://x/v1?a=1"]
)
def test_a_base_url_that_cannot_work_is_refused_at_once(base_url: str, limits: RateLimits) -> None:
    with pytest.raises(PermanentError, match="F1_OPENF1_URL") as caught:
        Client(base_url, limits)
    assert "hush" not in str(caught.value)


def test_every_attempt_passes_the_limits(openf1: Any, make: Make, clock: Any, tmp_path: Path) -> None:
    openf1.script = [DOWN, DOWN, DOWN, ROWS]
    limits = RateLimits(tmp_path / "limits.sqlite", 0, 2, clock=clock, sleep=clock.sleep)
    events: list[str] = []
    client = make(limits=limits, on_event=lambda name, _: events.append(name))
    answer = client.get("laps", SESSION)
    assert clock.seconds - 1000 > 60
    assert answer.waited == pytest.approx(client.seconds_waited)
    assert answer.waited == pytest.approx(clock.seconds - 1000, abs=0.01)
    assert events.count("wait") == 1


def test_a_slot_is_given_back_when_the_answer_begins_and_not_when_its_body_is_read(
    make: Make, clock: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = RateLimits(tmp_path / "limits.sqlite", 1, 0, clock=clock, sleep=clock.sleep)
    free: list[float] = []

    def slow_body(*_: object) -> bytes:
        clock.seconds += 10
        free.append(limits.seconds_until_free())
        return b"[]"

    monkeypatch.setattr(Client, "_read", slow_body)
    make(limits=limits).get("laps", SESSION)
    assert free == [0]


def test_events_are_logged_with_their_fields(
    openf1: Any, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    openf1.script = [DOWN, ROWS]
    seen: list[tuple[str, Mapping[str, Any]]] = []
    with caplog.at_level(logging.INFO, "f1_lakehouse.sources.openf1.client"):
        make(on_event=lambda name, fields: seen.append((name, fields))).get("laps", SESSION)
    records = [vars(record) for record in caplog.records if "event" in vars(record)]
    assert [record["event"] for record in records] == ["request", "retry", "request"]
    assert [name for name, _ in seen] == ["request", "retry", "request"]
    assert records[2]["status"] == 200
    assert records[2]["bytes"] == len(ROWS.raw)
    assert records[1]["attempt"] == 1


def test_a_live_session_ends_the_question_at_once(openf1: Any, make: Make) -> None:
    openf1.script = [Reply(401, {"detail": "Live F1 session in progress. Global API access is restricted"})]
    with pytest.raises(LiveWindowError):
        make().get("laps", SESSION)
    assert len(openf1.asked) == 1


# The breaker


def fail(client: Client) -> type[OpenF1Error]:
    with pytest.raises(OpenF1Error) as caught:
        client.get("laps", SESSION)
    return type(caught.value)


def test_an_outage_costs_a_few_requests_and_then_one_a_cool_down(openf1: Any, make: Make, clock: Any) -> None:
    openf1.script = [DOWN]
    client = make()
    assert [fail(client) for _ in range(100)] == [TransientError] + [OutageError] * 99
    assert len(openf1.asked) == 12
    clock.seconds += 61
    assert [fail(client) for _ in range(100)] == [OutageError] * 100
    assert len(openf1.asked) == 13
    clock.seconds += 61
    assert fail(client) is OutageError
    assert len(openf1.asked) == 14


def test_the_breaker_closes_when_its_probe_is_answered(openf1: Any, make: Make, clock: Any) -> None:
    openf1.script = [DOWN]
    client = make(breaker_after=3)
    fail(client)
    openf1.script = [ROWS]
    assert fail(client) is OutageError
    clock.seconds += 61
    assert client.get("laps", SESSION).status == 200
    openf1.script = [DOWN, DOWN, ROWS]
    assert client.get("laps", SESSION).status == 200


def test_while_one_question_tries_if_the_service_is_back_the_others_do_not(
    openf1: Any, make: Make, clock: Any
) -> None:
    openf1.script = [DOWN]
    client = make(breaker_after=2)
    fail(client)
    clock.seconds += 61
    meanwhile: list[type[OpenF1Error]] = []

    def script(_: str) -> Reply:
        meanwhile.append(fail(client))
        return ROWS

    openf1.script = script
    assert client.get("laps", SESSION).status == 200
    assert meanwhile == [OutageError]


def test_only_failures_in_a_row_open_the_breaker(openf1: Any, make: Make) -> None:
    client = make(breaker_after=3)
    for _ in range(5):
        openf1.script = [DOWN, DOWN, NONE]
        client.get("laps", SESSION)


def test_the_message_of_an_outage_names_what_happened_and_when_to_come_back(openf1: Any, make: Make) -> None:
    openf1.script = [DOWN]
    client = make(breaker_after=2)
    fail(client)
    with pytest.raises(OutageError, match=r"2 times in a row.*503.*another 60 s; run again later"):
        client.get("laps", SESSION)


# The token


def test_a_token_is_fetched_once_sent_along_and_renewed_a_minute_early(
    openf1: Any, make: Make, clock: Any
) -> None:
    openf1.token_script = [TOKEN]
    client = make(**USER)
    client.get("laps", SESSION)
    client.get("laps", SESSION)
    assert openf1.authorizations == ["Bearer t0"] * 2
    assert openf1.forms == [b"username=ann&password=correct%2Bhorse"]
    clock.seconds += 3541
    client.get("laps", SESSION)
    assert len(openf1.forms) == 2
    assert client.requests == 5


def test_without_credentials_nothing_is_sent_even_if_netrc_has_some(
    openf1: Any, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    make().get("laps", SESSION)
    assert openf1.authorizations == [None]


def test_a_refused_token_is_renewed_once(openf1: Any, make: Make) -> None:
    openf1.token_script = [TOKEN, Reply(body={"access_token": "t1", "expires_in": "3600"})]
    openf1.script = [Reply(401, {"detail": "expired"}), ROWS]
    assert make(**USER).get("laps", SESSION).status == 200
    assert openf1.authorizations == ["Bearer t0", "Bearer t1"]


def test_a_token_that_stays_refused_is_permanent_and_names_the_setting(openf1: Any, make: Make) -> None:
    openf1.token_script = [TOKEN]
    openf1.script = [Reply(401, {"detail": "Invalid"})]
    with pytest.raises(PermanentError, match="F1_OPENF1_USERNAME"):
        make(**USER).get("laps", SESSION)
    assert len(openf1.asked) == 2


def test_token_failures_are_retried_or_named_like_others(openf1: Any, make: Make) -> None:
    openf1.token_script = [Reply(502), Reply(drop=True), TOKEN]
    assert make(**USER).get("laps", SESSION).attempts == 3
    openf1.token_script = [Reply(400, {"detail": "wrong password correct+horse"})]
    with pytest.raises(PermanentError, match=r"gave no token, but 400.*F1_OPENF1_USERNAME"):
        make(**USER).get("laps", SESSION)


def test_token_requests_pass_the_limits(openf1: Any, make: Make, clock: Any, tmp_path: Path) -> None:
    openf1.token_script = [TOKEN]
    limits = RateLimits(tmp_path / "limits.sqlite", 0, 1, clock=clock, sleep=clock.sleep)
    make(limits=limits, **USER).get("laps", SESSION)
    assert clock.seconds - 1000 > 59


def test_the_password_and_the_token_are_in_no_message_log_or_repr(
    openf1: Any, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    client = make(attempts=2, **USER)
    texts = [repr(client), str(client)]
    with caplog.at_level(logging.DEBUG):
        for reply in (Reply(400, b"correct+horse"), Reply(503, b"correct+horse"), Reply(drop=True), TOKEN):
            openf1.token_script = [reply]
            openf1.script = [Reply(401, {"detail": "no"})]
            with pytest.raises(OpenF1Error) as caught:
                client.get("laps", SESSION)
            texts += [str(caught.value), repr(caught.value), str(caught.value.__cause__)]
    assert not re.search("correct|horse|t0", "".join(texts) + caplog.text)


def test_one_half_of_the_credentials_is_refused(make: Make) -> None:
    with pytest.raises(PermanentError, match="only one of"):
        make(username="ann")


# Cutting. The server holds one row a second for each driver and refuses more than `most` of them.

START = datetime(2024, 9, 22, 12, tzinfo=UTC)
WINDOW = (START, START + timedelta(hours=2))
DRIVERS = (1, 4, 16)


class Rows:
    """A service with rows of each driver at (seconds from START | lap), and a limit to the size of an answer."""

    def __init__(self, positions: list[int], most: int, field: str = "date") -> None:
        self.rows = [(driver, position) for driver in DRIVERS for position in positions]
        self.most = most
        self.field = field

    def __call__(self, asked: str) -> Reply:
        found = self.rows
        for part in asked.partition("?")[2].split("&"):
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


def pull(client: Client, name: str = "car_data", **rest: Any) -> list[Answer]:
    rest = {"session_key": 9606, "drivers": DRIVERS, "window": WINDOW} | rest
    return list(client.answers(BY_NAME[name], **rest))


@pytest.fixture
def direct(openf1: Any, clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Questions go straight to the script: for tests of cutting that ask thousands."""

    def ask(client: Client, asked: str, *_: object) -> Answer:
        openf1.asked.append(asked.removeprefix(openf1.base_url + "/"))
        reply = openf1.script(openf1.asked[-1])
        content = json.loads(reply.raw) if reply.status == 200 else None
        return Answer(asked, reply.status, clock.now(), reply.raw, 0.0, 0.0, 1, content)

    monkeypatch.setattr(Client, "_ask", ask)


def rows_of(answers: list[Answer]) -> list[tuple[int, int]]:
    return sorted(tuple(row) for a in answers if a.status == 200 for row in json.loads(a.body))


def refused(answers: list[Answer]) -> int:
    return sum(1 for answer in answers if answer.is_too_large)


def test_what_fits_is_asked_whole_in_one_request(openf1: Any, make: Make) -> None:
    openf1.script = Rows(list(range(10)), 1000)
    assert rows_of(pull(make(), "intervals")) == sorted(openf1.script.rows)
    assert openf1.asked == ["intervals?session_key=9606"]


def test_a_season_endpoint_is_asked_by_year(openf1: Any, make: Make) -> None:
    list(make().answers(BY_NAME["sessions"], season=2024))
    assert openf1.asked == ["sessions?year=2024"]
    with pytest.raises(ValueError, match="season"):
        list(make().answers(BY_NAME["sessions"], session_key=9606))
    with pytest.raises(ValueError, match="session"):
        list(make().answers(BY_NAME["laps"], season=2024))


def test_telemetry_is_asked_by_driver_from_the_start(openf1: Any, make: Make) -> None:
    openf1.script = Rows(list(range(10)), 10)
    assert rows_of(pull(make())) == sorted(openf1.script.rows)
    assert openf1.asked == [f"car_data?session_key=9606&driver_number={driver}" for driver in DRIVERS]


@pytest.mark.parametrize("known", [{}, {1: 404}])
def test_that_a_session_has_no_telemetry_takes_two_questions(
    openf1: Any, make: Make, known: dict[int, int]
) -> None:
    openf1.script = Rows([], 10)
    root = f"{openf1.base_url}/car_data?session_key=9606"
    before = {f"{root}&driver_number={driver}": status for driver, status in known.items()}
    answers = pull(make(at_once=3), drivers=range(1, 21), known=before)
    assert len(answers) + len(known) == 2
    assert openf1.asked[-1] == "car_data?session_key=9606"
    assert all(answer.is_empty for answer in answers)
    assert pull(make(), drivers=range(1, 21), known={**before, **{a.url: a.status for a in answers}}) == []


def test_where_the_first_driver_has_no_telemetry_the_others_still_come(openf1: Any, make: Make) -> None:
    openf1.script = Rows(list(range(10)), 10)
    answers = pull(make(), drivers=(99, *DRIVERS))
    assert rows_of(answers) == sorted(openf1.script.rows)
    assert [answer.status for answer in answers] == [404, 422, 200, 200, 200]


def test_where_the_whole_fits_it_is_asked_for_only_once(openf1: Any, make: Make) -> None:
    openf1.script = Rows(list(range(10)), 1000)
    answers = pull(make(), drivers=(99, *DRIVERS))
    assert rows_of(answers) == sorted(openf1.script.rows)
    assert [answer.status for answer in answers] == [404, 200]


def test_telemetry_without_drivers_is_refused_before_anything_is_asked(openf1: Any, make: Make) -> None:
    with pytest.raises(PermanentError, match="load the session's drivers first"):
        pull(make(), drivers=())
    assert openf1.asked == []


def test_what_is_too_large_is_cut_by_driver_and_the_refusal_is_yielded(openf1: Any, make: Make) -> None:
    openf1.script = Rows(list(range(10)), 10)
    answers = pull(make(), "intervals")
    assert rows_of(answers) == sorted(openf1.script.rows)
    assert [answer.status for answer in answers] == [422, 200, 200, 200]


@pytest.mark.usefixtures("direct")
@pytest.mark.parametrize("most", [1, 7, 100, 1800, 3600])
def test_cut_by_time_every_row_arrives_exactly_once(openf1: Any, make: Make, most: int) -> None:
    # Dense around the middle, with feeds that begin before the session and end long after it.
    seconds = sorted({-5400, -5399, *range(3590, 3610), *range(0, 7200, 6 if most > 7 else 600), 7300, 20000})
    openf1.script = Rows(seconds, most)
    assert rows_of(pull(make())) == sorted(openf1.script.rows)


def test_the_first_part_has_no_lower_and_the_last_no_upper_bound(openf1: Any, make: Make) -> None:
    openf1.script = Rows(list(range(7200)), 4000)
    pull(make(), drivers=(1,))
    base = "car_data?session_key=9606&driver_number=1"
    assert openf1.asked == [base, f"{base}&date<2024-09-22T13:00:00", f"{base}&date>=2024-09-22T13:00:00"]


def test_later_drivers_start_from_what_was_learnt(openf1: Any, make: Make) -> None:
    openf1.script = Rows(list(range(7200)), 2000)
    answers = pull(make())
    assert refused(answers) == 3  # whole, and both halves of the first driver only
    assert len(answers) == 3 + 3 * 4


def test_the_next_session_of_that_length_starts_from_what_was_learnt_and_a_shorter_one_does_not(
    openf1: Any, make: Make
) -> None:
    openf1.script = Rows(list(range(7200)), 2000)
    client = make()
    pull(client)
    later = (START + timedelta(hours=0), START + timedelta(hours=2))
    assert refused(pull(client, window=later)) == 0
    openf1.script = Rows(list(range(1800)), 2000)
    assert len(pull(client, window=(START, START + timedelta(hours=1)))) == len(DRIVERS)
    openf1.script = Rows(list(range(10)), 10)
    pull(client, "intervals")
    assert refused(pull(client, "intervals")) == 0


def test_laps_are_cut_by_lap_number_because_their_date_can_be_null(openf1: Any, make: Make) -> None:
    openf1.script = Rows(list(range(1, 90)), 4, field="lap_number")
    assert rows_of(pull(make(), "laps")) == sorted(openf1.script.rows)
    assert not any("date" in asked for asked in openf1.asked)


def test_rows_that_need_not_have_a_driver_are_cut_by_time_and_never_by_driver(
    openf1: Any, make: Make
) -> None:
    openf1.script = Rows(list(range(0, 7200, 60)), 100)
    assert rows_of(pull(make(), "race_control")) == sorted(openf1.script.rows)
    assert not any("driver_number" in asked for asked in openf1.asked)


def test_a_second_that_is_too_large_ends_it(openf1: Any, make: Make) -> None:
    openf1.script = Rows([5, 5, 5], 2)
    with pytest.raises(TooLargeError, match="cannot be cut any smaller"):
        pull(make())
    assert len(openf1.asked) < 60


@pytest.mark.parametrize("name", ["car_data", "laps", "weather"])
def test_a_service_that_refuses_everything_costs_a_bounded_number_of_requests(
    openf1: Any, make: Make, name: str
) -> None:
    openf1.script = [Reply(422)]
    with pytest.raises(TooLargeError):
        pull(make(), name)
    assert len(openf1.asked) < 20


@pytest.mark.parametrize("name", ["stints", "drivers"])
def test_what_has_neither_time_nor_laps_cannot_be_cut_for_ever(openf1: Any, make: Make, name: str) -> None:
    openf1.script = [Reply(422)]
    with pytest.raises(TooLargeError):
        pull(make(), name)


def test_without_a_window_time_cannot_be_cut_and_the_message_says_so(openf1: Any, make: Make) -> None:
    openf1.script = [Reply(422)]
    with pytest.raises(TooLargeError, match="without the session's start and end"):
        pull(make(), window=None)


# Going on with an interrupted pull


@pytest.mark.usefixtures("direct")
@pytest.mark.parametrize("name", ["car_data", "intervals", "weather"])
@pytest.mark.parametrize("learnt", [False, True])
@pytest.mark.parametrize("other", ["same", "window", "drivers", "limit up", "limit down"])
def test_wherever_a_pull_was_cut_off_the_rest_completes_it_with_no_row_twice_and_no_question_twice(
    openf1: Any, make: Make, name: str, learnt: bool, other: str
) -> None:
    """The second process has no memory of cuts, and may be given another window, order of drivers or limit."""
    service = Rows(sorted({*range(0, 7200, 120), *range(3000, 3100, 4)}), 30)
    openf1.script = service
    drivers = (*DRIVERS, 99)  # the last one has no rows
    total = len(pull(make(), name, drivers=drivers))
    for done in range(total + 1):
        service.most = 30
        first = make()
        if learnt:
            pull(first, name, drivers=drivers)
        asking = first.answers(BY_NAME[name], session_key=9606, drivers=drivers, window=WINDOW)
        have = [answer for answer, _ in zip(asking, range(done), strict=False)]
        known = {answer.url: answer.status for answer in have}
        rest: dict[str, Any] = {"known": known, "drivers": drivers}
        if other == "window":
            rest["window"] = (START - timedelta(minutes=7), START + timedelta(hours=1, minutes=50))
        if other == "drivers":
            rest["drivers"] = drivers[::-1]
        service.most = {"limit up": 100_000, "limit down": 12}.get(other, 30)
        new = pull(make(), name, **rest)
        assert rows_of(have + new) == sorted(service.rows)
        assert not {answer.url for answer in new} & set(known)


def test_a_driver_whose_pull_was_begun_is_finished_even_if_he_is_no_longer_listed(
    openf1: Any, make: Make
) -> None:
    openf1.script = Rows(list(range(7200)), 4000)
    known = {f"{openf1.base_url}/car_data?session_key=9606&driver_number=4": 422}
    assert {row[0] for row in rows_of(pull(make(), drivers=(1,), known=known))} == {1, 4}


def test_a_complete_pull_asks_nothing(openf1: Any, make: Make) -> None:
    openf1.script = Rows(list(range(7200)), 2000)
    known = {answer.url: answer.status for answer in pull(make())}
    openf1.asked.clear()
    assert pull(make(), known=known) == []
    assert openf1.asked == []


def test_answers_of_other_pulls_are_not_taken_for_this_one(openf1: Any, make: Make) -> None:
    openf1.script = [ROWS]
    base = f"{openf1.base_url}/laps?session_key="
    known = {base + "96061": 200, base + "9606&lap_number=3": 200, f"{openf1.base_url}/laps": 200}
    assert len(pull(make(), "laps", known=known)) == 1


# Several questions at once


class Crowd:
    """Answers only when so many questions are under way together; those of `lost` drivers fail for good."""

    def __init__(self, size: int, lost: tuple[int, ...] = ()) -> None:
        self.size, self.lost = size, lost
        self.under_way = self.most = 0
        self.changed = threading.Condition()

    def __call__(self, asked: str) -> Reply:
        driver = int(asked.rsplit("=", 1)[1])
        with self.changed:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            self.changed.notify_all()
            if driver != DRIVERS[0]:  # the first question is asked alone
                self.changed.wait_for(lambda: self.most >= self.size, timeout=20)
            self.under_way -= 1
        if driver in self.lost:
            return Reply(400, {"detail": "no"})
        return Reply(body=[{"driver_number": driver, "date": START.isoformat()}])


def test_the_questions_of_a_pull_are_under_way_together_but_never_more_than_allowed(
    openf1: Any, make: Make
) -> None:
    drivers = (*DRIVERS, *range(50, 60))
    openf1.script = crowd = Crowd(3)
    answers = pull(make(at_once=3), drivers=drivers)
    assert crowd.most == 3
    assert len(openf1.asked) == len(set(openf1.asked)) == len(answers) == len(drivers)


def test_one_that_fails_for_good_ends_the_pull_but_what_was_under_way_is_kept(
    openf1: Any, make: Make
) -> None:
    openf1.script = Crowd(3, lost=(DRIVERS[1],))
    answers = list[Answer]()
    asking = make(at_once=3).answers(
        BY_NAME["car_data"], session_key=9606, drivers=(*DRIVERS, *range(50, 70)), window=WINDOW
    )
    with pytest.raises(PermanentError, match="400"):
        answers.extend(asking)
    assert len(openf1.asked) == len(answers) + 1 < 23


def test_a_budget_is_not_overrun_by_questions_that_are_asked_together(openf1: Any, make: Make) -> None:
    def may_send(sent: int) -> None:
        if sent >= 3:
            raise BudgetError("spent")

    openf1.script = Rows(list(range(10)), 10)
    with pytest.raises(BudgetError):
        pull(make(at_once=3, may_send=may_send), drivers=range(1, 20))
    assert len(openf1.asked) == 3


def test_who_leaves_a_pull_does_not_wait_for_retries(openf1: Any, make: Make) -> None:
    """They are to be asked again in 300 s, which are 600 naps each."""
    naps = list[float]()

    def nap(seconds: float) -> None:
        naps.append(seconds)
        threading.Event().wait(0.001)

    later = Reply(503, b"", {"Retry-After": "300"})
    openf1.script = lambda asked: ROWS if asked.endswith(("=1", "=2")) else later
    answers = make(at_once=3, sleep=nap).answers(
        BY_NAME["car_data"], session_key=9606, drivers=range(1, 9), window=WINDOW
    )
    assert [next(answers).status, next(answers).status] == [200, 200]
    answers.close()
    assert len(naps) < 600
    assert len(openf1.asked) <= 5


def test_an_outage_is_one_only_after_every_question_under_way_has_met_it_often(
    openf1: Any, make: Make
) -> None:
    """Three questions that each meet the same five refusals in a row: too few for each of them."""
    met = Counter[str]()
    together = threading.Barrier(3)

    def script(asked: str) -> Reply:
        if asked.endswith("=1"):
            return ROWS
        together.wait(timeout=20)
        met[asked] += 1
        return ROWS if met[asked] > 5 else DOWN

    openf1.script = script
    assert len(pull(make(at_once=3, breaker_after=6), drivers=(1, 2, 3, 4))) == 4
