"""Remote case: a proposed case, to wait for."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from signoff.app.views import Outcome
from signoff.domain.case import Case, State

if TYPE_CHECKING:
    from signoff.client.client import Client


class RemoteCase:
    """
    A case on the server, to wait for; made by `Client.propose` and `Client.case`.

    It can be awaited, any number at once.
    """

    __slots__ = ("_client", "seen")

    def __init__(self, client: Client, seen: Case) -> None:
        self._client = client
        self.seen = seen
        """The case as it was when this handle was made; verdicts on the handle are bound to it."""

    @property
    def id(self) -> str:
        """The id, to find the case again later or elsewhere."""
        return self.seen.id

    @property
    def state(self) -> State:
        """Where the case stands now."""
        return self._client._ask_outcome(self.id, 0.0).state

    def outcome(self, timeout_s: float | None = None) -> Outcome:
        """
        Wait until nothing more happens to the case by itself, and tell what became of it.

        Args:
            timeout_s: Seconds, >= 0, to wait at most; None for as long as it takes.

        Raises:
            StillWaiting: If the time is over; the case stays.
            OutsideError: If the server is not there; the case stays.
        """
        return self._client._wait(self.id, timeout_s)

    def withdraw(self) -> Case:
        """
        Take the proposal back before it has started.

        Raises:
            CaseClosed: If it has started or ended.
        """
        return self._client.withdraw(self)

    def __await__(self) -> Generator[Any, None, Outcome]:
        return self._client._wait_async(self.id).__await__()

    def __repr__(self) -> str:
        return f"<RemoteCase {self.id} at {self.seen.checkpoint}>"
