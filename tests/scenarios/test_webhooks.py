"""Webhooks: each settled case, unknown effect and old queue is told once, whatever happens in between."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from signoff import CheckpointFunction, EffectFailed, EffectUnknown, Signoff, State
from signoff.domain.actor import Actor, Role
from signoff.domain.entry import Entry, EntryKind
from signoff.domain.webhook import DELIVERY_CHECKPOINT, Webhook
from signoff.errors import InvalidInput, NotAllowed
from signoff.runtime import notifier
from signoff.runtime.clock import SystemClock
from signoff.storage.sqlite import SqliteStore
from signoff.testing import FakeClock, MemoryStore, RecordingHandler
from tests.crash.children import TIMEOUT_S, running
from tests.scenarios.listening import Listener, answering, listening

ROOT = Actor(id="root", roles=frozenset({Role.ADMIN}))
SETTLED = ["case.settled"]
PRIVATE = "Frau Müller owes 17 EUR"


@pytest.fixture
def clock() -> FakeClock:
    """Signatures are only good for five minutes around the receiver's own time."""
    return FakeClock(SystemClock().now())


@pytest.fixture
def listener() -> Iterator[Listener]:
    secrets: dict[str, str] = {}
    with listening(secrets.get) as listener:
        listener.secrets = secrets  # type: ignore[attr-defined]
        yield listener


def hook(app: Signoff, listener: Listener, *events: str, path: str = "/hook", **how: Any) -> Webhook:
    """A webhook whose secret the receiver knows."""
    app.deliver_webhooks(allow=[listener.place])
    url = f"http://{listener.place}{path}"
    made = app.webhooks.add(url, events=events or SETTLED, by=ROOT, **how)
    listener.secrets[path] = made.secret  # type: ignore[attr-defined]
    return made


def declare(app: Signoff, sent: Callable[..., Any] = lambda **_: "ok", **how: Any) -> CheckpointFunction[..., Any]:
    @app.checkpoint(**how)
    def send(to: str) -> Any:
        return sent(to=to)

    return send


def settle(app: Signoff) -> None:
    """Tell what happened and deliver it."""
    app.run_due()
    app.webhooks.notify()
    app.run_due()


def deliveries(app: Signoff) -> list[Any]:
    return app.cases(checkpoint=DELIVERY_CHECKPOINT, limit=10_000)


# --- what is told


def test_each_way_a_case_ends_is_told_once(app: Signoff, clock: FakeClock, listener: Listener) -> None:
    sent = RecordingHandler("ok")
    send = declare(app, sent, deadline_s=100)
    hook(app, listener, "case.settled", "effect.unknown")
    grace, lee = app.reviewer("grace"), app.reviewer("lee", roles=["reviewer", "lead"])

    @send.reversal
    def take_back(to: str) -> str:
        return "taken back"

    expected = []
    done, rejected, withdrawn = (send.propose(to=name) for name in ("done", "rejected", "withdrawn"))
    grace.approve(done)
    grace.reject(rejected, "no")
    withdrawn.withdraw()
    app.run_due()
    expected += [(done.id, "done"), (rejected.id, "rejected"), (withdrawn.id, "withdrawn")]
    for error, state in ((EffectFailed("no"), "failed"), (EffectUnknown("cut off"), "unknown")):
        case = send.propose(to=state)
        sent.fail_next(error)
        grace.approve(case)
        app.run_due()
        expected.append((case.id, state))
    lee.resolve(case, "confirm_failed")
    undo = lee.reverse(done)
    app.run_due()
    expected += [(case.id, "failed"), (done.id, "reversed"), (undo.id, "done")]
    old = send.propose(to="expired")
    clock.advance(100)
    expected.append((old.id, "expired"))
    settle(app)

    assert Counter((case, state) for _, case, state in listener.told()) == Counter(expected)
    assert {state for kind, _, state in listener.told() if kind == "effect.unknown"} == {"unknown"}
    assert all(state != "unknown" for kind, _, state in listener.told() if kind == "case.settled")
    assert all(request.verified is not None for request in listener.requests)


def test_only_what_a_webhook_asked_for_and_only_from_then_on(app: Signoff, listener: Listener) -> None:
    send = declare(app)
    send.propose(to="before").withdraw()
    hook(app, listener, "case.settled", path="/a")
    send.propose(to="between").withdraw()
    hook(app, listener, "effect.unknown", path="/b")
    hook(app, listener, "case.settled", path="/c")
    send.propose(to="after").withdraw()
    settle(app)
    assert Counter(request.path for request in listener.requests) == {"/a": 2, "/c": 1}


