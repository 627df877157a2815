"""Note: what somebody wrote about a case, beside the ledger, so that it can be erased."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Note:
    """
    A remark on a case.

    Args:
        case_id: The case.
        number: 1, 2, … within the case.
        about: The act it belongs to: `redraft`, `hand_over`, `resolve`, `audit`.
        author: Who wrote it.
        written_at: When, UTC.
        text: What they wrote.
    """

    case_id: str
    number: int
    about: str
    author: str
    written_at: datetime
    text: str
