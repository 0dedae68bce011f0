"""The access token of OpenF1: fetched, renewed, refused, and never shown."""

import logging
import re
from pathlib import Path
from typing import Any

import pytest
from pulls import ROWS, Make, get
from pydantic import SecretStr
from scripted_openf1 import Reply

from f1_lakehouse.sources.errors import PermanentError, SourceError
from f1_lakehouse.sources.exchange import Window
from f1_lakehouse.sources.rate_limiter import RateLimiter

TOKEN = Reply(body={"expires_in": "3600", "access_token": "t0", "token_type": "bearer"})
USER = {"openf1_username": "ann", "openf1_password": SecretStr("correct+horse")}


def test_token_is_fetched_once_and_renewed_a_minute_before_it_expires(
    openf1: Any, make: Make, clock: Any
) -> None:
    openf1.token_script = [TOKEN]
    client = make(**USER)
    get(client)
    get(client)
    assert openf1.authorizations == ["Bearer t0"] * 2
    assert openf1.forms == [b"username=ann&password=correct%2Bhorse"]
    clock.seconds += 3541
    get(client)
    assert len(openf1.forms) == 2
    assert client.http.requests == 5


def test_without_credentials_netrc_is_ignored(
    openf1: Any, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    get(make())
    assert openf1.authorizations == [None]


def test_refused_token_is_renewed_once(openf1: Any, make: Make) -> None:
    openf1.token_script = [TOKEN, Reply(body={"access_token": "t1", "expires_in": "3600"})]
    openf1.script = [Reply(401, {"detail": "expired"}), ROWS]
    assert get(make(**USER)).status == 200
    assert openf1.authorizations == ["Bearer t0", "Bearer t1"]


def test_token_that_stays_refused_is_permanent_and_names_the_setting(openf1: Any, make: Make) -> None:
    openf1.token_script = [TOKEN]
    openf1.script = [Reply(401, {"detail": "Invalid"})]
    with pytest.raises(PermanentError, match="F1_OPENF1_USERNAME"):
        get(make(**USER))
    assert len(openf1.requested) == 2


def test_token_failures_are_retried_or_named_like_others(openf1: Any, make: Make) -> None:
    openf1.token_script = [Reply(502), Reply(drop=True), TOKEN]
    assert get(make(**USER)).attempts == 3
    openf1.token_script = [Reply(400, {"detail": "wrong password correct+horse"})]
    with pytest.raises(PermanentError, match=r"gave no token, but 400.*F1_OPENF1_USERNAME"):
        get(make(**USER))


def test_token_requests_pass_the_limits(openf1: Any, make: Make, clock: Any, tmp_path: Path) -> None:
    openf1.token_script = [TOKEN]
    limiter = RateLimiter(tmp_path / "limits.sqlite", [Window(1, 60.0)], clock=clock, sleep=clock.sleep)
    get(make(limiter=limiter, **USER))
    assert clock.seconds - 1000 > 59


def test_password_and_the_token_are_in_no_message_log_or_repr(
    openf1: Any, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    client = make(attempts=2, **USER)
    texts = [repr(client), str(client)]
    with caplog.at_level(logging.DEBUG):
        for reply in (Reply(400, b"correct+horse"), Reply(503, b"correct+horse"), Reply(drop=True), TOKEN):
            openf1.token_script = [reply]
            openf1.script = [Reply(401, {"detail": "no"})]
            with pytest.raises(SourceError) as caught:
                get(client)
            texts += [str(caught.value), repr(caught.value), str(caught.value.__cause__)]
    assert not re.search("correct|horse|t0", "".join(texts) + caplog.text)


def test_user_or_password_alone_is_refused(make: Make) -> None:
    with pytest.raises(PermanentError, match="only one of"):
        make(openf1_username="ann")
