"""Records to store: each type bare, with every optional field set, and with awkward text and times."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from signoff.domain.account import Account, Scope, Session, Token
from signoff.domain.actor import ActorKind, Role
from signoff.domain.audit import Audit, Finding
from signoff.domain.automation import Arrivals, Snapshot
from signoff.domain.case import Case, ClearedBy, State
from signoff.domain.checkpoint import Checkpoint, Criterion, Delivery, Oversight
from signoff.domain.content import Content, Evidence
from signoff.domain.effect import Attempt, Ending
from signoff.domain.entry import Entry, EntryKind
from signoff.domain.note import Note
from signoff.domain.pace import Pace
from signoff.domain.policy import Route, Routing
from signoff.domain.presence import Presence
from signoff.domain.verdict import VerdictKind, VerdictRecord, Vote
from signoff.domain.webhook import Webhook, WebhookEvent
from signoff.ports import Record

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
LATER = NOW + timedelta(microseconds=1)
ODD = "é e\u0301 \U0001f600 \u202etxet\u202c \x00 '; DROP TABLE cases; -- \"\n\r\t %s ? :x"
DEEP: dict[str, Any] = {"": [None, True, -1.5, 2**53 - 1, {"é": ODD}], "a": {}, "1": 1e-300}


def a_case(id: str = "c1", **fields: Any) -> Case:
    """Make a waiting case."""
    given: dict[str, Any] = {
        "checkpoint": "send",
        "version": 1,
        "state": State.WAITING,
        "content_hash": "h1",
        "proposer": "app",
        "created_at": NOW,
    }
    return Case(id=id, **{**given, **fields})


def an_entry(act: str = "propose", **fields: Any) -> Entry:
    """Make an entry; the store gives it its number."""
    given: dict[str, Any] = {"at": NOW, "kind": EntryKind.MOVE, "actor": "app", "actor_kind": ActorKind.SERVICE}
    return Entry(act=act, **{**given, **fields})


FULL_CASE = a_case(
    "c-full",
    key=ODD,
    due_at=NOW,
    deadline_at=LATER,
    snoozed_until=NOW - timedelta(days=20000),
    assigned_to="group:" + ODD,
    opinions=3,
    claimed_by=ODD,
    claim_expires_at=LATER,
    fence=2**40,
    verdict_id="v1",
    cleared_by=ClearedBy.PERSON,
    generation=2,
    attempt=7,
    tries=3,
    reverses="c0",
    title=ODD,
    revision=5,
    draft_revision=4,
    version=9,
)
FULL_CHECKPOINT = Checkpoint(
    name="send",
    version=3,
    description=ODD,
    arguments_schema=DEEP,
    label="é",
    oversight=Oversight.WHEN_UNCERTAIN,
    criteria=(Criterion.REGULATED, Criterion.IRREVERSIBLE),
    delivery=Delivery.CHECKABLE,
    undo_s=0.1,
    opinions=2,
    deadline_s=1e9 + 0.25,
    timeout_s=0.001,
    max_tries=9,
    backoff_s=0.3,
    audit_share=0.05,
    chosen_by=ODD,
    reverses="x",
    reasons=(ODD, "b", "a"),
    blind=True,
    alpha=0.1 + 0.2,
    registered_at=LATER,
    digest="d",
)
FULL_ROUTING = Routing(
    case_id="c1",
    revision=2,
    route=Route.AUDIT,
    reason="automate_audited",
    confidence=0.1 + 0.2,
    drafter=ODD,
    coin=5e-324,
    audit_share=1.0,
    routed_at=LATER,
    numbers=DEEP,
)
VERDICT = VerdictRecord(
    id="v1",
    case_id="c1",
    revision=1,
    draft_revision=1,
    kind=VerdictKind.APPROVED,
    content_hash="h1",
    reviewer="ada",
    ruled_at=NOW,
)
VOTE = Vote(
    id="w1", case_id="c1", revision=1, reviewer="ada", kind=VerdictKind.APPROVED, content_hash="h1", voted_at=NOW
)
ATTEMPT = Attempt(case_id="c1", attempt=1, generation=1, key="c1.1", worker="here:1", started_at=NOW, lease_until=LATER)
ACCOUNT = Account(id="ada", roles=(Role.REVIEWER,), created_at=NOW, created_by="root")
TOKEN = Token(id="t1", digest="d1", subject="agent", scopes=(Scope.PROPOSE,), created_at=NOW, created_by="root")
SESSION = Session(digest="s1", account="ada", created_at=NOW, expires_at=LATER)
WEBHOOK = Webhook(
    id="h1", url="https://example.org/hook", events=(), secret="whsec_AAAA", created_at=NOW, created_by="root"
)
AUDIT = Audit(case_id="c1", checkpoint="send", drawn_at=NOW, coin=0.25, share=0.5)

RECORDS: list[Record] = [
    Checkpoint(name="bare"),
    FULL_CHECKPOINT,
    *(replace(FULL_CHECKPOINT, name=f"send-{each}", oversight=each) for each in Oversight),
    *(replace(FULL_CHECKPOINT, name=f"send-{each}", delivery=each) for each in Delivery),
    a_case(),
    FULL_CASE,
    *(a_case(f"c-{state}", state=state, cleared_by=ClearedBy.POLICY) for state in State),
    Content(case_id="c1", revision=1, arguments={}, author=""),
    Content(case_id="c1", revision=2, arguments=DEEP, author=ODD, rationale=ODD, alternatives=[DEEP, {}]),
    Evidence(case_id="c1", items={}),
    Evidence(case_id="c2", items={ODD: {"media_type": "text/plain", "value": ODD}, "n": {"value": DEEP}}),
    *(Routing(case_id="c1", revision=i, route=each, reason="r", routed_at=NOW) for i, each in enumerate(Route, 10)),
    FULL_ROUTING,
    *(replace(VERDICT, id=f"v-{kind}", kind=kind) for kind in VerdictKind),
    replace(VERDICT, id=ODD, reviewer=ODD, reason=ODD, seconds=0.1, voided_at=LATER, revision=2**31),
    *(replace(VOTE, id=f"w-{kind}", reviewer=kind.value, kind=kind) for kind in VerdictKind),
    replace(VOTE, id=ODD, reviewer=ODD, reason=ODD, revision=7, voided_at=LATER),
    *(replace(ATTEMPT, attempt=i, ending=ending) for i, ending in enumerate([None, *Ending], 10)),
    replace(ATTEMPT, finished_at=LATER, ending=Ending.RETURNED, receipt={"value": DEEP}, problem=ODD),
    replace(ATTEMPT, attempt=2, receipt={"value": None}),
    AUDIT,
    replace(AUDIT, case_id="c2", finding=Finding.RIGHT, severity=0.0, judged_by=ODD, judged_at=LATER),
    replace(AUDIT, case_id="c3", finding=Finding.WRONG, severity=1.0),
    ACCOUNT,
    Account(
        id=ODD,
        roles=tuple(Role),
        groups=(ODD, "b", "a"),
        password_hash="$argon2id$v=19$" + ODD,
        created_at=NOW,
        created_by=ODD,
        disabled_at=LATER,
        failures=2**31 - 1,
        locked_until=LATER,
    ),
    TOKEN,
    replace(TOKEN, id="t2", digest="d2", scopes=tuple(Scope), expires_at=NOW, revoked_at=LATER),
    SESSION,
    replace(SESSION, digest="s2", ended_at=LATER),
    Pace(checkpoint="send", free_at=LATER),
    Presence(person="ada"),
    Presence(person=ODD, seen_at=NOW, away_since=LATER),
    WEBHOOK,
    replace(WEBHOOK, id="h2", events=tuple(WebhookEvent), max_age_s=0.5, disabled_at=LATER, seq=2**62),
    Arrivals(checkpoint="send"),
    Arrivals(checkpoint=ODD, count=2**40, newest=ODD),
    Snapshot(checkpoint=ODD, count=2**40, seq=2**62, state=DEEP, taken_at=LATER),
    Note(case_id="c1", number=1, about="redraft", author=ODD, written_at=LATER, text=ODD),
]
"""One of each kind and choice; no two share a key."""

ENTRIES: list[Entry] = [
    an_entry(),
    *(an_entry("x", kind=kind) for kind in EntryKind),
    *(an_entry("x", actor_kind=kind) for kind in ActorKind),
    *(an_entry("x", from_state=state, to_state=state) for state in State),
    an_entry(
        ODD,
        at=LATER,
        case_id="c1",
        checkpoint="send",
        revision=3,
        from_state=State.WAITING,
        to_state=State.HELD,
        actor=ODD,
        content_hash="h",
        facts=DEEP,
    ),
]
"""Entries as they are handed in; the store numbers them."""
