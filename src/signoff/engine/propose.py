"""Propose: take in what the AI asks to do, route it, and keep it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from signoff.domain.actor import POLICY, Actor, ActorKind
from signoff.domain.audit import Audit
from signoff.domain.case import Case, ClearedBy, Move, State, advance
from signoff.domain.checkpoint import Checkpoint, Oversight
from signoff.domain.content import Content, Evidence, canonical, content_hash, freeze, require_json
from signoff.domain.entry import Entry, EntryKind, act_entry, move_entry
from signoff.domain.moment import later
from signoff.domain.policy import Route, Routing, route
from signoff.domain.proposal import Proposal, material
from signoff.domain.title import title_of
from signoff.engine.automate import Automations, Newcomer
from signoff.errors import InvalidInput, KeyReused
from signoff.ports import Record, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A proposal that was checked, hashed and routed, ready to be written."""

    case: Case
    arguments: bytes
    records: tuple[Record, ...]
    checkpoint: Checkpoint
    newcomer: Newcomer | None = None
    """What is decided about it when it is written, where that depends on those before it."""


def prepare(
    checkpoint: Checkpoint,
    proposal: Proposal,
    *,
    arguments: dict[str, Any],
    case_id: str,
    now: datetime,
    coin: float,
    features: Mapping[str, float] | None = None,
    doubt: str | None = None,
) -> Prepared:
    """
    Check, hash and route a proposal; nothing is written yet.

    Args:
        checkpoint: The registered declaration.
        proposal: What is asked, but for its arguments.
        arguments: As JSON values that fit the checkpoint's schema, with defaults filled in.
        case_id: A new UUIDv7.
        now: The time, UTC.
        coin: A fair draw, 0..1, made for this proposal alone.
        features: What tells whether a person would accept it, as `checked_features` gives them.
        doubt: Why there are none, as the name of a rule.

    Raises:
        InvalidInput: If arguments or evidence are not JSON, too deep or too large, or a number is out of range.
    """
    frozen = freeze(arguments, where="arguments")
    if proposal.confidence is not None and not 0 <= proposal.confidence <= 1:
        raise InvalidInput(f"confidence is {proposal.confidence}, but must be in 0..1, or None if there is none")
    deadline_s = checkpoint.deadline_s if proposal.deadline_s is None else proposal.deadline_s
    deadline_at = None if deadline_s is None else later(now, deadline_s, what="deadline_s")
    for text, name in ((proposal.key, "key"), (proposal.proposer, "proposer")):
        if text is not None and not 0 < len(text) <= 200:
            raise InvalidInput(f"{name} has {len(text)} characters, but must have 1 to 200")
        if text is not None and not text.isascii():
            require_json(text, where=name)
    items = {name: material(value) for name, value in proposal.evidence.items()}
    if items:
        require_json(items, where="evidence")
    if proposal.rationale or proposal.alternatives:
        require_json([proposal.rationale, proposal.alternatives], where="rationale and alternatives")

    by = Actor(id=proposal.proposer, kind=ActorKind.SERVICE, roles=frozenset())
    case = Case(
        id=case_id,
        checkpoint=checkpoint.name,
        version=checkpoint.version,
        state=advance(None, Move.PROPOSE),
        content_hash=content_hash(checkpoint=checkpoint.name, version=checkpoint.version, arguments=frozen, revision=1),
        proposer=proposal.proposer,
        key=proposal.key,
        created_at=now,
        due_at=deadline_at,
        deadline_at=deadline_at,
        opinions=checkpoint.opinions,
        title=title_of(items, arguments, label=checkpoint.label, key=proposal.key),
    )
    went, reason = route(checkpoint, coin=coin)
    drawn = went is not Route.REVIEW
    records: list[Record] = [
        Content(
            case_id=case_id,
            revision=1,
            arguments=arguments,
            author=proposal.drafter or proposal.proposer,
            rationale=proposal.rationale,
            alternatives=proposal.alternatives,
        ),
        move_entry(None, case, Move.PROPOSE, by=by, now=now),
    ]
    if items:
        records.append(Evidence(case_id=case_id, items=items))
    routing = Routing(
        case_id=case_id,
        revision=1,
        route=went,
        reason=reason,
        confidence=proposal.confidence,
        drafter=proposal.drafter,
        coin=coin if drawn else None,
        audit_share=checkpoint.audit_share if drawn else None,
        routed_at=now,
    )
    if checkpoint.oversight is Oversight.WHEN_UNCERTAIN:
        newcomer = Newcomer(case=case, routing=routing, features=features, doubt=doubt, coin=coin)
        return Prepared(case=case, arguments=frozen, records=(case, *records), checkpoint=checkpoint, newcomer=newcomer)
    records.append(routing)
    if drawn:
        case, more = _let_through(checkpoint, case, went, reason, now=now, coin=coin)
        records += more
    return Prepared(case=case, arguments=frozen, records=(case, *records), checkpoint=checkpoint)


def _let_through(
    checkpoint: Checkpoint, case: Case, went: Route, reason: str, *, now: datetime, coin: float
) -> tuple[Case, list[Record]]:
    held = case.but(
        state=advance(case.state, Move.ROUTE),
        due_at=now + timedelta(seconds=checkpoint.undo_s),
        cleared_by=ClearedBy.POLICY,
    )
    entries: list[Record] = [move_entry(case, held, Move.ROUTE, by=POLICY, now=now, reason=reason, coin=coin)]
    if went is Route.AUDIT:
        entries.append(
            Audit(
                case_id=case.id,
                checkpoint=case.checkpoint,
                drawn_at=now,
                coin=coin,
                share=checkpoint.audit_share,
            )
        )
        entries.append(act_entry(case, EntryKind.AUDIT, "draw", by=POLICY, now=now, coin=coin))
    if checkpoint.undo_s > 0:
        return held, entries
    cleared = held.but(state=advance(State.HELD, Move.CLEAR), due_at=now)
    return cleared, [*entries, move_entry(held, cleared, Move.CLEAR, by=POLICY, now=now)]


