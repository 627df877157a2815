"""
Execute: settle holds, expire, run each approved effect once, and say what an ended attempt means.

`run` is safe to call any number of times from anywhere: it takes the lease by compare-and-swap and commits
`running` before the handler is called; it completes only while its fencing number is the newest. A lease is short, and
whoever runs the handler renews it, so that a killed process is found out soon.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from signoff.domain.actor import POLICY, TIMER, WORKER, Actor, ActorKind, Role
from signoff.domain.case import FINAL, Case, ClearedBy, Move, State, advance
from signoff.domain.checkpoint import Checkpoint, Delivery
from signoff.domain.content import Content, content_hash, freeze, hash_of, storable
from signoff.domain.effect import Attempt, Ending, after
from signoff.domain.entry import EntryKind, act_entry, move_entry
from signoff.domain.pace import Limits
from signoff.domain.policy import Route, Routing, automated
from signoff.domain.verdict import VerdictKind, VerdictRecord
from signoff.engine import pace
from signoff.engine.case import closed, load, remark
from signoff.engine.review import settle_entry, settled
from signoff.engine.take_back import in_doubt, redraft
from signoff.errors import (
    CaseClosed,
    EffectFailed,
    EffectUnknown,
    InvalidArguments,
    InvalidInput,
    KeyReused,
    LedgerBroken,
    NotAllowed,
    OutsideError,
    SignoffError,
)
from signoff.ports import ArgumentsSchema, Check, Clock, EffectHandler, Record, Store, T, Transaction

LEASE_S = 10.0
"""Seconds until an effect is taken for lost when nobody renews its lease."""

MOST_WAIT_S = 86_400.0
"""Seconds a handler can put off the next try at the most."""

REFUSED_S = 60.0
"""Seconds until a case that contradicts itself is looked at again; until then it is in nobody's way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectContext:
    """
    What a running handler may want to know; see `current_effect`.

    Args:
        case_id: The case.
        key: The idempotency key: equal for every retry, so hand it to the receiver.
        attempt: 1 for the first run.
    """

    case_id: str
    key: str
    attempt: int


_current: ContextVar[EffectContext] = ContextVar("signoff_effect")


def current_effect() -> EffectContext:
    """
    Tell the running handler which effect it is, with the idempotency key for the receiver.

    Raises:
        LookupError: Outside a handler.
    """
    return _current.get()


@dataclass(frozen=True, slots=True, kw_only=True)
class Handling:
    """
    How effects of one checkpoint are run here.

    Args:
        declaration_of: Gives the registered declaration of a version.
        schema: Gives stored arguments back as the types of the signature.
        handler: The act outside.
        check: Asks the receiver, for `checkable` delivery.
        to_receipt: Turns what the handler returned into `{"value": JSON}`.
        limits: How much may go on at a time, over all processes.
    """

    declaration_of: Callable[[int], Checkpoint]
    schema: ArgumentsSchema
    handler: EffectHandler
    check: Check | None
    to_receipt: Callable[[Any], dict[str, Any]]
    limits: Limits = field(default=Limits())


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """An effect this worker holds the lease of."""

    case: Case
    checkpoint: Checkpoint
    attempt: Attempt
    arguments: dict[str, Any]
    handling: Handling


# --- time ------------------------------------------------------------------------------------------------


def settle(tx: Transaction, case_id: str, *, now: datetime) -> Case:
    """Let a held verdict take effect if its hold is over; else give the case as it is."""
    case = load(tx, case_id)
    if case.state is not State.HELD or case.due_at is None or case.due_at > now:
        return case
    record = tx.get(VerdictRecord, case.verdict_id) if case.verdict_id else None
    if record is None and case.cleared_by is not ClearedBy.POLICY:
        raise LedgerBroken(f"case {case_id} is held without a verdict", case_id=case_id)
    change = settled(case, rejected=bool(record and record.kind is VerdictKind.REJECTED), now=now)
    after = case.but(**change)
    return _move(tx, case, change, settle_entry(case, after, by=TIMER, now=now)) or case


