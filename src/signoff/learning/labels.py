"""Labels: which of a few labels a text gets, learned from texts that people have labelled."""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from signoff.learning.features import LABEL_FEATURES, RunningErrors, label_features
from signoff.learning.votes import Regression, WordCounts, nearest, neighbour_votes
from signoff.learning.votes_blend import Blend, blend
from signoff.learning.votes_text import WORD_BUCKETS, ngram_vectors, words_of

if TYPE_CHECKING:
    # numpy and scikit-learn take a second to import, so each function below imports what it needs.
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Vectors = npt.NDArray[np.float32]
    Ints = npt.NDArray[np.int64]

MAX_CHARS = 4_000
"""Characters read of one text, from its beginning; the rest is never looked at."""

MAX_EXAMPLES = 10_000
"""Examples one fit uses, the newest ones."""

MAX_TOTAL_CHARS = 4_000_000
"""Characters one fit reads in all; with long texts it uses fewer examples, the newest ones."""

MAX_LABELS = 250
"""Labels one fit tells apart, those with the most examples; the time it takes grows with them."""

_AT_ONCE = 1_000
_STEPS = 30

_CAUTION = 0.6
"""Factor on the sum of the votes before it becomes a probability: they share mistakes, so their sum is too sure."""

_DOUBT = 10.0
"""Examples that "I do not know" counts for; keeps the confidence low while there are few."""

_TRUST_IN_VOTES = 200.0
"""Examples after which the vote of a rule counts for half of what it does at the start."""

