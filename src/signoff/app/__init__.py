"""The object a user holds, and what it hands out: functions behind checkpoints, handles, reviewers, views."""

from __future__ import annotations

from signoff.app.function import CheckpointFunction
from signoff.app.handle import CaseHandle, new_id
from signoff.app.reviewer import Reviewer
from signoff.app.signoff import Signoff, open_store
from signoff.app.views import CaseView, History, Outcome, Verification

__all__ = [
    "CaseHandle",
    "CaseView",
    "CheckpointFunction",
    "History",
    "Outcome",
    "Reviewer",
    "Signoff",
    "Verification",
    "new_id",
    "open_store",
]
