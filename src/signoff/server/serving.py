"""Serving: one process that listens, with a clean end."""

from __future__ import annotations

import gc
import ipaddress
import logging
import resource
import socket
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress

import uvicorn

from signoff.app import Signoff
from signoff.errors import InvalidInput, NotAllowed
from signoff.server.access import LocalDesk
from signoff.server.api import LOOPBACK, make_api
from signoff.server.feed import Feed

PORT = 8642

GRACE_S = 30.0
"""Seconds for handlers that run to end, when the server is told to stop."""

_SWITCH_S = 0.0005
_GARBAGE = 20_000
_EVERYWHERE = ("0.0.0.0", "::")

log = logging.getLogger("signoff.server")


def serve(
    app: Signoff,
    *,
    host: str = "127.0.0.1",
    port: int = PORT,
    person: str,
    host_names: Collection[str] = (),
    token: str | None = None,
    proxies: Collection[str] = (),
    ready: Callable[[str], object] = str,
) -> None:
    """
    Serve the HTTP API until SIGINT or SIGTERM; requests under way are answered first, and handlers that run may end.

    Args:
        app: The desk; its worker is started here. Whoever made it closes it.
        host: Address to listen on. Anything but the loopback takes accounts.
        port: TCP port, 0..65535; 0 for any free one.
        person: Who the one person is that a printed link lets in, while there are no accounts.
        host_names: Names the server is reached by, beside the address itself.
        token: The secret in that link; a new one by default.
        proxies: Addresses or networks of reverse proxies that are believed about the caller's address and https.
        ready: Called with the URL to open, once it listens.

    Raises:
        NotAllowed: If it should listen beyond the loopback without accounts.
        InvalidInput: If the address cannot be listened on.
    """
    with_accounts = app.accounts.any()
    loopback = _is_loopback(host)
    if not loopback and not with_accounts:
        raise NotAllowed(
            f"without accounts this server listens on 127.0.0.1 only, not on {host}; make one with "
            "signoff user add NAME --role admin, then start it again"
        )
    _raise_file_limit()
    # Threads that work hand the interpreter back sooner than usual, so that whoever has only to be answered is.
    sys.setswitchinterval(_SWITCH_S)
    # What is here already stays, and documents come and go by the thousand: looking for rings seldom is enough.
    gc.freeze()
    gc.set_threshold(_GARBAGE, 20, 50)
    local = None if with_accounts else LocalDesk(person, token)
    listener = _listen(host, port)
    bound: int = listener.getsockname()[1]
    # The loopback's names are nobody else's; without a name, a server for all addresses answers to any.
    named = {*host_names, *(() if loopback or host in _EVERYWHERE else (host,))}
    hosts = {*named, *LOOPBACK} if named or loopback else {"*"}
    api = make_api(app, local=local, hosts=hosts)
    config = uvicorn.Config(
        api,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
        timeout_graceful_shutdown=10,
        lifespan="on",
        backlog=2048,
        ws="none",
    )
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{bound}/"
    server = _Server(
        config,
        feed=api.state.feed,
        started=lambda: ready(f"{address}?token={local.token}" if local else address),
    )
    app.register()
    app.start()
    app.deliver_webhooks()
    try:
        server.run(sockets=[listener])
        still = app.stop(timeout_s=GRACE_S)
        if still:
            log.warning("%d handlers still run and are left; each effect ends as its delivery says", still)
    finally:
        listener.close()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, *, feed: Feed, started: Callable[[], object]) -> None:
        super().__init__(config)
        self._feed = feed
        self._tell = started

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take a signal for what it is here: the end of serving, not yet of the process."""
        with super().capture_signals():
            yield
            # Raised again, as uvicorn does, SIGTERM would end the process in the middle of an effect.
            self._captured_signals.clear()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Event streams end by themselves then; waiting for them would take until they are cut off.
        await self._feed.stop()
        await super().shutdown(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._tell()


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise InvalidInput(
            f"cannot listen on {host} port {port}: {error.strerror}; end what uses it, or name another with --port"
        ) from None
    return listener


def _raise_file_limit() -> None:
    """Let many connections be open at once; each is a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 65_536)), hard))