def propose(tx: Transaction, prepared: Prepared, *, automations: Automations | None = None) -> Case:
    """
    Keep a prepared proposal, or give the case that its key already stands for.

    Args:
        tx: A transaction.
        prepared: The proposal.
        automations: Decides what depends on the cases before it; without one nothing is decided.

    Raises:
        KeyReused: If the key was used with other arguments; `facts["case_id"]` is the case that has it.
    """
    case = prepared.case
    if case.key is not None:
        existing = tx.find(Case, checkpoint=case.checkpoint, proposer=case.proposer, key=case.key)
        if existing:
            return same_proposal(tx, existing[0], prepared)
    _keep(tx, [prepared], automations)
    return case


def _keep(tx: Transaction, batch: Sequence[Prepared], automations: Automations | None) -> None:
    """Add proposals whose keys are new, and decide those of one checkpoint that are to be decided."""
    # A key that is known after all is found by this, before anything is decided.
    tx.add(*[record for prepared in batch for record in prepared.records])
    newcomers = [prepared.newcomer for prepared in batch if prepared.newcomer is not None]
    if not newcomers:
        return
    if automations is None:
        tx.add(*[newcomer.routing for newcomer in newcomers])
        return
    tx.add(*automations.route(tx, batch[0].checkpoint, newcomers, now=newcomers[-1].routing.routed_at))


def propose_many(
    tx: Transaction,
    batch: Sequence[Prepared],
    *,
    keys_are_new: bool = False,
    automations: Automations | None = None,
) -> list[Case]:
    """
    Keep a batch; those whose key is known give the case they already stand for.

    Args:
        tx: A transaction.
        batch: Prepared proposals, all of one checkpoint where they are to be decided.
        automations: As for `propose`.
        keys_are_new: Whether the store need not be asked for keys it has; if it has one, KeyReused is raised.

    Raises:
        KeyReused: If a key was used with other arguments; then nothing of the batch is kept. `facts["number"]`
            is its place in the batch, from 0.
    """
    cases: list[Case] = []
    fresh: list[Prepared] = []
    keyed: dict[tuple[str, str, str], tuple[Prepared, Case]] = {}
    for number, prepared in enumerate(batch):
        try:
            known = _known(tx, prepared, keyed, keys_are_new=keys_are_new)
        except KeyReused as error:
            error.facts = {**error.facts, "number": number}
            raise
        if known is None:
            fresh.append(prepared)
        cases.append(known or prepared.case)
    _keep(tx, fresh, automations)
    return cases


def _known(
    tx: Transaction,
    prepared: Prepared,
    keyed: dict[tuple[str, str, str], tuple[Prepared, Case]],
    *,
    keys_are_new: bool,
) -> Case | None:
    """Give the case its key already stands for, in the store or earlier in the batch."""
    case = prepared.case
    if case.key is None:
        return None
    identity = (case.checkpoint, case.proposer, case.key)
    if identity in keyed:
        twin, stands_for = keyed[identity]
        _require_same(twin.arguments, prepared, stands_for)
        return stands_for
    found = None
    if not keys_are_new:
        existing = tx.find(Case, checkpoint=case.checkpoint, proposer=case.proposer, key=case.key)
        found = same_proposal(tx, existing[0], prepared) if existing else None
    keyed[identity] = (prepared, found or case)
    return found


def same_proposal(tx: Transaction, existing: Case, prepared: Prepared) -> Case:
    """
    Give the case a key stands for, if it was proposed with the same arguments.

    Raises:
        KeyReused: If the arguments differ.
    """
    first = tx.get(Content, existing.id, 1)
    _require_same(canonical(first.arguments) if first else b"", prepared, existing)
    return existing


def _require_same(arguments: bytes, prepared: Prepared, existing: Case) -> None:
    if arguments != prepared.arguments:
        raise KeyReused(
            f"key {prepared.case.key!r} of proposer {existing.proposer!r} already stands for case {existing.id} "
            f"at checkpoint {existing.checkpoint!r}, which has other arguments; use another key",
            case_id=existing.id,
            key=prepared.case.key,
        )


def register(tx: Transaction, checkpoint: Checkpoint, *, now: datetime) -> Checkpoint:
    """
    Record a declaration and give it its version; an unchanged one keeps the version it has.

    Args:
        tx: A transaction.
        checkpoint: A declaration with its digest.
        now: The time, UTC.
    """
    latest = tx.latest_checkpoint(checkpoint.name)
    if latest is not None and latest.digest == checkpoint.digest:
        return latest
    for older in tx.find(Checkpoint, name=checkpoint.name, digest=checkpoint.digest):
        return older
    registered = replace(checkpoint, version=latest.version + 1 if latest else 1, registered_at=now)
    chosen = checkpoint.chosen_by
    tx.add(
        registered,
        Entry(
            at=now,
            kind=EntryKind.POLICY,
            act="register",
            checkpoint=checkpoint.name,
            actor=chosen or "app",
            actor_kind=ActorKind.PERSON if chosen else ActorKind.SERVICE,
            facts={
                "version": registered.version,
                "digest": registered.digest,
                "oversight": registered.oversight.value,
                "audit_share": registered.audit_share,
            },
        ),
    )
    return registered
