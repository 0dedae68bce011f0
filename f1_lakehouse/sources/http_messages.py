"""Reads what responses and failed requests say, for error messages and retries.

Belongs here: what holds for HTTP services in general. Does not belong here: what a response of one source means
(`sources/<name>/responses.py`) and sending (http.py).
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import orjson
import requests
from urllib3.exceptions import NewConnectionError

from f1_lakehouse.sources.errors import PermanentError, SourceError, TransientError, UnreachableError
from f1_lakehouse.sources.source import Source

MAX_RETRY_AFTER_S = 300.0
"""A mistaken Retry-After of a day must not stop a load for a day."""

RUN_LATER = "run again later, completed requests are saved"

_FIX_PROXY = "correct HTTPS_PROXY (or HTTP_PROXY, ALL_PROXY), or name the host of {} in NO_PROXY"


def retry_after_seconds(headers: Mapping[str, str], now: datetime | None) -> float | None:
    """The seconds that the source asks to wait, at most `MAX_RETRY_AFTER_S`; None if absent or not understood."""
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", value):
        seconds = float(value)
    else:
        try:
            when = parsedate_to_datetime(value)
        except ValueError:
            return None
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        seconds = (when - (now or datetime.now(UTC))).total_seconds()
    return min(max(0.0, seconds), MAX_RETRY_AFTER_S)


def json_or_none(body: bytes) -> Any:
    """The JSON value of a body; None if it is not JSON."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def is_html(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether a body is a page and not data."""
    return "html" in headers.get("Content-Type", "").lower() or body.lstrip()[:1] == b"<"


def error_text(body: bytes) -> str:
    """The error text of a body, if it is text: short, one line, no markup."""
    content = json_or_none(body) if len(body) < 10_000 else None
    if isinstance(content, dict):
        content = content.get("detail", content.get("error", ""))
    if not isinstance(content, str):
        content = "" if body.lstrip()[:1] in (b"<", b"[", b"{") else body[:200].decode("utf-8", "replace")
    return " ".join(content.split())[:200]


def status_phrase(status: int) -> str:
    """The standard phrase of a status, e.g. Service Unavailable."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "(unknown status)"


def transport_error(
    error: requests.RequestException, url: str, source: Source, proxies: Mapping[str, str]
) -> SourceError:
    """The error for a request that got no response, or only a part of one."""
    title = source.title
    proxy = proxy_of(url, proxies)
    through = f" through the proxy {proxy}" if proxy else ""
    fix_proxy = _FIX_PROXY.format(source.url_setting)
    if isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return PermanentError(
            f"the certificate of {title} cannot be verified{through}",
            url,
            "if a proxy of your network re-signs traffic, name its certificate in REQUESTS_CA_BUNDLE",
        )
    # The URL itself was checked before: the malformed one is the proxy's, or no proxy speaks that protocol.
    if proxy and isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        return PermanentError(f"the proxy {proxy} cannot be used", url, fix_proxy)
    if isinstance(error, requests.exceptions.ProxyError):
        refused = " refuses: it wants a user name and a password" if "407" in str(error) else " failed"
        return UnreachableError(f"the proxy {proxy}{refused}", url, fix_proxy)
    if isinstance(error, requests.ConnectTimeout):
        return TransientError(f"{title} did not accept a connection in time{through}", url, RUN_LATER)
    if isinstance(error, requests.Timeout) or "timed out" in str(error):
        return TransientError(f"{title} did not answer in time{through}", url, RUN_LATER)
    if isinstance(error, requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError):
        return TransientError(f"the response of {title} is incomplete{through}", url, RUN_LATER)
    if isinstance(error, requests.ConnectionError):
        reason = getattr(error.args[0] if error.args else None, "reason", None)
        kind = UnreachableError if isinstance(reason, NewConnectionError) else TransientError
        cure = f"check the network and {source.url_setting}, then run again"
        return kind(f"no connection to {title}{through}", url, cure)
    return PermanentError(
        f"the request could not be sent ({type(error).__name__}){through}", url, source.check_url
    )


def proxy_of(url: str, proxies: Mapping[str, str]) -> str:
    """The proxy that the environment names for a URL, without its user and password; empty if there is none."""
    found = requests.utils.get_environ_proxies(url, no_proxy=proxies.get("no_proxy"))
    proxy = requests.utils.select_proxy(url, found)
    if not proxy:
        return ""
    scheme, _, rest = proxy.rpartition("://")
    # Everything up to the last @ may be a part of the password.
    return f"{scheme}://{rest.rpartition('@')[2]}" if scheme else rest.rpartition("@")[2]
