"""One delivery: what is sent, what an answer means, and which addresses are never reached."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpcore2
import httpx2
import pytest
import standardwebhooks

from signoff.domain.entry import Entry
from signoff.domain.webhook import Webhook, WebhookEvent
from signoff.effects import webhook as effect
from signoff.effects.webhook import Allowed, Delivery, PinnedTransport, Place, addresses, may_reach, read_url, sign
from signoff.errors import EffectFailed, InvalidInput
from signoff.runtime.clock import SystemClock
from signoff.testing import FakeClock, MemoryStore
from tests.scenarios.listening import Answer, Listener, answering, listening

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PUBLIC = "9.9.9.9"
CERTIFICATE = Path(__file__).with_name("hooks.example.pem")


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening(lambda path: SECRET) as listener:
        yield listener


class Sender:
    """A delivery to one webhook, which can be tried again and again."""

    def __init__(self, url: str, *allow: str, **how: Any) -> None:
        self.clock = FakeClock(SystemClock().now())
        self.store = MemoryStore()
        self.webhook = Webhook(
            id="hook-1",
            url=url,
            events=(WebhookEvent.CASE_SETTLED,),
            secret=SECRET,
            created_at=self.clock.now(),
            created_by="root",
        )
        self.store.write(lambda tx: tx.add(self.webhook))
        self.deliver = Delivery(self.store, self.clock, Allowed(allow), **how)

    def __call__(self) -> dict[str, int]:
        return self.deliver(
            webhook_id="hook-1",
            message_id="msg_1",
            event="case.settled",
            timestamp="2026-01-01T00:00:00+00:00",
            data={"case_id": "c1", "state": "done"},
        )

    def failure(self) -> EffectFailed:
        with pytest.raises(EffectFailed) as raised:
            self()
        return raised.value


# --- what is sent


def test_a_delivery_is_a_post_that_the_receivers_library_verifies(listener: Listener) -> None:
    assert Sender(listener.url, listener.place)() == {"status": 204}
    (request,) = listener.requests
    assert request.verified == {
        "type": "case.settled",
        "timestamp": "2026-01-01T00:00:00+00:00",
        "data": {"case_id": "c1", "state": "done"},
    }
    assert (request.path, request.id) == ("/hook", "msg_1")
    assert request.headers["content-type"] == "application/json"
    assert request.headers["host"] == listener.place


def test_each_try_has_a_time_of_its_own_and_the_same_id(listener: Listener) -> None:
    send = Sender(listener.url, listener.place)
    send()
    send.clock.advance(60)
    send()
    first, second = listener.requests
    assert first.id == second.id == "msg_1"
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 60
    assert first.verified == second.verified != None  # noqa: E711


def test_a_signature_is_for_one_secret_one_body_and_one_message() -> None:
    headers = sign(SECRET, id="msg_1", at=SystemClock().now(), body='{"a":"ß"}')
    assert standardwebhooks.Webhook(SECRET).verify('{"a":"ß"}'.encode(), headers) == {"a": "ß"}
    other = standardwebhooks.Webhook("whsec_" + "A" * 32)
    for verifier, body, changed in (
        (other, '{"a":"ß"}', {}),
        (standardwebhooks.Webhook(SECRET), '{"a":"s"}', {}),
        (standardwebhooks.Webhook(SECRET), '{"a":"ß"}', {"webhook-id": "msg_2"}),
    ):
        with pytest.raises(standardwebhooks.WebhookVerificationError):
            verifier.verify(body, {**headers, **changed})


def test_a_time_in_another_zone_is_signed_as_the_moment_it_is() -> None:
    from datetime import timezone

    at = SystemClock().now().astimezone(timezone(timedelta(hours=5)))
    headers = sign(SECRET, id="msg_1", at=at, body="{}")
    assert standardwebhooks.Webhook(SECRET).verify("{}", headers) == {}


# --- what an answer means


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_2xx_is_delivered(listener: Listener, status: int) -> None:
    listener.answers = [answering(status)]
    assert Sender(listener.url, listener.place)() == {"status": status}


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(listener: Listener, status: int) -> None:
    with listening() as elsewhere:
        listener.answers = [answering(status, location=elsewhere.url)]
        failed = Sender(listener.url, listener.place, elsewhere.place).failure()
        assert elsewhere.connections == 0
    assert (failed.retry, str(failed)) == (True, f"the receiver answered {status}")


@pytest.mark.parametrize("status", [400, 401, 404, 500, 502])
def test_any_other_answer_is_tried_again(listener: Listener, status: int) -> None:
    # A Retry-After counts with 429 and 503 only.
    listener.answers = [answering(status, b"a secret of the receiver", retry_after="7")]
    failed = Sender(listener.url, listener.place).failure()
    assert (failed.retry, failed.retry_after_s) == (True, None)
    assert "secret" not in str(failed)


IN_A_MINUTE = "in a minute"


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        (IN_A_MINUTE, 60.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("9" * 5000, 86400.0),
        ("-5", None),
        ("soon", None),
        ("Thu, 99 Jan 9999 00:00:00 GMT", None),
        ("", None),
    ],
    ids=lambda value: str(value)[:12],
)
def test_a_receiver_may_ask_for_a_pause(listener: Listener, status: int, header: str, seconds: float | None) -> None:
    send = Sender(listener.url, listener.place)
    send.clock = FakeClock(datetime(2026, 11, 1, tzinfo=UTC))
    send.deliver._clock = send.clock
    if header == IN_A_MINUTE:
        header = format_datetime(send.clock.now() + timedelta(seconds=60), usegmt=True)
    listener.answers = [answering(status, retry_after=header)]
    failed = send.failure()
    assert (failed.retry, failed.retry_after_s) == (True, seconds)


def test_who_is_gone_is_told_nothing_any_more(listener: Listener) -> None:
    send = Sender(listener.url, listener.place)
    listener.answers = [answering(410)]
    assert send.failure().retry is False
    kept = send.store.read(lambda tx: tx.get(Webhook, "hook-1"))
    assert kept is not None
    assert kept.disabled_at == send.clock.now()
    assert [(e.act, e.facts) for e in send.store.read(lambda tx: tx.find(Entry))] == [
        ("webhook_gone", {"webhook": "hook-1"})
    ]
    assert send.failure().retry is False
    assert len(listener.requests) == 1


def test_a_webhook_that_is_not_there_fails_for_good() -> None:
    deliver = Delivery(MemoryStore(), FakeClock(), Allowed())
    with pytest.raises(EffectFailed) as raised:
        deliver(webhook_id="none", message_id="m", event="case.settled", timestamp="", data={})
    assert raised.value.retry is False


# --- receivers that misbehave


def test_a_receiver_that_never_answers_is_left(listener: Listener) -> None:
    listener.answers = [lambda handler: listener.ending.wait(60) and None]
    failed = Sender(listener.url, listener.place, total_s=0.3).failure()
    assert (failed.retry, str(failed)) == (True, f"{listener.place} did not answer in time")


def test_a_receiver_that_hangs_holds_up_one_try_at_a_time(listener: Listener) -> None:
    def hang(handler: BaseHTTPRequestHandler) -> None:
        listener.ending.wait(60)

    listener.answers = [hang, hang]
    send = Sender(listener.url, listener.place, total_s=0.3)
    assert "in time" in str(send.failure())
    for _ in range(3):
        failed = send.failure()
        assert (failed.retry, failed.retry_after_s) == (True, effect.REST_S)
    assert len(listener.requests) == 1, "nobody else went there"
    send.clock.advance(effect.REST_S)
    assert "in time" in str(send.failure())
    assert "hang" in str(send.failure())
    send.clock.advance(effect.REST_S)
    assert send() == send() == {"status": 204}
    assert len(listener.requests) == 4


def test_while_one_tries_whether_it_still_hangs_the_others_stay_away(listener: Listener) -> None:
    send = Sender(listener.url, listener.place, total_s=0.3)
    listener.answers = [lambda handler: listener.ending.wait(60) and None]
    send.failure()
    send.clock.advance(effect.REST_S)
    inside: list[str] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        inside.append(str(send.failure()))
        answering(204)(handler)

    listener.answers = [answer]
    send.deliver._total_s = 30.0
    assert send() == {"status": 204}
    assert inside == ["the receiver let the last try hang"]


def test_a_receiver_that_answers_a_byte_at_a_time_is_left(listener: Listener) -> None:
    sent: list[int] = []

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nx-slow: ")
        while not listener.ending.wait(0.02):
            handler.wfile.write(b"z")
            sent.append(1)

    listener.answers = [drip]
    failed = Sender(listener.url, listener.place, total_s=0.4).failure()
    assert failed.retry is True
    assert "in time" in str(failed)
    assert sent, "each byte came in time, the whole did not"


def endless(listener: Listener, written: list[int]) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-length", str(10**12))
        handler.end_headers()
        while not listener.ending.is_set():
            handler.wfile.write(b"x" * 65536)
            written.append(65536)

    return answer


def test_a_huge_answer_is_not_read_to_its_end(listener: Listener) -> None:
    written: list[int] = []
    listener.answers = [endless(listener, written)]
    # The sender hangs up, so the receiver's thread ends by itself.
    assert Sender(listener.url, listener.place)() == {"status": 200}
    assert sum(written) < 10**9


def test_an_answer_that_breaks_off_after_its_status_was_an_answer(listener: Listener) -> None:
    def half(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-length", "100")
        handler.end_headers()
        handler.wfile.write(b"half")

    listener.answers = [half]
    assert Sender(listener.url, listener.place)() == {"status": 200}


@pytest.mark.parametrize(
    "raw", [b"", b"no http at all\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n"], ids=["nothing", "noise", "junk"]
)
def test_what_is_no_answer_is_tried_again(listener: Listener, raw: bytes) -> None:
    listener.answers = [lambda handler: handler.wfile.write(raw) and None]
    assert Sender(listener.url, listener.place).failure().retry is True


def test_a_port_where_nobody_listens_is_tried_again() -> None:
    with listening() as gone:
        url, place = gone.url, gone.place
    failed = Sender(url, place).failure()
    assert failed.retry is True
    assert place in str(failed)


def test_a_name_without_an_address_is_tried_again() -> None:
    def nowhere(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    assert Sender("https://hooks.example/x", resolve=nowhere).failure().retry is True


# --- addresses


REFUSED = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "0x7f000001",
    "0x7f.1",
    "017700000001",
    "2130706433",
    "0",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "100.100.100.200",
    "169.254.169.254",
    "0xa9fea9fe",
    "2852039166",
    "168.63.129.16",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.1.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:169.254.169.254]",
    "[::ffff:10.0.0.1]",
    "[::127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::1]",
    "[2002:7f00:1::]",
    "[2002:a9fe:a9fe::1]",
    "[2002:c0a8:101::1]",
    "[2001::1]",
    "[2001:db8::1]",
    "[3fff::1]",
    "[fe80::1]",
    "[fec0::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[ff02::1]",
    "[100::1]",
    "[5f00::1]",
]


@pytest.mark.parametrize("host", REFUSED)
def test_no_spelling_of_a_private_address_is_reached(host: str) -> None:
    allowed = Allowed()
    place = read_url(f"https://{host}/hook", allowed)
    with pytest.raises(InvalidInput, match="not on the public Internet"):
        addresses(place, allowed)


def test_an_octal_spelling_is_no_url_at_all() -> None:
    with pytest.raises(InvalidInput, match="no URL"):
        read_url("https://0177.0.0.1/hook", Allowed())


@pytest.mark.parametrize("host", ["localhost", "localhost.", "db.localhost", "LOCALHOST", "127。0。0。1"])
def test_a_name_of_this_machine_is_not_reached(host: str) -> None:
    allowed = Allowed()
    with pytest.raises(InvalidInput, match="not on the public Internet"):
        addresses(read_url(f"https://{host}/hook", allowed), allowed)


@pytest.mark.parametrize(
    "host", ["9.9.9.9", "2606:4700:4700::1111", "64:ff9b::9.9.9.9", "::ffff:9.9.9.9", "0x09090909"]
)
def test_a_public_address_is_reached_in_every_spelling(host: str) -> None:
    assert len(addresses(Place(host, 443), Allowed())) == 1


@pytest.mark.parametrize("found", [["10.0.0.1"], [PUBLIC, "10.0.0.1"], ["::1"], ["fe80::1%eth0"], ["nonsense"]])
def test_a_name_is_refused_if_one_of_its_addresses_is(found: list[str]) -> None:
    with pytest.raises(InvalidInput):
        addresses(Place("hooks.example", 443), Allowed(), resolve=lambda host, port: found)


@pytest.mark.parametrize("text", ["10.0.0.1", "127.0.0.1", "::1", "fc00::1", "100.64.0.1", "192.168.0.1", PUBLIC])
def test_what_is_allowed_by_name_may_be_private(text: str) -> None:
    assert may_reach(text, by_name=True)


@pytest.mark.parametrize(
    "text",
    ["169.254.169.254", "fe80::1", "224.0.0.1", "0.0.0.0", "100.100.100.200", "fd00:ec2::254", "::ffff:a9fe:a9fe"],
)
def test_no_name_makes_credentials_of_the_cloud_reachable(text: str) -> None:
    assert not may_reach(text, by_name=True)
    with pytest.raises(InvalidInput, match="no name makes that reachable"):
        addresses(Place("hooks.example", 443), Allowed(["hooks.example"]), resolve=lambda host, port: [text])


@pytest.mark.parametrize(
    ("name", "place", "fits"),
    [
        ("hooks.internal", ("hooks.internal", 443), True),
        ("hooks.internal", ("hooks.internal", 8080), True),
        ("Hooks.Internal.", ("hooks.internal", 443), True),
        ("hooks.internal:8080", ("hooks.internal", 8080), True),
        ("hooks.internal:8080", ("hooks.internal", 8081), False),
        ("hooks.internal:443", ("hooks.internal", 443), True),
        ("hooks.internal:443", ("hooks.internal", 80), False),
        ("hooks.internal", ("evil.hooks.internal", 443), False),
        ("hooks.internal", ("hooks.internal.evil", 443), False),
        ("[::1]:8080", ("::1", 8080), True),
        ("::1", ("::1", 9), True),
        ("127.0.0.1", ("127.1", 80), False),
    ],
)
def test_only_exactly_what_is_named_is_allowed(name: str, place: tuple[str, int], fits: bool) -> None:
    assert (place in Allowed([name])) is fits


@pytest.mark.parametrize(
    "name", ["http://h", "h/path", "h:0", "h:99999", "h:http", "u@h", "h:", "*", "h?x", ":80", "a b"]
)
def test_what_is_no_host_cannot_be_allowed(name: str) -> None:
    with pytest.raises(InvalidInput, match="no host that can be allowed"):
        Allowed([name])


def test_the_environment_allows_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNOFF_WEBHOOK_ALLOW", "hooks.internal:8080, other.internal ,")
    allowed = Allowed.from_environment(["third.internal"])
    assert ("hooks.internal", 8080) in allowed
    assert ("other.internal", 1) in allowed
    assert ("third.internal", 1) in allowed
    assert ("hooks.internal", 1) not in allowed


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://hooks.example/x", "begins with https"),
        ("ftp://hooks.example/x", "begins with https"),
        ("file:///etc/passwd", "begins with https"),
        ("hooks.example", "begins with https"),
        ("", "begins with https"),
        ("https:///x", "names a host"),
        ("https://user:pw@hooks.example/", "name or password"),
        ("https://user@hooks.example/", "name or password"),
        ("https://hooks.example/#part", "after '#'"),
        ("https://hooks.example:0/", "port"),
        ("https://hooks.example:99999/", "port"),
        ("https://hooks example/", "characters"),
        ("https://[fe80::1%25eth0]/", "characters"),
        ("https://hooks.example\n/", "no URL"),
        ("https://hooks.example/" + "x" * 2000, "at most 2000"),
    ],
)
def test_what_cannot_be_a_webhooks_url_is_refused_and_not_repeated(url: str, told: str) -> None:
    with pytest.raises(InvalidInput, match=told) as raised:
        read_url(url, Allowed())
    assert "pw@" not in str(raised.value)


# --- the way there


class Wire(httpcore2.NetworkBackend):
    """The network outside: it writes down where connections are asked for, and none is made but to this machine."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self._inside = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        self.asked.append((host, port))
        if host.startswith("127."):
            return self._inside.connect_tcp(host, port, timeout, local_address, socket_options)
        raise httpcore2.ConnectError("unreachable")


