"""Waiting: wakes whoever waits for a case when this process writes to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from signoff.domain.entry import Entry
from signoff.ports import Store


class Waiters:
    """
    Whoever waits, by case.

    Args:
        store: Whose commits wake them.
    """

    def __init__(self, store: Store) -> None:
        self._wakes: dict[str, list[Callable[[], object]]] = {}
        self._guard = threading.Lock()
        store.on_commit(self.notice)

    @contextmanager
    def on(self, case_id: str, wake: Callable[[], object] | None = None) -> Iterator[threading.Event]:
        """
        Wake on every write to a case while the block runs.

        Args:
            case_id: The case.
            wake: Called from the writing thread; sets the event by default.
        """
        event = threading.Event()
        call = wake or event.set
        with self._guard:
            self._wakes.setdefault(case_id, []).append(call)
        try:
            yield event
        finally:
            with self._guard:
                self._wakes[case_id].remove(call)
                if not self._wakes[case_id]:
                    del self._wakes[case_id]

    def notice(self, entries: Sequence[Entry]) -> None:
        """Wake whoever waits for the cases of these entries."""
        if not self._wakes:
            return
        with self._guard:
            calls = [call for e in entries if e.case_id for call in self._wakes.get(e.case_id, ())]
        for call in calls:
            call()


class Deadline:
    """
    Time that runs out.

    Args:
        seconds: >= 0, or None for never.
    """

    def __init__(self, seconds: float | None) -> None:
        self._until = None if seconds is None else time.monotonic() + seconds

    def over(self) -> bool:
        """Tell whether it has run out."""
        return self._until is not None and time.monotonic() >= self._until

    def left(self, most: float) -> float:
        """Give the seconds left, `most` at the most."""
        return most if self._until is None else max(0.0, min(most, self._until - time.monotonic()))
