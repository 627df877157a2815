"""Features: what was known when a proposal was made, as numbers that tell whether a person would accept it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from signoff.learning.votes_blend import Blend

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

LABEL_FEATURES = (
    "margin",
    "log_margin",
    "log_share",
    "regression_agrees",
    "neighbours_agree",
    "words_agree",
    "neighbours_share",
    "largest_cosine",
    "log_examples",
    "running_error",
    "words_margin",
    "unseen_words",
    "regression_margin",
    "regression_log_share",
)
"""Names of the columns of `label_features`, in their order; the acceptance model adds the intercept."""

MAX_MARGIN = 12.0
"""Margins are cut off here: more of it says nothing more."""


def label_features(
    votes: Blend, best: Ints, *, cosines: Floats, examples: Floats, errors: Floats, unseen: Floats
) -> Floats:
    """
    Describe by fourteen numbers each how doubtful the proposed labels are.

    All of them are known before the verdict. A row that is not finite means that nothing may run without a person.

    Args:
        votes: What the votes made of n texts and C classes.
        best: The class proposed for each text, shape (n,).
        cosines: Similarity of the nearest labelled text, shape (n,), -1..1.
        examples: Examples of each class, shape (C,).
        errors: Running error of each class, shape (C,), 0..1; see `RunningErrors`.
        unseen: Share of words that no example had, shape (n,), 0..1.

    Returns:
        Shape (n, 14), columns as in `LABEL_FEATURES`; NaN where a class without examples is proposed.
    """
    import numpy as np

    rows = np.arange(len(best))
    if not votes.scores.size:
        return np.full((len(best), len(LABEL_FEATURES)), np.nan)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        # A rule may have decided against the votes: then there is no margin at all.
        margin = np.clip(_lead(votes.scores, best), 0.0, MAX_MARGIN)
        share = -np.log(np.exp(votes.scores - votes.scores[rows, best][:, None]).sum(axis=1))
        found = np.column_stack(
            [
                margin,
                np.log(margin + 0.1),
                np.maximum(share, -MAX_MARGIN),
                votes.regression.argmax(axis=1) == best,
                votes.neighbours.argmax(axis=1) == best,
                votes.words.argmax(axis=1) == best,
                votes.neighbours[rows, best],
                cosines,
                np.log1p(examples[best]),
                errors[best],
                np.clip(_lead(votes.words, best), -MAX_MARGIN, MAX_MARGIN),
                unseen,
                np.clip(_lead(votes.regression, best), -MAX_MARGIN, MAX_MARGIN),
                np.maximum(votes.regression[rows, best], -MAX_MARGIN),
            ]
        ).astype(np.float64)
    found[~np.isfinite(votes.scores[rows, best])] = np.nan
    return found


class RunningErrors:
    """
    Share of proposals of each class that people corrected, the latest counting most.

    It forgets by the factor .995 per 100 verdicts, and draws a class with few verdicts towards the share of all.

    Args:
        classes: Classes there are.

    Examples:
        >>> import numpy as np
        >>> errors = RunningErrors(2)
        >>> errors.add(np.array([0, 0, 1]), np.array([1.0, 1.0, 0.0]))
        >>> errors.shares().round(2).tolist()
        [0.71, 0.5]
    """

    def __init__(self, classes: int) -> None:
        import numpy as np

        self._wrong: Floats = np.zeros(classes)
        self._all: Floats = np.zeros(classes)

    def add(self, proposed: Ints, wrong: Floats) -> None:
        """
        Count verdicts, oldest first.

        Args:
            proposed: The class that was proposed, shape (n,).
            wrong: 1 where a person corrected it, else 0, shape (n,).
        """
        import numpy as np

        kept = 0.995 ** (len(proposed) / 100)
        ages = 0.995 ** (np.arange(len(proposed))[::-1] / 100)
        self._wrong *= kept
        self._all *= kept
        np.add.at(self._wrong, proposed, ages * wrong)
        np.add.at(self._all, proposed, ages)

    def shares(self) -> Floats:
        """Give the share of each class, shape (classes,), 0..1."""
        overall = (self._wrong.sum() + 1) / (self._all.sum() + 2)
        result: Floats = (self._wrong + 5 * overall) / (self._all + 5)
        return result


def _lead(scores: Floats, best: Ints) -> Floats:
    """How far the score of `best` is above the greatest of the others; `MAX_MARGIN` without others."""
    import numpy as np

    rows = np.arange(len(scores))
    others = scores.copy()
    others[rows, best] = -np.inf
    lead: Floats = scores[rows, best] - others.max(axis=1)
    return np.where(np.isneginf(others.max(axis=1)), MAX_MARGIN, lead)
