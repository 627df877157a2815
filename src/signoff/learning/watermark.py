"""Watermark: what counts is what comes before the first case whose verdict is still to come."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Units = npt.NDArray[np.int64]


class Watermark:
    """
    Adds up what cases contribute, in the order in which they were routed, up to the first that still waits.

    Verdicts may come in any order and as late as they like, and even later if they are bad: `total` is always that of
    a beginning of the stream. Contributions are whole numbers, so sums do not depend on the order of arrival, and a
    correction leaves no trace. It keeps one sum for each case that waits, and nothing about any other.

    Args:
        cells: Number of separate sums, >= 1.
        width: Whole numbers in each, >= 1.

    Examples:
        >>> import numpy as np
        >>> mark, one = Watermark(1, 1), np.array([1])
        >>> mark.wait(0); mark.add(0, one)
        >>> mark.total.tolist(), mark.settle(0, 0, one), mark.total.tolist()
        ([[0]], True, [[2]])
    """

    def __init__(self, cells: int, width: int) -> None:
        import numpy as np

        self.total: Units = np.zeros((cells, width), dtype=np.int64)
        self._waiting: list[int] = []
        # What lies between a case that waits and the next one that does, by the number of the former.
        self._behind: dict[int, dict[int, Units]] = {}

    @property
    def waiting(self) -> int:
        """Cases whose verdict is still to come."""
        return len(self._waiting)

    @property
    def first_waiting(self) -> int | None:
        """Number of the first case whose verdict is still to come."""
        return self._waiting[0] if self._waiting else None

    def wait(self, number: int) -> None:
        """Enter a case that will have a verdict; numbers ascend."""
        if self._waiting and number <= self._waiting[-1]:
            raise ValueError(f"case {number} comes after case {self._waiting[-1]}; enter cases in the order of routing")
        self._waiting.append(number)
        self._behind[number] = {}

    def add(self, cell: int, amount: Units) -> None:
        """Enter a case that contributes at once, since nobody will judge it."""
        self._put(len(self._waiting) - 1, cell, amount)

    def settle(self, number: int, cell: int, amount: Units) -> bool:
        """Count the verdict of a case that waits; tell whether `total` moved."""
        place = bisect_right(self._waiting, number) - 1
        if place < 0 or self._waiting[place] != number:
            raise ValueError(f"case {number} does not wait for a verdict")
        del self._waiting[place]
        self._put(place - 1, cell, amount)
        for inner, sums in self._behind.pop(number).items():
            self._put(place - 1, inner, sums)
        return place == 0

    def correct(self, number: int, cell: int, change: Units) -> None:
        """Add a change to what a case contributed that was settled before."""
        self._put(bisect_right(self._waiting, number) - 1, cell, change)

    def _put(self, place: int, cell: int, amount: Units) -> None:
        if place < 0:
            self.total[cell] += amount
            return
        behind = self._behind[self._waiting[place]]
        if cell in behind:
            behind[cell] = behind[cell] + amount
        else:
            behind[cell] = amount

    def state(self) -> dict[str, Any]:
        """Give everything it holds, as JSON has it."""
        return {
            "total": self.total.tolist(),
            "waiting": [
                [number, [[cell, sums.tolist()] for cell, sums in sorted(self._behind[number].items())]]
                for number in self._waiting
            ],
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Watermark:
        """Read what `state` gave."""
        import numpy as np

        total = np.array(state["total"], dtype=np.int64)
        mark = cls(*total.shape)
        mark.total = total
        for number, behind in state["waiting"]:
            mark._waiting.append(int(number))
            mark._behind[int(number)] = {int(cell): np.array(sums, dtype=np.int64) for cell, sums in behind}
        return mark
