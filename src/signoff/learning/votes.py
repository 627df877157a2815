"""Votes: three cheap classifiers that err differently, and the blend of them that ranks the labels of a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.floating]
    Ints = npt.NDArray[np.integer]

NEIGHBOURS = 10
"""Labelled texts that vote on a new one."""

_PRIOR = 0.1
"""Examples that every class has from the start, so that the logarithm of its share is finite."""


class Discriminant:
    """
    Linear discriminant whose covariance is drawn towards a sphere; it holds sums, so one example more is cheap.

    Args:
        dimensions: Length of the vectors.
        classes: Classes to tell apart at first; `grow` adds more.

    Source:
        Fisher 1936; the shrinkage is that of Friedman 1989, "Regularized Discriminant Analysis", with a share
        that falls as 1/n.

    Examples:
        >>> import numpy as np
        >>> vote = Discriminant(2, 2)
        >>> vote.add(np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]]), np.array([0, 0, 1, 1]))
        >>> vote.fit()
        >>> vote.log_shares(np.array([[0.8, 0.2]])).argmax()
        np.int64(0)
    """

    def __init__(self, dimensions: int, classes: int) -> None:
        import numpy as np

        self.counts = np.zeros(classes)
        self._sums = np.zeros((classes, dimensions))
        self._squares = np.zeros((dimensions, dimensions))
        self._inverse: Floats | None = None

    def grow(self, classes: int) -> None:
        """Make room for classes with higher numbers."""
        self.counts = _taller(self.counts, classes)
        self._sums = _taller(self._sums, classes)

    def add(self, vectors: Floats, labels: Ints) -> None:
        """
        Count examples.

        Args:
            vectors: Shape (n, dimensions), finite.
            labels: Shape (n,), each the number of a class.
        """
        import numpy as np

        np.add.at(self._sums, labels, vectors)
        np.add.at(self.counts, labels, 1.0)
        self._squares += vectors.T @ vectors

    def fit(self) -> None:
        """Take the covariance within the classes from what was counted; the means are always those of now."""
        import numpy as np

        total = max(self.counts.sum(), 1.0)
        means = self._means()
        within = (self._squares - (means * self.counts[:, None]).T @ means) / total
        # Rounding may leave a trace of zero where all examples of a class are equal.
        size = max(float(np.trace(within)) / len(within), 1e-6)
        within[np.diag_indices_from(within)] += size * (0.1 + 200 / total)
        self._inverse = np.linalg.inv(within)

    def log_shares(self, vectors: Floats) -> Floats:
        """
        Give the logarithm of each class's share for each vector, shape (n, classes).

        A class without examples has a share of next to nothing.
        """
        import numpy as np

        means = self._means()
        inverse = np.eye(means.shape[1]) if self._inverse is None else self._inverse
        weights = inverse @ means.T
        total = max(self.counts.sum(), 1.0)
        level = np.log((self.counts + _PRIOR) / total) - 0.5 * np.einsum("cd,dc->c", means, weights)
        scores = vectors @ weights + np.where(self.counts > 0, level, -1e3)
        return log_softmax(scores)

    def _means(self) -> Floats:
        import numpy as np

        means: Floats = self._sums / np.maximum(self.counts, 1.0)[:, None]
        return means


class WordCounts:
    """
    Naive Bayes on the presence of words and pairs of words; counts are updated at once.

    Args:
        buckets: Hash buckets of the words.
        classes: Classes to tell apart at first; `grow` adds more.

    Source:
        Maron 1961; smoothed by 0.05 per word, and divided by how often the word occurs at all.
    """

    def __init__(self, buckets: int, classes: int) -> None:
        import numpy as np

        self.counts = np.zeros(classes)
        self._having = np.zeros((buckets, classes), dtype=np.float32)
        self._any = np.zeros(buckets)

    def grow(self, classes: int) -> None:
        """Make room for classes with higher numbers."""
        self.counts = _taller(self.counts, classes)
        self._having = _taller(self._having.T, classes).T.copy()

    def add(self, words: Ints, starts: Ints, labels: Ints) -> None:
        """
        Count examples.

        Args:
            words: The buckets of all texts one after the other, each bucket once per text.
            starts: Shape (n + 1,): text i has words[starts[i]:starts[i + 1]].
            labels: Shape (n,), each the number of a class.
        """
        import numpy as np

        np.add.at(self._having, (words, np.repeat(labels, np.diff(starts))), 1.0)
        np.add.at(self._any, words, 1.0)
        np.add.at(self.counts, labels, 1.0)

    def scores(self, words: Ints, starts: Ints) -> Floats:
        """Give the score of each class for each text, shape (n, classes); a text without words has its class's share."""
        import numpy as np

        total = max(self.counts.sum(), 1.0)
        each = np.log(self._having[words] + 0.05) - np.log(self._any[words] + 0.05)[:, None]
        each += np.log(total + _PRIOR) - np.log(self.counts + _PRIOR)
        sums = _sums_between(each, starts)
        result: Floats = sums + np.log((self.counts + 0.5) / total)
        return result

    def unseen_share(self, words: Ints, starts: Ints) -> Floats:
        """Give the share of each text's words that no example had, shape (n,); 1 for a text without words."""
        import numpy as np

        lengths = np.diff(starts)
        new = _sums_between((self._any[words] == 0).astype(np.float64), starts)
        return np.where(lengths > 0, new / np.maximum(lengths, 1), 1.0)