def test_a_name_that_is_elsewhere_the_second_time_reaches_nothing_here(listener: Listener) -> None:
    answers = [[PUBLIC], ["127.0.0.1"], ["127.0.0.1"]]
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return answers[min(len(asked), len(answers)) - 1]

    wire = Wire()
    url = f"https://hooks.example:{listener.port}/hook"
    with httpx2.Client(transport=PinnedTransport(Allowed(), resolve=rebinding, backend=wire)) as client:
        with pytest.raises(httpcore2.ConnectError):
            client.post(url)
        assert asked == ["hooks.example"], "it is looked up once for each connection"
        assert wire.asked == [(PUBLIC, listener.port)], "and that address is the one that is connected to"
        with pytest.raises(InvalidInput, match=r"127\.0\.0\.1"):
            client.post(url)
    assert wire.asked == [(PUBLIC, listener.port)]
    assert listener.connections == 0


def test_each_checked_address_is_tried_in_turn(listener: Listener) -> None:
    wire = Wire()
    transport = PinnedTransport(
        Allowed([f"hooks.example:{listener.port}"]),
        resolve=lambda host, port: ["10.9.9.9", "127.0.0.1"],
        backend=wire,
    )
    with httpx2.Client(transport=transport) as client:
        assert client.post(f"http://hooks.example:{listener.port}/hook", content=b"{}").status_code == 204
    assert wire.asked == [("10.9.9.9", listener.port), ("127.0.0.1", listener.port)]


