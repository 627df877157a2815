"""Oversee: judge audits, and verify that the rows tell one story."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from signoff.domain.actor import Actor, Role
from signoff.domain.audit import Audit, Finding
from signoff.domain.automation import Arrivals, Snapshot
from signoff.domain.case import Case, Move, State, advance
from signoff.domain.checkpoint import Checkpoint
from signoff.domain.content import Content, hash_of
from signoff.domain.effect import Attempt
from signoff.domain.entry import Entry, EntryKind, act_entry
from signoff.domain.policy import Routing, automated
from signoff.domain.verdict import VerdictKind, VerdictRecord
from signoff.engine.case import load, remark
from signoff.errors import CaseClosed, InvalidInput, UnknownCase
from signoff.ports import Reading, Transaction


def judge_audit(
    tx: Transaction,
    case_id: str,
    by: Actor,
    finding: Finding,
    *,
    severity: float,
    now: datetime,
    note: str | None = None,
) -> Audit:
    """
    Say whether an automated case was right; wrong is an incident.

    Args:
        tx: A transaction.
        case_id: A case that was drawn for an audit.
        by: A reviewer or lead.
        finding: Right or wrong.
        severity: How bad, 0..1; 0 exactly when it was right.
        now: The time, UTC.
        note: What the person wrote.

    Raises:
        UnknownCase: If the case was not drawn.
        CaseClosed: If somebody else was faster.
    """
    case = load(tx, case_id)
    by.require(Role.REVIEWER, Role.LEAD, to="judge an audit")
    audit = tx.get(Audit, case_id)
    if audit is None:
        raise UnknownCase(f"case {case_id} was not drawn for an audit", case_id=case_id)
    if not 0 <= severity <= 1 or (severity == 0) != (finding is Finding.RIGHT):
        raise InvalidInput(f"severity is {severity}, but must be 0 for right and above 0, at most 1, for wrong")
    judged = {"finding": finding, "severity": severity, "judged_by": by.id, "judged_at": now}
    if not tx.change(Audit, (case_id,), expect={"finding": None}, to=judged):
        raise CaseClosed(
            f"the audit of case {case_id} was judged by {audit.judged_by} already",
            case_id=case_id,
            state=case.state.value,
            reviewer=audit.judged_by,
        )
    remark(tx, case, by, "audit", note, now=now)
    tx.add(act_entry(case, EntryKind.AUDIT, finding.value, by=by, now=now, severity=severity))
    found = tx.get(Audit, case_id)
    return found if found is not None else audit


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """Two stored facts that cannot both be true."""

    case_id: str
    problem: str


def verify_case(tx: Reading, case: Case) -> Iterator[Contradiction]:
    """
    Compare one case with its ledger entries, contents, verdicts and attempts.

    Yields:
        Every contradiction: a move the table does not have, a missing entry, a content that is not what was
        approved, a done effect without a receipt, an attempt without an entry.
    """

    def wrong(problem: str) -> Contradiction:
        return Contradiction(case_id=case.id, problem=problem)

    entries = tx.find(Entry, case_id=case.id)
    state: State | None = None
    for entry in entries:
        if entry.kind is not EntryKind.MOVE:
            continue
        if entry.from_state is not state:
            yield wrong(f"entry {entry.seq} moves it from {entry.from_state}, but the entries before it end at {state}")
        try:
            expected = advance(entry.from_state, Move(entry.act))
        except (CaseClosed, ValueError):
            yield wrong(f"entry {entry.seq} is a move the table does not have: {entry.from_state}, {entry.act}")
            expected = entry.to_state or State.WAITING
        if entry.to_state is not expected:
            yield wrong(f"entry {entry.seq} leads to {entry.to_state}, the table to {expected}")
        state = entry.to_state
    if sum(entry.kind is EntryKind.AUTOMATION for entry in entries) > 1:
        yield wrong("its automation was decided more than once")
    if state is not case.state:
        yield wrong(f"it is {case.state}, but its entries end at {state}")

    contents = {content.revision: content for content in tx.find(Content, case_id=case.id)}
    if sorted(contents) != list(range(1, case.revision + 1)):
        yield wrong(f"it is at revision {case.revision}, but has contents for {sorted(contents)}")
    hashes = {
        revision: hash_of(content, checkpoint=case.checkpoint, version=case.version)
        for revision, content in contents.items()
    }
    if hashes.get(case.revision) != case.content_hash:
        yield wrong(f"the content of revision {case.revision} is not what its hash says")

    verdicts = {record.id: record for record in tx.find(VerdictRecord, case_id=case.id)}
    for record in verdicts.values():
        ruled_on = record.revision + (record.kind is VerdictKind.EDITED)
        if hashes.get(ruled_on) != record.content_hash:
            yield wrong(f"verdict {record.id} is bound to another content than revision {ruled_on}")
    told = {e.facts.get("verdict") for e in entries if e.kind is EntryKind.MOVE and e.act == Move.RULE}
    if told != set(verdicts):
        yield wrong(f"{len(verdicts)} verdicts are stored, {len(told)} are in the ledger")

    attempts = tx.find(Attempt, case_id=case.id)
    started = [e for e in entries if e.kind is EntryKind.MOVE and e.act == Move.START]
    if len(started) != len(attempts) or case.attempt != len(attempts):
        yield wrong(f"{len(started)} starts are in the ledger, {len(attempts)} attempts are stored")
    checkpoint = tx.get(Checkpoint, case.checkpoint, case.version)
    routings = tx.find(Routing, case_id=case.id)
    by_policy = checkpoint is not None and any(automated(routing, checkpoint) for routing in routings)
    for attempt in attempts:
        approved = any(
            record.kind is not VerdictKind.REJECTED
            and record.ruled_at <= attempt.started_at
            and (record.voided_at is None or record.voided_at >= attempt.started_at)
            for record in verdicts.values()
        )
        if not approved and not by_policy:
            yield wrong(f"attempt {attempt.attempt} was started without a live approval")
    if case.state in (State.DONE, State.REVERSED):
        done = [e for e in entries if e.act in (Move.FINISH, Move.CONFIRM_DONE)]
        last = attempts[-1] if attempts else None
        if len(done) != 1 or last is None:
            yield wrong(f"it is {case.state}, with {len(done)} ends and {len(attempts)} attempts on record")
        elif last.receipt is None:
            yield wrong(f"it is {case.state}, but its effect has no receipt")


def verify_arrivals(tx: Reading, checkpoint: str) -> Iterator[Contradiction]:
    """
    Compare what the automation of a checkpoint decided with the row that counts it.

    Yields:
        Every contradiction: a number that is missing or there twice, a decision without its routing, a count or a
        newest case that is not that of the entries.
    """
    row = tx.get(Arrivals, checkpoint) or Arrivals(checkpoint=checkpoint)
    number, newest, after = 0, "", 0
    while page := tx.decisions(checkpoint, after_seq=after, limit=1000):
        for entry in page:
            newest = entry.case_id or ""
            if entry.facts.get("arrival") != number:
                yield Contradiction(
                    case_id=newest,
                    problem=f"entry {entry.seq} decides arrival {entry.facts.get('arrival')}, not {number}",
                )
            routing = tx.get(Routing, newest, 1)
            decision = entry.facts.get("decision")
            if routing is None or (decision is not None and routing.coin != decision.get("coin")):
                yield Contradiction(case_id=newest, problem=f"entry {entry.seq} decides it with another coin")
            number += 1
        after = page[-1].seq
    if (number, newest) != (row.count, row.newest):
        yield Contradiction(
            case_id=row.newest or newest,
            problem=f"checkpoint {checkpoint} counts {row.count} decisions up to it, the ledger has {number}",
        )
    snapshot = tx.get(Snapshot, checkpoint)
    if snapshot is not None and snapshot.count > row.count:
        yield Contradiction(
            case_id=row.newest, problem=f"checkpoint {checkpoint} has a snapshot of {snapshot.count} decisions"
        )