def test_nobody_is_told_of_the_deliveries_themselves(app: Signoff, listener: Listener) -> None:
    hook(app, listener, "case.settled", "effect.unknown", "queue.age", max_age_s=1)
    send = declare(app)
    send.propose(to="ada").withdraw()
    for _ in range(4):
        settle(app)
    assert len(listener.requests) == len(deliveries(app)) == 1


def test_no_content_leaves_with_it(app: Signoff, clock: FakeClock, listener: Listener) -> None:
    def fail(to: str) -> None:
        raise EffectUnknown(f"{PRIVATE} at the receiver")

    send = declare(app, fail)
    hook(app, listener, "case.settled", "effect.unknown", "queue.age", max_age_s=10)
    grace, lee = app.reviewer(f"grace, {PRIVATE}"), app.reviewer("lee", roles=["lead"])
    options = {"evidence": {PRIVATE: PRIVATE}, "rationale": PRIVATE, "proposer": PRIVATE, "drafter": PRIVATE}
    rejected = send.propose(to=PRIVATE, key=PRIVATE, **options)
    grace.reject(rejected, PRIVATE)
    lost = send.propose(to=PRIVATE, **options)
    grace.approve(lost)
    app.run_due()
    lee.resolve(lost, "confirm_done", receipt=PRIVATE, note=PRIVATE)
    send.propose(to=PRIVATE, **options)
    clock.advance(10)
    settle(app)
    assert len(listener.requests) == 4
    kept = [app.history(case.id) for case in deliveries(app)]
    wire = b"".join(r.body + repr(r.headers).encode() + r.path.encode() for r in listener.requests)
    for needle in ("Müller", "M\\u00fc", "M\\xfc", "ller", "17 EUR", "grace", "lee"):
        assert needle.encode() not in wire
        assert not any(needle in json.dumps(content.arguments) for history in kept for content in history.contents)


def test_an_old_queue_is_told_once_for_each_checkpoint_and_oldest_case(
    app: Signoff, clock: FakeClock, listener: Listener
) -> None:
    first, second = declare(app, name="first"), declare(app, name="second")
    made = hook(app, listener, "queue.age", max_age_s=60)
    old, other = first.propose(to="a"), second.propose(to="b")
    newer = first.propose(to="c")
    settle(app)
    assert listener.requests == []
    clock.advance(60)
    for _ in range(3):
        settle(app)
        clock.advance(30)
    assert sorted(case for _, case, _ in listener.told()) == sorted([old.id, other.id])
    data = json.loads(listener.requests[0].body)["data"]
    assert data["max_age_s"] == 60
    old.withdraw()
    settle(app)
    assert [case for _, case, _ in listener.told()][2:] == [newer.id]
    assert {case.key for case in deliveries(app)} == {f"msg_{made.id}_age_{c.id}" for c in (old, other, newer)}


def test_the_queues_are_looked_at_every_half_minute_at_most(app: Signoff, clock: FakeClock, listener: Listener) -> None:
    send = declare(app)
    hook(app, listener, "queue.age", max_age_s=1)
    settle(app)
    send.propose(to="ada")
    clock.advance(29)
    settle(app)
    assert listener.requests == []
    clock.advance(1)
    settle(app)
    assert len(listener.requests) == 1


# --- retries


def test_a_failing_receiver_is_told_again_with_the_same_id(app: Signoff, clock: FakeClock, listener: Listener) -> None:
    send = declare(app)
    hook(app, listener)
    listener.answers = [answering(500), answering(500), answering(200)]
    send.propose(to="ada").withdraw()
    settle(app)
    for wait_s in (2, 4):
        clock.advance(wait_s - 0.001)
        assert app.run_due() == 0
        clock.advance(0.001)
        assert app.run_due() == 1
    (case,) = deliveries(app)
    assert case.state is State.DONE
    assert app.case(case.id).outcome(0).value == {"status": 200}
    assert len({request.id for request in listener.requests}) == 1
    assert len({request.headers["webhook-timestamp"] for request in listener.requests}) == 3
    assert [request.verified is not None for request in listener.requests] == [True] * 3


def test_a_receiver_that_asks_for_a_pause_gets_it(app: Signoff, clock: FakeClock, listener: Listener) -> None:
    send = declare(app)
    hook(app, listener)
    listener.answers = [answering(429, retry_after="30")]
    send.propose(to="ada").withdraw()
    settle(app)
    clock.advance(29.999)
    assert app.run_due() == 0
    clock.advance(0.001)
    assert app.run_due() == 1
    assert deliveries(app)[0].state is State.DONE


