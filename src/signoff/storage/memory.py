"""Memory: the store as a reference, in plain dictionaries; for tests and for reading."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from signoff.domain.account import Token
from signoff.domain.actor import Actor
from signoff.domain.case import Case, ClearedBy, Move, State
from signoff.domain.checkpoint import Checkpoint
from signoff.domain.claim import Assigned, assigned_as, held_by, is_near, offered_to
from signoff.domain.content import Content, Evidence
from signoff.domain.entry import Entry, EntryKind
from signoff.domain.verdict import VerdictKind, VerdictRecord, Vote
from signoff.errors import KeyReused, StoreUnavailable
from signoff.ports import KEYS, NEAREST, Clock, Example, Load, Queue, R, Reading, Record, Settlement, Transaction

T = TypeVar("T")

_SETTLING = frozenset({Move.CLEAR, Move.REJECT, Move.EXPIRE, Move.WITHDRAW})


class _Table:
    """The records of one type, by primary key, and their keys by case."""

    def __init__(self) -> None:
        self.records: dict[tuple[Any, ...], Any] = {}
        self.of_case: dict[str, set[tuple[Any, ...]]] = {}

    def put(self, key: tuple[Any, ...], record: Any) -> None:
        self.records[key] = record
        case_id = getattr(record, "case_id", None)
        if case_id is not None:
            self.of_case.setdefault(case_id, set()).add(key)

    def remove(self, key: tuple[Any, ...]) -> None:
        record = self.records.pop(key)
        self.of_case.get(getattr(record, "case_id", None) or "", set()).discard(key)


Tables = dict[type, _Table]

_UNIQUE: dict[type, tuple[str, ...]] = {
    Case: ("checkpoint", "proposer", "key"),
    Vote: ("case_id", "revision", "reviewer"),
    Token: ("digest",),
}


class MemoryStore:
    """
    A store in memory, with the same behaviour as the others; gone when the process ends.

    Examples:
        >>> store = MemoryStore()
        >>> store.read(lambda tx: tx.counts())
        {}
    """

    def __init__(self) -> None:
        self._tables: Tables = {kind: _Table() for kind in KEYS}
        self._lock = threading.RLock()
        self._writing = False
        self._version = 0
        self._listeners: list[Callable[[Sequence[Entry]], None]] = []
        self._closed = False

    @property
    def clock(self) -> Clock | None:
        """None: one process, one clock."""
        return None

    def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` as one transaction."""
        with self._open():
            if self._writing:
                raise RuntimeError("a write cannot be started inside another write")
            self._writing = True
            tx = _Transaction(self._tables)
            try:
                result = work(tx)
            except BaseException:
                tx.undo()
                raise
            finally:
                self._writing = False
            self._version += 1
        if tx.entries:
            for listener in self._listeners:
                listener(tx.entries)
        return result

    def read(self, work: Callable[[Reading], T]) -> T:
        """Run `work` on a consistent look at what is committed."""
        with self._open():
            return work(_Transaction(self._tables))

    def on_commit(self, listener: Callable[[Sequence[Entry]], None]) -> None:
        """Call `listener` with the entries of each write, after its commit."""
        self._listeners.append(listener)

    def version(self) -> int:
        """Give a number that changes whenever anything was committed."""
        return self._version

    def close(self) -> None:
        """Refuse what comes after; a second call does nothing."""
        self._closed = True

    @contextmanager
    def _open(self) -> Iterator[None]:
        with self._lock:
            if self._closed:
                raise StoreUnavailable("the store in memory is closed; make a new one")
            yield