def expire(tx: Transaction, case_id: str, *, now: datetime) -> Case:
    """End a waiting case whose deadline has passed, unexecuted; else give the case as it is."""
    case = load(tx, case_id)
    if case.state is not State.WAITING or case.deadline_at is None or case.deadline_at > now:
        return case
    change = {"state": advance(case.state, Move.EXPIRE), "due_at": None, "claimed_by": None, "claim_expires_at": None}
    return _move(tx, case, change, move_entry(case, case.but(**change), Move.EXPIRE, by=TIMER, now=now)) or case


def recover(tx: Transaction, case_id: str, *, now: datetime) -> Case:
    """End an attempt whose lease ran out as its delivery says; else give the case as it is."""
    case = load(tx, case_id)
    if case.state is not State.RUNNING or case.due_at is None or case.due_at > now:
        return case
    checkpoint = tx.get(Checkpoint, case.checkpoint, case.version)
    if checkpoint is None:
        raise LedgerBroken(f"case {case_id} runs for a checkpoint that is not on record", case_id=case_id)
    ended = _end(tx, checkpoint, case, Ending.CRASHED, now=now, problem="the worker did not report back")
    return ended or case


_TENDED: dict[State, Callable[..., Case]] = {State.HELD: settle, State.WAITING: expire, State.RUNNING: recover}

