"""Votes: cheap classifiers that err differently, each as plain arithmetic on vectors or words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # numpy takes a moment to import, so each function below imports it where it is needed.
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Vectors = npt.NDArray[np.float32]
    Ints = npt.NDArray[np.int64]

NEIGHBOURS = 10
"""Labelled texts that vote on a new one."""

_PRIOR = 0.1
"""Examples that every class has from the start, so that the logarithm of its share is finite."""


class Regression:
    """
    Multinomial logistic regression, by accelerated steps of which each costs two products of matrices.

    It may be taught and fitted bit by bit, each time going on from the weights it has.

    Args:
        dimensions: Length of the vectors, >= 1.
        classes: Classes to tell apart at first; `grow` adds more.
        ridge: Penalty, above 0, on squared weights.

    Examples:
        >>> import numpy as np
        >>> vote = Regression(2, 2)
        >>> vote.add(np.array([[1, 0], [0.8, 0.6], [0, 1], [0.6, 0.8]]), np.array([0, 0, 1, 1]))
        >>> vote.fit(30)
        >>> vote.log_shares(np.array([[0.9, 0.1]])).argmax()
        np.int64(0)

    Source:
        Böhning 1992, "Multinomial logistic regression algorithm": one half of the vectors' products bounds the
        curvature from above, so no step overshoots; Nesterov 1983 for the acceleration.
    """

    def __init__(self, dimensions: int, classes: int, *, ridge: float = 0.03) -> None:
        import numpy as np

        self._ridge = ridge
        self._squares: Floats = np.zeros((dimensions + 1, dimensions + 1))
        self._vectors: Vectors = np.zeros((0, dimensions + 1), dtype=np.float32)
        self._labels: Ints = np.zeros(0, dtype=np.int64)
        self._weights: Vectors = np.zeros((dimensions + 1, classes), dtype=np.float32)
        self._before = self._weights
        self._inverse: Vectors = np.zeros((0, 0), dtype=np.float32)
        self._held = 0
        self._inverted = 0

    def grow(self, classes: int) -> None:
        """Make room for classes with higher numbers; until the next fit they have weights of 0."""
        self._weights, self._before = (_taller(part.T, classes).T.copy() for part in (self._weights, self._before))

    def add(self, vectors: Floats | Vectors, labels: Ints) -> None:
        """
        Take in examples.

        Args:
            vectors: Shape (n, dimensions), finite, of length 1 each.
            labels: Shape (n,), each the number of a class.
        """
        import numpy as np

        start, self._held = self._held, self._held + len(labels)
        if self._held > len(self._vectors):
            self._vectors = _taller(self._vectors, 2 * self._held)
            self._labels = _taller(self._labels, 2 * self._held)
        added: Vectors = np.column_stack([vectors, np.ones(len(labels))]).astype(np.float32)
        self._vectors[start : self._held], self._labels[start : self._held] = added, labels
        self._squares = self._squares + added.T @ added

    def fit(self, steps: int) -> None:
        """
        Go on with the weights for so many steps.

        Raises:
            ValueError: If the weights came out infinite.
        """
        import numpy as np

        if not self._held:
            return
        # The bound on the curvature may be a little old: it only has to be about right for a step to help.
        if self._held > 1.25 * self._inverted:
            bound = 0.5 * self._squares + self._ridge * np.eye(len(self._squares))
            self._inverse, self._inverted = np.linalg.inv(bound).astype(np.float32), self._held
        vectors, labels = self._vectors[: self._held], self._labels[: self._held]
        rows = np.arange(self._held)
        for _ in range(steps):
            ahead = self._weights + 0.9 * (self._weights - self._before)
            shares = vectors @ ahead
            shares -= shares.max(axis=1, keepdims=True)
            np.exp(shares, out=shares)
            shares /= shares.sum(axis=1, keepdims=True)
            shares[rows, labels] -= 1
            slope = vectors.T @ shares + np.float32(self._ridge) * ahead
            self._before, self._weights = self._weights, (ahead - self._inverse @ slope).astype(np.float32)
        if not np.isfinite(self._weights).all():
            raise ValueError("the regression gave infinite weights")

    def log_shares(self, vectors: Floats | Vectors) -> Floats:
        """Give the logarithm of each class's share for each vector, shape (n, classes)."""
        import numpy as np

        scores = np.asarray(vectors, dtype=np.float64) @ self._weights[:-1] + self._weights[-1]
        return log_softmax(scores)


