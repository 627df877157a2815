"""Handle: a proposed case, to wait for."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import uuid_utils

from signoff.app.views import Outcome
from signoff.domain.case import Case, State

if TYPE_CHECKING:
    from signoff.app.signoff import Signoff


def new_id() -> str:
    """Give a new UUIDv7 as text; later ones sort after earlier ones."""
    return str(uuid_utils.uuid7())


class CaseHandle:
    """
    A proposed case, to wait for.

    Examples:
        >>> from signoff import Signoff
        >>> from signoff.testing import MemoryStore
        >>> app = Signoff(MemoryStore(), workers=0)
        >>> @app.checkpoint()
        ... def greet(name: str) -> str:
        ...     return f"hello {name}"
        >>> case = greet.propose(name="Ada")
        >>> case.state.value
        'waiting'
        >>> _ = app.reviewer("grace").approve(case)
        >>> app.run_due()
        1
        >>> case.outcome().value
        'hello Ada'
    """

    __slots__ = ("_app", "seen")

    def __init__(self, app: Signoff, seen: Case) -> None:
        self._app = app
        self.seen = seen
        """The case as it was when this handle was made; verdicts on the handle are bound to it."""

    @property
    def id(self) -> str:
        """The id, to find the case again later or elsewhere."""
        return self.seen.id

    @property
    def state(self) -> State:
        """Where the case stands now."""
        return self._app.case(self.id).seen.state

    def outcome(self, timeout_s: float | None = None) -> Outcome:
        """
        Wait until nothing more happens to the case by itself, and tell what became of it.

        Args:
            timeout_s: Seconds, >= 0, to wait at most; None for as long as it takes.

        Raises:
            StillWaiting: If the time is over; the case stays.
        """
        return self._app._wait(self.id, timeout_s)

    def withdraw(self) -> Case:
        """
        Take the proposal back before it has started.

        Raises:
            CaseClosed: If it has started or ended.
        """
        return self._app.withdraw(self, proposer=self.seen.proposer)

    def __await__(self) -> Generator[Any, None, Outcome]:
        return self._app._wait_async(self.id).__await__()

    def __repr__(self) -> str:
        return f"<CaseHandle {self.id} at {self.seen.checkpoint}>"


def case_id(case: Case | CaseHandle | str) -> str:
    """Give the id of a case, in whatever form it is at hand."""
    return case if isinstance(case, str) else case.id
