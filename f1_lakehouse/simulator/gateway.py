"""The gateway in front of the embedded OpenF1: what it refuses before the API sees a request.

Belongs here: rate windows, the live window with its tokens, outages and dropped connections. Does not belong here: what a query means
and which rows answer it (`server`, `query`, `store`).
"""

import random
import secrets
from collections import deque
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import orjson

from f1_lakehouse.simulator.listener import Answer

TOKEN_SECONDS = 3600
LIVE_DETAIL = (
    "Live F1 session in progress. Global API access (including past sessions) is restricted to authenticated "
    "users until the session ends."
)
OUTAGES = (
    (502, b"Bad Gateway"),
    (503, b"Service Unavailable"),
    (504, b"upstream request timeout"),
)
PASSED = "passed"


@dataclass
class RateWindow:
    """At most `limit` requests in any `seconds`; a refused one does not count. A limit of 0 never refuses."""

    limit: int
    seconds: int
    _passed: deque[float] = field(default_factory=deque)

    def full(self, at: float) -> bool:
        """Whether a request at this moment is one too many."""
        while self._passed and self._passed[0] <= at - self.seconds:
            self._passed.popleft()
        return bool(self.limit) and len(self._passed) >= self.limit

    def count(self, at: float) -> None:
        """A request has passed."""
        if self.limit:
            self._passed.append(at)


@dataclass
class Gateway:
    """What the gateway refuses; the values but the windows may be changed while it serves.

    `rps`, `rpm`: requests in any second and in any minute before a 429, 0 for no limit. `fail_rate`: share (0 to 1) of requests answered
    by a 502, 503 or 504; `drop_rate`: of those whose connection is closed without an answer; `seed`: of both, so that they repeat.
    `live`: whether a session is in progress, 401 for requests without a token; `username`, `password`: who gets tokens, nobody if None.
    """

    rps: int = 0
    rpm: int = 0
    fail_rate: float = 0.0
    drop_rate: float = 0.0
    live: bool = False
    username: str | None = None
    password: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        self._windows = (RateWindow(self.rps, 1), RateWindow(self.rpm, 60))
        self._tokens: dict[str, float] = {}
        self._random = random.Random(self.seed)

    def check(
        self, method: str, target: str, authorization: str, form: bytes, at: float
    ) -> Answer | str | None:
        """The answer to a request that ends at the gateway; `PASSED` if the API answers it; None to drop the connection.

        `at`: seconds of the server's clock; the other arguments are those of `ReplayServer.answer`.
        """
        if method not in ("GET", "POST"):
            return as_json(405, {"detail": "Method Not Allowed"}, ("Allow", "GET, POST"))
        if target.partition("?")[0] == "/token":
            return (
                self._issue_token(form, at)
                if method == "POST"
                else as_json(405, {"detail": "Method Not Allowed"})
            )
        if self._random.random() < self.drop_rate:
            return None
        for window in self._windows:
            if window.full(at):
                error = f"Rate limit exceeded: {window.limit} per {window.seconds} second"
                return as_json(429, {"error": error})
        for window in self._windows:
            window.count(at)
        if self._random.random() < self.fail_rate:
            status, body = self._random.choice(OUTAGES)
            return Answer(status, "text/plain", body)
        if self.live and self._tokens.get(authorization.removeprefix("Bearer "), at) <= at:
            return as_json(401, {"detail": LIVE_DETAIL})
        return PASSED

    def _issue_token(self, form: bytes, at: float) -> Answer:
        fields = parse_qs(form.decode("utf-8", "replace"))
        given = (fields.get("username", [""])[0], fields.get("password", [""])[0])
        if given != (self.username, self.password):
            return as_json(401, {"detail": "Incorrect username or password"})  # undocumented
        token = secrets.token_urlsafe(24)
        self._tokens[token] = at + TOKEN_SECONDS
        return as_json(200, {"expires_in": str(TOKEN_SECONDS), "access_token": token, "token_type": "bearer"})


def as_json(status: int, content: object, *headers: tuple[str, str]) -> Answer:
    """An answer with a JSON body."""
    return Answer(status, "application/json", orjson.dumps(content), headers)
