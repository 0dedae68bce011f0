"""The embedded Jolpica: its API over HTTP, on the tables of the Ergast history (ergast.py).

Belongs here: paths, pages, throttling, redirects and the cache. A request is answered as the service answers it:

* paths end in `/` or `.json`; without either the answer is a redirect to the path with a `/`
* `limit` (30 by default, at most 100) and `offset` count rows, whatever object contains them
* too many requests are answered by 429 without `Retry-After`
* with `cache_seconds`, a page is served as it was when it was first requested, so pages may be of different ages
"""

from __future__ import annotations

import re
import socketserver
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs

import orjson

from f1_lakehouse.simulator.ergast import RESOURCES, History
from f1_lakehouse.simulator.ergast_objects import Object

PREFIX = "/ergast/f1/"
DEFAULT_LIMIT, MAX_LIMIT = 30, 100
_LISTS = {
    "seasons": ("SeasonTable", "Seasons"),
    "circuits": ("CircuitTable", "Circuits"),
    "constructors": ("ConstructorTable", "Constructors"),
    "drivers": ("DriverTable", "Drivers"),
    "status": ("StatusTable", "Status"),
    "races": ("RaceTable", "Races"),
    "results": ("RaceTable", "Results"),
    "qualifying": ("RaceTable", "QualifyingResults"),
    "sprint": ("RaceTable", "SprintResults"),
    "driverstandings": ("StandingsTable", "DriverStandings"),
    "constructorstandings": ("StandingsTable", "ConstructorStandings"),
    "laps": ("RaceTable", "Laps"),
    "pitstops": ("RaceTable", "PitStops"),
}


class JolpicaRequest(NamedTuple):
    """One request as it was answered: when (the clock's seconds), what, status."""

    at: float
    target: str
    status: int


