"""Notifications to a real receiver: one when a condition begins, one when it ends, and no secret in any of them."""

import json
import logging
from datetime import timedelta

import pytest
from observability_parts import NOW, with_urls
from receiver import Receiver

from f1_lakehouse.observability import notifications
from f1_lakehouse.observability.health import Condition, ConditionKind
from f1_lakehouse.observability.notifications import LAKE, AlertLog, message, notices, notify
from f1_lakehouse.settings import SettingsError, load_settings

HOUR = timedelta(hours=1)
STALE = Condition(
    ConditionKind.STALE, "gold", NOW - HOUR, "the race ended 3 days ago", "f1 load --session 9606"
)
FAILED = Condition(
    ConditionKind.LOAD_FAILED, "2024-09-22-marina-bay-race-9606", NOW, "laps: 503", "f1 load --session 9606"
)
SECRET = "s3cr3t-t0ken"


@pytest.fixture
def alert_log(settings):
    return AlertLog(f"{settings.records}/alerts")


def json_url(receiver: Receiver, path: str = "") -> str:
    return f"json://127.0.0.1:{receiver.port}/{path}"


def texts(receiver: Receiver) -> list[str]:
    return [f"{(body := json.loads(text))['title']}\n{body['message']}" for text in receiver.bodies]


def test_condition_is_notified_once_at_its_begin_and_once_at_its_end(settings, alert_log, receiver):
    to = with_urls(settings, json_url(receiver))
    for minutes, found in ((0, [STALE]), (1, [STALE]), (2, [STALE]), (3, []), (4, [])):
        assert notify(alert_log, found, to, NOW + timedelta(minutes=minutes)) == []
    begun, over = texts(receiver)
    assert "1 new" in begun
    assert "Over: gold is stale: gold (since 2024-09-25 11:00 UTC, over at 2024-09-25 12:03 UTC)" in over
    assert [json.loads(body)["type"] for body in receiver.bodies] == ["failure", "success"]


def test_message_contains_condition_session_time_and_cure(settings):
    title, text = message(notices("x", {}, [FAILED], NOW, remind=False), settings)
    assert title.startswith("F1 lakehouse dev on ")
    assert text.splitlines() == [
        "Load failed: 2024-09-22-marina-bay-race-9606",
        "  since 2024-09-25 12:00 UTC",
        "  laps: 503",
        "  start with: f1 load --session 9606",
        "  what it means and what to do: docs/runbook.md#alert-load-failed",
    ]


def test_simultaneous_conditions_are_one_message(settings, alert_log, receiver):
    notify(alert_log, [STALE, FAILED], with_urls(settings, json_url(receiver)), NOW)
    [text] = texts(receiver)
    assert "2 new" in text
    assert "Gold is stale" in text
    assert "Load failed" in text


def test_sent_notifications_are_remembered_by_the_next_process(settings, alert_log, receiver):
    to = with_urls(settings, json_url(receiver))
    notify(alert_log, [STALE], to, NOW)
    assert notify(AlertLog(f"{settings.records}/alerts"), [STALE], to, NOW + HOUR) == []
    assert len(receiver.got) == 1


def test_recurring_condition_is_notified_again(settings, alert_log, receiver):
    to = with_urls(settings, json_url(receiver))
    for hours, found in enumerate(([STALE], [], [STALE])):
        notify(alert_log, found, to, NOW + hours * HOUR)
    assert len(receiver.got) == 3


def test_unreachable_receiver_is_notified_later_and_the_other_not_twice(settings, alert_log):
    with Receiver() as up, Receiver() as down:
        down.status = 503
        to = with_urls(settings, json_url(up), json_url(down))
        [problem] = notify(alert_log, [STALE], to, NOW)
        assert problem == "alert receiver 2 (json): it did not take the message"
        down.status = 200
        assert notify(alert_log, [STALE], to, NOW + HOUR) == []
        assert (len(up.got), len(down.got)) == (1, 2)