def tls_server() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


def to_this_machine(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


def test_tls_and_host_speak_of_the_name_not_of_the_address() -> None:
    with listening(lambda path: SECRET, tls=tls_server()) as listener:
        place = f"hooks.example:{listener.port}"
        trusting = ssl.create_default_context(cafile=str(CERTIFICATE))
        send = Sender(f"https://{place}/hook", place, resolve=to_this_machine, ssl_context=trusting)
        assert send() == {"status": 204}
        assert listener.server_names == ["hooks.example"]
        assert listener.requests[0].headers["host"] == place
        assert listener.requests[0].verified is not None


@pytest.mark.parametrize("trusted", [True, False])
def test_a_certificate_of_another_name_or_of_nobody_is_refused(trusted: bool) -> None:
    with listening(lambda path: SECRET, tls=tls_server()) as listener:
        host = "other.example" if trusted else "hooks.example"
        place = f"{host}:{listener.port}"
        context = ssl.create_default_context(cafile=str(CERTIFICATE)) if trusted else None
        failed = Sender(f"https://{place}/", place, resolve=to_this_machine, ssl_context=context).failure()
        assert failed.retry is True
        assert "certificate" in str(failed).lower()
        assert listener.requests == []


def test_a_proxy_of_the_environment_is_not_used(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://{proxy.place}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        assert Sender(listener.url, listener.place)() == {"status": 204}
        assert proxy.connections == 0


def test_an_address_that_was_allowed_once_and_is_no_more_is_not_reached(listener: Listener) -> None:
    failed = Sender(listener.url).failure()
    assert "https" in str(failed)
    failed = Sender(listener.url.replace("http:", "https:")).failure()
    assert "not on the public Internet" in str(failed)
    assert listener.connections == 0


def test_the_receipt_is_in_time_for_the_checkpoint() -> None:
    from signoff.app import webhooks

    assert effect.CONNECT_S < effect.TOTAL_S < webhooks._TIMEOUT_S


def test_the_problem_of_a_delivery_never_holds_the_path(listener: Listener) -> None:
    listener.answers = [answering(500)]
    url = listener.url + "/T0KEN?key=s3cret"
    problems = [str(Sender(url, listener.place).failure()), str(Sender(url).failure())]
    assert not any("T0KEN" in problem or "s3cret" in problem for problem in problems)
    assert json.dumps(problems)
