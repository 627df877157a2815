"""Labels: which of a few labels a text gets, learned from texts that people have labelled."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # numpy and scikit-learn take a second to import, so each function below imports what it needs.
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

MAX_CHARS = 4_000
"""Characters read of one text, from its beginning; the rest is never looked at."""

MAX_EXAMPLES = 10_000
"""Examples one fit uses, the newest ones."""

MAX_TOTAL_CHARS = 4_000_000
"""Characters one fit reads in all; with long texts it uses fewer examples, the newest ones."""

MAX_LABELS = 250
"""Labels one fit tells apart, those with the most examples; the time it takes grows with them."""

_BUCKETS = 2**18
_NGRAMS = (2, 5)
_EPOCHS = 10
_AT_ONCE = 1_000

_DOUBT = 10.0
"""Examples that "I do not know" counts for; keeps the confidence low while there are few."""

_TRUST_IN_VOTES = 200.0
"""Examples after which a vote counts for half of what it does at the start."""

Ranking = list[tuple[str, float]]
"""Labels with their probability, 0..1, most probable first."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class LabelModel:
    """
    What was learned from labelled texts; it never changes. Made by `fit`.

    Args:
        labels: Every label it may answer with; one without examples gets a small probability.
        examples: How many examples it was fitted on.
        trained: Positions in `labels` of those that have examples, in the order of the columns of `weights`.
        buckets: The hash buckets that occur in the examples, ascending; all others are ignored.
        rarity: Inverse document frequency of each of these buckets.
        weights: Shape (buckets, trained labels).
        bias: Shape (trained labels,).
    """

    labels: tuple[str, ...]
    examples: int
    trained: tuple[int, ...]
    buckets: npt.NDArray[np.int64]
    rarity: Floats
    weights: Floats
    bias: Floats

    def predict(
        self, texts: Sequence[str], *, votes: Sequence[Mapping[str, float]] | None = None, top: int | None = None
    ) -> list[Ranking]:
        """
        Rank the labels for each text; fast for many texts at once.

        The probabilities of a text sum to less than 1: the rest is for a label that nobody has named yet.
        They are drawn towards "all are equally probable" while there are few examples.

        Args:
            texts: Any texts; an empty one is judged by how often each label occurs. See `MAX_CHARS`.
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
        import numpy as np

        found: list[Ranking] = []
        for start in range(0, len(texts), _AT_ONCE):
            part = texts[start : start + _AT_ONCE]
            odds = np.log(self._shrunk(part))
            if votes is not None:
                weight = _TRUST_IN_VOTES / (_TRUST_IN_VOTES + self.examples)
                odds += weight * np.log(self._shares(votes[start : start + _AT_ONCE]))
            # The last column stands for labels not named yet; it takes its share, but is no answer.
            shares = _softmax(odds)[:, :-1]
            order = np.argsort(-shares, axis=1, kind="stable")[:, :top]
            ranked = np.take_along_axis(shares, order, axis=1)
            found.extend(
                [(self.labels[index], share) for index, share in zip(indices, row, strict=True)]
                for indices, row in zip(order.tolist(), ranked.tolist(), strict=True)
            )
        return found

    def _shrunk(self, texts: Sequence[str]) -> Floats:
        import numpy as np

        count = len(self.labels) + 1
        shares = np.zeros((len(texts), count))
        if len(self.trained) == 1:
            shares[:, self.trained] = 1
        elif self.trained:
            features = _weighted(_counts(texts)[:, self.buckets], self.rarity)
            shares[:, self.trained] = _softmax(features @ self.weights + self.bias)
        result: Floats = (self.examples * shares + _DOUBT / count) / (self.examples + _DOUBT)
        return result

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


def fit(texts: Sequence[str], labels: Sequence[str], *, known: Sequence[str] = ()) -> LabelModel:
    """
    Learn which label a text gets, from examples, oldest first.

    The same examples in the same order give the same model. With fewer than two different labels there is
    nothing to tell apart, and the model says only how often each was given. Only the newest examples are used,
    see `MAX_EXAMPLES` and `MAX_TOTAL_CHARS`.

    Args:
        texts: Any texts; see `MAX_CHARS`.
        labels: The label of each text.
        known: Labels that may come up besides; they rank first where probabilities are equal.

    Raises:
        ValueError: If there are not as many labels as texts, or the weights came out infinite.

    Source:
        Hashed character n-grams (2..5, inside words) with sublinear frequency and inverse document frequency;
        one logistic regression per label by stochastic gradient descent; softmax over their scores.

    Examples:
        >>> fit([], [], known=["yes", "no"]).predict(["?"])
        [[('yes', 0.3333333333333333), ('no', 0.3333333333333333)]]
    """
    import numpy as np

    if len(texts) != len(labels):
        raise ValueError(f"{len(texts)} texts have {len(labels)} labels; give one for each")
    start = _first_used(texts)
    texts, labels = texts[start:], labels[start:]
    every = tuple(dict.fromkeys([*known, *labels]))
    given = Counter(labels)
    place = {label: index for index, label in enumerate(every)}
    kept = sorted(sorted(given, key=lambda label: (-given[label], place[label]))[:MAX_LABELS], key=place.__getitem__)
    if len(given) > MAX_LABELS:
        chosen = frozenset(kept)
        used = [index for index, label in enumerate(labels) if label in chosen]
        texts, labels = [texts[index] for index in used], [labels[index] for index in used]
    trained = tuple(place[label] for label in kept)
    if len(kept) < 2:
        return LabelModel(
            labels=every,
            examples=len(texts),
            trained=trained,
            buckets=np.zeros(0, dtype=np.int64),
            rarity=np.zeros(0),
            weights=np.zeros((0, len(kept))),
            bias=np.zeros(len(kept)),
        )
    counts = _counts(texts)
    frequency = np.bincount(counts.indices, minlength=_BUCKETS)
    # If all texts are empty, a bucket that never occurs: scikit-learn takes no matrix without a column.
    buckets = np.flatnonzero(frequency) if frequency.any() else np.zeros(1, dtype=np.int64)
    rarity = np.log((1 + len(texts)) / (1 + frequency[buckets])) + 1
    column = {label: index for index, label in enumerate(kept)}
    answers = np.array([column[label] for label in labels])
    weights, bias = _regress(_weighted(counts[:, buckets], rarity), answers)
    return LabelModel(
        labels=every,
        examples=len(texts),
        trained=trained,
        buckets=buckets,
        rarity=rarity,
        weights=weights,
        bias=bias,
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


@lru_cache(maxsize=1)
def _vectorizer() -> Any:
    from sklearn.feature_extraction.text import HashingVectorizer

    return HashingVectorizer(
        analyzer="char_wb", ngram_range=_NGRAMS, n_features=_BUCKETS, alternate_sign=False, norm=None, lowercase=True
    )


def _counts(texts: Sequence[str]) -> Any:
    """Count the n-grams of each text: a sparse matrix of shape (texts, buckets)."""
    return _vectorizer().transform([readable(text) for text in texts])


def _weighted(counts: Any, rarity: Floats) -> Any:
    import numpy as np
    from sklearn.preprocessing import normalize

    weighted = counts.tocsr(copy=True)
    weighted.data = (1 + np.log(weighted.data)) * rarity[weighted.indices]
    return normalize(weighted, copy=False)


def _regress(features: Any, answers: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    import numpy as np
    from sklearn.linear_model import SGDClassifier

    # A fixed number of passes (tol=None): no early stop that depends on noise, and no warning about one.
    regression = SGDClassifier(
        loss="log_loss",
        alpha=min(0.03 / features.shape[0], 1e-4),
        max_iter=_EPOCHS,
        tol=None,
        random_state=0,
    ).fit(features, answers)
    weights, bias = regression.coef_.T, regression.intercept_
    if weights.shape[1] == 1:
        # For two labels there is one regression; half of it each way gives the same probability.
        weights, bias = weights * np.array([-0.5, 0.5]), bias * np.array([-0.5, 0.5])
    if not (np.isfinite(weights).all() and np.isfinite(bias).all()):
        raise ValueError("the fit gave infinite weights")
    return np.ascontiguousarray(weights), bias


def _softmax(scores: Floats) -> Floats:
    import numpy as np

    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    result: Floats = powers / powers.sum(axis=1, keepdims=True)
    return result