def test_unreachable_receiver_fails_nothing(settings, alert_log, receiver):
    gone = with_urls(settings, "json://127.0.0.1:1/")
    [problem] = notify(alert_log, [STALE], gone, NOW)
    assert "did not take" in problem
    notify(alert_log, [], gone, NOW + HOUR)
    assert list(alert_log.active(LAKE)) == []


def test_new_receiver_is_notified_of_current_conditions_only(settings, alert_log, receiver):
    notify(alert_log, [STALE, FAILED], settings, NOW)
    notify(alert_log, [FAILED], settings, NOW + HOUR)
    notify(alert_log, [FAILED], with_urls(settings, json_url(receiver)), NOW + 2 * HOUR)
    [text] = texts(receiver)
    assert "Load failed" in text
    assert "stale" not in text


@pytest.mark.parametrize(("wanted", "reminders"), [(True, [False, True, True]), (False, [False])])
def test_reminder_is_sent_daily_if_configured(settings, alert_log, receiver, wanted, reminders):
    to = with_urls(settings, json_url(receiver), alert_remind_daily=wanted)
    for hours in range(0, 49, 6):
        notify(alert_log, [STALE], to, NOW + hours * HOUR)
    assert ["still there" in text for text in texts(receiver)] == reminders


def test_alert_log_is_kept_without_receivers(settings, alert_log):
    notify(alert_log, [STALE], settings, NOW)
    notify(alert_log, [], settings, NOW + HOUR)
    assert [(one.receiver, one.event) for one in alert_log.all()] == [(LAKE, "begun"), (LAKE, "over")]


def test_secret_is_in_no_log_message_or_record(settings, alert_log, receiver, caplog, capfd):
    receiver.status = 403
    to = with_urls(
        settings,
        json_url(receiver, SECRET),
        f"json://ann:{SECRET}@127.0.0.1:1/",
        f"no-such-service://{SECRET}",
    )
    with caplog.at_level(logging.DEBUG):
        problems = notify(alert_log, [STALE], to, NOW)
        tested = notifications.test(to)
    assert len(problems) == len(tested) == 3
    assert any(SECRET in path for path, _, _ in receiver.got)
    receiver.status = 200
    notify(alert_log, [STALE], to, NOW)
    out, err = capfd.readouterr()
    assert (
        SECRET
        not in f"{problems} {tested} {caplog.text} {out} {err} {alert_log.all()} {to!r} {to.model_dump_json()}"
    )


def test_urls_are_read_from_the_environment_and_malformed_ones_not_shown(settings, monkeypatch):
    monkeypatch.setenv("F1_ALERT_URLS", f"json://a/{SECRET}  slack://{SECRET}/b")
    found = load_settings()
    assert [url.get_secret_value() for url in found.alert_urls] == [
        f"json://a/{SECRET}",
        f"slack://{SECRET}/b",
    ]
    assert SECRET not in f"{found!r} {found.model_dump_json()} {found.environment()}"
    monkeypatch.setenv("F1_PUSHGATEWAY_URL", f"gopher://{SECRET}")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert str(caught.value).startswith("F1_PUSHGATEWAY_URL: must start with http")
    assert SECRET not in str(caught.value)


def test_f1_alerts_test_reports_the_result_of_each_receiver(settings, receiver, monkeypatch, capsys):
    from f1_lakehouse.cli import app

    monkeypatch.setenv("F1_ALERT_URLS", f"{json_url(receiver)} json://127.0.0.1:1/{SECRET}")
    with pytest.raises(SystemExit) as ended:
        app.main(["alerts", "--test"])
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (1, "receiver 1 (json): message delivered\n")
    assert err == "receiver 2 (json): it did not take the message\n"
    assert "test" in texts(receiver)[0]


def test_f1_alerts_test_without_a_receiver_is_one_line(settings, capsys):
    from f1_lakehouse.cli import app

    with pytest.raises(SystemExit) as ended:
        app.main(["alerts", "--test"])
    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith("f1: no receiver is set; set F1_ALERT_URLS")
