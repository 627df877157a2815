"""A reverse proxy on this machine that breaks connections at the moments it is told to."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

WAIT_S = 60.0

_OF_CONNECTION = ("connection", "content-length", "transfer-encoding")


class Fault(Enum):
    """What becomes of one request."""

    UNSENT = "the connection breaks before the server hears of it"
    UNANSWERED = "the server does it, and the connection breaks before the answer"
    CUT = "the server does it, and the connection breaks in the middle of the answer"
    BUSY = "it is turned away with 503 and a time to come back"
    FULL = "it is turned away with 429 and a time to come back"
    GATEWAY = "the server does it, and 504 comes back from in front of it"
    MAINTENANCE = "it is turned away with 503 and a page that is not the server's"


@dataclass(frozen=True)
class Cut:
    """A stream is cut after so many events, in the middle of the next."""

    events: int


_BUSY = b'{"title":"Overloaded","status":%d,"code":"overloaded","detail":"too much at once; come back"}'


class Proxy:
    """
    Passes requests on to a server.

    Args:
        port: Where the server listens.
        prefix: Only what is below this path is passed on, without it.
    """

    def __init__(self, port: int, prefix: str = "") -> None:
        self.plan: list[Fault | Cut | None] = []
        """What becomes of the next requests, one by one; then all are passed on."""
        self.requests: list[str] = []
        """Method and path of each request that arrived."""
        self.connections = 0
        self.retry_after = "0"
        self._guard = threading.Lock()
        self._upstream: set[http.client.HTTPConnection] = set()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                with proxy._guard:
                    fault = proxy.plan.pop(0) if proxy.plan else None
                    proxy.requests.append(f"{self.command} {self.path}")
                if not self.path.startswith(prefix):
                    self.answer(404, b"<h1>Nothing here</h1>", {"content-type": "text/html"})
                elif fault is Fault.UNSENT:
                    self.drop()
                elif fault in (Fault.BUSY, Fault.FULL):
                    status = 503 if fault is Fault.BUSY else 429
                    headers = {"content-type": "application/problem+json", "retry-after": proxy.retry_after}
                    self.answer(status, _BUSY % status, headers)
                elif fault is Fault.MAINTENANCE:
                    self.answer(503, b"<h1>Back soon</h1>", {"content-type": "text/html"})
                else:
                    self.pass_on(body, fault)

            do_POST = do_GET

            def pass_on(self, body: bytes, fault: Fault | Cut | None) -> None:
                headers = {k: v for k, v in self.headers.items() if k.lower() not in _OF_CONNECTION}
                upstream = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S)
                proxy._upstream.add(upstream)
                try:
                    upstream.request(self.command, self.path.removeprefix(prefix), body or None, headers)
                    response = upstream.getresponse()
                    if fault is Fault.GATEWAY:
                        content = b""
                    elif response.headers.get_content_type() == "text/event-stream":
                        self.stream(response, fault)
                        return
                    else:
                        content = response.read()
                finally:
                    upstream.close()
                    proxy._upstream.discard(upstream)
                kept = {k: v for k, v in response.headers.items() if k.lower() not in _OF_CONNECTION}
                if fault is Fault.UNANSWERED:
                    self.drop()
                elif fault is Fault.CUT:
                    self.head(response.status, {**kept, "content-length": str(len(content))})
                    self.wfile.write(content[: len(content) // 2])
                    self.drop()
                elif fault is Fault.GATEWAY:
                    self.answer(504, b"<h1>Gateway timeout</h1>", {"content-type": "text/html"})
                else:
                    self.answer(response.status, content, kept)

            def stream(self, response: http.client.HTTPResponse, fault: Fault | Cut | None) -> None:
                self.head(response.status, {"content-type": "text/event-stream", "transfer-encoding": "chunked"})
                left = fault.events if isinstance(fault, Cut) else -1
                try:
                    while line := response.readline():
                        if line.startswith(b"data:"):
                            if left == 0:
                                self.chunk(line[: len(line) // 2])
                                break
                            left -= 1
                        self.chunk(line)
                except (OSError, http.client.HTTPException, AttributeError, ValueError):
                    # The proxy is being closed, or whoever listened went away.
                    pass
                self.drop()

            def chunk(self, data: bytes) -> None:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

            def head(self, status: int, headers: dict[str, str]) -> None:
                self.send_response_only(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
                self.head(status, {**headers, "content-length": str(len(body))})
                self.wfile.write(body)

            def drop(self) -> None:
                self.close_connection = True
                with suppress(OSError):
                    self.connection.shutdown(socket.SHUT_RDWR)

            def log_message(self, format: str, *args: Any) -> None:
                return

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def verify_request(self, request: Any, client_address: Any) -> bool:
                proxy.connections += 1
                return True

            def handle_error(self, request: Any, client_address: Any) -> None:
                # The client went away in the middle, as some tests make it do.
                return

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}{prefix}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self.cut_streams()
        self._thread.join(WAIT_S)

    def cut_streams(self) -> None:
        """Break what is being passed on."""
        for upstream in list(self._upstream):
            if upstream.sock is not None:
                with suppress(OSError):
                    upstream.sock.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxying(port: int, prefix: str = "") -> Iterator[Proxy]:
    """Stand in front of a server while the block runs."""
    proxy = Proxy(port, prefix)
    try:
        yield proxy
    finally:
        proxy.close()