def neighbour_votes(cosines: Floats, labels: Ints, classes: int) -> Floats:
    """
    Let the most similar labelled texts vote, each with the weight exp(8(cos - 1)).

    Args:
        cosines: Shape (n, k), the similarities of the k nearest to each of n texts; -1 or less for "none".
        labels: Shape (n, k), the class of each of them.
        classes: Classes there are.

    Returns:
        Shape (n, classes); each row sums to 1, or is 0 where there are no neighbours.

    Source:
        Fix and Hodges 1951; Dudani 1976 for the weights.
    """
    import numpy as np

    weights = np.where(cosines > -1, np.exp(8 * (cosines - 1)), 0.0)
    votes = np.zeros((len(cosines), classes))
    np.add.at(votes, (np.arange(len(cosines))[:, None], labels), weights)
    total = votes.sum(axis=1, keepdims=True)
    result: Floats = votes / np.where(total > 0, total, 1.0)
    return result


def nearest(cosines: Floats, count: int = NEIGHBOURS) -> Ints:
    """
    Give the positions of the greatest in each row, greatest first; equal ones by their position.

    Args:
        cosines: Shape (n, held).
        count: How many, at most `held` of which there are.

    Returns:
        Shape (n, min(count, held)).
    """
    import numpy as np

    held = cosines.shape[1]
    if held > 4 * count:
        # Whatever ties with the last that counts has to take part in the sort, else the choice is left to chance.
        least = np.partition(cosines, held - count, axis=1)[:, held - count]
        rows = [np.flatnonzero(row >= low) for row, low in zip(cosines, least, strict=True)]
        found = [row[np.argsort(-cosines[i, row], kind="stable")][:count] for i, row in enumerate(rows)]
        return np.array(found, dtype=np.intp).reshape(len(cosines), count)
    return np.argsort(-cosines, axis=1, kind="stable")[:, :count]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Blend:
    """
    What the votes add up to, for n texts and C classes.

    Args:
        scores: Shape (n, C); minus infinity for a class without examples.
        discriminant: The discriminant's logarithmic shares, shape (n, C).
        neighbours: Shares of the neighbours' votes, shape (n, C).
        words: Scores of naive Bayes, shape (n, C).
    """

    scores: Floats
    discriminant: Floats
    neighbours: Floats
    words: Floats


def blend(discriminant: Floats, neighbours: Floats, words: Floats, *, seen: Floats) -> Blend:
    """
    Add the votes up.

    The discriminant counts a tenth, since it is far too sure of itself; naive Bayes a fifth, since its words are not
    independent.

    Args:
        discriminant: Logarithmic shares, shape (n, C).
        neighbours: Shares, shape (n, C).
        words: Scores, shape (n, C).
        seen: Examples of each class, shape (C,); a class without any takes no part.
    """
    import numpy as np

    total = log_softmax(0.1 * discriminant) + np.log(neighbours + 0.05) + 0.2 * words
    return Blend(
        scores=np.where(seen > 0, total, -np.inf), discriminant=discriminant, neighbours=neighbours, words=words
    )


def log_softmax(scores: Floats) -> Floats:
    """Give the logarithm of the shares that belong to scores, row by row."""
    import numpy as np

    lowered = scores - scores.max(axis=1, keepdims=True)
    result: Floats = lowered - np.log(np.exp(lowered).sum(axis=1, keepdims=True))
    return result


def _sums_between(values: Floats, starts: Ints) -> Floats:
    import numpy as np

    # reduceat gives the next text's first value where a text has none, and does not know the end.
    padded = np.concatenate([values, np.zeros((1, *values.shape[1:]))])
    sums = np.add.reduceat(padded, starts[:-1], axis=0)
    sums[np.diff(starts) == 0] = 0.0
    return sums


def _taller(array: Floats, rows: int) -> Floats:
    import numpy as np

    if rows <= len(array):
        return array
    return np.concatenate([array, np.zeros((rows - len(array), *array.shape[1:]), dtype=array.dtype)])
