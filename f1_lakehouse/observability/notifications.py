"""Notify receivers of conditions: each receiver once when a condition begins and once when it has ended.

Sent messages are recorded in the lake (`metrics/alerts`, append-only) when a receiver has accepted them: a crash in between repeats a
message and never loses one. Receivers are apprise URLs, which contain secrets: messages, records and logs name them by number and kind
only. The conditions are computed in health.py.
"""

import logging
import socket
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

import pyarrow as pa
from pydantic import SecretStr

from f1_lakehouse.errors import F1LakehouseError
from f1_lakehouse.observability.health import Condition, ConditionKind
from f1_lakehouse.settings import Settings
from f1_lakehouse.storage.append_only_log import AppendOnlyLog

LAKE = "lake"
"""The receiver that always exists: the alert log itself, so that conditions without any receiver are recorded too."""
REMIND_AFTER = timedelta(days=1)
TIMEOUT = 5.0
"""Seconds to connect to a receiver, and again to wait for its response."""


class AlertError(F1LakehouseError):
    """Alerts cannot be sent."""


class Event(StrEnum):
    """Why a receiver is notified."""

    BEGUN = "begun"
    STILL = "still"
    OVER = "over"


@dataclass(frozen=True)
class Notice:
    """One message to one receiver about one condition, sent or to be sent. `at`, `since`: UTC."""

    at: datetime
    receiver: str
    event: str
    kind: str
    subject: str
    since: datetime
    what: str
    todo: str

    @property
    def condition(self) -> tuple[str, str]:
        """The key of the condition."""
        return self.kind, self.subject


_UTC = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    [(one.name, _UTC if one.name in ("at", "since") else pa.string()) for one in fields(Notice)]
)


class AlertLog:
    """The messages that were sent."""

    def __init__(self, uri: str) -> None:
        self._log = AppendOnlyLog(uri, SCHEMA, "Every alert, by receiver: when it began, when it was over")

    def all(self) -> list[Notice]:
        """Return every message, oldest first."""
        return sorted((Notice(**row) for row in self._log.rows()), key=lambda one: one.at)

    def active(self, receiver: str) -> dict[tuple[str, str], Notice]:
        """Return the last message to a receiver about each condition that has not ended."""
        last = {one.condition: one for one in self.all() if one.receiver == receiver}
        return {key: one for key, one in last.items() if one.event != Event.OVER}

    def append(self, notices: Sequence[Notice]) -> None:
        """Record sent messages."""
        self._log.append(asdict(one) for one in notices)


def notices(
    receiver: str,
    told: Mapping[tuple[str, str], Notice],
    found: Sequence[Condition],
    now: datetime,
    *,
    remind: bool,
) -> list[Notice]:
    """Return the messages that a receiver still needs: it was sent `told`, and the conditions now are `found`."""
    present = {one.key: one for one in found}
    new = []
    for key, one in present.items():
        last = told.get(key)
        if last is None:
            event = Event.BEGUN
        elif remind and now - last.at >= REMIND_AFTER:
            event = Event.STILL
        else:
            continue
        new.append(Notice(now, receiver, event.value, *key, one.since, one.what, one.todo))
    over = [
        Notice(now, receiver, Event.OVER.value, *key, last.since, last.what, "")
        for key, last in told.items()
        if key not in present
    ]
    return new + over


def message(found: Sequence[Notice], settings: Settings) -> tuple[str, str]:
    """Return title and text of one message with everything that is new to a receiver."""
    counts = {event: sum(one.event == event for one in found) for event in Event}
    said = ", ".join(f"{n} {_WORDS[event]}" for event, n in counts.items() if n)
    title = f"F1 lakehouse {settings.env} on {socket.gethostname()}: {said}"
    return title, "\n\n".join(_paragraph(one, settings) for one in found)


_WORDS = {Event.BEGUN: "new", Event.STILL: "still there", Event.OVER: "over"}