def test_after_the_last_try_a_delivery_has_failed_for_all_to_see(
    app: Signoff, clock: FakeClock, listener: Listener
) -> None:
    send = declare(app)
    hook(app, listener)
    listener.answers = [answering(500)] * 20
    send.propose(to="ada").withdraw()
    settle(app)
    for _ in range(20):
        clock.advance(300)
        settle(app)
    (case,) = deliveries(app)
    assert (case.state, case.tries, len(listener.requests)) == (State.FAILED, 8, 8)
    assert app.case(case.id).outcome(0).problem == "the receiver answered 500"


def test_sent_again_by_a_person_it_is_still_the_same_message(
    app: Signoff, clock: FakeClock, listener: Listener
) -> None:
    send = declare(app)
    hook(app, listener)
    send.propose(to="ada").withdraw()
    app.webhooks.notify()
    (case,) = deliveries(app)
    handling = app._handlings[DELIVERY_CHECKPOINT]

    def cut_off(**arguments: Any) -> None:
        handling.handler(**arguments)
        raise ConnectionError("the connection to the database is gone")

    app._handlings[DELIVERY_CHECKPOINT] = replace(handling, handler=cut_off)
    for _ in range(8):
        app.run_due()
        clock.advance(30)
        if len(listener.requests) == 3:
            # Signatures are only good for five minutes, so the rest of the tries goes by without a receiver.
            app._handlings[DELIVERY_CHECKPOINT] = replace(handling, handler=lambda **_: 1 / 0)
    clock.advance(10_000)
    for _ in range(8):
        app.run_due()
        clock.advance(10_000)
    assert app.case(case.id).state is State.UNKNOWN
    app._handlings[DELIVERY_CHECKPOINT] = handling
    app.reviewer("lee", roles=["lead"]).resolve(case.id, "send_again")
    assert app.run_due() == 1
    assert app.case(case.id).state is State.DONE
    assert len(listener.requests) == 4
    assert len({request.id for request in listener.requests}) == 1


def test_a_receiver_that_is_gone_is_told_nothing_any_more(app: Signoff, listener: Listener) -> None:
    send = declare(app)
    made = hook(app, listener)
    listener.answers = [answering(410)]
    for name in ("a", "b"):
        send.propose(to=name).withdraw()
    settle(app)
    assert [case.state for case in deliveries(app)] == [State.FAILED] * 2
    send.propose(to="c").withdraw()
    settle(app)
    assert len(listener.requests) == 1
    assert len(deliveries(app)) == 2
    assert app.webhooks.list()[0].disabled_at is not None
    gone = app.store.read(lambda tx: tx.find(Entry, act="webhook_gone"))
    assert [(e.kind, e.facts) for e in gone] == [(EntryKind.POLICY, {"webhook": made.id})]


# --- managing


def test_what_is_done_to_webhooks_is_in_the_ledger_without_address_or_secret(app: Signoff, listener: Listener) -> None:
    made = hook(app, listener, "queue.age", max_age_s=60, path="/T0KEN")
    case = app.webhooks.send_test(made.id, ROOT)
    app.webhooks.remove(made.id, ROOT)
    entries = [e for e in app.store.read(lambda tx: tx.ledger(after_seq=0, limit=100)) if e.act.startswith("webhook")]
    assert [(e.act, e.actor, e.facts) for e in entries] == [
        ("webhook_add", "root", {"webhook": made.id, "events": ["queue.age"], "max_age_s": 60}),
        ("webhook_test", "root", {"webhook": made.id, "delivery": case.id}),
        ("webhook_remove", "root", {"webhook": made.id}),
    ]
    told = repr(app.store.read(lambda tx: tx.ledger(after_seq=0, limit=100)))
    assert made.secret not in told
    assert "T0KEN" not in told


def test_a_removed_webhook_is_told_nothing_not_even_what_is_on_its_way(app: Signoff, listener: Listener) -> None:
    send = declare(app)
    made = hook(app, listener)
    send.propose(to="a").withdraw()
    app.webhooks.notify()
    app.webhooks.remove(made.id, ROOT)
    send.propose(to="b").withdraw()
    settle(app)
    assert listener.requests == []
    assert [case.state for case in deliveries(app)] == [State.FAILED]
    with pytest.raises(InvalidInput, match="is off"):
        app.webhooks.remove(made.id, ROOT)
    with pytest.raises(InvalidInput, match="is off"):
        app.webhooks.send_test(made.id, ROOT)
    with pytest.raises(InvalidInput, match="there is no webhook"):
        app.webhooks.remove("none", ROOT)


