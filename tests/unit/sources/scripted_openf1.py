"""A scripted OpenF1 on a real socket, and a clock that only moves when a test sleeps."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

HTML = {"Content-Type": "text/html; charset=utf-8"}


@dataclass
class Reply:
    """A response of the server; `cut_at` sends only that many bytes of the announced body, `drop` nothing at all."""

    status: int = 200
    body: bytes | Any = b"[]"
    headers: dict[str, str] = field(default_factory=dict)
    cut_at: int | None = None
    drop: bool = False

    @property
    def raw(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class FakeOpenF1:
    """Sends the responses of `script`: a list, whose last reply is repeated, or a function of the query."""

    def __init__(self) -> None:
        self.script: list[Reply] | Callable[[str], Reply] = [Reply()]
        self.token_script: list[Reply] = [Reply(500, b"no token was scripted")]
        self.requested: list[str] = []  # decoded paths
        self.raw: list[str] = []  # paths as sent
        self.authorizations: list[str | None] = []
        self.forms: list[bytes] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # otherwise each response waits 40 ms for an acknowledgement
            wbufsize = -1

            def do_GET(self) -> None:
                outer.raw.append(self.path)
                outer.requested.append(unquote(self.path).removeprefix("/v1/"))
                outer.authorizations.append(self.headers.get("Authorization"))
                if callable(outer.script):
                    self.send(outer.script(outer.requested[-1]))
                else:
                    self.send(outer.script.pop(0) if len(outer.script) > 1 else outer.script[0])

            def do_POST(self) -> None:
                assert self.path == "/token"
                outer.forms.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send(outer.token_script.pop(0) if len(outer.token_script) > 1 else outer.token_script[0])

            def send(self, reply: Reply) -> None:
                if reply.drop:
                    self.close_connection = True
                    return
                body = reply.raw
                self.send_response(reply.status)
                for name, value in ({"Content-Type": "application/json"} | reply.headers).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: reply.cut_at])
                if reply.cut_at is not None:
                    self.close_connection = True

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self.base_url = f"{self.origin}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class TestClock:
    """Monotonic seconds, wall time and sleep in one; `slept` holds every sleep."""

    __test__ = False

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.slept.append(seconds)
        self.seconds += seconds

    def now(self) -> datetime:
        return datetime(2024, 9, 22, 16, 0, tzinfo=UTC) + timedelta(seconds=self.seconds - 1000.0)
