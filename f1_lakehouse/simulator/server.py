"""The embedded OpenF1 over HTTP: a folder of rows, with the responses of the production service.

Belongs here: status codes, bodies and headers of every answer, the gateway (rate windows, live
window, tokens, outages), and start and stop of the server. Does not belong here: what a query means (`query`), how
rows are kept (`store`), parsing of a command line.

Where production and the open-source API differ, production is followed: no rows is a 404. What production does
not document (the body of a 422 or of a refused token) is marked "undocumented" below: do not test a client
against its wording.
"""

from __future__ import annotations

import csv
import html
import io
import random
import re
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, unquote

import orjson

from f1_lakehouse.simulator.listener import Answer, Listener
from f1_lakehouse.simulator.query import DATE_FIELDS, NoLatestSession, QueryError, parse, stored_date
from f1_lakehouse.simulator.rows_of_file import ReplayError, ReplayFolderError, Row
from f1_lakehouse.simulator.store import RowStore

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
DROPPED = 0

_ROUTE = re.compile(r"v1/(\w+)")


class ReplayPortError(ReplayError):
    """The address is taken or not allowed."""


class LoggedRequest(NamedTuple):
    """One request as it was answered: when (the server's clock, seconds), what, status (`DROPPED` for none)."""

    at: float
    target: str
    status: int


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