@dataclass(frozen=True)
class JolpicaAnswer:
    """Status, body and further headers; `content_type` of the body."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


class JolpicaApi:
    """Answers requests to Jolpica; `requests` lists them, oldest first. May be shared by threads.

    Args:
        history: what to serve; may be changed between requests.
        per_second: requests in any second before a 429; 0 for no limit.
        per_hour: the same for an hour.
        cache_seconds: how long a page stays as it was first served; 0 for no cache.
        down: answer every request by 503; may be changed while it serves.
        origin: scheme and host, for the URLs in responses and redirects.
        clock: seconds, for windows, cache and the log.
    """

    def __init__(
        self,
        history: History,
        *,
        per_second: int = 0,
        per_hour: int = 0,
        cache_seconds: float = 0.0,
        down: bool = False,
        origin: str = "http://127.0.0.1",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.history = history
        self.down = down
        self.origin = origin
        self.requests: list[JolpicaRequest] = []
        self._windows = [(per_second, 1.0), (per_hour, 3600.0)]
        self._passed: deque[float] = deque()
        self._cache_seconds = cache_seconds
        self._cache: dict[str, tuple[float, JolpicaAnswer]] = {}
        self._clock = clock
        self._lock = threading.Lock()

    def answer(self, method: str, target: str) -> JolpicaAnswer:
        """The answer to one request, logged. `target` is path and query as sent."""
        with self._lock:
            at = self._clock()
            found = self._answer(method, target, at)
            self.requests.append(JolpicaRequest(at, target, found.status))
            return found

    def _answer(self, method: str, target: str, at: float) -> JolpicaAnswer:
        if method not in ("GET", "HEAD", "OPTIONS"):
            return _detail(405, f'Method "{method}" not allowed.')
        while self._passed and self._passed[0] <= at - 3600.0:
            self._passed.popleft()
        for limit, seconds in self._windows:
            if limit and sum(1 for one in self._passed if one > at - seconds) >= limit:
                return _detail(429, "Request was throttled.")
        self._passed.append(at)
        if self.down:
            return JolpicaAnswer(503, b"<html>Service Unavailable</html>", "text/html")
        cached = self._cache.get(target)
        if cached is not None and at - cached[0] < self._cache_seconds:
            return cached[1]
        found = self._look_up(target)
        if found.status == 200:
            self._cache[target] = at, found
        return found

    def _look_up(self, target: str) -> JolpicaAnswer:
        path, _, query = target.partition("?")
        if not path.startswith(PREFIX):
            return _not_found()
        rest = path.removeprefix(PREFIX)
        if not rest.endswith(("/", ".json")):
            location = f"{path}/" + (f"?{query}" if query else "")
            return JolpicaAnswer(301, b"", "text/html", (("Location", location),))
        route = _ROUTE.fullmatch(rest.removesuffix("/").removesuffix(".json").lower())
        if route is None or (route["resource"] or "races") not in RESOURCES:
            return _not_found()
        try:
            limit, offset = _paging(query)
        except ValueError as error:
            return _detail(400, str(error))
        resource = route["resource"] or "races"
        season = int(route["season"]) if route["season"] else None
        number = int(route["round"]) if route["round"] else None
        rows = self.history.rows(resource, season, number)
        table, name = _LISTS[resource]
        asked = {"season": route["season"], "round": route["round"]}
        held = {key: value for key, value in asked.items() if value} | _nested(
            name, rows[offset : offset + limit]
        )
        data = {
            "xmlns": "",
            "series": "f1",
            "url": f"{self.origin}{path}",
            "limit": str(limit),
            "offset": str(offset),
            "total": str(len(rows)),
            table: held,
        }
        return JolpicaAnswer(200, orjson.dumps({"MRData": data}))


_ROUTE = re.compile(r"(?:(?P<season>\d{4})(?:/(?P<round>\d{1,2}))?/?)?(?P<resource>[a-z]+)?(?<!/)", re.ASCII)


def _paging(query: str) -> tuple[int, int]:
    values = parse_qs(query, keep_blank_values=True)
    limit, offset = (values.get(name, [""])[-1] for name in ("limit", "offset"))
    if not all(text.isdigit() or not text for text in (limit, offset)):
        raise ValueError("limit and offset are numbers")
    return min(int(limit or DEFAULT_LIMIT), MAX_LIMIT), int(offset or 0)


def _nested(name: str, rows: Sequence[Object]) -> Object:
    """Rows in the objects that hold them: races, laps of races, or lists of standings."""
    if name in ("DriverStandings", "ConstructorStandings"):
        return {"StandingsLists": _grouped(rows, "_list", name)}
    if name == "Laps":
        races = _grouped([{**row, "_lap": {"number": row["_lap"]}} for row in rows], "_race", name)
        return {"Races": [{**race, name: _grouped(race[name], "_lap", "Timings")} for race in races]}
    if any("_race" in row for row in rows) or name in _IN_RACES:
        return {"Races": _grouped(rows, "_race", name)}
    return {name: list(rows)}


_IN_RACES = ("Results", "QualifyingResults", "SprintResults", "PitStops")


def _grouped(rows: Sequence[Object], by: str, name: str) -> list[Object]:
    """One object for each run of rows with an equal `by`, the rows under `name`."""
    found: list[Object] = []
    holder: Any = None
    for row in rows:
        if row[by] != holder:
            holder = row[by]
            found.append({**holder, name: []})
        found[-1][name].append({key: value for key, value in row.items() if key != by})
    return found


def _detail(status: int, text: str) -> JolpicaAnswer:
    return JolpicaAnswer(status, orjson.dumps({"detail": text}))


def _not_found() -> JolpicaAnswer:
    return JolpicaAnswer(404, b"<!doctype html><h1>Not Found</h1>", "text/html")


class JolpicaServer:
    """Serves a `JolpicaApi` on this machine, from a thread, inside a `with` block.

    with JolpicaServer(JolpicaApi(History(folder))) as server:
        requests.get(f"{server.url}/2021/results.json?limit=100")
    """

    def __init__(self, api: JolpicaApi, port: int = 0, host: str = "127.0.0.1") -> None:
        self.api = api
        self._http = _Listener((host, port), api)
        self.api.origin = f"http://{host}:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """The root of the API, as F1_JOLPICA_URL takes it."""
        return f"{self.api.origin}{PREFIX.rstrip('/')}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], api: JolpicaApi) -> None:
        self.api = api
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # HTTPServer's own looks up the host's name, which takes seconds on a machine without DNS.
        socketserver.TCPServer.server_bind(self)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Silence: a client that goes away in the middle of a response is not an error."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Listener

    def do_GET(self) -> None:
        found = self.server.api.answer(self.command, self.path)
        head = [
            f"HTTP/1.1 {found.status} {HTTPStatus(found.status).phrase}",
            f"content-type: {found.content_type}",
            f"content-length: {len(found.body)}",
            *(f"{name}: {value}" for name, value in found.headers),
        ]
        self.wfile.write("\r\n".join(head).encode("latin-1") + b"\r\n\r\n")
        if self.command != "HEAD":
            self.wfile.write(found.body)

    do_HEAD = do_POST = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Silence: `JolpicaApi.requests` is the log."""
