"""LabelDrafter: a first pass that gives a text one of a few labels and learns them from the verdicts."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from signoff.domain.content import canonical
from signoff.errors import InvalidInput, UsageError
from signoff.learning.features import LABEL_FEATURES
from signoff.learning.labels import MAX_EXAMPLES, LabelModel, Ranking, fit, rank_by_votes, readable
from signoff.ports import Alternative, Draft, Embedder, Example

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vectors = npt.NDArray[np.float32]

log = logging.getLogger("signoff.drafters.labels")

_ALTERNATIVES = 4
_GROWTH = 0.05
"""Share of new verdicts that makes a fit worth its time once there are many."""


class _Taught(NamedTuple):
    """A text with the label that people gave it, and what was proposed before."""

    text: str
    label: str
    proposed: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Knowledge:
    """What drafts are made of; replaced as a whole."""

    labels: tuple[str, ...]
    learned: int = 0
    added: int = 0
    model: LabelModel | None = None


class LabelDrafter:
    """
    Drafts one label for a text, and gets better with every few verdicts.

    Three votes that err differently are added up: logistic regression and the nearest neighbours on vectors of the
    texts, naive Bayes on their words. The vectors are made of character n-grams, or by an embedder.

    It starts without any label, or with those it is given. A label that a reviewer types is known from then on, and
    drafted at once: its verdicts count before the next fit. A fit runs on a thread of its own; until it is through,
    drafts come from what was known before. May be called from several threads. Reads the first 4,000 characters of a
    text and fits on the newest verdicts, at most 10,000 and 4 million characters. A label is text; verdicts with
    anything else in its place teach nothing.

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
        embedder: Makes the vectors; None for character n-grams. Its name is part of the version. A text that it cannot
            embed is drafted by its words alone, without confidence and without features.

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
        embedder: Embedder | None = None,
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
        self._name = name if embedder is None else f"{name}@{embedder.name}"
        self._copied = tuple(arguments)
        self._embedder = embedder

        self._knowledge = _Knowledge(labels=self._seeds)
        self._guard = threading.Lock()
        self._idle = threading.Event()
        self._idle.set()
        self._seen: set[int] = set()
        self._examples: dict[int, _Taught] = {}
        self._since_fit: list[int] = []
        # The last fit, and how many verdicts on labels new to it were added. Both, and the vectors, are used by one
        # thread at a time: that which fits.
        self._fitted: LabelModel | None = None
        self._tried_to_add = 0
        self._vectors: dict[int, npt.NDArray[np.float32]] = {}
        self._first_use: dict[str, int] = {}
        self._learned = 0
        self._tried = 0

    @property
    def version(self) -> str:
        """
        Its name and the number of verdicts its drafts are learned from.

        It rises with each fit. What follows a plus are verdicts on labels that the last fit had not seen.
        """
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
        if knowledge.model is None:
            rankings = [_unlearned(knowledge.labels, given) for given in votes]
            features: Sequence[Mapping[str, float] | None] = [None] * len(texts)
        else:
            rankings, rows = knowledge.model.assess(
                texts,
                vectors=self._embedded(texts, like=knowledge.model),
                votes=votes if self._rules else None,
                top=_ALTERNATIVES + 1,
            )
            features = [_named(row) for row in rows.tolist()]
        return [
            self._draft(knowledge, evidence, ranking, found, described)
            for evidence, ranking, found, described in zip(evidences, rankings, hits, features, strict=True)
        ]

    def learn(self, examples: Sequence[Example]) -> None:
        """
        Take in settled verdicts, each once, in any order; returns at once unless `background` is off.

        A rejection teaches nothing: it tells that the proposal should not run, and that may be for a reason
        which has nothing to do with the label; taking the label for wrong would unlearn right ones.
        """
        with self._guard:
            unusable = sum(not self._take(example) for example in examples)
            start = self._idle.is_set() and (self._due() or self._has_new())
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

    def _embedded(self, texts: Sequence[str], *, like: LabelModel | None = None) -> Vectors | None:
        """Give the texts' vectors; not finite where the embedder gave none that can be used, None without embedder."""
        if self._embedder is None:
            return None
        import numpy as np

        try:
            given = np.asarray(self._embedder(texts), dtype=np.float32)
        except Exception:
            log.exception("%s cannot embed %d texts; it goes by their words alone", self._name, len(texts))
            given = np.zeros((0, 0), dtype=np.float32)
        width = like.vectors.shape[1] if like is not None and len(like.vectors) else given.shape[-1]
        if given.shape != (len(texts), width):
            return np.full((len(texts), width), np.nan, dtype=np.float32)
        return given

    def _draft(
        self,
        knowledge: _Knowledge,
        evidence: Mapping[str, Any],
        ranking: Ranking,
        hits: Mapping[str, list[str]],
        features: Mapping[str, float] | None,
    ) -> Draft:
        copied = {name: self._item(evidence, name) for name in self._copied}
        (best, confidence), *others = ranking or [("", 0.0)]
        reasons = []
        if knowledge.model is not None:
            count = knowledge.learned + knowledge.added
            reasons.append(f"learned from {count:,} verdict{'' if count == 1 else 's'}")
        if best in hits:
            reasons.append(f"rule: contains {', '.join(repr(word) for word in hits[best])}")
        if knowledge.model is not None and self._embedder is not None and features is None:
            reasons.append("by its words alone, since it could not be embedded")
            confidence, others = 0.0, [(other, 0.0) for other, _ in others]
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
            features=features,
        )

    def _version_of(self, knowledge: _Knowledge) -> str:
        # Counted, not numbered by fit: rebuilt from the ledger, the same number means the same verdicts.
        return f"{self._name}-{knowledge.learned}" + (f"+{knowledge.added}" if knowledge.added else "")

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
        proposed = example.proposed.get(self._label)
        self._examples[example.seq] = _Taught(text, label, proposed if isinstance(proposed, str) else None)
        self._since_fit.append(example.seq)
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
            due, known = self._due(), self._known()
            if due:
                chosen = sorted(self._examples)[-MAX_EXAMPLES:]
                self._since_fit = []
                # Also if the fit fails: the same verdicts would only fail again.
                learned = self._tried = self._learned
                self._tried_to_add = 0
            elif self._has_new():
                chosen, learned = self._new(), self._knowledge.learned
                self._tried_to_add = len(chosen)
            else:
                # Under the guard: a verdict either is seen above, or finds nobody fitting and starts anew.
                self._idle.set()
                return False
            examples = {seq: self._examples[seq] for seq in chosen}
        try:
            vectors = self._vectors_for(examples, keep_others=not due)
            if due:
                taught = list(examples.values())
                model = self._fitted = self._fit(
                    [each.text for each in taught],
                    [each.label for each in taught],
                    known,
                    vectors=vectors,
                    proposed=[each.proposed for each in taught],
                )
            else:
                model = self._added(list(examples.values()), vectors)
        except Exception:
            log.exception("%s could not be fitted; it goes on with what it knows", self._name)
        else:
            added = 0 if due else len(examples)
            self._knowledge = _Knowledge(labels=model.labels, learned=learned, added=added, model=model)
        return True

    def _fit(
        self,
        texts: Sequence[str],
        labels: Sequence[str],
        known: Sequence[str],
        *,
        vectors: Vectors | None,
        proposed: Sequence[str | None],
    ) -> LabelModel:
        return fit(texts, labels, known=known, vectors=vectors, proposed=proposed)

    def _added(self, taught: Sequence[_Taught], vectors: Vectors | None) -> LabelModel:
        assert self._fitted is not None
        # Always from the fit, so that the same verdicts give the same drafts however they came.
        return self._fitted.grown([each.text for each in taught], [each.label for each in taught], vectors=vectors)

    def _has_new(self) -> bool:
        return len(self._new()) > self._tried_to_add

    def _new(self) -> list[int]:
        """Give the verdicts since the last fit whose labels have no example in it."""
        if self._fitted is None:
            return []
        seen = {self._fitted.labels[index] for index in self._fitted.trained}
        return sorted(seq for seq in self._since_fit if seq in self._examples and self._examples[seq].label not in seen)

    def _vectors_for(self, examples: Mapping[int, _Taught], *, keep_others: bool) -> Vectors | None:
        """Give the examples' vectors, embedding only those that never were; not finite where there is none."""
        if self._embedder is None:
            return None
        import numpy as np

        missing = [seq for seq in examples if seq not in self._vectors]
        if missing:
            given = self._embedded([examples[seq].text for seq in missing])
            assert given is not None
            self._vectors.update(
                {seq: row for seq, row in zip(missing, given, strict=True) if row.size and np.isfinite(row).all()}
            )
        if not keep_others:
            self._vectors = {seq: row for seq, row in self._vectors.items() if seq in examples}
        width = max((len(row) for row in self._vectors.values()), default=0)
        found = np.full((len(examples), width), np.nan, dtype=np.float32)
        for place, seq in enumerate(examples):
            if seq in self._vectors and len(self._vectors[seq]) == width:
                found[place] = self._vectors[seq]
        return found


def _named(row: Sequence[float]) -> dict[str, float] | None:
    """Name the features; None if one is not finite, for then nothing is known that could let it pass."""
    if not all(map(math.isfinite, row)):
        return None
    # Rounded for the same reason as the confidence.
    return {name: round(value, 4) for name, value in zip(LABEL_FEATURES, row, strict=True)}


def _unlearned(labels: Sequence[str], votes: Mapping[str, float]) -> Ranking:
    if votes:
        return rank_by_votes(labels, votes)
    return [(label, 0.0) for label in labels]
