"""Webhook: one signed POST to an address that was checked, and nothing else on the way there."""

from __future__ import annotations

import ipaddress
import json
import math
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

import httpcore2
import httpx2
import standardwebhooks

from signoff.domain.actor import WORKER
from signoff.domain.content import storable
from signoff.domain.entry import Entry, EntryKind
from signoff.domain.webhook import Webhook
from signoff.errors import EffectFailed, InvalidInput
from signoff.ports import Clock, Store

ALLOW = "SIGNOFF_WEBHOOK_ALLOW"
"""Environment variable: hosts, or HOST:PORT, with commas in between, that may be private or without https."""

CONNECT_S = 5.0
"""Seconds to wait for a connection."""

TOTAL_S = 12.0
"""Seconds one try may take from the first packet to the last; less than the checkpoint's `timeout_s`."""

MOST_READ = 64 * 1024
"""Bytes of an answer's body that are read at most; they are thrown away."""

LONGEST_WAIT_S = 24 * 3600.0
"""Seconds of a Retry-After that are believed."""

REST_S = 15.0
"""Seconds a receiver that let a try hang is left alone by this process, but for one try at a time."""

_LONGEST_URL = 2000

Resolve = Callable[[str, int], Sequence[str]]
"""Gives the addresses of a host name, as text; raises OSError if it has none."""


def resolve(host: str, port: int) -> list[str]:
    """Give the addresses of a host, as the system finds them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(where[0]) for *_, where in found))


# --- which address may be reached

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# What Python's tables of one version or another call global, but no receiver has.
_CLOSED: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = (
    ipaddress.IPv4Network("100.64.0.0/10"),
    ipaddress.IPv4Network("168.63.129.16/32"),  # a cloud's own service, on a public address
    ipaddress.IPv4Network("192.0.0.0/24"),
    ipaddress.IPv4Network("192.88.99.0/24"),
    ipaddress.IPv4Network("198.18.0.0/15"),
    ipaddress.IPv4Network("240.0.0.0/4"),
    ipaddress.IPv6Network("2001::/23"),
    ipaddress.IPv6Network("2001:db8::/32"),
    ipaddress.IPv6Network("3fff::/20"),
)
_NEVER: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = (
    ipaddress.IPv4Network("100.100.100.200/32"),
    ipaddress.IPv4Network("168.63.129.16/32"),
    ipaddress.IPv4Network("192.0.0.192/32"),
    ipaddress.IPv6Network("fd00:ec2::/32"),
    ipaddress.IPv6Network("fd20:ce::254/128"),
)
"""Where clouds hand out the credentials of a machine; with link-local, reached under no name."""

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _within(address: _Address) -> _Address:
    """Give the IPv4 address that an IPv6 one stands for: mapped, compatible, NAT64 or 6to4."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _in(address: _Address, networks: Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def may_reach(text: str, *, by_name: bool = False) -> bool:
    """
    Tell whether a delivery may go to an address.

    Args:
        text: An IPv4 or IPv6 address.
        by_name: Whether somebody allowed the host by name; then it may be private, but never link-local,
            multicast or where a cloud hands out credentials.

    Examples:
        >>> [may_reach(text) for text in ("9.9.9.9", "10.0.0.1", "::ffff:127.0.0.1", "169.254.169.254")]
        [True, False, False, False]
        >>> may_reach("10.0.0.1", by_name=True), may_reach("169.254.169.254", by_name=True)
        (True, False)
    """
    try:
        address = _within(ipaddress.ip_address(text))
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        return False
    if address.is_multicast or address.is_link_local or address.is_unspecified or _in(address, _NEVER):
        return False
    if by_name:
        return True
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    return address.is_global and not address.is_reserved and not _in(address, _CLOSED)