TENDED = tuple(_TENDED)
"""The states in which time alone moves a case on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tended:
    """
    What came of the cases that were due.

    Args:
        moved: How many moved on.
        refused: Why the others did not, by case; they are put off.
    """

    moved: int
    refused: dict[str, SignoffError]


def tend(tx: Transaction, state: State, *, now: datetime, limit: int, spare: frozenset[str] = frozenset()) -> Tended:
    """
    Move on the cases of one state whose time has come: settle, expire or recover them, in one write.

    Args:
        tx: A transaction.
        state: One of `TENDED`.
        now: The time, UTC.
        limit: How many at most, >= 1.
        spare: Cases to leave alone.
    """
    moved, refused = 0, dict[str, SignoffError]()
    for case in tx.due(state, now=now, limit=limit + len(spare)):
        if case.id in spare:
            continue
        try:
            moved += _TENDED[state](tx, case.id, now=now).state is not state
        except LedgerBroken as error:
            # It was raised before anything was written, so the others of this write stand.
            refused[case.id] = error
            _put_off(tx, case, now=now)
    return Tended(moved=moved, refused=refused)


def _put_off(tx: Transaction, case: Case, *, now: datetime) -> None:
    """Look at a refused case again later, so that many of them cannot fill every page of what is due."""
    tx.change(
        Case,
        (case.id,),
        expect={"state": case.state, "attempt": case.attempt, "due_at": case.due_at},
        to={"due_at": now + timedelta(seconds=REFUSED_S)},
    )


def _move(tx: Transaction, before: Case, change: dict[str, Any], *records: Record) -> Case | None:
    """Change a case if nobody was faster; None if somebody was."""
    # Fenced by the attempt as well: a worker that was taken for dead cannot complete.
    moved = tx.change(
        Case,
        (before.id,),
        expect={
            "state": before.state,
            "revision": before.revision,
            "content_hash": before.content_hash,
            "attempt": before.attempt,
        },
        to=change,
    )
    if not moved:
        return None
    tx.add(*records)
    return before.but(**change)


# --- running ---------------------------------------------------------------------------------------------


def start(
    tx: Transaction,
    case_id: str,
    *,
    handling_of: Callable[[str], Handling | None],
    worker: str,
    clock: Clock,
    lease_s: float | None = None,
) -> Started | None:
    """
    Take the lease of a cleared effect and consume its approval.

    Args:
        tx: A transaction.
        case_id: The case.
        handling_of: How the effects of a checkpoint are run here; None if they are not.
        worker: Who runs it.
        clock: The time, which is read once no other write is in the way: a lease is whole when it is taken.
        lease_s: Seconds, > 0, until it is taken for lost unless it is renewed. By default as long as the handler may
            take and a little more, for a caller who does not renew it.

    Returns:
        What to run, or None if it is not there to run: not cleared, not due, taken by another worker, or held back
        by a limit of its checkpoint. A case whose arguments the handler no longer takes goes back to waiting, or
        becomes unknown if an earlier attempt may have happened.

    Raises:
        LedgerBroken: If what is stored is not what was approved; then nothing runs.
        KeyReused: If the write is to be run again; see `taking`.
    """
    case = load(tx, case_id)
    if case.state is not State.CLEARED or case.due_at is None or case.due_at > clock.now():
        return None
    handling = handling_of(case.checkpoint)
    if handling is None or not pace.enter(tx, case.checkpoint, handling.limits, clock=clock).of(1):
        return None
    ready = _ready(tx, case, handling)
    return _start(tx, case, handling, ready, worker=worker, now=clock.now(), lease_s=lease_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """
    What one look at the cleared effects of a checkpoint came to.

    Args:
        started: What to run, each with its lease.
        refused: Why a case was not started, by case; they are put off.
        looked: How many cases were looked at; 0 if there was nothing to do, or no room.
        free_at: When the checkpoint's rate lets the next one start, if that is what stood in the way.
        busy: Whether another write was starting effects of the checkpoint, so that nobody could tell.
    """

    started: Sequence[Started] = ()
    refused: dict[str, SignoffError] = field(default_factory=dict)
    looked: int = 0
    free_at: datetime | None = None
    busy: bool = False


def take(
    tx: Transaction,
    checkpoint: str,
    *,
    handling: Handling,
    worker: str,
    clock: Clock,
    limit: int,
    lease_s: float | None = None,
    wait: bool = True,
) -> Taken:
    """
    Take the leases of the earliest cleared effects of a checkpoint, as many as its limits allow, in one write.

    Args:
        tx: A transaction.
        checkpoint: Its name.
        handling: How its effects are run here.
        worker: Who runs them.
        clock: As for `start`.
        limit: How many at most, >= 1.
        lease_s: As for `start`.
        wait: Whether to wait while another write starts effects of a checkpoint with limits.

    Raises:
        KeyReused: If the write is to be run again; see `taking`.
    """
    room = pace.enter(tx, checkpoint, handling.limits, clock=clock, wait=wait)
    if not room.of(limit):
        return Taken(free_at=room.free_at, busy=room.busy)
    started: list[Started] = []
    refused: dict[str, SignoffError] = {}
    page = tx.due(State.CLEARED, now=clock.now(), limit=room.of(limit), checkpoint=checkpoint)
    now = clock.now()
    for case in page:
        try:
            ready = _ready(tx, case, handling)
        except OutsideError:
            raise
        except SignoffError as error:
            # Up to here the case was only read, so what else this write does stands.
            refused[case.id] = error
            _put_off(tx, case, now=now)
            continue
        one = _start(tx, case, handling, ready, worker=worker, now=now, lease_s=lease_s)
        if one is not None:
            started.append(one)
    return Taken(started=started, refused=refused, looked=len(page))


def taking(store: Store, work: Callable[[Transaction], T]) -> T:
    """Run a write with `start` or `take` in it, once more if two made the first pace of a checkpoint at once."""
    try:
        return store.write(work)
    except KeyReused:
        return store.write(work)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ready:
    """What was approved; no arguments if the handler no longer takes them."""

    checkpoint: Checkpoint
    arguments: dict[str, Any] | None


def _ready(tx: Transaction, case: Case, handling: Handling) -> _Ready:
    """Read what is to run and compare it with what was approved; writes nothing."""
    try:
        checkpoint = handling.declaration_of(case.version)
        content = tx.get(Content, case.id, case.revision)
        if content is None:
            raise LedgerBroken(f"case {case.id} has no content for revision {case.revision}", case_id=case.id)
        _require_approved(tx, checkpoint, case, content)
    except (ValueError, LookupError, TypeError) as error:
        raise LedgerBroken(
            f"case {case.id} cannot be read as it is stored ({_name(error)}); not run. Run signoff verify",
            case_id=case.id,
        ) from error
    try:
        return _Ready(checkpoint=checkpoint, arguments=handling.schema.to_python(content.arguments))
    except InvalidArguments:
        return _Ready(checkpoint=checkpoint, arguments=None)
    except Exception as error:
        raise InvalidInput(
            f"case {case.id}: the types of {case.checkpoint!r} raised {_name(error)} on its arguments; not run. "
            "Mend the types, or withdraw the case",
            case_id=case.id,
        ) from error


def _start(
    tx: Transaction,
    case: Case,
    handling: Handling,
    ready: _Ready,
    *,
    worker: str,
    now: datetime,
    lease_s: float | None,
) -> Started | None:
    if ready.arguments is None:
        doubtful = in_doubt(tx, case)
        if doubtful is None:
            redraft(tx, case.id, POLICY, now=now, reason="schema_changed")
        else:
            # A redraft goes out under another key, so the receiver would not know it for the same effect.
            _lose_track(tx, case, attempt=doubtful, now=now, reason="schema_changed")
        return None
    checkpoint = ready.checkpoint
    lease_until = now + timedelta(seconds=checkpoint.timeout_s + LEASE_S if lease_s is None else lease_s)
    change = {
        "state": advance(case.state, Move.START),
        "due_at": lease_until,
        "attempt": case.attempt + 1,
        "tries": case.tries + 1,
    }
    running = case.but(**change)
    attempt = Attempt(
        case_id=case.id,
        attempt=running.attempt,
        generation=case.generation,
        key=case.idempotency_key,
        worker=worker,
        started_at=now,
        lease_until=lease_until,
    )
    entry = move_entry(case, running, Move.START, by=WORKER, now=now, attempt=attempt.attempt)
    if _move(tx, case, change, attempt, entry) is None:
        return None
    pace.spend(tx, case.checkpoint, handling.limits, now=now)
    return Started(case=running, checkpoint=checkpoint, attempt=attempt, arguments=ready.arguments, handling=handling)


def _lose_track(tx: Transaction, case: Case, *, attempt: int, now: datetime, reason: str) -> None:
    change = {"state": advance(case.state, Move.LOSE_TRACK), "due_at": None}
    entry = move_entry(case, case.but(**change), Move.LOSE_TRACK, by=WORKER, now=now, attempt=attempt, reason=reason)
    _move(tx, case, change, entry)


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewed:
    """
    What came of leases that were to be renewed.

    Args:
        lost: Those that are gone: ended, or taken for lost. Their answers change no state any more.
        busy: Those whose case another write is changing at the moment; to be tried again soon.
    """

    lost: Sequence[Started] = ()
    busy: Sequence[Started] = ()


def renew(tx: Transaction, held: Sequence[Started], *, now: datetime, lease_s: float = LEASE_S) -> Renewed:
    """
    Prolong the leases of effects that still run, all in one write; nothing else about them changes.

    Args:
        tx: A transaction.
        held: What the caller started and still runs.
        now: The time, UTC.
        lease_s: Seconds, > 0, from now until they are taken for lost.
    """
    until = now + timedelta(seconds=lease_s)
    lost, busy = [], []
    # Always in the same order, so that two writes that lock rows never wait for each other.
    for one in sorted(held, key=lambda started: started.case.id):
        case_id, number = one.case.id, one.attempt.attempt
        if tx.free(Case, case_id) is None:
            # To wait for one of them would cost all the others their leases.
            busy.append(one)
        elif tx.change(Case, (case_id,), expect={"state": State.RUNNING, "attempt": number}, to={"due_at": until}):
            tx.change(Attempt, (case_id, number), expect={"finished_at": None}, to={"lease_until": until})
        else:
            lost.append(one)
    return Renewed(lost=lost, busy=busy)


def _require_approved(tx: Transaction, checkpoint: Checkpoint, case: Case, content: Content) -> None:
    actual = hash_of(content, checkpoint=case.checkpoint, version=case.version)
    approved = case.content_hash
    if case.cleared_by is ClearedBy.PERSON:
        record = tx.get(VerdictRecord, case.verdict_id) if case.verdict_id else None
        if record is None or record.voided_at is not None or record.kind is VerdictKind.REJECTED:
            raise LedgerBroken(f"case {case.id} is cleared without a live approval; not run", case_id=case.id)
        approved = record.content_hash
    elif case.cleared_by is None:
        raise LedgerBroken(f"case {case.id} is cleared by nobody; not run", case_id=case.id)
    elif not automated(tx.get(Routing, case.id, case.revision), checkpoint):
        raise LedgerBroken(
            f"case {case.id} is cleared, but neither a person nor its policy let it through; not run",
            case_id=case.id,
        )
    if not actual == approved == case.content_hash:
        raise LedgerBroken(
            f"case {case.id} holds other arguments than were approved; not run. Find out who changed the "
            "database, then withdraw the case or ask for a redraft",
            case_id=case.id,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How an attempt ended, with its receipt or problem."""

    ending: Ending
    receipt: dict[str, Any] | None = None
    problem: str | None = None
    retry_after_s: float | None = None


