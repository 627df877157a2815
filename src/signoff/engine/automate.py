"""Automate: decide each new case of a checkpoint in order, put that on record, and follow what others decided."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from signoff.domain.actor import POLICY
from signoff.domain.automation import Arrivals, Snapshot
from signoff.domain.case import Case
from signoff.domain.checkpoint import Checkpoint
from signoff.domain.entry import Entry, EntryKind, act_entry
from signoff.domain.policy import Routing
from signoff.errors import ConflictError, KeyReused, LedgerBroken
from signoff.ports import Reading, Record, Settlement, Transaction

if TYPE_CHECKING:
    # It brings numpy with it, which an app without such checkpoints does not need.
    from signoff.engine.track import Track

T = TypeVar("T")

log = logging.getLogger("signoff.automation")

SNAPSHOT_EVERY = 1000
"""Arrivals between two snapshots; more while more cases wait, since those are most of one."""

_PAGE = 1000
_TRIES = 3
_MOST_SETTLED = 5000
"""Settlements that one write takes in at the most; the next ones take in the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """
    A new case that is to be decided, with what is known of it.

    Args:
        case: The case, as it was added.
        routing: How it was routed, to which the numbers of the decision are added.
        features: As `checked_features` gives them; None is doubt.
        doubt: Why there are none, as the name of a rule.
        coin: A fair draw, 0 up to but not including 1, made for this case alone.
    """

    case: Case
    routing: Routing
    features: Mapping[str, float] | None
    doubt: str | None
    coin: float


