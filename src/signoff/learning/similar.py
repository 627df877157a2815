"""Similar: which texts, of the last few thousand, are most like another one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # numpy and scikit-learn take a second to import, so each function below imports what it needs.
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

MAX_CHARS = 1_000
"""Characters read of one text, from its beginning."""

MAX_TEXTS = 5_000
"""Texts kept, the newest ones; with the longest of them some 50 MB."""

LEAST = 0.25
"""
Likeness below which two texts have nothing to do with each other.

Among the 320 messages of the sample desk, no two of whose authors copied each other, one pair in 3,000 of different
categories reaches it.
"""

_BUCKETS = 2**18
_LETTERS = 4
_TAIL = 200
"""Texts kept beside the rest until it is worth putting all together."""


class SimilarTexts:
    """
    Finds the texts most like another one. Not for several threads at once.

    Likeness is the cosine, 0..1, between counts of letters in fours inside words, weighted by how rare they are among
    the texts kept: 1 for the same words in the same number, 0 for nothing in common.

    Args:
        most: Texts kept, >= 1; the oldest go first.

    Examples:
        >>> texts = SimilarTexts()
        >>> texts.add(["a", "b"], ["Where is my parcel?", "My kettle leaks."])
        >>> [key for key, _ in texts.nearest("The parcel has not come, where is it?", limit=5)]
        ['a']
    """

    def __init__(self, *, most: int = MAX_TEXTS) -> None:
        self._most = most
        self._keys: list[str] = []
        self._row: dict[str, int] = {}
        self._counts: Any = None
        self._lengths: Floats | None = None
        self._tail: Any = None
        self._tail_lengths: Floats | None = None
        self._rarity: Floats | None = None

    def __len__(self) -> int:
        return len(self._row)

    def add(self, keys: Sequence[str], texts: Sequence[str]) -> None:
        """Keep texts under their keys, oldest first; a key that is there already stands for its new text alone."""
        if not keys:
            return
        from scipy import sparse

        added = _features(texts)
        self._tail = added if self._tail is None else sparse.vstack([self._tail, added], format="csr")
        for key in keys:
            self._row[key] = len(self._keys)
            self._keys.append(key)
        if self._rarity is None or self._tail.shape[0] > _TAIL:
            self._fold()
        else:
            self._tail_lengths = _lengths(self._tail, self._rarity)

    def nearest(self, text: str, *, limit: int, least: float = LEAST) -> list[tuple[str, float]]:
        """
        Give the keys of the texts most like this one with their likeness, most like first; the newer of equal ones.

        Args:
            text: Any text; see `MAX_CHARS`. An empty one is like no other.
            limit: How many at most, >= 1.
            least: Likeness, 0..1, that they have at least.
        """
        import numpy as np

        if self._counts is None or self._rarity is None or self._lengths is None:
            return []
        asked = _features([text])
        weights = np.zeros(_BUCKETS, dtype=np.float32)
        weights[asked.indices] = asked.data * self._rarity[asked.indices] ** 2
        length = float(np.sqrt(weights[asked.indices] @ asked.data))
        if not length:
            return []
        scores = self._counts @ weights / self._lengths
        if self._tail is not None:
            scores = np.concatenate([scores, self._tail @ weights / self._tail_lengths])
        scores /= length
        found: list[tuple[str, float]] = []
        for row in (int(each) for each in np.flatnonzero(scores >= least)[::-1]):
            key = self._keys[row]
            if self._row[key] == row:
                found.append((key, min(1.0, float(scores[row]))))
        return sorted(found, key=lambda pair: -pair[1])[:limit]

    def _fold(self) -> None:
        """Put all together, without what is too old or was replaced, and weigh letters anew by how rare they are."""
        import numpy as np
        from scipy import sparse

        parts = [part for part in (self._counts, self._tail) if part is not None]
        standing = [row for row, key in enumerate(self._keys) if self._row[key] == row][-self._most :]
        together = parts[0] if len(parts) == 1 else sparse.vstack(parts, format="csr")
        self._counts = together if len(standing) == together.shape[0] else together[standing]
        self._tail = self._tail_lengths = None
        self._keys = [self._keys[row] for row in standing]
        self._row = {key: row for row, key in enumerate(self._keys)}
        seen = np.bincount(self._counts.indices, minlength=_BUCKETS)
        self._rarity = (np.log((1 + len(standing)) / (1 + seen)) + 1).astype(np.float32)
        self._lengths = _lengths(self._counts, self._rarity)


@lru_cache(maxsize=1)
def _vectorizer() -> Any:
    import numpy as np
    from sklearn.feature_extraction.text import HashingVectorizer

    return HashingVectorizer(
        analyzer="char_wb",
        ngram_range=(_LETTERS, _LETTERS),
        n_features=_BUCKETS,
        alternate_sign=False,
        norm=None,
        lowercase=True,
        dtype=np.float32,
    )


def _features(texts: Sequence[str]) -> Any:
    """Give the counts of each text, damped so that a word said ten times does not drown the others."""
    import numpy as np
    from scipy import sparse

    plain = [text[:MAX_CHARS].encode("utf-8", "replace").decode("utf-8") for text in texts]
    # A few at a time, as it takes several times the memory that they take in the end.
    parts = [_vectorizer().transform(plain[row : row + _TAIL]) for row in range(0, len(plain), _TAIL)]
    counts = parts[0] if len(parts) == 1 else sparse.vstack(parts, format="csr")
    counts.data = 1 + np.log(counts.data)
    return counts


def _lengths(counts: Any, rarity: Floats) -> Floats:
    import numpy as np

    # A few at a time: of all together it would be a copy as large as they are.
    squares = [counts[row : row + _TAIL].power(2) @ rarity**2 for row in range(0, counts.shape[0], _TAIL)]
    lengths: Floats = np.sqrt(np.concatenate(squares))
    # A text without a word is like no other, rather than like all.
    lengths[lengths == 0] = np.inf
    return lengths