def call(started: Started) -> Ended:
    """Run the handler, outside any transaction, and say how it ended; never raises for what the handler does."""
    context = EffectContext(case_id=started.case.id, key=started.attempt.key, attempt=started.attempt.attempt)
    handling = started.handling
    token = _current.set(context)
    try:
        if started.case.tries > 1 and started.checkpoint.delivery is Delivery.CHECKABLE and handling.check:
            try:
                found = handling.check(context.key)
            except (Exception, SystemExit) as error:
                return Ended(ending=Ending.IN_DOUBT, problem=f"the check raised {_name(error)}")
            if found is not None:
                return Ended(ending=Ending.RETURNED, receipt=handling.to_receipt(found))
        return Ended(ending=Ending.RETURNED, receipt=handling.to_receipt(handling.handler(**started.arguments)))
    except EffectFailed as error:
        return Ended(
            ending=Ending.FAILED if error.retry else Ending.REFUSED,
            problem=storable(str(error), most=500),
            retry_after_s=_wait_s(error.retry_after_s),
        )
    except EffectUnknown as error:
        return Ended(ending=Ending.IN_DOUBT, problem=storable(str(error), most=500))
    except (Exception, SystemExit) as error:
        return raised(error)
    finally:
        _current.reset(token)


def raised(error: BaseException) -> Ended:
    """Say that a handler raised something it did not explain."""
    return Ended(ending=Ending.RAISED, problem=_name(error))


