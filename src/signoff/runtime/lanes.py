"""Lanes: the threads of one checkpoint, apart from those of all others."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from signoff.engine.execute import Started

IDLE_S = 30.0
"""Seconds a thread waits for work before it ends."""

MOST_LEFT_BEHIND = 8
"""Handlers of one checkpoint that outlived their time-out, at which no more of them are started in this process."""


@dataclass(slots=True, eq=False)
class Running:
    """
    A handler that runs.

    Args:
        started: Its effect.
        until: When its time is over, by the monotonic clock.
    """

    started: Started
    until: float


@dataclass(slots=True, eq=False)
class _Slot:
    thread: threading.Thread = field(init=False)
    running: Running | None = None


class Lane:
    """
    Runs the effects of one checkpoint in threads of its own, started when there is work and ended when there is none.

    A handler that outlives its time-out is left behind, and another thread takes its place. With too many of them left
    behind the lane is closed until some end.

    Args:
        checkpoint: Its name.
        work: Runs one effect to its end; called in a thread of the lane with what says that its handler has ended.
        freed: Called when there is room again, after an effect that left none, or one that was left behind.
    """

    def __init__(
        self, checkpoint: str, work: Callable[[Started, Callable[[], None]], None], freed: Callable[[], None]
    ) -> None:
        self.checkpoint = checkpoint
        self.hungry = False
        """Whether there may be more work than there was room for."""
        self._work = work
        self._freed = freed
        self._todo: queue.SimpleQueue[Started | None] = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._slots: set[_Slot] = set()
        self._left: set[_Slot] = set()
        self._busy = 0
        self._made = 0
        self._ended = False

    def room(self, most: int) -> int:
        """Give how many effects it may be given now, if it is to run `most` at a time."""
        with self._changed:
            return 0 if len(self._left) >= MOST_LEFT_BEHIND else max(0, most - self._busy)

    @property
    def busy(self) -> int:
        """How many effects it runs, without those left behind."""
        with self._changed:
            return self._busy

    @property
    def left_behind(self) -> int:
        """How many handlers outlived their time-out and still run."""
        with self._changed:
            return len(self._left)

    def give(self, effects: Sequence[Started]) -> list[Started]:
        """
        Run these.

        Returns:
            Those it cannot run, because it has ended or the machine gives it no thread.
        """
        with self._changed:
            for number, one in enumerate(effects):
                if self._ended:
                    return list(effects[number:])
                if self._busy == len(self._slots):
                    try:
                        self._add_slot()
                    except (RuntimeError, MemoryError):
                        return list(effects[number:])
                self._busy += 1
                self._todo.put(one)
        return []

    def overdue(self) -> list[Started]:
        """Leave behind the handlers whose time is over, and give their effects."""
        now = time.monotonic()
        with self._changed:
            late = [slot for slot in self._slots if slot.running is not None and slot.running.until <= now]
            effects = [slot.running.started for slot in late if slot.running is not None]
            for slot in late:
                self._slots.discard(slot)
                self._left.add(slot)
                self._busy -= 1
            self._changed.notify_all()
        return effects

    def next_overdue(self) -> float | None:
        """Give when the first running handler's time is over, by the monotonic clock."""
        with self._changed:
            return min((slot.running.until for slot in self._slots if slot.running is not None), default=None)

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until it runs nothing, or something ended; tell whether it runs nothing."""
        with self._changed:
            if self._busy:
                self._changed.wait(timeout_s)
            return not self._busy

    def holds(self, thread: threading.Thread) -> bool:
        """Tell whether it is one of its threads that runs an effect."""
        with self._changed:
            return any(slot.thread is thread for slot in self._slots)

    def unbegun(self) -> list[Started]:
        """Take nothing more, and give back what no thread has begun with."""
        found: list[Started] = []
        with self._changed:
            self._ended = True
            while True:
                try:
                    one = self._todo.get_nowait()
                except queue.Empty:
                    break
                if one is not None:
                    found.append(one)
            self._busy -= len(found)
            self._changed.notify_all()
        return found

    def end(self) -> list[threading.Thread]:
        """Let each thread end after what it runs, and give the threads."""
        with self._changed:
            self._ended = True
            for _ in self._slots:
                self._todo.put(None)
            return [slot.thread for slot in self._slots]

    def _add_slot(self) -> None:
        slot = _Slot()
        self._made += 1
        name = f"signoff-{self.checkpoint}-{self._made}"
        slot.thread = threading.Thread(target=self._serve, args=(slot,), name=name, daemon=True)
        slot.thread.start()
        self._slots.add(slot)

    def _serve(self, slot: _Slot) -> None:
        while True:
            try:
                started = self._todo.get(timeout=IDLE_S)
            except queue.Empty:
                with self._changed:
                    if self._todo.empty() and self._busy < len(self._slots):
                        self._slots.discard(slot)
                        return
                continue
            if started is None:
                with self._changed:
                    self._slots.discard(slot)
                return
            with self._changed:
                slot.running = Running(started, until=time.monotonic() + started.checkpoint.timeout_s)

            def ended() -> None:
                with self._changed:
                    slot.running = None

            self._work(started, ended)
            with self._changed:
                slot.running = None
                behind = slot in self._left
                if behind:
                    # The effect is somebody else's by now, and so is this thread's place.
                    self._left.discard(slot)
                else:
                    self._busy -= 1
                tell = behind or self.hungry
                self._changed.notify_all()
            if tell:
                self._freed()
            if behind:
                return