def test_a_test_message_takes_the_way_of_all_others(app: Signoff, listener: Listener) -> None:
    made = hook(app, listener, "effect.unknown")
    case = app.webhooks.send_test(made.id, ROOT)
    assert app.run_due() == 1
    assert case.outcome(0).value == {"status": 204}
    assert [request.verified and request.verified["type"] for request in listener.requests] == ["webhook.test"]


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/x",
        "https://[::ffff:10.0.0.1]/",
        "https://localhost/",
        "https://169.254.169.254/",
        "http://9.9.9.9/",
    ],
)
def test_an_address_that_may_not_be_reached_cannot_be_added(app: Signoff, url: str) -> None:
    with pytest.raises(InvalidInput, match="SIGNOFF_WEBHOOK_ALLOW"):
        app.webhooks.add(url, events=SETTLED, by=ROOT)
    assert app.webhooks.list() == []


@pytest.mark.parametrize(
    ("events", "max_age_s", "told"),
    [
        ([], None, "told of something"),
        (["case.opened"], None, "case.settled, effect.unknown, queue.age"),
        (["queue.age"], None, "both or neither"),
        (["case.settled"], 60.0, "both or neither"),
        (["queue.age"], 0.0, "above 0"),
        (["queue.age"], -1.0, "above 0"),
        (["queue.age"], float("nan"), "above 0"),
        (["queue.age"], float("inf"), "above 0"),
        (["queue.age"], 1e12, "above 0"),
    ],
)
def test_events_that_make_no_sense_are_refused(
    app: Signoff, events: list[str], max_age_s: float | None, told: str
) -> None:
    with pytest.raises(InvalidInput, match=told):
        app.webhooks.add("https://9.9.9.9/", events=events, max_age_s=max_age_s, by=ROOT)


def test_only_an_admin_decides_who_is_told(app: Signoff, listener: Listener) -> None:
    made = hook(app, listener)
    lead = Actor(id="lee", roles=frozenset({Role.LEAD, Role.REVIEWER}))
    for attempt in (
        lambda: app.webhooks.add("https://9.9.9.9/", events=SETTLED, by=lead),
        lambda: app.webhooks.remove(made.id, lead),
        lambda: app.webhooks.send_test(made.id, lead),
    ):
        with pytest.raises(NotAllowed, match="admin"):
            attempt()
    assert len(app.webhooks.list()) == 1


def test_each_webhook_has_a_secret_of_its_own(app: Signoff) -> None:
    import base64

    made = [app.webhooks.add("https://9.9.9.9/", events=SETTLED, by=ROOT) for _ in range(3)]
    assert len({webhook.secret for webhook in made}) == 3
    for webhook in made:
        assert webhook.secret.startswith("whsec_")
        assert 24 <= len(base64.b64decode(webhook.secret.removeprefix("whsec_"), validate=True)) <= 64


# --- many, and many at once


def test_a_webhook_that_is_far_behind_catches_up_page_by_page(
    app: Signoff, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifier, "PAGE", 16)
    send = declare(app)
    hook(app, listener)
    cases = [send.propose(to=str(n)) for n in range(30)]
    for case in cases:
        case.withdraw()
    app.webhooks.notify()
    assert len(deliveries(app)) == 30
    (webhook,) = app.webhooks.list()
    app.webhooks.notify()
    assert len(deliveries(app)) == 30
    assert webhook.seq > 0
    app.run_due()
    assert [case for _, case, _ in listener.told()] == [case.id for case in cases]


def test_where_nothing_is_to_be_told_nothing_is_written(tmp_path: Path, listener: Listener) -> None:
    with Signoff(tmp_path / "signoff.db", workers=0) as app, Signoff(tmp_path / "signoff.db", workers=0) as other:
        hook(app, listener)
        send = declare(other)
        send.propose(to="ada")
        before = app.store.version()
        for _ in range(3):
            app.webhooks.notify()
        assert app.store.version() == before


def test_a_thread_tells_by_itself(tmp_path: Path, listener: Listener) -> None:
    with Signoff(tmp_path / "signoff.db") as app:
        hook(app, listener)
        declare(app).propose(to="ada").withdraw()
        assert listener.wait().verified is not None


