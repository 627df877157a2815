"""Learner: a thread that hands settled verdicts to the drafters, so that nobody waits for it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from signoff.domain.case import Move
from signoff.domain.entry import Entry
from signoff.engine.learn import teach
from signoff.ports import LearningDrafter, Store

log = logging.getLogger("signoff.learner")

CATCH_UP_S = 30.0
"""Seconds to wait for a drafter that fits what the ledger holds; then it drafts with what it knows."""

POLL_S = 1.0
"""Seconds between two looks at the verdicts of other processes."""

_SETTLED = frozenset({Move.CLEAR.value, Move.REJECT.value})


class Learner:
    """
    Feeds each learning drafter from the ledger, from its start, each verdict once.

    Args:
        store: Where the verdicts are.
        drafters: By checkpoint; read anew each time.
    """

    def __init__(self, store: Store, drafters: Callable[[], dict[str, LearningDrafter]]) -> None:
        self._store = store
        self._drafters = drafters
        self._seen: dict[str, int] = {}
        self._teaching = threading.Lock()
        self._wake = threading.Event()
        self._stopping = False
        self._caught_up = False
        self._thread: threading.Thread | None = None

    def teach_now(self) -> None:
        """Hand over everything that has settled so far, and return."""
        with self._teaching:
            for name, drafter in self._drafters().items():
                self._seen[name] = teach(self._store, name, drafter, after_seq=self._seen.get(name, 0))

    def catch_up(self) -> None:
        """
        Hand over what the ledger holds, once in this process, before its first draft.

        A drafter that can say when it is ready (`wait`) is waited for: without it, the first drafts after a
        restart would be worse than those they replace.
        """
        if self._caught_up:
            return
        self.teach_now()
        for drafter in self._drafters().values():
            wait = getattr(drafter, "wait", None)
            if wait is not None:
                wait(CATCH_UP_S)
        self._caught_up = True

    def start(self) -> None:
        """Start the thread; a second call does nothing."""
        if self._thread is None and not self._stopping and self._drafters():
            self._store.on_commit(self._notice)
            self._thread = threading.Thread(target=self._run, name="signoff-learner", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(5.0)

    def _notice(self, entries: Sequence[Entry]) -> None:
        if any(entry.act in _SETTLED for entry in entries):
            self._wake.set()

    def _run(self) -> None:
        version = -1
        while not self._stopping:
            woken = self._wake.wait(POLL_S)
            self._wake.clear()
            if self._stopping:
                return
            try:
                seen = self._store.version()
                if woken or seen != version:
                    version = seen
                    self.teach_now()
            except Exception:
                # A broken learner drafts worse; it must not stop anything else.
                log.exception("the drafters could not be taught; they go on with what they know")
