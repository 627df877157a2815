"""Arrivals: the latest numbers of a stream, kept sorted."""

from __future__ import annotations

from array import array
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class LatestSorted:
    """
    Keeps the latest numbers of a stream in ascending order; a new one takes a microsecond.

    Args:
        most: Numbers kept, >= 1; the oldest goes first.
        values: Numbers to begin with, oldest first.

    Examples:
        >>> latest = LatestSorted(3)
        >>> [latest.push(value) for value in (0.3, 0.1, 0.2, 0.4)], latest.ascending()
        ([None, None, None, 0.3], array([0.1, 0.2, 0.4]))
    """

    def __init__(self, most: int, values: Iterable[float] = ()) -> None:
        self._most = most
        self._arrived: deque[float] = deque(values, maxlen=most)
        self._sorted = array("d", sorted(self._arrived))

    def __len__(self) -> int:
        return len(self._arrived)

    def push(self, value: float) -> float | None:
        """Take in a number; give the one that goes for it."""
        gone = None
        if len(self._arrived) == self._most:
            gone = self._arrived[0]
            del self._sorted[bisect_left(self._sorted, gone)]
        self._arrived.append(value)
        insort(self._sorted, value)
        return gone

    def at(self, rank: int) -> float:
        """Give the number of a rank, 0 for the least."""
        return self._sorted[rank]

    def ascending(self) -> npt.NDArray[np.float64]:
        """Give a copy of all numbers in ascending order."""
        import numpy as np

        return np.array(self._sorted, dtype=np.float64)

    def arrived(self) -> list[float]:
        """Give all numbers, oldest first."""
        return list(self._arrived)