def _wait_s(asked: object) -> float | None:
    """Give the seconds a handler asked for as seconds that can be waited: what it asks may come from a receiver."""
    try:
        seconds = float(asked)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(0.0, seconds), MOST_WAIT_S) if math.isfinite(seconds) else None


def _name(error: BaseException) -> str:
    return storable(f"{type(error).__name__}: {error}", most=500)


def finish(tx: Transaction, started: Started, ended: Ended, *, now: datetime) -> Case:
    """
    Record how an attempt ended, if its lease still holds.

    A late answer of a worker that was taken for dead changes no state; it is kept on the attempt, for the
    person who resolves the case.
    """
    done = _end(
        tx,
        started.checkpoint,
        started.case,
        ended.ending,
        now=now,
        receipt=ended.receipt,
        problem=ended.problem,
        retry_after_s=ended.retry_after_s,
    )
    if done is not None:
        return done
    case = load(tx, started.case.id)
    number = started.attempt.attempt
    if ended.ending is Ending.RETURNED and tx.change(
        Attempt, (case.id, number), expect={"receipt": None}, to={"receipt": ended.receipt}
    ):
        tx.add(act_entry(case, EntryKind.EFFECT, "late", by=WORKER, now=now, attempt=number))
    return case


def _end(
    tx: Transaction,
    checkpoint: Checkpoint,
    case: Case,
    ending: Ending,
    *,
    now: datetime,
    receipt: dict[str, Any] | None = None,
    problem: str | None = None,
    retry_after_s: float | None = None,
) -> Case | None:
    """End the attempt of a running case; None if its lease is gone."""
    move = after(checkpoint.delivery, ending, tries=case.tries, max_tries=checkpoint.max_tries)
    delay = max(checkpoint.retry_delay_s(case.tries), retry_after_s or 0.0)
    change = {
        "state": advance(case.state, move),
        "due_at": now + timedelta(seconds=delay) if move is Move.RETRY else None,
    }
    entry = move_entry(case, case.but(**change), move, by=WORKER, now=now, attempt=case.attempt, ending=ending.value)
    to = _move(tx, case, change, entry)
    if to is None:
        return None
    tx.change(
        Attempt,
        (case.id, case.attempt),
        expect={"finished_at": None},
        to={"finished_at": now, "ending": ending, "receipt": receipt, "problem": problem},
    )
    if move is Move.FINISH:
        _mark_reversed(tx, case, now=now)
    return to