def test_a_thread_tells_what_another_process_did(tmp_path: Path, listener: Listener) -> None:
    with Signoff(tmp_path / "signoff.db") as app:
        hook(app, listener)
        with Signoff(tmp_path / "signoff.db", workers=0) as other:
            case = declare(other).propose(to="ada")
            case.withdraw()
        assert json.loads(listener.wait().body)["data"]["case_id"] == case.id


def test_what_happened_while_nobody_delivered_is_told_later(tmp_path: Path, listener: Listener) -> None:
    with Signoff(tmp_path / "signoff.db", workers=0) as app:
        hook(app, listener)
        case = declare(app).propose(to="ada")
        case.withdraw()
    with Signoff(tmp_path / "signoff.db") as app:
        app.deliver_webhooks(allow=[listener.place])
        assert json.loads(listener.wait().body)["data"]["case_id"] == case.id


def test_nobody_listens_to_the_ledger_unless_asked_to(tmp_path: Path) -> None:
    with Signoff(tmp_path / "signoff.db") as app:
        app.start()
        assert not any(thread.name == "signoff-notifier" for thread in threading.enumerate())
        app.deliver_webhooks()
        app.deliver_webhooks()
        assert [thread.name for thread in threading.enumerate()].count("signoff-notifier") == 1
    assert not any(thread.name == "signoff-notifier" for thread in threading.enumerate())


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_many_notifiers_at_once_make_each_delivery_once(kind: str, tmp_path: Path, listener: Listener) -> None:
    shared = MemoryStore()

    def place() -> MemoryStore | SqliteStore:
        return shared if kind == "memory" else SqliteStore(tmp_path / "signoff.db", busy_s=TIMEOUT_S)

    with ExitStack() as stack:
        apps = [stack.enter_context(Signoff(place(), workers=0)) for _ in range(4)]
        webhooks = [hook(apps[0], listener, path=f"/{n}") for n in range(2)]
        send = declare(apps[0])
        problems: list[BaseException] = []
        finished = threading.Event()
        barrier = threading.Barrier(len(apps))

        def follow(app: Signoff) -> None:
            try:
                app.deliver_webhooks(allow=[listener.place])
                barrier.wait(TIMEOUT_S)
                while not finished.is_set():
                    app.webhooks.notify()
                app.webhooks.notify()
            except BaseException as error:
                problems.append(error)

        threads = [threading.Thread(target=follow, args=(app,), daemon=True) for app in apps[1:]]
        for thread in threads:
            thread.start()
        barrier.wait(TIMEOUT_S)
        cases = [send.propose(to=str(n)) for n in range(60)]
        for case in cases:
            case.withdraw()
        finished.set()
        for thread in threads:
            thread.join(TIMEOUT_S)
        assert problems == []
        expected = Counter((webhook.id, case.id) for webhook in webhooks for case in cases)
        made = [apps[0].history(case.id).contents[0].arguments for case in deliveries(apps[0])]
        assert Counter((m["webhook_id"], m["data"]["case_id"]) for m in made) == expected
        apps[1].run_due()
        assert len({request.id for request in listener.requests}) == len(listener.requests) == 120


@pytest.mark.parametrize("point", ["tell.before_commit", "tell.after_commit", "send.before_post", "send.after_post"])
def test_killed_in_the_middle_nothing_is_lost_or_told_as_another_message(
    tmp_path: Path, clock: FakeClock, listener: Listener, point: str
) -> None:
    with Signoff(tmp_path / "signoff.db", clock=clock, workers=0) as app:
        hook(app, listener)
        send = declare(app)
        cases = [send.propose(to=str(n)) for n in range(3)]
        for case in cases:
            case.withdraw()
    with running("tests.crash.notifying", tmp_path, listener.place, point) as child:
        assert child.was_killed()
    # Past the lease of a try that nobody reported.
    clock.advance(60)
    with Signoff(tmp_path / "signoff.db", clock=clock, workers=0) as app:
        app.deliver_webhooks(allow=[listener.place])
        app.webhooks.notify()
        while app.run_due():
            clock.advance(3)
        assert Counter(case.state for case in deliveries(app)) == {State.DONE: 3}
        assert app.verify().contradictions == []
    arrived = {json.loads(r.body)["data"]["case_id"]: r.id for r in listener.requests if r.verified is not None}
    assert set(arrived) == {case.id for case in cases}
    assert len({request.id for request in listener.requests}) == 3
    assert len(listener.requests) == (4 if point == "send.after_post" else 3)