class ReplayServer:
    """Serves `FOLDER/<endpoint>/*.json[.gz]` as an OpenF1 API.

        with ReplayServer(folder) as server:
            requests.get(f"{server.url}/laps?session_key=9606&lap_number>=3")

    Listens from construction on (so `url` is known, whatever the port) and answers inside the `with` block, from
    a thread, or in `serve_forever()`, until `close()`. `live`, `fail_rate`, `drop_rate` and `max_rows` may be
    changed while it serves; `requests` lists the requests, oldest first.
    """

    def __init__(
        self,
        folder: Path | str,
        port: int = 0,
        host: str = "127.0.0.1",
        rps: int = 0,
        rpm: int = 0,
        max_rows: int = 0,
        fail_rate: float = 0.0,
        drop_rate: float = 0.0,
        live: bool = False,
        username: str | None = None,
        password: str | None = None,
        now: Callable[[], datetime] | None = None,
        seed: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open the folder and the port.

        Args:
            folder: what to serve; see `store`.
            port: 0 takes a free one.
            host: the address to listen on.
            rps, rpm: requests in any second and in any minute before a 429; 0 for no limit.
            max_rows: an answer of more rows is a 422; 0 for no limit.
            fail_rate: share (0 to 1) of requests answered by a 502, 503 or 504.
            drop_rate: share (0 to 1) of requests whose connection is closed without an answer.
            live: whether a session is in progress: 401 for requests without a token.
            username: the user that gets tokens; no tokens if None.
            password: the password that goes with `username`.
            now: the time of day, aware; decides what `latest` is. The machine's, if None.
            seed: of the failures, so that they repeat.
            clock: seconds, for rate windows, tokens and the log.

        Raises:
            ReplayFolderError: the folder holds nothing to serve.
            ReplayPortError: the port is taken or not allowed.
        """
        self.store = RowStore(Path(folder))
        self.max_rows = max_rows
        self.fail_rate = fail_rate
        self.drop_rate = drop_rate
        self.live = live
        self.username = username
        self.password = password
        self.requests: list[LoggedRequest] = []
        self._windows = (RateWindow(rps, 1), RateWindow(rpm, 60))
        self._tokens: dict[str, float] = {}
        self._now = now or (lambda: datetime.now(UTC))
        self._clock = clock
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._serving = False
        try:
            # Looked up at each request: a test may replace the method while the server runs.
            self._http = Listener((host, port), lambda *request: self.answer(*request))
        except (OSError, OverflowError) as error:
            raise ReplayPortError(
                f"cannot listen on {host}:{port} ({error}): choose another port, or 0 for a free one"
            ) from error

    @property
    def url(self) -> str:
        """The base to put before `/<endpoint>`, ending in `/v1`."""
        return f"{self.origin}/v1"

    @property
    def origin(self) -> str:
        """Scheme, host and port; `/token` lives here."""
        host, port = self._http.server_address[:2]
        return f"http://{host!s}:{port}"

    def __enter__(self) -> Self:
        """Answer from a thread of its own."""
        self._serving = True
        self._thread = threading.Thread(
            target=self._http.serve_forever, args=(0.02,), name="replay", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def serve_forever(self) -> None:
        """Answer until `close()` is called from another thread, or an exception such as KeyboardInterrupt."""
        self._serving = True
        try:
            self._http.serve_forever(0.1)
        finally:
            self._serving = False
            self.close()

    def close(self) -> None:
        """Stop answering and drop every connection, also the idle ones that clients keep."""
        if self._serving:
            self._http.shutdown()
            self._serving = False
        self._http.server_close()
        self._http.drop_connections()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def answer(self, method: str, target: str, authorization: str = "", form: bytes = b"") -> Answer | None:
        """The answer to one request, logged; None to drop the connection.

        `target` is path and query as sent, `authorization` the header of that name, `form` the body.
        """
        with self._lock:
            at = self._clock()
            answer = self._gate(method, target, authorization, form, at)
            if not isinstance(answer, str):
                self.requests.append(LoggedRequest(at, target, answer.status if answer else DROPPED))
                return answer
        answer = self._look_up(target)
        with self._lock:
            self.requests.append(LoggedRequest(at, target, answer.status))
        return answer

    def _gate(
        self, method: str, target: str, authorization: str, form: bytes, at: float
    ) -> Answer | str | None:
        """The answer of the gateway; "pass" if it passes the request to the API."""
        if method not in ("GET", "POST"):
            return _json(405, {"detail": "Method Not Allowed"}, ("Allow", "GET, POST"))
        if target.partition("?")[0] == "/token":
            return (
                self._issue_token(form, at)
                if method == "POST"
                else _json(405, {"detail": "Method Not Allowed"})
            )
        if self._random.random() < self.drop_rate:
            return None
        for window in self._windows:
            if window.full(at):
                error = f"Rate limit exceeded: {window.limit} per {window.seconds} second"
                return _json(429, {"error": error})
        for window in self._windows:
            window.count(at)
        if self._random.random() < self.fail_rate:
            status, body = self._random.choice(OUTAGES)
            return Answer(status, "text/plain", body)
        if self.live and self._tokens.get(authorization.removeprefix("Bearer "), at) <= at:
            return _json(401, {"detail": LIVE_DETAIL})
        return "pass"

    def _issue_token(self, form: bytes, at: float) -> Answer:
        fields = parse_qs(form.decode("utf-8", "replace"))
        given = (fields.get("username", [""])[0], fields.get("password", [""])[0])
        if given != (self.username, self.password):
            return _json(401, {"detail": "Incorrect username or password"})  # undocumented
        token = secrets.token_urlsafe(24)
        self._tokens[token] = at + TOKEN_SECONDS
        return _json(200, {"expires_in": str(TOKEN_SECONDS), "access_token": token, "token_type": "bearer"})

    def _look_up(self, target: str) -> Answer:
        path, _, raw_query = target.partition("?")
        path = unquote(path).removeprefix("/").lower()
        if not path and not raw_query:
            return Answer(200, "text/plain; charset=utf-8", b"Welcome to OpenF1!")
        now = self._now()
        try:
            query = parse(raw_query, now=now, latest=lambda key: self._latest(key, now))
            route = _ROUTE.fullmatch(path)
            if route is None:
                raise QueryError("Invalid route")
            selection = self.store.select(route[1], query)
        except NoLatestSession:
            return _json(404, {"detail": "No results found."})
        except (QueryError, ReplayFolderError) as error:
            return _traceback(error)
        if self.max_rows and len(selection) > self.max_rows:
            detail = f"{len(selection)} rows are too many: ask for fewer drivers or less time"  # undocumented
            return _json(422, {"detail": detail})
        if query.csv:
            if not len(selection):
                return _traceback(ValueError("No results"))
            disposition = ("Content-Disposition", f"attachment; filename={route[1]}.csv")
            return Answer(200, "text/csv; charset=utf-8", as_csv(selection.rows()), (disposition,))
        if not len(selection):
            return _json(404, {"detail": "No results found."})
        return Answer(200, "application/json", selection.json())

    def _latest(self, key: str, now: datetime) -> int:
        found = self.store.latest(key, now)
        if found is None:
            raise NoLatestSession(key)
        return found


def as_csv(rows: Iterable[Row]) -> bytes:
    """Rows as the service writes CSV: sorted union of columns, CRLF, Python's texts for dates and arrays."""
    rows = list(rows)
    output = io.StringIO()
    writer = csv.DictWriter(output, fieldnames=sorted(set().union(*rows)))
    writer.writeheader()
    writer.writerows({name: _csv_value(name, value) for name, value in row.items()} for row in rows)
    return output.getvalue().encode()


def _csv_value(name: str, value: Any) -> Any:
    if name in DATE_FIELDS and isinstance(value, str):
        return stored_date(value) or value
    return value


def _json(status: int, content: object, *headers: tuple[str, str]) -> Answer:
    return Answer(status, "application/json", orjson.dumps(content), headers)


def _traceback(error: Exception) -> Answer:
    text = f"Traceback (most recent call last):\n{type(error).__name__}: {error}"
    page = f"<h1>An error occurred</h1><pre>{html.escape(text, quote=False)}</pre>"
    return Answer(500, "text/html; charset=utf-8", page.encode())
