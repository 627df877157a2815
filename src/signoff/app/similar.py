"""Similar: cases of a checkpoint that people have ruled on, found by how alike their evidence is."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from signoff.app.labels import label_in
from signoff.app.settled import Settled
from signoff.app.views import CaseView, SimilarCase
from signoff.domain.case import Case, State
from signoff.domain.checkpoint import Checkpoint
from signoff.domain.content import Content, Evidence, difference
from signoff.domain.verdict import VerdictKind, VerdictRecord
from signoff.learning.similar import MAX_CHARS, MAX_TEXTS, SimilarTexts
from signoff.ports import Example, Reading, Store

MOST_INDEXES = 8
"""Checkpoints whose cases are kept ready at a time; each may take some 50 MB."""

_AT_ONCE = 1_000
"""Texts counted in one go, which nothing can break off."""

log = logging.getLogger("signoff.similar")

_OPEN = (State.WAITING, State.HELD)


class SimilarCases:
    """
    The newest 5,000 settled verdicts of one checkpoint, ready to be looked up by the words of their evidence.

    Read from the ledger at the first look, which may take seconds, and followed from then on. May be called from
    several threads.

    Args:
        store: Where the cases are.
        checkpoint: Name of the checkpoint.
    """

    def __init__(self, store: Store, checkpoint: str) -> None:
        self._store = store
        self._checkpoint = checkpoint
        self._texts = SimilarTexts()
        self._settled: Settled[tuple[str, str]] | None = None
        self._guard = threading.Lock()
        self._reader: threading.Thread | None = None
        self._stopped = threading.Event()

    def find(self, view: CaseView, *, limit: int, wait: bool) -> list[SimilarCase]:
        """
        List the cases most like that one, most like first.

        Args:
            view: The case.
            limit: How many at most, >= 1.
            wait: Whether to wait until all are read; otherwise a thread reads them, and until then there are none.
        """
        if self._settled is None and not wait:
            self._read_aside()
            return []
        text = words_of(view.evidence, view.content.arguments, view.checkpoint.label)
        with self._guard:
            self._follow()
            if self._settled is None:
                return []
            # More than are asked for, as a verdict may have been taken back after it had settled.
            near = self._texts.nearest(text, limit=2 * limit + 5)

        def look(tx: Reading) -> list[SimilarCase]:
            found = (_told(tx, case_id, likeness, seen=view.case) for case_id, likeness in near)
            return [each for each in found if each is not None][:limit]

        return self._store.read(look)

    def stop(self) -> None:
        """Let go of the store soon: who still reads it ends after a page."""
        self._stopped.set()

    def ended(self) -> None:
        """Wait until nobody reads the store any more."""
        reader = self._reader
        if reader is not None:
            reader.join()

    def _read_aside(self) -> None:
        # Whoever holds the guard is reading.
        if self._stopped.is_set() or not self._guard.acquire(blocking=False):
            return
        try:
            if self._reader is None or not self._reader.is_alive():
                self._reader = threading.Thread(target=self._read_all, name="signoff-similar", daemon=True)
                self._reader.start()
        finally:
            self._guard.release()

    def _read_all(self) -> None:
        try:
            with self._guard:
                self._follow()
        except Exception:
            # Nobody waits for it; the next one who asks begins anew.
            log.warning("the cases of %s could not be read to find similar ones", self._checkpoint, exc_info=True)

    def _follow(self) -> None:
        if self._settled is None:
            settled: Settled[tuple[str, str]] = Settled(self._store, self._checkpoint, _read)
            found: list[tuple[str, str]] = []
            while len(found) < MAX_TEXTS and not settled.from_the_start:
                if self._stopped.is_set():
                    return
                found = settled.older() + found
            found = found[-MAX_TEXTS:]
            for start in range(0, len(found), _AT_ONCE):
                if self._stopped.is_set():
                    return
                self._add(found[start : start + _AT_ONCE])
            # Not before: a look that failed begins anew.
            self._settled = settled
        self._add(self._settled.newer())

    def _add(self, found: list[tuple[str, str]]) -> None:
        self._texts.add([case_id for case_id, _ in found], [text for _, text in found])


def _read(tx: Reading, examples: list[Example]) -> list[tuple[str, str]]:
    labels: dict[int, str | None] = {}
    found = []
    for each in examples:
        case = tx.get(Case, each.case_id)
        evidence = tx.get(Evidence, each.case_id)
        if case is None:
            continue
        if case.version not in labels:
            checkpoint = tx.get(Checkpoint, case.checkpoint, case.version)
            labels[case.version] = checkpoint.label if checkpoint else None
        found.append((case.id, words_of(evidence.items if evidence else {}, each.proposed, labels[case.version])))
    return found


def _told(tx: Reading, case_id: str, likeness: float, *, seen: Case) -> SimilarCase | None:
    """Give a case that stands as it settled, unless it is the one that is looked at, or its reversal."""
    case = tx.get(Case, case_id)
    if case is None or case.id == seen.id or seen.id == case.reverses or case.id == seen.reverses:
        return None
    record = tx.get(VerdictRecord, case.verdict_id) if case.verdict_id else None
    if record is None or record.voided_at is not None or case.state in _OPEN:
        return None
    checkpoint = tx.get(Checkpoint, case.checkpoint, case.version)
    draft = tx.get(Content, case_id, record.draft_revision)
    final = tx.get(Content, case_id, record.revision + (record.kind is VerdictKind.EDITED))
    if checkpoint is None or draft is None or final is None:
        return None
    rejected = record.kind is VerdictKind.REJECTED
    return SimilarCase(
        case_id=case_id,
        title=case.title,
        verdict=record.kind,
        label=label_in(None if rejected else final.arguments, checkpoint.label),
        edited=[] if rejected else sorted(difference(draft.arguments, final.arguments)),
        reviewer=record.reviewer,
        ruled_at=record.ruled_at,
        likeness=round(likeness, 3),
    )


def words_of(evidence: Mapping[str, Mapping[str, Any]], arguments: Mapping[str, Any], label: str | None) -> str:
    """
    Give the words by which a case is like another one: its evidence, or without any its arguments.

    Texts and e-mails come first, then whatever else is written in it. The category is left out, as it is what the
    verdict was about.

    Args:
        evidence: By name, `{"media_type", "value"}`.
        arguments: As they were proposed.
        label: The argument that is a category.
    """
    if not evidence:
        said = {name: value for name, value in arguments.items() if name != label}
        return "\n".join(_leaves(said))[:MAX_CHARS]
    texts: list[str] = []
    others = []
    room = MAX_CHARS
    for item in evidence.values():
        value = item["value"]
        if not isinstance(value, str):
            others.append(value)
        elif room > 0:
            # Whatever comes later is not read, which matters where it is thousands of mails.
            texts.append(_words(item["media_type"], value))
            room -= len(texts[-1]) + 1
    return "\n".join([*texts, *(leaf for other in others for leaf in _leaves(other))])[:MAX_CHARS]


def _words(media_type: str, value: str) -> str:
    if str(media_type).partition(";")[0].strip().lower() != "message/rfc822":
        return value[:MAX_CHARS]
    from signoff.sources.mail import read

    mail = read(value)
    return f"{mail.subject}\n{mail.text[:MAX_CHARS]}"


def _leaves(value: Any) -> Iterator[str]:
    """Go through what is written in a JSON value, names left out."""
    if isinstance(value, str):
        yield value[:MAX_CHARS]
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value[:MAX_CHARS]:
            yield from _leaves(inner)
    elif value is not None:
        yield json.dumps(value)
