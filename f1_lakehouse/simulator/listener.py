"""The HTTP side of the embedded OpenF1: connections, request parsing and the bytes of an answer.

Belongs here: HTTP as a protocol. Does not belong here: what the service answers (`server`).
"""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Answer:
    """Status, content type, body and further headers."""

    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


Respond = Callable[[str, str, str, bytes], Answer | None]
"""Method, target, authorization header and body of a request → the answer, or None to close the connection."""


class Listener(ThreadingHTTPServer):
    """Listens on an address and passes each request to `answer`, in a thread per connection.

    Args:
        address: host and port; port 0 takes a free one.
        answer: returns the answer to a request.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], answer: Respond) -> None:
        self.answer = answer
        self._connections: set[socket.socket] = set()
        self._connections_lock = threading.Lock()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # HTTPServer's own looks up the host's name, which takes seconds on a machine without DNS.
        socketserver.TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._connections_lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._connections_lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def drop_connections(self) -> None:
        with self._connections_lock:
            connections = list(self._connections)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # the client was faster

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Silence: a client that goes away in the middle of an answer is its own affair."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Listener

    def handle_one_request(self) -> None:
        """As the base does, for any method: which ones are allowed is the service's answer to give."""
        self.raw_requestline = self.rfile.readline(65_537)
        if not self.raw_requestline:
            self.close_connection = True
            return
        if not self.parse_request():
            return
        length = int(self.headers.get("Content-Length") or 0)
        form = self.rfile.read(length) if length else b""
        answer = self.server.answer(self.command, self.path, self.headers.get("Authorization", ""), form)
        if answer is None:
            self.close_connection = True
            return
        self._send(answer)

    def _send(self, answer: Answer) -> None:
        head = [
            f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}",
            f"content-type: {answer.content_type}",
            f"content-length: {len(answer.body)}",
            *(f"{name}: {value}" for name, value in answer.headers),
        ]
        if "Origin" in self.headers:
            head += ["access-control-allow-origin: *", "access-control-allow-credentials: true"]
        if self.close_connection:
            head.append("connection: close")
        self.wfile.write("\r\n".join(head).encode("latin-1") + b"\r\n\r\n")
        if self.command != "HEAD":
            self.wfile.write(answer.body)
