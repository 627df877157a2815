"""The blend: what several votes on the label of a text add up to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Blend:
    """
    The votes on n texts and C classes, and their sum.

    Args:
        scores: The sum, shape (n, C); minus infinity for a class without examples.
        regression: Logarithmic shares, shape (n, C).
        neighbours: Shares of the neighbours' votes, shape (n, C).
        words: Scores of naive Bayes, shape (n, C).
    """

    scores: Floats
    regression: Floats
    neighbours: Floats
    words: Floats


def blend(*, regression: Floats, neighbours: Floats, words: Floats, seen: Floats) -> Blend:
    """
    Add the votes up.

    Naive Bayes counts a fifth, since words do not come independently. Where the neighbours name nobody else, that is
    worth ln(1.05/0.05), about 3.

    Args:
        regression: Logarithmic shares, shape (n, C).
        neighbours: Shares, shape (n, C).
        words: Scores, shape (n, C).
        seen: Examples of each class, shape (C,); a class without any takes no part.

    Examples:
        >>> import numpy as np
        >>> even, one = np.log([[0.5, 0.5]]), np.array([[0.0, 1.0]])
        >>> made = blend(regression=even, neighbours=one, words=even, seen=np.array([3, 3]))
        >>> (made.scores[0, 1] - made.scores[0, 0]).round(2)
        np.float64(3.04)
    """
    import numpy as np

    total = regression + np.log(neighbours + 0.05) + 0.2 * words
    return Blend(
        scores=np.where(seen > 0, total, -np.inf),
        regression=regression,
        neighbours=neighbours,
        words=words,
    )
