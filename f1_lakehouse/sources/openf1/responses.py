"""What a response of OpenF1 means.

Belongs here: the rules by status and body. Does not belong here: sending and retrying (sources/http.py), and typing rows
(storage/parsing.py).
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from f1_lakehouse.sources.errors import PermanentError, TransientError
from f1_lakehouse.sources.exchange import Read, ResponseKind
from f1_lakehouse.sources.http_messages import (
    RUN_LATER,
    error_text,
    is_html,
    json_or_none,
    retry_after_seconds,
    status_phrase,
)
from f1_lakehouse.sources.openf1.errors import LiveWindowError

CHECK_URL = "check F1_OPENF1_URL (the service's is https://api.openf1.org/v1)"
CHECK_CREDENTIALS = "check F1_OPENF1_USERNAME and F1_OPENF1_PASSWORD"


def classify(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    url: str = "",
    now: datetime | None = None,
    read: Read = orjson.loads,
) -> tuple[ResponseKind, Any]:
    """What a response of the data API means, and the decoded content of its body if it has rows.

    `url` is used in messages; `now` (aware) is needed only to read a Retry-After that is a date. Raises
    TransientError (deserves another attempt), PermanentError (does not), LiveWindowError (possible after the session).

    The body of a 200 is decoded completely: a body that was cut behind an inner `]` looks complete at both ends, and once
    it is in the landing zone it would never be requested again. Items of the list are not checked: a row that cannot be
    used is quarantined, not retried.
    """
    if status == 200:
        return _classify_200(headers, body, url, now, read)
    text = error_text(body)
    cause = f"OpenF1 answered {status} {status_phrase(status)}" + (f": {text}" if text else "")
    if status == 404:
        if _says_no_results(json_or_none(body)):
            return ResponseKind.EMPTY, None
        raise PermanentError(cause, url, CHECK_URL)
    if status == 422:
        return ResponseKind.TOO_LARGE, None
    if status == 429:
        raise _too_many_requests(cause, headers, url, now)
    if status == 401:
        if "session in progress" in text.lower():
            raise LiveWindowError(
                "OpenF1 serves only paying users while a session is live",
                url,
                "load 30 minutes after the session's end, or set F1_OPENF1_USERNAME and F1_OPENF1_PASSWORD",
            )
        raise PermanentError(cause, url, CHECK_CREDENTIALS)
    if status == 408:
        raise TransientError(cause, url, RUN_LATER)
    if 300 <= status < 400:
        raise PermanentError(f"{cause}, a redirect to {headers.get('Location', 'nowhere')}", url, CHECK_URL)
    if status == 500 and is_html(headers, body):
        raise PermanentError(cause, url, "the service does not understand this query", retry_once=True)
    if status >= 500:
        raise TransientError(cause, url, RUN_LATER, retry_after=retry_after_seconds(headers, now))
    raise PermanentError(
        cause, url, "this client and the service are not compatible; look for a newer version"
    )


def _classify_200(
    headers: Mapping[str, str], body: bytes, url: str, now: datetime | None, read: Read
) -> tuple[ResponseKind, Any]:
    try:
        content = read(body)
    except ValueError:
        what = "an HTML page" if is_html(headers, body) else f"{len(body)} bytes of broken JSON"
        raise TransientError(f"OpenF1 answered with {what} instead of rows", url, RUN_LATER) from None
    if isinstance(content, Sequence) and not isinstance(content, str):
        return (ResponseKind.ROWS, content) if content else (ResponseKind.EMPTY, None)
    if _says_no_results(content):
        return ResponseKind.EMPTY, None
    text = error_text(body)
    if re.search(r"rate (limit )?exceeded|too many requests", text, re.IGNORECASE):
        raise _too_many_requests(f"OpenF1 answered: {text}", headers, url, now)
    raise PermanentError(f"OpenF1 answered with something that is not a list of rows: {text}", url, CHECK_URL)


def _too_many_requests(
    cause: str, headers: Mapping[str, str], url: str, now: datetime | None
) -> TransientError:
    cure = (
        "lower F1_OPENF1_REQUESTS_PER_MINUTE if nothing else on this network uses OpenF1, or run again later"
    )
    return TransientError(cause, url, cure, retry_after=retry_after_seconds(headers, now), rate_limited=True)


def _says_no_results(content: Any) -> bool:
    return isinstance(content, dict) and str(content.get("detail", "")).lower().startswith("no results found")