Ranking = list[tuple[str, float]]
"""Labels with their probability, 0..1, most probable first."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class LabelModel:
    """
    What was learned from labelled texts; it never changes. Made by `fit`.

    Args:
        labels: Every label it may answer with; one without examples gets a small probability.
        examples: How many examples it was made from.
        trained: Positions in `labels` of those that have examples: the classes that the votes tell apart.
        vectors: The examples' vectors, shape (examples with one, dimensions).
        classes: The class of each of these.
        regression: The vote of logistic regression on the vectors.
        words: The vote of naive Bayes on words.
        errors: Running error of each class, shape (classes,), 0..1.
    """

    labels: tuple[str, ...]
    examples: int
    trained: tuple[int, ...]
    vectors: Vectors
    classes: Ints
    regression: Regression
    words: WordCounts
    errors: Floats

    def predict(
        self,
        texts: Sequence[str],
        *,
        vectors: Vectors | None = None,
        votes: Sequence[Mapping[str, float]] | None = None,
        top: int | None = None,
    ) -> list[Ranking]:
        """
        Rank the labels for each text; fast for many texts at once.

        The probabilities of a text sum to less than 1: the rest is for a label that nobody has named yet.
        They are drawn towards "all are equally probable" while there are few examples.

        Args:
            texts: Any texts; an empty one is judged by how often each label occurs. See `MAX_CHARS`.
            vectors: The texts' vectors, shape (texts, dimensions), from what made those given to `fit`; None if none
                were. A row that is not finite is taken for "nothing known", and words alone vote.
            votes: For each text, votes >= 0 for labels by something that knew the labels beforehand. They count
                as in `rank_by_votes` at first, for half of that after 200 examples, and for ever less.
            top: Labels to give for each text, >= 1; None for all.

        Returns:
            One ranking for each text; equal probabilities are in the order of `labels`.

        Examples:
            >>> model = fit(["where is my parcel", "parcel is late", "refund please", "refund me"], [*"ssrr"])
            >>> [ranking[0][0] for ranking in model.predict(["my parcel", "a refund"])]
            ['s', 'r']
        """
        return self.assess(texts, vectors=vectors, votes=votes, top=top)[0]

    def assess(
        self,
        texts: Sequence[str],
        *,
        vectors: Vectors | None = None,
        votes: Sequence[Mapping[str, float]] | None = None,
        top: int | None = None,
    ) -> tuple[list[Ranking], Floats]:
        """
        Rank the labels for each text, and describe how doubtful the first of each is; see `predict`.

        Returns:
            The rankings, and the features of each, shape (texts, features), columns as in `LABEL_FEATURES`. A row is
            NaN where the vector was not finite or a label without examples ranks first.

        Raises:
            ValueError: If there are not as many vectors as texts, or they have other dimensions than those of the fit.
        """
        import numpy as np

        found: list[Ranking] = []
        described = [np.zeros((0, len(LABEL_FEATURES)))]
        for start in range(0, len(texts), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            given = _vectors_of(texts[part], None if vectors is None else vectors[part])
            doubtful = _unusable(given)
            if not len(self.vectors):
                doubtful[:] = True
            usable = np.where(doubtful[:, None], np.float32(0), given)
            made, cosines, unseen = self._votes(texts[part], usable, doubtful)
            odds = np.log(self._shrunk(made.scores))
            if votes is not None:
                weight = _TRUST_IN_VOTES / (_TRUST_IN_VOTES + self.examples)
                odds += weight * np.log(self._shares(votes[part]))
            # The last column stands for labels not named yet; it takes its share, but is no answer.
            shares = _softmax(odds)[:, :-1]
            order = np.argsort(-shares, axis=1, kind="stable")
            described.append(self._features(made, order, cosines, unseen, doubtful))
            ranked = np.take_along_axis(shares, order, axis=1)[:, :top]
            found.extend(
                [(self.labels[index], share) for index, share in zip(indices, row, strict=True)]
                for indices, row in zip(order[:, :top].tolist(), ranked.tolist(), strict=True)
            )
        return found, np.concatenate(described)

    def grown(self, texts: Sequence[str], labels: Sequence[str], *, vectors: Vectors | None = None) -> LabelModel:
        """
        Give a model that knows a few examples more, without a fit: for labels that nobody had named before it.

        Words and neighbours count them at once; the regression does at the next fit. Takes some milliseconds.

        Args:
            texts: Any texts.
            labels: The label of each.
            vectors: The texts' vectors; None if none were given to `fit`.

        Examples:
            >>> model = fit(["where is my parcel", "parcel is late", "refund please", "refund me"], [*"ssrr"])
            >>> model.grown(["a gift voucher"], ["gifts"]).predict(["do you sell a gift voucher?"])[0][0][0]
            'gifts'
        """
        import numpy as np

        every = tuple(dict.fromkeys([*self.labels, *labels]))
        place = {label: index for index, label in enumerate(every)}
        trained = tuple(dict.fromkeys([*self.trained, *(place[label] for label in labels)]))
        column = {every[index]: number for number, index in enumerate(trained)}
        answers = np.array([column[label] for label in labels], dtype=np.int64)
        given = _vectors_of(texts, vectors)
        usable = np.flatnonzero(_unusable(given) == 0)
        regression, words = copy.copy(self.regression), copy.deepcopy(self.words)
        regression.grow(len(trained))
        words.grow(len(trained))
        words.add(*words_of([readable(text) for text in texts]), answers)
        return replace(
            self,
            labels=every,
            examples=self.examples + len(texts),
            trained=trained,
            vectors=np.concatenate([self.vectors.reshape(-1, given.shape[1]), given[usable]]),
            classes=np.concatenate([self.classes, answers[usable]]),
            regression=regression,
            words=words,
            errors=np.concatenate([self.errors, np.full(len(trained) - len(self.trained), 0.5)]),
        )

    def _votes(
        self, texts: Sequence[str], vectors: Vectors, doubtful: npt.NDArray[np.bool_]
    ) -> tuple[Blend, Floats, Floats]:
        """Let all vote; give also the nearest example's cosine and the share of words never seen."""
        import numpy as np

        count = len(self.trained)
        words, starts = words_of([readable(text) for text in texts])
        cosines = np.full((len(texts), 1), -2.0)
        chosen = np.zeros((len(texts), 1), dtype=np.int64)
        if len(self.vectors):
            if vectors.shape[1] != self.vectors.shape[1]:
                raise ValueError(
                    f"vectors have {vectors.shape[1]} dimensions; those of the fit have {self.vectors.shape[1]}"
                )
            all_cosines = vectors @ self.vectors.T
            chosen = nearest(all_cosines)
            cosines = np.take_along_axis(all_cosines, chosen, axis=1).astype(np.float64)
            cosines[doubtful] = -2.0
            regression = self.regression.log_shares(vectors)
            regression[doubtful] = -math.log(max(count, 1))
            neighbours = neighbour_votes(cosines, self.classes[chosen], count)
        else:
            regression = np.full((len(texts), count), -math.log(max(count, 1)))
            neighbours = np.zeros((len(texts), count))
        made = blend(
            regression=regression,
            neighbours=neighbours,
            words=self.words.scores(words, starts),
            seen=self.words.counts,
        )
        return made, cosines[:, 0], self.words.unseen_share(words, starts)

    def _shrunk(self, scores: Floats) -> Floats:
        import numpy as np

        count = len(self.labels) + 1
        shares = np.zeros((len(scores), count))
        if self.trained:
            shares[:, self.trained] = _softmax(_CAUTION * scores)
        result: Floats = (self.examples * shares + _DOUBT / count) / (self.examples + _DOUBT)
        return result

    def _features(
        self, made: Blend, order: Ints, cosines: Floats, unseen: Floats, doubtful: npt.NDArray[np.bool_]
    ) -> Floats:
        import numpy as np

        column = np.full(len(self.labels), -1, dtype=np.int64)
        column[list(self.trained)] = np.arange(len(self.trained))
        best = column[order[:, 0]] if len(self.labels) else np.full(len(order), -1, dtype=np.int64)
        found = label_features(
            made,
            np.maximum(best, 0),
            cosines=cosines,
            examples=self.words.counts,
            errors=self.errors,
            unseen=unseen,
        )
        found[doubtful | (best < 0)] = np.nan
        return found

    def _shares(self, votes: Sequence[Mapping[str, float]]) -> Floats:
        import numpy as np

        place = {label: index for index, label in enumerate(self.labels)}
        cast = np.zeros((len(votes), len(self.labels) + 1))
        for row, given in enumerate(votes):
            for label, number in given.items():
                if label in place:
                    cast[row, place[label]] = number
        result: Floats = (cast + 1 / cast.shape[1]) / (cast.sum(axis=1, keepdims=True) + 1)
        return result


