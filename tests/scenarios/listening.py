"""A receiver of webhooks: a real HTTP server on this machine, which checks signatures as any receiver would."""

from __future__ import annotations

import json
import queue
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import standardwebhooks

WAIT_S = 60.0


@dataclass(frozen=True)
class Request:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes
    verified: dict[str, Any] | None
    """The body, where the signature was right; None where it was not."""

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


Answer = Callable[[BaseHTTPRequestHandler], None]


def answering(status: int, body: bytes = b"", **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


class Listener:
    """
    What has arrived, and what is answered.

    `answers` are given one by one; when there are none left, it is 204.
    """

    def __init__(self, secret: Callable[[str], str | None], tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.answers: list[Answer] = []
        self.server_names: list[str | None] = []
        self.connections = 0
        self.ending = threading.Event()
        self._arrived: queue.SimpleQueue[Request] = queue.SimpleQueue()
        self._secret = secret
        self._guard = threading.Lock()
        listener = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                with listener._guard:
                    answer = listener.answers.pop(0) if listener.answers else answering(204)
                    request = listener._read(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
                    listener.requests.append(request)
                self.close_connection = True
                answer(self)
                listener._arrived.put(request)

            do_GET = do_POST

            def log_message(self, format: str, *args: Any) -> None:
                return

        class Server(ThreadingHTTPServer):
            daemon_threads = False

            def verify_request(self, request: Any, client_address: Any) -> bool:
                listener.connections += 1
                return True

            def handle_error(self, request: Any, client_address: Any) -> None:
                # The sender went away in the middle, as some tests make it do.
                return

        self._server = Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            tls.sni_callback = lambda _, name, __: self.server_names.append(name)
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def _read(self, path: str, headers: dict[str, str], body: bytes) -> Request:
        secret = self._secret(path)
        verified = None
        if secret is not None:
            try:
                verified = standardwebhooks.Webhook(secret).verify(body, headers)
            except standardwebhooks.WebhookVerificationError:
                verified = None
        return Request(path, headers, body, verified)

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.place}/hook"

    def wait(self) -> Request:
        """Wait for the next request that was answered."""
        return self._arrived.get(timeout=WAIT_S)

    def told(self) -> list[tuple[str, str, str]]:
        """What arrived with a right signature: type, case and state."""
        bodies = [json.loads(request.body) for request in self.requests if request.verified is not None]
        return [(b["type"], b["data"].get("case_id", ""), b["data"].get("state", "")) for b in bodies]

    def close(self) -> None:
        self.ending.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(WAIT_S)


@contextmanager
def listening(
    secret: Callable[[str], str | None] = lambda path: None, tls: ssl.SSLContext | None = None
) -> Iterator[Listener]:
    """Listen while the block runs."""
    listener = Listener(secret, tls)
    try:
        yield listener
    finally:
        listener.close()
