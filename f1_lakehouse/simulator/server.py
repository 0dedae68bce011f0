"""The embedded OpenF1 over HTTP: a folder of rows, with the responses of the production service.

Belongs here: status codes, bodies and headers of every answer, and start and stop of the server. Does not belong here: what the
gateway refuses (`gateway`), what a query means (`query`), how rows are kept (`store`), parsing of a command line.

Where production and the open-source API differ, production is followed: no rows is a 404. What production does
not document (the body of a 422 or of a refused token) is marked "undocumented" below: do not test a client
against its wording.
"""

from __future__ import annotations

import csv
import html
import io
import re
import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import unquote

from f1_lakehouse.simulator.gateway import Gateway, as_json
from f1_lakehouse.simulator.listener import Answer, Listener
from f1_lakehouse.simulator.query import DATE_FIELDS, NoLatestSession, QueryError, parse, stored_date
from f1_lakehouse.simulator.rows_of_file import ReplayError, ReplayFolderError, Row
from f1_lakehouse.simulator.store import RowStore

DROPPED = 0

_ROUTE = re.compile(r"v1/(\w+)")


class ReplayPortError(ReplayError):
    """The address is taken or not allowed."""


class LoggedRequest(NamedTuple):
    """One request as it was answered: when (the server's clock, seconds), what, status (`DROPPED` for none)."""

    at: float
    target: str
    status: int


class ReplayServer:
    """Serves `FOLDER/<endpoint>/*.json[.gz]` as an OpenF1 API.

        with ReplayServer(folder) as server:
            requests.get(f"{server.url}/laps?session_key=9606&lap_number>=3")

    Listens from construction on (so `url` is known, whatever the port) and answers inside the `with` block, from
    a thread, or in `serve_forever()`, until `close()`. `gateway` and `max_rows` may be
    changed while it serves; `requests` lists the requests, oldest first.
    """

    def __init__(
        self,
        folder: Path | str,
        gateway: Gateway | None = None,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        max_rows: int = 0,
        now: Callable[[], datetime] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open the folder and the port.

        Args:
            folder: what to serve; see `store`.
            gateway: what it refuses; by default nothing.
            port: 0 takes a free one.
            host: the address to listen on.
            max_rows: an answer of more rows is a 422; 0 for no limit.
            now: the time of day, aware; decides what `latest` is. The machine's, if None.
            clock: seconds, for rate windows, tokens and the log.

        Raises:
            ReplayFolderError: the folder holds nothing to serve.
            ReplayPortError: the port is taken or not allowed.
        """
        self.store = RowStore(Path(folder))
        self.gateway = gateway or Gateway()
        self.max_rows = max_rows
        self.requests: list[LoggedRequest] = []
        self._now = now or (lambda: datetime.now(UTC))
        self._clock = clock
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
            answer = self.gateway.check(method, target, authorization, form, at)
            if not isinstance(answer, str):
                self.requests.append(LoggedRequest(at, target, answer.status if answer else DROPPED))
                return answer
        answer = self._look_up(target)
        with self._lock:
            self.requests.append(LoggedRequest(at, target, answer.status))
        return answer

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
            return as_json(404, {"detail": "No results found."})
        except (QueryError, ReplayFolderError) as error:
            return _traceback(error)
        if self.max_rows and len(selection) > self.max_rows:
            detail = f"{len(selection)} rows are too many: ask for fewer drivers or less time"  # undocumented
            return as_json(422, {"detail": detail})
        if query.csv:
            if not len(selection):
                return _traceback(ValueError("No results"))
            disposition = ("Content-Disposition", f"attachment; filename={route[1]}.csv")
            return Answer(200, "text/csv; charset=utf-8", as_csv(selection.rows()), (disposition,))
        if not len(selection):
            return as_json(404, {"detail": "No results found."})
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


def _traceback(error: Exception) -> Answer:
    text = f"Traceback (most recent call last):\n{type(error).__name__}: {error}"
    page = f"<h1>An error occurred</h1><pre>{html.escape(text, quote=False)}</pre>"
    return Answer(500, "text/html; charset=utf-8", page.encode())
