"""LabelDrafter: a first pass that gives a text one of a few labels and learns them from the verdicts."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from signoff.domain.content import canonical
from signoff.errors import InvalidInput, UsageError
from signoff.learning.labels import MAX_EXAMPLES, LabelModel, Ranking, fit, rank_by_votes, readable
from signoff.ports import Alternative, Draft, Example

log = logging.getLogger("signoff.drafters.labels")

_ALTERNATIVES = 4
_GROWTH = 0.05
"""Share of new verdicts that makes a fit worth its time once there are many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Knowledge:
    """What drafts are made of; replaced as a whole."""

    labels: tuple[str, ...]
    learned: int = 0
    model: LabelModel | None = None


class LabelDrafter:
    """
    Drafts one label for a text, and gets better with every few verdicts.

    It starts without any label, or with those it is given. A label that a reviewer types is known from then on.
    A fit runs on a thread of its own; until it is through, drafts come from what was known before. May be
    called from several threads. Reads the first 4,000 characters of a text and fits on the newest verdicts, at
    most 10,000 and 4 million characters. A label is text; verdicts with anything else in its place teach nothing.

    Args:
        text: The item of evidence to read: a text, or any JSON, which is read in its canonical form.
        label: The argument that takes the label.
        labels: Labels known from the start; the first is proposed while there is nothing to go by.
        rules: Words by label, for the start: each word that occurs in the text, whatever its case, is a vote.
            They count for half after 200 verdicts, and for ever less.
        refit_after: New verdicts, >= 1, that start a fit; with more than 20 times as many learned, 5 % of them.
        background: False to fit inside `learn`, for scripts and tests that must not depend on timing.
        name: What it is called in the ledger.
        arguments: Items of evidence to copy into the arguments, for a function that takes them as well.

    Raises:
        UsageError: If an option is out of its range.

    Examples:
        >>> draft = LabelDrafter(labels=["billing", "shipping"], rules={"billing": ["refund"]})
        >>> made = draft({"message": "I want a refund."})
        >>> made.arguments, round(made.confidence, 2), made.rationale, made.drafter
        ({'category': 'billing'}, 0.67, "rule: contains 'refund'", 'labels-0')
    """

    def __init__(
        self,
        *,
        text: str = "message",
        label: str = "category",
        labels: Sequence[str] = (),
        rules: Mapping[str, Sequence[str]] | None = None,
        refit_after: int = 5,
        background: bool = True,
        name: str = "labels",
        arguments: Sequence[str] = (),
    ) -> None:
        if isinstance(labels, str) or isinstance(arguments, str):
            raise UsageError("labels and arguments take a list of names, not one text")
        if any(isinstance(words, str) for words in (rules or {}).values()):
            raise UsageError('rules take a list of words for each label, as in {"billing": ["refund"]}')
        if refit_after < 1:
            raise UsageError(f"refit_after is {refit_after}; it is a number of verdicts, at least 1")
        if label in arguments:
            raise UsageError(
                f"{label!r} is the argument that takes the label, so it cannot be copied from the evidence"
            )
        self._text = text
        self._label = label
        self._rules = {
            name: tuple(dict.fromkeys(word.lower() for word in words if word)) for name, words in (rules or {}).items()
        }
        self._seeds = tuple(dict.fromkeys([*labels, *self._rules]))
        self._refit_after = refit_after
        self._background = background
        self._name = name
        self._copied = tuple(arguments)

        self._knowledge = _Knowledge(labels=self._seeds)
        self._guard = threading.Lock()
        self._idle = threading.Event()
        self._idle.set()
        self._seen: set[int] = set()
        self._examples: dict[int, tuple[str, str]] = {}
        self._first_use: dict[str, int] = {}
        self._learned = 0
        self._tried = 0

    @property
    def version(self) -> str:
        """Its name and the number of verdicts its drafts are learned from; rises with each fit."""
        return self._version_of(self._knowledge)

    @property
    def known_labels(self) -> tuple[str, ...]:
        """Every label it has heard of: those given at the start, then others in the order of their first use."""
        with self._guard:
            return self._known()

    def __call__(self, evidence: Mapping[str, Any], /) -> Draft:
        """
        Propose a label for one text.

        A confidence of 0.0 means that there is nothing to go by: no verdict yet, and no rule that fits. The
        label is then the first one known, or empty if none is.

        Raises:
            InvalidInput: If the evidence lacks an item it needs.
        """
        return self.draft_many([evidence])[0]

    def draft_many(self, evidences: Sequence[Mapping[str, Any]]) -> list[Draft]:
        """
        Propose a label for each of many texts, all from the same knowledge; much faster than one by one.

        Raises:
            InvalidInput: If any evidence lacks an item it needs.
        """
        # Read once: a fit may replace it at any moment.
        knowledge = self._knowledge
        texts = [self._read(evidence) for evidence in evidences]
        hits = [self._hits(text) for text in texts]
        votes = [{label: float(len(words)) for label, words in found.items()} for found in hits]
        if knowledge.model is not None:
            rankings = knowledge.model.predict(texts, votes=votes if self._rules else None, top=_ALTERNATIVES + 1)
        else:
            rankings = [_unlearned(knowledge.labels, given) for given in votes]
        return [
            self._draft(knowledge, evidence, ranking, found)
            for evidence, ranking, found in zip(evidences, rankings, hits, strict=True)
        ]

    def learn(self, examples: Sequence[Example]) -> None:
        """
        Take in settled verdicts, each once, in any order; returns at once unless `background` is off.

        A rejection teaches nothing: it tells that the proposal should not run, and that may be for a reason
        which has nothing to do with the label; taking the label for wrong would unlearn right ones.
        """
        with self._guard:
            unusable = sum(not self._take(example) for example in examples)
            start = self._idle.is_set() and self._due()
            if start:
                self._idle.clear()
        if unusable:
            log.warning(
                "%d of %d verdicts teach %s nothing: there is no text %r in the evidence, or no text in %r",
                unusable,
                len(examples),
                self._name,
                self._text,
                self._label,
            )
        if start:
            self._start()

    def wait(self, timeout_s: float | None = None) -> bool:
        """
        Wait until no fit is running or due.

        Args:
            timeout_s: Seconds, >= 0, to wait at most; None for as long as it takes.

        Returns:
            Whether that is so.
        """
        return self._idle.wait(timeout_s)

    # --- drafting

    def _read(self, evidence: Mapping[str, Any]) -> str:
        value = self._item(evidence, self._text)
        return readable(value if isinstance(value, str) else canonical(value).decode("utf-8"))

    def _item(self, evidence: Mapping[str, Any], name: str) -> Any:
        if name not in evidence:
            raise InvalidInput(
                f"the evidence has no item {name!r}, which the drafter {self._name!r} reads; propose with it, or "
                "name another item where the drafter is made",
                item=name,
            )
        return evidence[name]

    def _hits(self, text: str) -> dict[str, list[str]]:
        if not self._rules:
            return {}
        lowered = text.lower()
        found = {label: [word for word in words if word in lowered] for label, words in self._rules.items()}
        return {label: words for label, words in found.items() if words}

    def _draft(
        self, knowledge: _Knowledge, evidence: Mapping[str, Any], ranking: Ranking, hits: Mapping[str, list[str]]
    ) -> Draft:
        copied = {name: self._item(evidence, name) for name in self._copied}
        (best, confidence), *others = ranking or [("", 0.0)]
        reasons = []
        if knowledge.model is not None:
            reasons.append(f"learned from {knowledge.learned:,} verdict{'' if knowledge.learned == 1 else 's'}")
        if best in hits:
            reasons.append(f"rule: contains {', '.join(repr(word) for word in hits[best])}")
        return Draft(
            arguments={**copied, self._label: best},
            # Rounded, so that a text drafted alone and among many gets the same number.
            confidence=round(confidence, 4),
            rationale="; ".join(reasons) or "nothing to go by yet",
            alternatives=[
                Alternative(arguments={**copied, self._label: other}, confidence=round(share, 4))
                for other, share in others[:_ALTERNATIVES]
            ],
            drafter=self._version_of(knowledge),
        )

    def _version_of(self, knowledge: _Knowledge) -> str:
        # Counted, not numbered by fit: rebuilt from the ledger, the same number means the same verdicts.
        return f"{self._name}-{knowledge.learned}"

    # --- learning; what follows up to _start is called with the guard held

    def _take(self, example: Example) -> bool:
        """Keep an example; tell whether it could be used."""
        if example.seq in self._seen:
            return True
        self._seen.add(example.seq)
        if example.final is None:
            return True
        label = example.final.get(self._label)
        if not isinstance(label, str) or not label:
            return False
        try:
            text = self._read(example.evidence)
        except InvalidInput:
            return False
        self._examples[example.seq] = (text, label)
        self._first_use[label] = min(self._first_use.get(label, example.seq), example.seq)
        self._learned += 1
        if len(self._examples) > 2 * MAX_EXAMPLES:
            self._examples = dict(sorted(self._examples.items())[-MAX_EXAMPLES:])
        return True

    def _known(self) -> tuple[str, ...]:
        learned = sorted(self._first_use, key=self._first_use.__getitem__)
        return tuple(dict.fromkeys([*self._seeds, *learned]))

    def _due(self) -> bool:
        return self._learned - self._tried >= max(self._refit_after, _GROWTH * self._tried)

    def _start(self) -> None:
        if not self._background:
            self._fit_while_due()
            return
        try:
            threading.Thread(target=self._fit_while_due, name=f"signoff-fit-{self._name}", daemon=True).start()
        except RuntimeError:
            # No thread to be had, as while the interpreter ends; the next verdict tries again.
            self._idle.set()
            log.exception("no thread to fit %s on; it goes on with what it knows", self._name)

    def _fit_while_due(self) -> None:
        try:
            while self._fit_once():
                pass
        except BaseException:
            self._idle.set()
            raise

    def _fit_once(self) -> bool:
        with self._guard:
            if not self._due():
                # Under the guard: a verdict either is seen above, or finds nobody fitting and starts anew.
                self._idle.set()
                return False
            examples = [self._examples[seq] for seq in sorted(self._examples)[-MAX_EXAMPLES:]]
            known = self._known()
            # Also if the fit fails: the same verdicts would only fail again.
            learned = self._tried = self._learned
        try:
            model = self._fit([text for text, _ in examples], [label for _, label in examples], known)
        except Exception:
            log.exception("%s could not be fitted; it goes on with what it knows", self._name)
        else:
            self._knowledge = _Knowledge(labels=known, learned=learned, model=model)
        return True

    def _fit(self, texts: Sequence[str], labels: Sequence[str], known: Sequence[str]) -> LabelModel:
        return fit(texts, labels, known=known)


def _unlearned(labels: Sequence[str], votes: Mapping[str, float]) -> Ranking:
    if votes:
        return rank_by_votes(labels, votes)
    return [(label, 0.0) for label in labels]