class WordCounts:
    """
    Naive Bayes on the presence of words and pairs of words.

    Args:
        buckets: Hash buckets of the words.
        classes: Classes to tell apart at first; `grow` adds more.

    Source:
        Maron 1961; each class's share of a word is smoothed by 0.05, and divided by how often the word occurs at all.
    """

    def __init__(self, buckets: int, classes: int) -> None:
        import numpy as np

        self.counts: Floats = np.zeros(classes)
        self._having: Vectors = np.zeros((buckets, classes), dtype=np.float32)
        self._any: Floats = np.zeros(buckets)

    def grow(self, classes: int) -> None:
        """Make room for classes with higher numbers."""
        self.counts = _taller(self.counts, classes)
        self._having = _taller(self._having.T, classes).T.copy()

    def add(self, words: Ints, starts: Ints, labels: Ints) -> None:
        """
        Count examples.

        Args:
            words: The buckets of all texts one after the other, each bucket at most once per text.
            starts: Shape (n + 1,): text i has words[starts[i]:starts[i + 1]].
            labels: Shape (n,), each the number of a class.
        """
        import numpy as np

        np.add.at(self._having, (words, np.repeat(labels, np.diff(starts))), 1.0)
        np.add.at(self._any, words, 1.0)
        np.add.at(self.counts, labels, 1.0)

    def scores(self, words: Ints, starts: Ints) -> Floats:
        """Give the score of each class for each text, shape (n, classes); without words, that of its share alone."""
        import numpy as np

        total = max(float(self.counts.sum()), 1.0)
        each = np.log(self._having[words] + np.float32(0.05)) - np.log(self._any[words] + 0.05)[:, None]
        each += np.log(total + _PRIOR) - np.log(self.counts + _PRIOR)
        result: Floats = _sums_between(each, starts) + np.log((self.counts + 0.5) / total)
        return result

    def unseen_share(self, words: Ints, starts: Ints) -> Floats:
        """Give the share of each text's words that no example had, shape (n,); 1 for a text without words."""
        import numpy as np

        lengths = np.diff(starts)
        new = _sums_between((self._any[words] == 0).astype(np.float64), starts)
        return np.where(lengths > 0, new / np.maximum(lengths, 1), 1.0)


def neighbour_votes(cosines: Floats | Vectors, labels: Ints, classes: int) -> Floats:
    """
    Let the most similar labelled texts vote, each with the weight exp(8(cos - 1)).

    Args:
        cosines: Shape (n, k), the similarities of the k nearest to each of n texts; below -1 for "none".
        labels: Shape (n, k), the class of each of them.
        classes: Classes there are.

    Returns:
        Shape (n, classes); each row sums to 1, or is 0 where there are no neighbours.

    Source:
        Fix and Hodges 1951; Dudani 1976 for the weights.

    Examples:
        >>> import numpy as np
        >>> neighbour_votes(np.array([[1.0, 1.0, -2.0]]), np.array([[0, 1, 1]]), 2).tolist()
        [[0.5, 0.5]]
    """
    import numpy as np

    weights = np.where(cosines >= -1.001, np.exp(8 * (np.asarray(cosines, dtype=np.float64) - 1)), 0.0)
    votes = np.zeros((len(cosines), classes))
    np.add.at(votes, (np.arange(len(cosines))[:, None], labels), weights)
    total = votes.sum(axis=1, keepdims=True)
    result: Floats = votes / np.where(total > 0, total, 1.0)
    return result


def nearest(cosines: Floats | Vectors, count: int = NEIGHBOURS) -> Ints:
    """
    Give the positions of the greatest in each row, greatest first; of equal ones the newer, which stands behind.

    Args:
        cosines: Shape (n, held).
        count: How many, if there are so many.

    Returns:
        Shape (n, min(count, held)).

    Examples:
        >>> import numpy as np
        >>> nearest(np.array([[0.1, 0.9, 0.5, 0.9]]), 3).tolist()
        [[3, 1, 2]]
    """
    import numpy as np

    held = cosines.shape[1]
    found = np.empty((len(cosines), min(count, held)), dtype=np.int64)
    for row, values in enumerate(cosines):
        # Whatever ties with the last that counts takes part in the sort, or chance would decide between them.
        least = np.partition(values, held - count)[held - count] if held > count else -np.inf
        candidates = np.flatnonzero(values >= least)[::-1]
        found[row] = candidates[np.argsort(-values[candidates], kind="stable")][:count]
    return found


def log_softmax(scores: Floats) -> Floats:
    """Give the logarithm of the shares that belong to scores, row by row."""
    import numpy as np

    if not scores.shape[1]:
        return scores
    lowered = scores - scores.max(axis=1, keepdims=True)
    result: Floats = lowered - np.log(np.exp(lowered).sum(axis=1, keepdims=True))
    return result


def _sums_between(values: Floats, starts: Ints) -> Floats:
    import numpy as np

    # reduceat gives the next text's first value where a text has none, and does not know the end.
    padded = np.concatenate([values, np.zeros((1, *values.shape[1:]))])
    sums: Floats = np.add.reduceat(padded, starts[:-1], axis=0)
    sums[np.diff(starts) == 0] = 0.0
    return sums


def _taller(array: Any, rows: int) -> Any:
    import numpy as np

    if rows <= len(array):
        return array
    return np.concatenate([array, np.zeros((rows - len(array), *array.shape[1:]), dtype=array.dtype)])
