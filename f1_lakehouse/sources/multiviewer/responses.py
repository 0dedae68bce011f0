"""What a response of MultiViewer means.

Belongs here: the rules by status and body. Does not belong here: sending and retrying (sources/http.py).
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import PurePosixPath
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
from f1_lakehouse.sources.multiviewer.endpoints import CORNERS

DEFAULT_URL = "https://api.multiviewer.app/api/v1"
CHECK_URL = f"check F1_MULTIVIEWER_URL (the service's is {DEFAULT_URL})"


def classify(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    url: str = "",
    now: datetime | None = None,
    read: Read = orjson.loads,
) -> tuple[ResponseKind, Any]:
    """What a response means, and its decoded content if it has corners; see `exchange.Classify`.

    A 404 is a circuit or season without a map: an empty response, and the other circuits are complete.
    """
    text = error_text(body)
    cause = f"MultiViewer answered {status} {status_phrase(status)}" + (f": {text}" if text else "")
    if status == 200:
        return _classify_200(headers, body, url, read)
    if status == 404:
        return ResponseKind.EMPTY, None
    if status in (408, 429) or status >= 500:
        raise TransientError(
            cause, url, RUN_LATER, retry_after=retry_after_seconds(headers, now), rate_limited=status == 429
        )
    raise PermanentError(cause, url, CHECK_URL)


def _classify_200(headers: Mapping[str, str], body: bytes, url: str, read: Read) -> tuple[ResponseKind, Any]:
    try:
        content = read(body)
    except ValueError:
        what = "an HTML page" if is_html(headers, body) else f"{len(body)} bytes of broken JSON"
        raise TransientError(
            f"MultiViewer answered with {what} instead of a circuit", url, RUN_LATER
        ) from None
    found = content.get("circuitKey") if isinstance(content, dict) else None
    wanted = PurePosixPath(urlsplit(url).path).parent.name
    if str(found) != wanted:
        raise TransientError(
            f"MultiViewer answered with something else than circuit {wanted}", url, RUN_LATER
        )
    corners = content.get(CORNERS) or []
    if not isinstance(corners, list):
        raise TransientError("MultiViewer answered with corners that are not a list", url, RUN_LATER)
    return (ResponseKind.ROWS, content) if corners else (ResponseKind.EMPTY, None)