def _mark_reversed(tx: Transaction, reversal: Case, *, now: datetime) -> None:
    if reversal.reverses is None:
        return
    undone = load(tx, reversal.reverses)
    change = {"state": advance(undone.state, Move.REVERSE)}
    entry = move_entry(undone, undone.but(**change), Move.REVERSE, by=WORKER, now=now, reversal=reversal.id)
    _move(tx, undone, change, entry)


def run(
    store: Store,
    clock: Clock,
    case_id: str,
    *,
    handling_of: Callable[[str], Handling | None],
    worker: str,
    lease_s: float | None = None,
    holding: Callable[[Started], AbstractContextManager[object]] = nullcontext,
) -> Case | None:
    """
    Run a cleared effect once, if this call gets its lease.

    Args:
        store: Where the case is.
        clock: The time.
        case_id: The case.
        handling_of: How the effects of a checkpoint are run here; None if they are not.
        worker: Who runs it.
        lease_s: As for `start`.
        holding: Renews the lease while the block runs, where it is shorter than the handler may take.

    Returns:
        The case afterwards, or None if there was nothing to run.
    """
    started = taking(
        store,
        lambda tx: start(tx, case_id, handling_of=handling_of, worker=worker, clock=clock, lease_s=lease_s),
    )
    return None if started is None else conclude(store, clock, started, holding=holding)


def conclude(
    store: Store,
    clock: Clock,
    started: Started,
    *,
    holding: Callable[[Started], AbstractContextManager[object]] = nullcontext,
) -> Case:
    """Run a started effect in this thread and record how it ended; arguments as for `run`."""
    with holding(started):
        ended = call(started)
        return store.write(lambda tx: finish(tx, started, ended, now=clock.now()))


# --- a person decides ------------------------------------------------------------------------------------


def resolve(
    tx: Transaction,
    case_id: str,
    by: Actor,
    move: Move,
    *,
    now: datetime,
    receipt: Any = None,
    note: str | None = None,
) -> Case:
    """
    Say what became of an unknown effect.

    Args:
        tx: A transaction.
        case_id: A case that is `unknown`.
        by: A lead or admin, not its proposer.
        move: CONFIRM_DONE, SEND_AGAIN (with a new idempotency key) or CONFIRM_FAILED.
        now: The time, UTC.
        receipt: Proof that it happened, where there is one, as JSON.
        note: How the person knows.

    Raises:
        CaseClosed: If the case is not unknown.
        NotAllowed: If the actor has no right to resolve it.
    """
    case = load(tx, case_id)
    by.require(Role.LEAD, Role.ADMIN, to="resolve an unknown effect")
    if by.id == case.proposer:
        raise NotAllowed(f"{by.id} proposed case {case_id}; somebody else must resolve it", case_id=case_id)
    if move not in (Move.CONFIRM_DONE, Move.SEND_AGAIN, Move.CONFIRM_FAILED):
        raise InvalidInput(f'"{move}" does not resolve a case; use confirm_done, send_again or confirm_failed')
    if case.state is not State.UNKNOWN:
        raise closed(tx, case, "be resolved")
    change: dict[str, Any] = {"state": advance(case.state, move)}
    if move is Move.SEND_AGAIN:
        change |= {"generation": case.generation + 1, "tries": 0, "due_at": now}
    if move is Move.CONFIRM_DONE:
        attempt = tx.get(Attempt, case_id, case.attempt)
        late = attempt.receipt if attempt else None
        proof = {"value": receipt} if receipt is not None else (late or {"confirmed_by": by.id})
        tx.change(Attempt, (case_id, case.attempt), expect={}, to={"receipt": proof})
    remark(tx, case, by, "resolve", note, now=now)
    entry = move_entry(case, case.but(**change), move, by=by, now=now, attempt=case.attempt)
    to = _move(tx, case, change, entry)
    if to is None:
        raise closed(tx, load(tx, case_id), "be resolved")
    if move is Move.CONFIRM_DONE:
        _mark_reversed(tx, case, now=now)
    return to