def _paragraph(one: Notice, settings: Settings) -> str:
    if one.event == Event.OVER:
        return f"Over: {one.kind}: {one.subject} (since {_minute(one.since)}, over at {_minute(one.at)})"
    kind = ConditionKind(one.kind)
    again = "Still: " if one.event == Event.STILL else ""
    return (
        f"{again}{kind.capitalize()}: {one.subject}\n"
        f"  since {_minute(one.since)}\n"
        f"  {one.what}\n"
        f"  start with: {one.todo}\n"
        f"  what it means and what to do: {settings.runbooks}#{kind.anchor}"
    )


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


# Sending


def notify(told: AlertLog, found: Sequence[Condition], settings: Settings, now: datetime) -> list[str]:
    """Send every receiver what is new to it, and record what was accepted. Returns the failures, one line per receiver.

    A receiver that cannot be reached is notified the next time. Nothing is raised: an alert must never stop a load.
    """
    receivers = {LAKE: None, **{_name(url): url for url in settings.alert_urls}}
    waiting = {
        name: new
        for name in receivers
        if (
            new := notices(
                name, told.active(name), found, now, remind=settings.alert_remind_daily and name != LAKE
            )
        )
    }
    if not waiting:
        return []
    with ThreadPoolExecutor(len(waiting)) as pool:
        sent = {
            name: pool.submit(_send, url, *message(new, settings), _mood(new))
            for name, new in waiting.items()
            if (url := receivers[name]) is not None
        }
    problems = {name: problem for name, done in sent.items() if (problem := done.result())}
    told.append([one for name, new in waiting.items() if name not in problems for one in new])
    return [f"alert receiver {_public(settings, name)}: {problem}" for name, problem in problems.items()]


def test(settings: Settings) -> dict[str, str]:
    """Send a message to every receiver. Returns its number and kind → the failure, empty if there is none.

    Raises:
        AlertError: there is no receiver.
    """
    if not settings.alert_urls:
        raise AlertError(
            "no receiver is set; set F1_ALERT_URLS to one or more apprise URLs, see docs/observability.md"
        )
    title = f"F1 lakehouse {settings.env} on {socket.gethostname()}: test"
    return {
        _public(settings, _name(url)): _send(url, title, "This is how alerts will arrive.")
        for url in settings.alert_urls
    }


def _mood(found: Sequence[Notice]) -> str:
    """Return apprise's type of a message, which determines its colour: failure, or success if all its conditions have ended."""
    return "success" if all(one.event == Event.OVER for one in found) else "failure"


def _send(url: SecretStr, title: str, text: str, mood: str = "info") -> str:
    """Send one message. Returns the failure, or nothing; it never contains the URL, only its kind."""
    try:
        import apprise
    except ImportError:
        return "apprise is not installed: pip install 'f1-lakehouse[alerts]'"
    # Their log records contain URLs with tokens.
    logging.getLogger("apprise").disabled = logging.getLogger("urllib3.connectionpool").disabled = True
    try:
        service = apprise.Apprise.instantiate(url.get_secret_value())
        if not isinstance(service, apprise.NotifyBase):
            return "apprise does not know this kind of URL"
        service.socket_connect_timeout = service.socket_read_timeout = TIMEOUT
        taken = apprise.Apprise(services=service).notify(
            text, title=title, notify_type=apprise.NotifyType(mood), body_format=apprise.NotifyFormat.TEXT
        )
    except Exception as error:
        return f"apprise failed ({type(error).__name__})"
    return "" if taken else "it did not take the message"


def _name(url: SecretStr) -> str:
    """Return the name of a receiver in the alert log: the same for the same URL, and too short to guess passwords with."""
    return sha256(url.get_secret_value().encode()).hexdigest()[:8]


def _public(settings: Settings, name: str) -> str:
    """Return the public name of a receiver: its number and the kind of its URL."""
    for number, url in enumerate(settings.alert_urls, 1):
        if _name(url) == name:
            return f"{number} ({url.get_secret_value().split(':', 1)[0]})"
    raise KeyError(name)
