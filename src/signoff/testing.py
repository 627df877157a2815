"""For users' tests: a store in memory, a clock that stands still, and a handler that writes down its calls."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from signoff.engine.execute import current_effect
from signoff.storage.memory import MemoryStore

__all__ = ["FakeClock", "MemoryStore", "RecordedCall", "RecordingHandler"]


class FakeClock:
    """
    A clock that moves only when told to.

    Args:
        start: Where it starts, aware.

    Examples:
        >>> clock = FakeClock()
        >>> before = clock.now()
        >>> clock.advance(10)
        >>> (clock.now() - before).total_seconds()
        10.0
    """

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = start
        self._guard = threading.Lock()

    def now(self) -> datetime:
        """Give the time."""
        with self._guard:
            return self._now

    def advance(self, seconds: float) -> None:
        """Move on; negative seconds move back, as clocks do."""
        with self._guard:
            self._now += timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCall:
    """One call of a handler, with the idempotency key it was given."""

    case_id: str
    key: str
    attempt: int
    arguments: dict[str, Any]


class RecordingHandler:
    """
    A handler that writes down its calls, and fails when told to.

    Args:
        value: What it returns.

    Examples:
        >>> from signoff import Signoff
        >>> app, sent = Signoff(MemoryStore(), workers=0), RecordingHandler("ok")
        >>> @app.checkpoint
        ... def send(to: str) -> str:
        ...     return sent(to=to)
        >>> case = app.reviewer("grace").approve(send.propose(to="ada"))
        >>> app.run_due()
        1
        >>> [call.arguments for call in sent.calls]
        [{'to': 'ada'}]
    """

    def __init__(self, value: Any = None) -> None:
        self.value = value
        self.calls: list[RecordedCall] = []
        self._failures: list[BaseException] = []

    def fail_next(self, *errors: BaseException) -> None:
        """Raise these from the next calls, one each, after writing the call down."""
        self._failures.extend(errors)

    def __call__(self, **arguments: Any) -> Any:
        """Write the call down and return the value."""
        effect = current_effect()
        self.calls.append(
            RecordedCall(case_id=effect.case_id, key=effect.key, attempt=effect.attempt, arguments=arguments)
        )
        if self._failures:
            raise self._failures.pop(0)
        return self.value

    def receipts(self, key: str) -> Any | None:
        """Answer a checkpoint's `check`: the value if a call with that key was written down."""
        return (self.value or True) if any(call.key == key for call in self.calls) else None