class Automations:
    """
    What this process knows of the automation of each checkpoint; nothing of it is lost with the process.

    Decisions of one checkpoint are made one after the other, over all processes: whoever makes one holds its row of
    `Arrivals` until the write ends. That row also tells whether what is in memory is what is on record: it is not after
    a write that was rolled back, or when another process decided meanwhile.

    Args:
        every: Arrivals, >= 1, between two snapshots.
    """

    def __init__(self, *, every: int = SNAPSHOT_EVERY) -> None:
        self._every = every
        self._guard = threading.Lock()
        self._tracks: dict[str, _Kept] = {}
        self._looking = threading.Lock()
        self._looks: dict[str, _Kept] = {}

    def route(
        self, tx: Transaction, checkpoint: Checkpoint, newcomers: Sequence[Newcomer], *, now: datetime
    ) -> list[Record]:
        """
        Decide new cases, and give what is to be added for them: a routing and an entry each.

        Nothing that goes wrong in here costs a case: it is then reviewed like any other, and the entry says why.

        Args:
            tx: A transaction, in which the cases were added.
            checkpoint: Their declaration, with its version.
            newcomers: The cases, in order; at least one.
            now: The time, UTC.
        """
        name = checkpoint.name
        row = _take(tx, name)
        with self._guard:
            kept = self._tracks.setdefault(name, _Kept(name))
        # From here on nobody else is in here for this checkpoint: they wait for the row.
        _follow(tx, kept, row)
        _fold(tx, kept)
        count = row.count
        added: list[Record] = []
        for each in newcomers:
            facts = _decide(kept, checkpoint, each, count)
            added.append(replace(each.routing, coin=each.coin, numbers=told(facts)))
            added.append(act_entry(each.case, EntryKind.AUTOMATION, "decide", by=POLICY, now=now, **_as_json(facts)))
            count += 1
        after = Arrivals(checkpoint=name, count=count, newest=newcomers[-1].case.id)
        if not tx.change(
            Arrivals,
            (name,),
            expect={"count": row.count, "newest": row.newest},
            to={"count": after.count, "newest": after.newest},
        ):
            raise ConflictError(f"others decided cases of checkpoint {name!r} in the same moment; propose again")
        if kept.track is not None and row.count // self._every < count // self._every:
            self._snapshot(tx, kept, name, now=now)
        return added

    def _snapshot(self, tx: Transaction, kept: _Kept, name: str, *, now: datetime) -> None:
        track = kept.track
        # It is about as large as what waits, so with a long queue it is taken less often.
        if track is None or track.count - kept.snapshot < max(self._every // 2, track.open):
            return
        state = kept.guarded(track.state, count=track.count)
        if state is None:
            return
        taken = Snapshot(checkpoint=name, count=track.count, seq=track.mark, state=state, taken_at=now)
        to = {"count": taken.count, "seq": taken.seq, "state": taken.state, "taken_at": taken.taken_at}
        if not tx.change(Snapshot, (name,), expect={}, to=to):
            tx.add(taken)
        kept.snapshot = track.count

    def look(self, tx: Reading, name: str, ask: Callable[[Track], T]) -> T | None:
        """
        Ask something about where the automation of a checkpoint stands, by all that is on record.

        Args:
            tx: A look at the store, later than that of any call before.
            name: The checkpoint.
            ask: Gets the track, and changes nothing.

        Returns:
            Its answer; None if nothing was decided there yet.

        Raises:
            LedgerBroken: If the entries cannot be read.
        """
        row = tx.get(Arrivals, name)
        if row is None or not row.count:
            return None
        # Apart from what routes: a look must not take in, or drop, what a write in progress has just decided.
        with self._looking:
            kept = self._looks.setdefault(name, _Kept(name))
            _follow(tx, kept, row)
            _fold(tx, kept, most=None)
            if kept.track is None:
                raise LedgerBroken(
                    f"the decisions of checkpoint {name!r} cannot be read ({kept.broken}); run signoff verify"
                )
            return ask(kept.track)


class _Kept:
    """A track, if there is a sound one, and why there is none."""

    def __init__(self, checkpoint: str) -> None:
        self.checkpoint = checkpoint
        self.track: Track | None = None
        self.snapshot = 0
        """Arrivals in the newest snapshot that is known of."""
        self.broken = ""
        self._failures = 0
        self._broken_at = 0

    def may_try(self, count: int) -> bool:
        """Tell whether to rebuild it from the record; after some failures only every now and then."""
        return self._failures < _TRIES or not self._broken_at <= count < self._broken_at + SNAPSHOT_EVERY

    def guarded(self, work: Callable[[], T], *, count: int) -> T | None:
        """Do what concerns memory alone; if that fails, what is in memory is dropped, since the record has it."""
        try:
            return work()
        except Exception as error:
            log.exception("automation of %r fails; its cases are reviewed", self.checkpoint)
            self.track, self.broken = None, f"{type(error).__name__}: {error}"
            self._failures, self._broken_at = self._failures + 1, count
            return None


def _take(tx: Transaction, name: str) -> Arrivals:
    """Give the row of a checkpoint; nobody else changes it until this write ends."""
    row = tx.get(Arrivals, name)
    if row is None:
        # Unless another process made it at the same moment.
        with suppress(KeyReused):
            tx.add(Arrivals(checkpoint=name))
        row = tx.get(Arrivals, name)
    if row is None:
        raise LedgerBroken(f"the arrivals of checkpoint {name!r} are gone; propose again")
    return row


def _decide(kept: _Kept, checkpoint: Checkpoint, newcomer: Newcomer, count: int) -> dict[str, Any]:
    track = kept.track
    if track is not None:

        def work() -> dict[str, Any]:
            facts = track.decide(
                alpha=checkpoint.target, coin=newcomer.coin, features=newcomer.features, doubt=newcomer.doubt
            )
            track.enter(newcomer.case.id, facts)
            return facts

        facts = kept.guarded(work, count=count)
        if facts is not None:
            return facts
    return {"arrival": count, "mark": 0, "features": newcomer.features, "doubt": "automation_failed"}


def _as_json(facts: Mapping[str, Any]) -> dict[str, Any]:
    made = facts.get("decision")
    return {**facts, "decision": made.as_dict()} if made is not None else dict(facts)


def told(facts: Mapping[str, Any]) -> dict[str, Any]:
    """
    Give the short form of a decision, for whoever asks why a case is before them.

    Args:
        facts: As `Track.decide` gives them.
    """
    decision = facts.get("decision")
    if decision is None:
        return {"doubt": facts["doubt"]}
    numbers: dict[str, Any] = {"predicted_risk": _short(decision.p_err)}
    if decision.level >= 0:
        # People count levels from 1.
        line = max(decision.thresholds[decision.level], 0.0)
        numbers |= {"risk_threshold": _short(line), "level": decision.level + 1}
    numbers |= {"would_be": decision.route.value, "why": decision.why.value}
    return numbers | ({"doubt": facts["doubt"]} if "doubt" in facts else {})


def _short(number: float) -> float:
    return float(f"{number:.3g}")


# --- following the ledger


def _follow(tx: Reading, kept: _Kept, row: Arrivals) -> None:
    """Bring what is in memory to where the row says the record is; after it, there may be nothing in memory."""
    track = kept.track
    if track is not None and (track.count, track.newest) == (row.count, row.newest):
        return
    if not kept.may_try(row.count):
        return
    after = None
    if track is not None and track.count < row.count:
        after = _seq_of(tx, track.newest, track.count) if track.count else 0
    if after is None or (track is not None and row.count - track.count > SNAPSHOT_EVERY):
        # Memory is ahead of the record, or off it: of a write that was rolled back. Or a snapshot is the shorter way.
        found = _from_snapshot(tx, kept, row, at_least=track.count if track is not None and after is not None else 0)
        if found is not None:
            track, after = found
        elif after is None:
            track, after = _new_track(), 0
    kept.track, kept.broken = track, ""
    for work in _replay(tx, kept, row, after):
        if kept.guarded(work, count=row.count) is None:
            return
    kept.guarded(lambda: _require_all(row, kept.track), count=row.count)


def _require_all(row: Arrivals, track: Track | None) -> None:
    if track is not None and (track.count, track.newest) != (row.count, row.newest):
        raise ValueError(f"{row.count} cases were decided, and the ledger has other {track.count}")


def _new_track() -> Track:
    from signoff.engine.track import Track

    return Track()


def _from_snapshot(tx: Reading, kept: _Kept, row: Arrivals, *, at_least: int) -> tuple[Track, int] | None:
    from signoff.engine.track import Track

    snapshot = tx.get(Snapshot, row.checkpoint)
    if snapshot is None or not at_least < snapshot.count <= row.count:
        return None
    try:
        track = Track.from_state(snapshot.state)
    except Exception:
        log.exception("the snapshot of %r cannot be read; the ledger is", row.checkpoint)
        return None
    after = _seq_of(tx, track.newest, track.count)
    if after is None:
        return None
    kept.snapshot = snapshot.count
    return track, after


def _seq_of(tx: Reading, case_id: str, count: int) -> int | None:
    """Give the number of the entry by which a case was decided as the last of so many; None if it was not."""
    for entry in tx.find(Entry, case_id=case_id):
        if entry.kind is EntryKind.AUTOMATION and entry.facts.get("arrival") == count - 1:
            return entry.seq
    return None


def _replay(tx: Reading, kept: _Kept, row: Arrivals, after: int) -> Iterator[Callable[[], object]]:
    """Give what has to be done in memory, step by step, to take in the decisions of others as they were made."""
    while (track := kept.track) is not None and track.count < row.count:
        page = tx.decisions(row.checkpoint, after_seq=after, limit=min(_PAGE, row.count - track.count))
        if not page:
            return
        after = page[-1].seq
        until = max([0, *(mark for entry in page if isinstance(mark := entry.facts.get("mark"), int))])
        settled = _settled(tx, row.checkpoint, after_seq=track.mark, up_to=until)
        yield lambda page=page, settled=settled: _enter_all(track, page, settled)  # type: ignore[misc]


def _enter_all(track: Track, page: Sequence[Entry], settled: Iterator[Settlement]) -> bool:
    following = next(settled, None)
    for entry in page:
        mark = entry.facts.get("mark", 0)
        while following is not None and following.seq <= mark:
            track.settle(following)
            following = next(settled, None)
        track.enter(entry.case_id or "", entry.facts)
    return True


def _settled(tx: Reading, checkpoint: str, *, after_seq: int, up_to: int | None) -> Iterator[Settlement]:
    found: list[Settlement] = []
    if up_to is not None and up_to <= after_seq:
        return iter(found)
    while True:
        page = tx.settlements(checkpoint, after_seq=after_seq, limit=_PAGE, up_to=up_to)
        found += page
        if len(page) < _PAGE:
            return iter(found)
        after_seq = page[-1].seq


def _fold(tx: Reading, kept: _Kept, *, most: int | None = _MOST_SETTLED) -> None:
    """Take in what has settled since; the next decision says up to where."""
    taken = 0
    while (track := kept.track) is not None and (most is None or taken < most):
        page = tx.settlements(kept.checkpoint, after_seq=track.mark, limit=_PAGE)
        taken += len(page)
        kept.guarded(lambda page=page, track=track: [track.settle(each) for each in page], count=track.count)  # type: ignore[misc]
        if len(page) < _PAGE:
            return
