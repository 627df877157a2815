"""Text for the votes: which words and character n-grams it holds, hashed, without anything learned."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vectors = npt.NDArray[np.float32]
    Ints = npt.NDArray[np.int64]

WORD_BUCKETS = 2**15
NGRAM_DIMENSIONS = 1024


def words_of(texts: Sequence[str]) -> tuple[Ints, Ints]:
    """
    Give the words and pairs of neighbouring words of each text, hashed; case does not matter.

    Returns:
        The buckets of all texts one after the other, ascending and each at most once per text; and where each text's
        begin, shape (texts + 1,).
    """
    import numpy as np

    if not texts:
        return np.zeros(0, dtype=np.int64), np.zeros(1, dtype=np.int64)
    found = _words().transform(texts).tocsr()
    found.sort_indices()
    return found.indices.astype(np.int64), found.indptr.astype(np.int64)


def ngram_vectors(texts: Sequence[str]) -> Vectors:
    """
    Give vectors whose cosine says how many character n-grams (2..5, inside words) two texts share.

    Returns:
        Float32, shape (texts, 1024), each row of length 1; zeros for a text without any letter.

    Source:
        Weinberger et al. 2009, "Feature Hashing for Large Scale Multitask Learning": signs make collisions cancel out.
    """
    import numpy as np

    if not texts:
        return np.zeros((0, NGRAM_DIMENSIONS), dtype=np.float32)
    found: Vectors = _ngrams().transform(texts).toarray().astype(np.float32)
    return found


@lru_cache(maxsize=1)
def _words() -> Any:
    from sklearn.feature_extraction.text import HashingVectorizer

    return HashingVectorizer(
        analyzer="word",
        token_pattern=r"(?u)\b\w+\b",
        ngram_range=(1, 2),
        n_features=WORD_BUCKETS,
        alternate_sign=False,
        norm=None,
        binary=True,
    )


@lru_cache(maxsize=1)
def _ngrams() -> Any:
    from sklearn.feature_extraction.text import HashingVectorizer

    return HashingVectorizer(analyzer="char_wb", ngram_range=(2, 5), n_features=NGRAM_DIMENSIONS, norm="l2")
