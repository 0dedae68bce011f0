"""What a response of Jolpica means.

Belongs here: the rules by status and body. Does not belong here: sending and retrying (sources/http.py), pages (pages.py).

A body is checked completely before it lands: what is in the landing zone is never requested again.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import orjson

from f1_lakehouse.sources.errors import PermanentError, TransientError
from f1_lakehouse.sources.exchange import Read, ResponseKind
from f1_lakehouse.sources.http_messages import (
    RUN_LATER,
    error_text,
    is_html,
    retry_after_seconds,
    status_phrase,
)
from f1_lakehouse.sources.jolpica.endpoints import BY_PATH
from f1_lakehouse.sources.jolpica.fields import Resource
from f1_lakehouse.sources.jolpica.pages import page_of
from f1_lakehouse.sources.jolpica.unpack import EnvelopeError, envelope_of

DEFAULT_URL = "https://api.jolpi.ca/ergast/f1"
CHECK_URL = f"check F1_JOLPICA_URL (the service's is {DEFAULT_URL})"
LOWER_LIMIT = (
    "lower F1_JOLPICA_REQUESTS_PER_HOUR if nothing else on this network uses Jolpica, or run again later"
)


def classify(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    url: str = "",
    now: datetime | None = None,
    read: Read = orjson.loads,
) -> tuple[ResponseKind, Any]:
    """What a response means, and the decoded content of its body if it has rows; see `exchange.Classify`.

    A 200 that is not the page that was requested is a transient failure: it comes from a cache or a proxy. A redirect is
    permanent: the URLs of this package end in `.json`, so another one is the base URL's fault.
    """
    text = error_text(body)
    cause = f"Jolpica answered {status} {status_phrase(status)}" + (f": {text}" if text else "")
    if status == 200:
        return _classify_200(headers, body, url, read)
    if status == 429:
        seconds = retry_after_seconds(headers, now)
        raise TransientError(cause, url, LOWER_LIMIT, retry_after=seconds, rate_limited=True)
    if status == 408 or status >= 500:
        raise TransientError(cause, url, RUN_LATER, retry_after=retry_after_seconds(headers, now))
    if 300 <= status < 400:
        raise PermanentError(f"{cause}, a redirect to {headers.get('Location', 'nowhere')}", url, CHECK_URL)
    if status in (401, 403, 404):
        raise PermanentError(cause, url, CHECK_URL)
    raise PermanentError(
        cause, url, "this client and the service are not compatible; look for a newer version"
    )


def _classify_200(headers: Mapping[str, str], body: bytes, url: str, read: Read) -> tuple[ResponseKind, Any]:
    resource = resource_of(url)
    if resource is None:
        raise PermanentError("the URL is not one of a resource of Jolpica", url, CHECK_URL)
    try:
        content = read(body)
        page = page_of(resource, url, envelope_of(resource, content))
    except EnvelopeError as error:
        raise TransientError(f"Jolpica answered with {error}", url, RUN_LATER) from None
    except ValueError:
        what = "an HTML page" if is_html(headers, body) else f"{len(body)} bytes of broken JSON"
        raise TransientError(f"Jolpica answered with {what} instead of rows", url, RUN_LATER) from None
    return (ResponseKind.ROWS, content) if page.rows else (ResponseKind.EMPTY, None)


def resource_of(url: str) -> Resource | None:
    """The resource that a URL requests, or None."""
    return BY_PATH.get(urlsplit(url).path.rpartition("/")[2].removesuffix(".json"))
