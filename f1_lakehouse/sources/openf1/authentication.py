"""The access token of OpenF1, fetched with a user name and a password."""

import threading
from urllib.parse import urlsplit

from f1_lakehouse.sources.errors import PermanentError, TransientError
from f1_lakehouse.sources.exchange import Clock, SendForm
from f1_lakehouse.sources.http_messages import RUN_LATER, json_or_none, retry_after_seconds, status_phrase
from f1_lakehouse.sources.openf1.responses import CHECK_CREDENTIALS

RENEW_BEFORE_S = 60.0
"""A token is renewed this long before it expires."""

DEFAULT_LIFETIME_S = 3600.0
"""The lifetime of a token if the service does not state it."""


class PasswordAuthentication:
    """Fetches a token, keeps it until shortly before it expires, and replaces one that was refused.

    `base_url`: the API's; the token is fetched from `/token` of its host.
    """

    def __init__(self, base_url: str, username: str, password: str) -> None:
        parts = urlsplit(base_url)
        self._url = f"{parts.scheme}://{parts.netloc}/token"
        self._username = username
        self._password = password
        self._lock = threading.Lock()
        self._token: str | None = None
        self._valid_until = 0.0

    def __repr__(self) -> str:
        return "PasswordAuthentication()"

    def token(self, send: SendForm, clock: Clock, refused: str | None = None) -> str:
        """A token that is valid for a while and is not the `refused` one.

        Raises PermanentError for credentials that do not work, TransientError when the service fails.
        """
        with self._lock:
            if self._token is None or self._token == refused or clock.monotonic() >= self._valid_until:
                self._token = None
                self._token, lifetime = self._fetch(send, clock)
                self._valid_until = clock.monotonic() + lifetime - RENEW_BEFORE_S
            return self._token

    def _fetch(self, send: SendForm, clock: Clock) -> tuple[str, float]:
        """A new token and its lifetime in seconds. Messages leave the response's text out: a gateway may echo the form."""
        response, headers = send(self._url, {"username": self._username, "password": self._password})
        status = response.status
        cause = f"OpenF1 gave no token, but {status} {status_phrase(status)}"
        if status == 429 or status == 408 or status >= 500:
            wait = retry_after_seconds(headers, clock.now())
            raise TransientError(cause, self._url, RUN_LATER, retry_after=wait, rate_limited=status == 429)
        content = json_or_none(response.body)
        token = content.get("access_token") if isinstance(content, dict) else None
        if status != 200 or not isinstance(token, str) or not token:
            raise PermanentError(cause, self._url, CHECK_CREDENTIALS)
        try:
            lifetime = float(content["expires_in"])  # the service sends it as a string
        except (KeyError, TypeError, ValueError):
            lifetime = DEFAULT_LIFETIME_S
        return token, lifetime
