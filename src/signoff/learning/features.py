"""Features: what was known about a proposal when it was made, as numbers that tell whether a person would accept it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from signoff.learning.votes import Blend

    Floats = npt.NDArray[np.floating]
    Ints = npt.NDArray[np.integer]

LABEL_FEATURES = (
    "one",
    "margin",
    "log_margin",
    "log_share",
    "discriminant_agrees",
    "neighbours_agree",
    "words_agree",
    "neighbours_share",
    "largest_cosine",
    "log_examples",
    "running_error",
    "discriminant_margin",
    "words_margin",
    "unseen_words",
)
"""Names of the columns of `label_features`, in their order."""

MAX_MARGIN = 12.0
"""Margins are cut off here: beyond, more of it says nothing more."""


def label_features(votes: Blend, *, cosines: Floats, examples: Floats, errors: Floats, unseen: Floats) -> Floats:
    """
    Describe by fourteen numbers each how doubtful the proposed labels are.

    Everything is known before the verdict. A row that is not finite means that nothing may run without a person.

    Args:
        votes: What the votes made of n texts and C classes.
        cosines: Similarity of the nearest labelled text, shape (n,).
        examples: Examples of each class, shape (C,).
        errors: Running error of each class, shape (C,), 0..1; see `RunningError`.
        unseen: Share of words that no example had, shape (n,), 0..1.

    Returns:
        Shape (n, 14), columns as in `LABEL_FEATURES`.
    """
    import numpy as np

    scores = votes.scores
    rows = np.arange(len(scores))
    if not scores.shape[1]:
        return np.full((len(scores), len(LABEL_FEATURES)), np.nan)
    best = scores.argmax(axis=1)
    margin = np.minimum(_lead(scores, best), MAX_MARGIN)
    with np.errstate(invalid="ignore"):
        shifted = scores - scores[rows, best][:, None]
        share = 1 / np.exp(shifted).sum(axis=1)
    return np.column_stack(
        [
            np.ones(len(scores)),
            margin,
            np.log(margin + 0.1),
            np.log(share),
            votes.discriminant.argmax(axis=1) == best,
            votes.neighbours.argmax(axis=1) == best,
            votes.words.argmax(axis=1) == best,
            votes.neighbours[rows, best],
            cosines,
            np.log1p(examples[best]),
            errors[best],
            np.clip(_lead(votes.discriminant, best), -MAX_MARGIN, MAX_MARGIN),
            np.clip(_lead(votes.words, best), -MAX_MARGIN, MAX_MARGIN),
            unseen,
        ]
    )


def _lead(scores: Floats, best: Ints) -> Floats:
    """How far the score of `best` is above the greatest of the others; `MAX_MARGIN` without others."""
    import numpy as np

    rows = np.arange(len(scores))
    others = scores.copy()
    others[rows, best] = -np.inf
    lead: Floats = scores[rows, best] - others.max(axis=1)
    return lead