def reverse(
    tx: Transaction,
    checkpoint: Checkpoint,
    case_id: str,
    by: Actor,
    *,
    arguments_of: Callable[[dict[str, Any], Any], dict[str, Any]],
    reversal_id: str,
    verdict_id: str,
    reason: str | None,
    now: datetime,
) -> Case:
    """
    Order the effect that undoes a done one: a case of its own, approved by the person who asks.

    Args:
        tx: A transaction.
        checkpoint: The reversal's registered declaration.
        case_id: The done case.
        by: A reviewer or lead.
        arguments_of: Makes the reversal's arguments from the done case's arguments and receipt.
        reversal_id: A new UUIDv7 for the reversal's case.
        verdict_id: A new id for the approval.
        reason: Why, in the person's words.
        now: The time, UTC.

    Returns:
        The reversal's case, cleared to run. The done case becomes `reversed` when it is done.

    Raises:
        CaseClosed: If the case is not done, or a reversal is on its way.
    """
    case = load(tx, case_id)
    by.require(Role.REVIEWER, Role.LEAD, to="reverse an effect")
    if case.state is not State.DONE:
        raise closed(tx, case, "be reversed")
    for other in tx.find(Case, reverses=case_id):
        if other.state not in FINAL:
            raise CaseClosed(
                f"case {case_id} is being reversed by case {other.id}, which is {other.state.value}",
                case_id=case_id,
                state=case.state.value,
                reversal=other.id,
            )
    content = tx.get(Content, case_id, case.revision)
    attempt = tx.get(Attempt, case_id, case.attempt)
    arguments = arguments_of(content.arguments if content else {}, attempt.receipt if attempt else None)
    fingerprint = content_hash(
        checkpoint=checkpoint.name,
        version=checkpoint.version,
        arguments=freeze(arguments, where="arguments of the reversal"),
        revision=1,
    )
    service = Actor(id="signoff", kind=ActorKind.SERVICE, roles=frozenset())
    waiting = Case(
        id=reversal_id,
        checkpoint=checkpoint.name,
        version=checkpoint.version,
        state=advance(None, Move.PROPOSE),
        content_hash=fingerprint,
        proposer=service.id,
        created_at=now,
        reverses=case_id,
        title=case.title,
    )
    held = waiting.but(
        state=advance(waiting.state, Move.RULE),
        due_at=now,
        fence=1,
        verdict_id=verdict_id,
        cleared_by=ClearedBy.PERSON,
    )
    cleared = held.but(**settled(held, rejected=False, now=now))
    tx.add(
        cleared,
        Content(case_id=reversal_id, revision=1, arguments=arguments, author=service.id),
        Routing(case_id=reversal_id, revision=1, route=Route.REVIEW, reason="reversal", routed_at=now),
        VerdictRecord(
            id=verdict_id,
            case_id=reversal_id,
            revision=1,
            draft_revision=1,
            kind=VerdictKind.APPROVED,
            content_hash=fingerprint,
            reviewer=by.id,
            reason=reason,
            ruled_at=now,
        ),
        move_entry(None, waiting, Move.PROPOSE, by=service, now=now, reverses=case_id),
        move_entry(waiting, held, Move.RULE, by=by, now=now, verdict=verdict_id, kind="approved"),
        settle_entry(held, cleared, by=TIMER, now=now),
    )
    return cleared
