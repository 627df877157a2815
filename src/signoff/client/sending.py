"""Sending: when a request may be sent again, how long to wait, and which error an answer is."""

from __future__ import annotations

import random
import ssl
from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING

import httpx2
from pydantic import ValidationError

from signoff import errors
from signoff.errors import (
    ConflictError,
    NotSignedIn,
    OutsideError,
    Overloaded,
    RefusedError,
    SignoffError,
    TooLarge,
    UsageError,
)
from signoff.wire import Problem

if TYPE_CHECKING:
    from signoff.client.client import Client

_FIRST_PAUSE_S = 0.2


LONGEST_PAUSE_S = 30.0
"""Seconds to wait at most before a request is sent again; a server that asks for more gets the caller an error."""


_GATEWAY = frozenset({502, 504})


NOT_THERE = frozenset({404, 405})


class Again(Enum):
    """When a request may be sent again."""

    ALWAYS = "always"
    """Twice is the same as once."""
    UNTAKEN = "untaken"
    """Only if it did not arrive, or the server says that nothing of it was kept."""
    UNREAD = "unread"
    """Only if it did not arrive, or was turned away at the door: it is several writes."""


class Tries:
    """
    Decides after each answer, or the lack of one, whether and when the request is sent again.

    Args:
        client: Who sends.
        again: When that is safe.
        most: How often at the most.
    """

    def __init__(self, client: Client, again: Again, most: int) -> None:
        self._client = client
        self._again = again
        self._most = most
        self.made = 0
        """How often it was sent again."""
        self.taken: frozenset[int] = frozenset()
        """Statuses that are answers, though they are errors elsewhere."""

    def takes(self, response: httpx2.Response) -> bool:
        """Tell whether it is an answer."""
        return response.is_success or response.status_code in self.taken

    def pause_after(self, answer: httpx2.Response | httpx2.RequestError | SignoffError) -> float:
        """
        Give the seconds to wait before it is sent again.

        Raises:
            SignoffError: If it must not be, or was often enough.
        """
        asked_s: float | None
        if isinstance(answer, httpx2.Response):
            error, safe, asked_s = self._client._error_of(answer), self._may_resend(answer), retry_after(answer)
            if answer.status_code in _GATEWAY and not safe:
                error = self._lost(f"{answer.status_code} from in front of the server")
        elif isinstance(answer, SignoffError):
            error, safe, asked_s = answer, True, float(answer.facts.get("retry_after_s") or 0.0)
        else:
            error, safe, asked_s = *self._after_break(answer), None
        if not safe or self.made >= self._most or (asked_s or 0.0) > LONGEST_PAUSE_S:
            raise error
        # Half of it by chance, so that clients that were turned away together do not come back together.
        backoff_s = min(LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0**self.made) * random.uniform(0.5, 1.0)
        self.made += 1
        return max(backoff_s, asked_s or 0.0)

    def _may_resend(self, response: httpx2.Response) -> bool:
        status = response.status_code
        if status == 429:
            return True
        problem = problem_of(response)
        if status == 503:
            if problem is None:
                return self._again is Again.ALWAYS
            return self._again is not Again.UNREAD and says_untaken(problem)
        return status in _GATEWAY and self._again is Again.ALWAYS

    def _after_break(self, broken: httpx2.RequestError) -> tuple[SignoffError, bool]:
        url = self._client.url
        reason = _reason(broken)
        if reason is None:
            return OutsideError(
                f"the certificate of {url} cannot be verified, so nothing was sent; if it is signed by an authority of "
                "your own, name its file in SSL_CERT_FILE",
                url=url,
            ), False
        if isinstance(broken, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout | httpx2.ProxyError):
            return OutsideError(
                f"no connection to {url} ({reason}); check the URL, and that the server runs there", url=url
            ), True
        if self._again is Again.ALWAYS:
            return OutsideError(
                f"{url} broke off or did not answer in time ({reason}), {self.made + 1} times; check that it is a "
                "Signoff server and that it runs, then try again",
                url=url,
            ), True
        return self._lost(reason), False

    def _lost(self, reason: str) -> OutsideError:
        return OutsideError(
            f"the answer of {self._client.url} was lost ({reason}), so this may or may not have been done; look at the "
            "case before you send it again",
            url=self._client.url,
        )


KINDS: Mapping[str, type[SignoffError]] = {kind.code: kind for kind in (getattr(errors, n) for n in errors.__all__)}


_BY_STATUS: Mapping[int, type[SignoffError]] = {
    401: NotSignedIn,
    403: RefusedError,
    409: ConflictError,
    413: TooLarge,
    429: Overloaded,
}


def kind_by(status: int) -> type[SignoffError]:
    """Give the error a status stands for, where no problem document says more."""
    return _BY_STATUS.get(status, OutsideError if status >= 500 else UsageError)


def says_untaken(problem: Problem) -> bool:
    """Tell whether the server says that it kept nothing, so that sending again is safe whatever it was."""
    return problem.code in (Overloaded.code, errors.StoreUnavailable.code)


def problem_of(response: httpx2.Response) -> Problem | None:
    """Give the problem document of an answer; None if it holds none."""
    try:
        return Problem.model_validate_json(response.content)
    except ValidationError:
        return None


def retry_after(response: httpx2.Response) -> float | None:
    """Give the seconds the server asks to wait, if it does."""
    asked = response.headers.get("retry-after", "")
    # The other form is a date, by a clock that need not be ours.
    return float(asked) if asked.isascii() and asked.isdecimal() else None


def _reason(broken: httpx2.RequestError) -> str | None:
    """Say why a connection broke; None if the certificate is not to be trusted."""
    cause: BaseException | None = broken
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return None
        cause = cause.__cause__ or cause.__context__
    if isinstance(broken, httpx2.TimeoutException):
        return "out of time"
    return str(broken) or type(broken).__name__
