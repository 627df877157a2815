"""Thresholds: up to which predicted risk each level of strictness lets cases through."""

from __future__ import annotations

from typing import TYPE_CHECKING

from signoff.learning.arrivals import LatestSorted

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

NOBODY = -1.0
"""The threshold of a level that lets no case through."""

DOUBT = 1.0
"""The predicted risk that stands for "nobody knows"; no level lets it through."""


def thresholds(latest: LatestSorted, targets: npt.NDArray[np.float64], *, least: int) -> tuple[float, ...]:
    """
    Give for each level the largest predicted risk it lets through.

    It is the largest one seen lately such that the cases up to it have a mean predicted risk of at most the target.
    It is no part of the proof, only of what is bet on: any rule would do that does not look at the verdict to come.

    Args:
        latest: Predicted risks of the latest arrivals, 0..1, the present one not among them.
        targets: Highest mean predicted risk for each level, ascending, shape (levels,).
        least: Arrivals before there is any threshold.

    Returns:
        Ascending, one for each level; `NOBODY` where there is none.

    Examples:
        >>> import numpy as np
        >>> latest = LatestSorted(1000, [0.0, 0.01, 0.05, 0.05, 0.9])
        >>> thresholds(latest, np.array([0.001, 0.01, 0.03]), least=5)
        (0.0, 0.01, 0.05)
    """
    import numpy as np

    if len(latest) < least:
        return (NOBODY,) * len(targets)
    risks = latest.ascending()
    means = risks.cumsum() / np.arange(1, len(risks) + 1)
    last = np.empty(len(risks), dtype=bool)
    np.not_equal(risks[1:], risks[:-1], out=last[:-1])
    last[-1] = True
    last &= risks < DOUBT
    # A threshold takes all cases of equal risk or none, so only the last of equal ones is one.
    places = np.flatnonzero(last)
    found = np.searchsorted(np.maximum.accumulate(means[places]), targets, side="right")
    return tuple(float(risks[places[count - 1]]) if count else NOBODY for count in found.tolist())