def fit(
    texts: Sequence[str],
    labels: Sequence[str],
    *,
    known: Sequence[str] = (),
    vectors: Vectors | None = None,
    proposed: Sequence[str | None] = (),
) -> LabelModel:
    """
    Learn which label a text gets, from examples, oldest first.

    The same examples in the same order give the same model. With fewer than two different labels there is
    nothing to tell apart, and the model says only how often each was given. Only the newest examples are used,
    see `MAX_EXAMPLES` and `MAX_TOTAL_CHARS`.

    Args:
        texts: Any texts; see `MAX_CHARS`.
        labels: The label of each text.
        known: Labels that may come up besides; they rank first where probabilities are equal.
        vectors: A vector of each text, shape (texts, dimensions), each of length 1; None for those that `ngram_vectors`
            makes. An example whose vector is not finite teaches words alone.
        proposed: What was proposed for each text before a person gave it its label, None if nothing; for the running
            error of each label.

    Raises:
        ValueError: If there are not as many labels or vectors as texts, or the weights came out infinite.

    Source:
        The sum of three votes that err differently: multinomial logistic regression and the ten nearest neighbours on
        the vectors, naive Bayes on words and pairs of words.

    Examples:
        >>> fit([], [], known=["yes", "no"]).predict(["?"])
        [[('yes', 0.3333333333333333), ('no', 0.3333333333333333)]]
    """
    import numpy as np

    if len(texts) != len(labels):
        raise ValueError(f"{len(texts)} texts have {len(labels)} labels; give one for each")
    if vectors is not None and len(vectors) != len(texts):
        raise ValueError(f"{len(texts)} texts have {len(vectors)} vectors; give one for each")
    start = _first_used(texts)
    every = tuple(dict.fromkeys([*known, *labels[start:]]))
    given = Counter(labels[start:])
    place = {label: index for index, label in enumerate(every)}
    kept = sorted(sorted(given, key=lambda label: (-given[label], place[label]))[:MAX_LABELS], key=place.__getitem__)
    column = {label: number for number, label in enumerate(kept)}
    used = [index for index in range(start, len(texts)) if labels[index] in column]
    texts = [readable(texts[index]) for index in used]
    answers = np.array([column[labels[index]] for index in used], dtype=np.int64)
    held = _vectors_of(texts, None if vectors is None else vectors[used])
    usable = np.flatnonzero(_unusable(held) == 0)
    held, classes = held[usable], answers[usable]

    words = WordCounts(WORD_BUCKETS, len(kept))
    words.add(*words_of(texts), answers)
    regression = Regression(held.shape[1], len(kept))
    regression.add(held, classes)
    if len(kept) > 1:
        regression.fit(_STEPS)
    errors = RunningErrors(len(kept))
    judged = [
        (column[proposal], labels[index] != proposal)
        for index, proposal in ((index, proposed[index]) for index in used if proposed)
        if proposal in column
    ]
    if judged:
        errors.add(np.array([number for number, _ in judged]), np.array([wrong for _, wrong in judged], dtype=float))
    return LabelModel(
        labels=every,
        examples=len(texts),
        trained=tuple(place[label] for label in kept),
        vectors=held,
        classes=classes,
        regression=regression,
        words=words,
        errors=errors.shares(),
    )