class Allowed:
    """
    Hosts that may be reached on private addresses and without https.

    Args:
        names: `HOST` for all its ports, or `HOST:PORT`; an IPv6 address with a port stands in brackets.

    Raises:
        InvalidInput: If a name is neither.

    Examples:
        >>> allowed = Allowed(["hooks.internal", "localhost:8080"])
        >>> [("hooks.internal", 443) in allowed, ("localhost", 8080) in allowed, ("localhost", 80) in allowed]
        [True, True, False]
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._all = frozenset(_allowed(name.strip()) for name in names if name.strip())

    @classmethod
    def from_environment(cls, more: Collection[str] = ()) -> Allowed:
        """Give what $SIGNOFF_WEBHOOK_ALLOW names, and more."""
        return cls([*os.environ.get(ALLOW, "").split(","), *more])

    def __contains__(self, place: object) -> bool:
        if not isinstance(place, tuple):
            return False
        host, port = place
        return (_plain(host), None) in self._all or (_plain(host), port) in self._all


def _allowed(name: str) -> tuple[str, int | None]:
    refused = InvalidInput(
        f"{name!r} is no host that can be allowed; write HOST or HOST:PORT, without a scheme or path"
    )
    bare = f"[{name}]" if name.count(":") > 1 and not name.startswith("[") else name
    try:
        url = httpx2.URL(f"https://{bare}/")
    except httpx2.InvalidURL:
        raise refused from None
    if "/" in name or "@" in name or "?" in name or "#" in name or not _is_host(url.raw_host.decode("ascii")):
        raise refused
    # The parser forgets a port that is the scheme's own.
    _, colon, port = bare.rpartition("]")[2].rpartition(":")
    if colon and not (port.isdecimal() and 0 < int(port) < 65536):
        raise refused
    return _plain(url.raw_host.decode("ascii")), int(port) if colon else None


def _is_host(host: str) -> bool:
    return bool(host) and all(character.isalnum() or character in "-._:" for character in host)


def _plain(host: str) -> str:
    return host.lower().removesuffix(".")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a URL leads: host and port, as the connection is made."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def read_url(url: str, allowed: Allowed) -> Place:
    """
    Check the form of a webhook's URL.

    Raises:
        InvalidInput: If it is not https (or allowed by name), has credentials or a fragment, or is no URL.
    """
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, TypeError, ValueError):
        raise InvalidInput("that is no URL; a webhook's begins with https:// and names a host") from None
    host = parsed.raw_host.decode("ascii")
    if parsed.scheme not in ("https", "http") or not host:
        raise InvalidInput("a webhook's URL begins with https:// and names a host")
    if len(url) > _LONGEST_URL:
        raise InvalidInput(f"a webhook's URL has at most {_LONGEST_URL} characters, this one has {len(url)}")
    if parsed.userinfo:
        raise InvalidInput(
            "a webhook's URL must not hold a name or password; the receiver knows us by the signature instead"
        )
    if "#" in url:
        raise InvalidInput("a webhook's URL must not have a part after '#'; it is never sent")
    if not _is_host(host):
        raise InvalidInput("the host in a webhook's URL holds characters that no host has")
    port = parsed.port if parsed.port is not None else (443 if parsed.scheme == "https" else 80)
    if not 0 < port < 65536:
        raise InvalidInput(f"the port in a webhook's URL is {port}, but must be in 1..65535")
    if parsed.scheme == "http" and (host, port) not in allowed:
        raise InvalidInput(
            f"a webhook's URL begins with https://; where the receiver {host} has none, allow it by name "
            f"with --allow or {ALLOW}"
        )
    return Place(host, port)


def addresses(place: Place, allowed: Allowed, *, resolve: Resolve = resolve) -> list[str]:
    """
    Look up where a host is, once, and refuse it if any of its addresses may not be reached.

    Raises:
        InvalidInput: If one may not be.
        OSError: If the host has none.
    """
    by_name = (place.host, place.port) in allowed
    try:
        # 127.1, 0x7f000001 and 2130706433 are all one address, whatever a resolver makes of them.
        found: Sequence[str] = [socket.inet_ntoa(socket.inet_aton(place.host))]
    except OSError:
        try:
            found = [str(ipaddress.ip_address(place.host))]
        except ValueError:
            # Whatever a resolver makes of it, this is the machine itself.
            here = not by_name and f".{_plain(place.host)}".endswith(".localhost")
            found = ["127.0.0.1"] if here else resolve(place.host, place.port)
    if not found:
        raise OSError(f"{place.host} has no address")
    for text in found:
        if not may_reach(text, by_name=by_name):
            advice = "no name makes that reachable" if by_name else f"allow the host by name, with --allow or {ALLOW}"
            raise InvalidInput(
                f"the webhook's host {place.host} is at {text}, which is not on the public Internet; if that is "
                f"meant, {advice}"
            )
    return list(found)


# --- the way there


class _Stream(httpcore2.NetworkStream):
    """A connection whose every wait ends when the whole try is over."""

    def __init__(self, stream: httpcore2.NetworkStream, left: Callable[[float | None, type[Exception]], float]) -> None:
        self._stream = stream
        self._left = left

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._left(timeout, httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._left(timeout, httpcore2.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        left = self._left(timeout, httpcore2.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left), self._left)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Pinned(httpcore2.NetworkBackend):
    """Connects to the addresses that were checked, and looks up nothing a second time."""

    def __init__(self, allowed: Allowed, resolve: Resolve, backend: httpcore2.NetworkBackend, total_s: float) -> None:
        self._allowed = allowed
        self._resolve = resolve
        self._backend = backend
        self._until = time.monotonic() + total_s

    def _left(self, timeout: float | None, over: type[Exception]) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise over("the whole try took too long")
        return left if timeout is None else min(timeout, left)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        try:
            found = addresses(Place(host, port), self._allowed, resolve=self._resolve)
        except OSError:
            raise httpcore2.ConnectError(f"{host} has no address") from None
        problem: Exception = httpcore2.ConnectError(f"{host} has no address")
        for address in found:
            left = self._left(timeout, httpcore2.ConnectTimeout)
            try:
                stream = self._backend.connect_tcp(
                    address, port, timeout=left, local_address=local_address, socket_options=socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                problem = error
            else:
                return _Stream(stream, self._left)
        raise problem


@cache
def _public_authorities() -> ssl.SSLContext:
    return httpx2.create_ssl_context(trust_env=False)


class PinnedTransport(httpx2.BaseTransport):
    """
    Carries requests to exactly the addresses that were checked; the name stays in SNI, certificate and Host.

    Args:
        allowed: Hosts that may be private.
        resolve: Gives the addresses of a name; asked once for each connection.
        ssl_context: Whom to trust; public authorities by default.
        backend: Opens the connections.
        total_s: Seconds, > 0, from now until the last byte.
    """

    def __init__(
        self,
        allowed: Allowed,
        *,
        resolve: Resolve = resolve,
        ssl_context: ssl.SSLContext | None = None,
        backend: httpcore2.NetworkBackend | None = None,
        total_s: float = TOTAL_S,
    ) -> None:
        self._pool = httpcore2.ConnectionPool(
            ssl_context=ssl_context or _public_authorities(),
            network_backend=_Pinned(allowed, resolve, backend or httpcore2.SyncBackend(), total_s),
            retries=0,
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request."""
        assert isinstance(request.stream, httpx2.SyncByteStream)
        sent = httpcore2.Request(
            method=request.method,
            url=httpcore2.URL(
                scheme=request.url.raw_scheme,
                host=request.url.raw_host,
                port=request.url.port,
                target=request.url.raw_path,
            ),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        answer = self._pool.handle_request(sent)
        return httpx2.Response(answer.status, headers=answer.headers, stream=_Body(answer.stream))

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()


class _Body(httpx2.SyncByteStream):
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Any:
        yield from self._stream

    def close(self) -> None:
        self._stream.close()


# --- one delivery


def sign(secret: str, *, id: str, at: datetime, body: str) -> dict[str, str]:
    """
    Give the headers by which a receiver knows the sender; see standardwebhooks.com.

    Args:
        secret: `whsec_...`.
        id: Of the message; the same for every try.
        at: When this try is made, UTC.
        body: Exactly what is sent.
    """
    return {
        "webhook-id": id,
        "webhook-timestamp": str(math.floor(at.timestamp())),
        "webhook-signature": standardwebhooks.Webhook(secret).sign(id, at.astimezone(UTC), body),
    }


class Delivery:
    """
    Tells one webhook of one event; the handler behind `signoff.webhook`.

    Args:
        store: Where the webhooks are.
        clock: The time.
        allowed: Hosts that may be private.
        resolve: Gives the addresses of a name.
        ssl_context: Whom to trust; public authorities by default.
        total_s: Seconds, > 0, one try may take.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        allowed: Allowed,
        *,
        resolve: Resolve = resolve,
        ssl_context: ssl.SSLContext | None = None,
        total_s: float = TOTAL_S,
    ) -> None:
        self._store = store
        self._clock = clock
        self._allowed = allowed
        self._resolve = resolve
        self._ssl_context = ssl_context
        self._total_s = total_s
        self._resting: dict[str, datetime] = {}
        self._guard = threading.Lock()

    def __call__(
        self, *, webhook_id: str, message_id: str, event: str, timestamp: str, data: dict[str, Any]
    ) -> dict[str, int]:
        """
        Send it, and return the status with which it was taken.

        Raises:
            EffectFailed: If it was not; says whether and when another try may help.
        """
        webhook = self._store.read(lambda tx: tx.get(Webhook, webhook_id))
        if webhook is None or webhook.disabled_at is not None:
            raise EffectFailed(f"webhook {webhook_id} is told nothing any more")
        body = json.dumps(
            {"type": event, "timestamp": timestamp, "data": data}, ensure_ascii=False, separators=(",", ":")
        )
        self._require_rested(webhook_id)
        headers = sign(webhook.secret, id=message_id, at=self._clock.now(), body=body)
        status, retry_after = self._post(webhook, headers, body)
        with self._guard:
            self._resting.pop(webhook_id, None)
        if 200 <= status < 300:
            return {"status": status}
        if status == 410:
            self._disable(webhook_id)
            raise EffectFailed(f"the receiver answered 410: it wants no more; webhook {webhook_id} is disabled")
        wait_s = self._wait_s(retry_after) if status in (429, 503) else None
        raise EffectFailed(f"the receiver answered {status}", retry=True, retry_after_s=wait_s)

    def _require_rested(self, webhook_id: str) -> None:
        """Keep a receiver that hangs from holding up every thread that runs effects: one try is enough to see."""
        now = self._clock.now()
        with self._guard:
            until = self._resting.get(webhook_id)
            if until is None:
                return
            left_s = (until - now).total_seconds()
            # Longer than any rest: the clock was set back.
            if 0 < left_s <= REST_S:
                raise EffectFailed("the receiver let the last try hang", retry=True, retry_after_s=left_s)
            self._resting[webhook_id] = now + timedelta(seconds=REST_S)

    def _rest(self, webhook_id: str) -> None:
        with self._guard:
            self._resting[webhook_id] = self._clock.now() + timedelta(seconds=REST_S)

    def _post(self, webhook: Webhook, headers: dict[str, str], body: str) -> tuple[int, str | None]:
        url, began = webhook.url, time.monotonic()
        try:
            place = read_url(url, self._allowed)
        except InvalidInput as error:
            raise EffectFailed(error.message, retry=True) from None
        transport = PinnedTransport(
            self._allowed, resolve=self._resolve, ssl_context=self._ssl_context, total_s=self._total_s
        )
        # Neither proxies nor credentials of the environment: they lead elsewhere than was checked.
        with httpx2.Client(
            transport=transport,
            trust_env=False,
            follow_redirects=False,
            timeout=httpx2.Timeout(self._total_s, connect=min(CONNECT_S, self._total_s)),
        ) as client:
            try:
                with client.stream(
                    "POST",
                    url,
                    content=body.encode(),
                    headers={"content-type": "application/json", "user-agent": "signoff-webhook", **headers},
                ) as answer:
                    status, retry_after = answer.status_code, answer.headers.get("retry-after")
                    _read_a_little(answer)
                    return status, retry_after
            except InvalidInput as error:
                raise EffectFailed(error.message, retry=True) from None
            except (httpcore2.TimeoutException, httpx2.TimeoutException):
                self._rest(webhook.id)
                raise EffectFailed(f"{place} did not answer in time", retry=True) from None
            except (
                httpcore2.NetworkError,
                httpcore2.ProtocolError,
                httpcore2.UnsupportedProtocol,
                httpx2.TransportError,
                OSError,
            ) as error:
                if time.monotonic() - began > CONNECT_S:
                    # A look-up of the name that hangs is no time-out of the connection.
                    self._rest(webhook.id)
                told = storable(f"{type(error).__name__}: {error}", most=200)
                raise EffectFailed(f"{place} was not reached ({told})", retry=True) from None

    def _wait_s(self, retry_after: str | None) -> float | None:
        if retry_after is None:
            return None
        text = retry_after.strip()
        try:
            if text.isdecimal():
                seconds = float(text[:12])
            else:
                then = parsedate_to_datetime(text)
                then = then if then.tzinfo else then.replace(tzinfo=UTC)
                seconds = (then - self._clock.now()).total_seconds()
        except (ValueError, OverflowError):
            return None
        return min(LONGEST_WAIT_S, max(0.0, seconds))

    def _disable(self, webhook_id: str) -> None:
        now = self._clock.now()
        entry = Entry(
            at=now,
            kind=EntryKind.POLICY,
            act="webhook_gone",
            actor=WORKER.id,
            actor_kind=WORKER.kind,
            facts={"webhook": webhook_id},
        )

        def disable(tx: Any) -> None:
            if tx.change(Webhook, (webhook_id,), expect={"disabled_at": None}, to={"disabled_at": now}):
                tx.add(entry)

        self._store.write(disable)


def _read_a_little(answer: httpx2.Response) -> None:
    """Let the receiver finish its answer, within reason; what it says is nobody's business."""
    read = 0
    try:
        for part in answer.iter_raw():
            read += len(part)
            if read >= MOST_READ:
                return
    except (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError, httpx2.TransportError):
        # The status is known, and that is the answer.
        return