def _written(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _folded(text: str) -> str:
    """Make A to Z small and leave all other letters alone, as databases do."""
    return text.translate({code: code + 32 for code in range(65, 91)})


class _Transaction:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._undo: list[Callable[[], Any]] = []
        self.entries: list[Entry] = []

    def undo(self) -> None:
        for step in reversed(self._undo):
            step()

    # --- writing

    def add(self, *records: Record) -> None:
        for record in records:
            kind = type(record)
            table = self._tables[kind]
            if isinstance(record, Entry):
                self.entries.append(record)
                record = replace(record, seq=len(table.records) + 1)
            key = tuple(getattr(record, name) for name in KEYS[kind])
            if key in table.records or self._violates(kind, record):
                raise KeyReused(f"a {kind.__name__} with the key {key} is already there; use a new one")
            # A copy, as any database keeps one: what the caller changes later is not what was stored.
            table.put(key, deepcopy(record))
            self._undo.append(lambda table=table, key=key: table.remove(key))  # type: ignore[misc]

    def _violates(self, kind: type, record: Record) -> bool:
        names = _UNIQUE.get(kind, ())
        values = {name: getattr(record, name) for name in names}
        if not names or None in values.values() or getattr(record, "voided_at", None) is not None:
            return False
        return any(getattr(other, "voided_at", None) is None for other in self._matching(kind, values))

    def change(
        self, kind: type[Record], key: Sequence[str | int], *, expect: Mapping[str, Any], to: Mapping[str, Any]
    ) -> bool:
        table = self._tables[kind]
        before = table.records.get(tuple(key))
        if before is None or any(getattr(before, name) != value for name, value in expect.items()):
            return False
        table.put(tuple(key), deepcopy(replace(before, **to)))
        self._undo.append(lambda: table.put(tuple(key), before))
        return True

    # --- reading; what is given out is a copy

    def _matching(self, kind: type, equal: Mapping[str, Any]) -> list[Any]:
        """List the stored records themselves whose fields have these values, in the order of their key."""
        table = self._tables[kind]
        keys = table.of_case.get(equal["case_id"], set()) if equal.get("case_id") is not None else table.records
        found = [
            key for key in keys if all(getattr(table.records[key], name) == value for name, value in equal.items())
        ]
        return [table.records[key] for key in sorted(found)]

    def _all(self, kind: type[R]) -> list[R]:
        records = self._tables[kind].records
        return [records[key] for key in sorted(records)]

    def get(self, kind: type[R], *key: str | int) -> R | None:
        found: R | None = deepcopy(self._tables[kind].records.get(key))
        return found

    def free(self, kind: type[R], *key: str | int) -> R | None:
        return self.get(kind, *key)

    def find(self, kind: type[R], **equal: str | int | None) -> list[R]:
        return deepcopy(self._matching(kind, equal))

    def cases(
        self,
        *,
        states: Sequence[State] | None = None,
        checkpoint: str | None = None,
        after: str | None = None,
        limit: int = 50,
        newest_first: bool = False,
        text: str | None = None,
    ) -> list[Case]:
        found = [
            case
            for case in (reversed(self._all(Case)) if newest_first else self._all(Case))
            if (states is None or case.state in states)
            and (checkpoint is None or case.checkpoint == checkpoint)
            and (after is None or (case.id < after if newest_first else case.id > after))
            and (text is None or self._holds(case, text))
        ]
        return deepcopy(found[:limit])

    def queue(
        self,
        actor: Actor,
        *,
        now: datetime,
        checkpoint: str | None = None,
        after: str | None = None,
        limit: int,
        assigned: Assigned | None = None,
        text: str | None = None,
    ) -> list[Case]:
        everything = len(self._tables[Case].records)
        found = [
            case
            for case in self.cases(
                states=[State.WAITING], checkpoint=checkpoint, after=after, limit=everything, text=text
            )
            if offered_to(case, actor, now=now)
            and assigned in (None, assigned_as(case, actor, now=now))
            and (case.deadline_at is None or case.deadline_at > now)
            and not self.find(Vote, case_id=case.id, revision=case.revision, reviewer=actor.id, voided_at=None)
        ]
        return deepcopy(found[:limit])

    def due(self, state: State, *, now: datetime, limit: int, checkpoint: str | None = None) -> list[Case]:
        found = [
            (c.due_at, c)
            for c in self._all(Case)
            if c.state is state
            and (checkpoint is None or c.checkpoint == checkpoint)
            and c.due_at is not None
            and c.due_at <= now
        ]
        return deepcopy([case for _, case in sorted(found, key=lambda pair: pair[0])][:limit])

    def next_due(self, *, after: datetime) -> datetime | None:
        live = (State.WAITING, State.HELD, State.CLEARED, State.RUNNING)
        return min(
            (c.due_at for c in self._all(Case) if c.state in live and c.due_at is not None and c.due_at > after),
            default=None,
        )

    def running(self, checkpoint: str) -> int:
        return sum(c.state is State.RUNNING and c.checkpoint == checkpoint for c in self._all(Case))

    def counts(self, *, checkpoint: str | None = None) -> dict[State, int]:
        counted: dict[State, int] = {}
        for case in self._all(Case):
            if checkpoint is None or case.checkpoint == checkpoint:
                counted[case.state] = counted.get(case.state, 0) + 1
        return counted

    def queues(self, *, now: datetime) -> dict[str, Queue]:
        found: dict[str, Queue] = {}
        for case in self._all(Case):
            if case.state is State.WAITING:
                so_far = found.get(case.checkpoint, Queue(waiting=0, oldest_at=case.created_at, snoozed=0))
                asleep = case.snoozed_until is not None and case.snoozed_until > now
                found[case.checkpoint] = replace(so_far, waiting=so_far.waiting + 1, snoozed=so_far.snoozed + asleep)
        return found

    def loads(self, *, now: datetime) -> list[Load]:
        found: dict[tuple[str, str], Load] = {}
        for case in self._all(Case):
            for who, what in ((held_by(case, now=now), "claimed"), (case.assigned_to, "assigned")):
                if case.state is State.WAITING and who is not None:
                    load = found.get((who, case.checkpoint), Load(who=who, checkpoint=case.checkpoint))
                    found[who, case.checkpoint] = replace(load, **{what: getattr(load, what) + 1})
        return [found[key] for key in sorted(found)]

    def rulings(self, *, since: datetime) -> dict[str, int]:
        found: dict[str, int] = {}
        for record in self._all(VerdictRecord):
            if record.ruled_at >= since and record.voided_at is None:
                found[record.reviewer] = found.get(record.reviewer, 0) + 1
        return found

    def claimed_before(self, before: datetime, *, now: datetime, limit: int) -> list[Case]:
        began = {e.case_id: e.at for e in self._all(Entry) if (e.kind, e.act) == (EntryKind.CLAIM, "claim")}
        found = [
            case
            for case in self._all(Case)
            if case.state is State.WAITING
            and held_by(case, now=now) is not None
            and case.id in began
            and began[case.id] < before
        ]
        return deepcopy(found[:limit])

    def nearing(self, *, now: datetime, limit: int) -> list[Case]:
        waiting = (case for case in self._all(Case) if case.state is State.WAITING)
        next_ = sorted((c.due_at, c.id, c) for c in waiting if c.due_at is not None and c.due_at > now)[:NEAREST]
        return deepcopy([case for _, _, case in next_ if is_near(case, now=now)][:limit])

    def ledger(self, *, after_seq: int, limit: int) -> list[Entry]:
        return deepcopy([entry for entry in self._all(Entry) if entry.seq > after_seq][:limit])

    def _entries(self, after_seq: int, up_to: int | None = None) -> Iterator[Entry]:
        # They are numbered without a gap.
        table = self._tables[Entry].records
        for seq in range(max(after_seq, 0) + 1, min(len(table), len(table) if up_to is None else up_to) + 1):
            yield table[seq,]

    def decisions(self, checkpoint: str, *, after_seq: int, limit: int) -> list[Entry]:
        found = (
            entry
            for entry in self._entries(after_seq)
            if entry.kind is EntryKind.AUTOMATION and entry.checkpoint == checkpoint
        )
        return deepcopy(list(islice(found, limit)))

    def settlements(self, checkpoint: str, *, after_seq: int, limit: int, up_to: int | None = None) -> list[Settlement]:
        found = (
            Settlement(seq=entry.seq, case_id=entry.case_id or "", act=Move(entry.act), loss=self._loss(entry))
            for entry in self._entries(after_seq, up_to)
            if entry.act in _SETTLING and entry.checkpoint == checkpoint
        )
        return list(islice(found, limit))

    def _loss(self, settled: Entry) -> float | None:
        entries = self._matching(Entry, {"case_id": settled.case_id})
        ruled = [entry for entry in entries if entry.act == Move.RULE and entry.seq < settled.seq]
        return ruled[-1].facts.get("loss") if ruled else None

    def last_seq(self) -> int:
        return len(self._tables[Entry].records)

    def _holds(self, case: Case, text: str) -> bool:
        content, material = self.get(Content, case.id, case.revision), self.get(Evidence, case.id)
        checkpoint = self.get(Checkpoint, case.checkpoint, case.version)
        # Whoever could find a case by the category that is kept from them would know it.
        is_blind = checkpoint is not None and checkpoint.blind and case.state in (State.WAITING, State.HELD)
        arguments = {} if content is None or is_blind else content.arguments
        written = [_written(arguments), _written(material.items if material else {})]
        return any(_folded(json.dumps(text, ensure_ascii=False)[1:-1]) in _folded(each) for each in written) or (
            _folded(text) in _folded(case.key or "")
        )

    def latest_checkpoint(self, name: str) -> Checkpoint | None:
        versions = self.find(Checkpoint, name=name)
        return versions[-1] if versions else None

    def checkpoint_names(self) -> list[str]:
        return sorted({checkpoint.name for checkpoint in self._all(Checkpoint)})

    def examples(self, checkpoint: str, *, after_seq: int, limit: int) -> list[Example]:
        found: list[Example] = []
        for entry in self._all(Entry):
            if len(found) == limit:
                break
            if entry.seq <= after_seq or entry.act not in (Move.CLEAR, Move.REJECT):
                continue
            case = self.get(Case, entry.case_id or "")
            record = self.get(VerdictRecord, case.verdict_id or "") if case else None
            if case is None or record is None or entry.checkpoint != checkpoint:
                continue
            settled = [e.seq for e in self.find(Entry, case_id=case.id) if e.act in (Move.CLEAR, Move.REJECT)]
            if case.cleared_by is not ClearedBy.PERSON or entry.seq != max(settled):
                continue
            draft = self.get(Content, case.id, record.draft_revision)
            final = self.get(Content, case.id, record.revision + (record.kind is VerdictKind.EDITED))
            if draft is None or final is None:
                continue
            material = self.get(Evidence, case.id)
            found.append(
                Example(
                    seq=entry.seq,
                    case_id=case.id,
                    evidence={n: i["value"] for n, i in material.items.items()} if material else {},
                    proposed=draft.arguments,
                    final=None if record.kind is VerdictKind.REJECTED else final.arguments,
                )
            )
        return found