def rank_by_votes(labels: Sequence[str], votes: Mapping[str, float]) -> Ranking:
    """
    Rank labels by votes alone, for when nothing has been learned; needs the standard library only.

    One vote more is shared by all labels and the one that nobody has named, so few votes give little confidence.

    Args:
        labels: Every label there is.
        votes: By label, >= 0.

    Examples:
        >>> rank_by_votes(["billing", "shipping"], {"shipping": 1})
        [('shipping', 0.6666666666666666), ('billing', 0.16666666666666666)]
    """
    total = math.fsum(votes.get(label, 0) for label in labels) + 1
    ranked = [(label, (votes.get(label, 0) + 1 / (len(labels) + 1)) / total) for label in labels]
    return sorted(ranked, key=lambda pair: -pair[1])


def readable(text: str) -> str:
    """
    Give what is read of a text: its first `MAX_CHARS` characters, with "?" for what UTF-8 cannot carry.

    Examples:
        >>> readable("a\\ud800b"), len(readable("x" * 1_000_000))
        ('a?b', 4000)
    """
    return text[:MAX_CHARS].encode("utf-8", "replace").decode("utf-8")


def _first_used(texts: Sequence[str]) -> int:
    left = MAX_TOTAL_CHARS
    for index in range(len(texts) - 1, -1, -1):
        left -= min(len(texts[index]), MAX_CHARS)
        if left < 0 or len(texts) - index > MAX_EXAMPLES:
            return index + 1
    return 0


def _vectors_of(texts: Sequence[str], given: Vectors | None) -> Vectors:
    if given is None:
        return ngram_vectors([readable(text) for text in texts])
    if given.ndim != 2 or len(given) != len(texts):
        raise ValueError(f"{len(texts)} texts have vectors of shape {given.shape}; give one row for each")
    return given


def _unusable(vectors: Vectors) -> npt.NDArray[np.bool_]:
    import numpy as np

    return np.fromiter(
        (not (row.size and np.isfinite(row).all()) for row in vectors), dtype=np.bool_, count=len(vectors)
    )


def _softmax(scores: Floats) -> Floats:
    import numpy as np

    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    result: Floats = powers / powers.sum(axis=1, keepdims=True)
    return result
