"""
Every error a caller can catch, as one tree, split by what the catcher should do.

```
SignoffError
├── UsageError            fix the call                     422
│   ├── InvalidCheckpoint     a checkpoint is declared in a way that cannot work
│   ├── InvalidArguments      arguments do not fit the checkpoint's signature
│   ├── InvalidInput          a document, file or value cannot be read as it is
│   ├── TooLarge              a document is larger than is taken            413
│   ├── UnknownCheckpoint     no checkpoint of that name                    404
│   ├── UnknownCase           no case of that id                            404
│   └── UnknownEvidence       no such evidence, or not in that form         404
├── ConflictError         reload and look again            409
│   ├── CaseClosed            the case is no longer open to that move
│   ├── ClaimLost             the claim expired or belongs to somebody else
│   ├── ContentChanged        what was on screen is not what would run now
│   └── KeyReused             the caller's key or verdict id stands for something else
├── RefusedError          a rule said no                   403
│   ├── NotSignedIn           nobody knows who asks                         401
│   ├── NotAllowed            the actor has no right to do that
│   ├── SameReviewer          the same person cannot count twice
│   ├── PersonAway            nothing is handed over to who is away
│   └── NotApproved           the proposal was not approved, so it did not run
├── OutsideError          may be retried                   503
│   ├── StoreUnavailable      the database did not take or give the data
│   ├── Overloaded            too much at once; come back a little later    429
│   ├── DraftFailed           the drafter made no proposal
│   ├── StillWaiting          no answer yet; the case stays
│   ├── EffectFailed          the effect certainly did not happen
│   └── EffectUnknown         the effect may have happened; never retried alone
└── IntegrityError        stop; do not write               500
    ├── LedgerBroken          stored rows contradict each other
    ├── SchemaTooNew          a newer Signoff wrote this database
    └── SchemaTooOld          the database waits for signoff migrate
```

A message says what happened, to which case, and what to do next. It holds no personal content; facts are
attributes. Catch by class; `code` is the stable name for other languages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

__all__ = [
    "CaseClosed",
    "ClaimLost",
    "ConflictError",
    "ContentChanged",
    "DraftFailed",
    "EffectFailed",
    "EffectUnknown",
    "IntegrityError",
    "InvalidArguments",
    "InvalidCheckpoint",
    "InvalidInput",
    "KeyReused",
    "LedgerBroken",
    "NotAllowed",
    "NotApproved",
    "NotSignedIn",
    "OutsideError",
    "Overloaded",
    "PersonAway",
    "RefusedError",
    "SameReviewer",
    "SchemaTooNew",
    "SchemaTooOld",
    "SignoffError",
    "StillWaiting",
    "StoreUnavailable",
    "TooLarge",
    "UnknownCase",
    "UnknownCheckpoint",
    "UnknownEvidence",
    "UsageError",
]


class SignoffError(Exception):
    """
    Anything Signoff refuses or cannot do.

    Args:
        message: What happened, to which case, and what to do next.
        facts: The same as data, by name; never personal content.
    """

    code: ClassVar[str] = "signoff_error"

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.facts: Mapping[str, Any] = facts


class UsageError(SignoffError):
    """The call cannot work as it is written; fix it."""

    code = "usage"


class InvalidCheckpoint(UsageError):
    """A checkpoint is declared in a way that cannot work."""

    code = "invalid_checkpoint"


class InvalidArguments(UsageError):
    """
    Arguments do not fit the checkpoint's signature.

    `facts["problems"]` lists one `{"field", "problem"}` for each.
    """

    code = "invalid_arguments"


class InvalidInput(UsageError):
    """A document, file or value cannot be read as it is."""

    code = "invalid_input"


class TooLarge(UsageError):
    """A document is larger than is taken; `facts["limit"]` is what is taken, in bytes."""

    code = "too_large"


class UnknownCheckpoint(UsageError):
    """No checkpoint of that name is known here."""

    code = "unknown_checkpoint"


class UnknownCase(UsageError):
    """No case of that id is stored here."""

    code = "unknown_case"


class UnknownEvidence(UsageError):
    """The case has no such evidence, or not in the form that was asked for."""

    code = "unknown_evidence"


class ConflictError(SignoffError):
    """Somebody or something was faster; reload and look again."""

    code = "conflict"


class CaseClosed(ConflictError):
    """
    The case is no longer open to that move.

    `facts` holds `case_id`, `state` and, where a verdict stands, `verdict`, `reviewer` and `ruled_at`.
    """

    code = "case_closed"


class ClaimLost(ConflictError):
    """The claim expired or belongs to somebody else; `facts["claimed_by"]` names who holds it now, if anybody."""

    code = "claim_lost"


class ContentChanged(ConflictError):
    """
    What was on screen is not what would run now.

    `facts["difference"]` maps each changed field to `{"seen", "now"}`.
    """

    code = "content_changed"


class KeyReused(ConflictError):
    """The caller's key or verdict id already stands for something else; `facts["case_id"]` names it."""

    code = "key_reused"


class RefusedError(SignoffError):
    """A rule said no; asking again changes nothing."""

    code = "refused"


class NotSignedIn(RefusedError):
    """Nobody knows who asks: no token or session, or one that no longer works."""

    code = "not_signed_in"


class NotAllowed(RefusedError):
    """The actor has no right to do that."""

    code = "not_allowed"


class SameReviewer(RefusedError):
    """The same person cannot count twice on one case."""

    code = "same_reviewer"


class PersonAway(RefusedError):
    """Somebody is away, so nothing is handed over to them; `facts["away_since"]` says since when."""

    code = "person_away"


class NotApproved(RefusedError):
    """The proposal was rejected, withdrawn or expired, so it did not run; `facts["outcome"]` says which."""

    code = "not_approved"


class OutsideError(SignoffError):
    """Something outside did not answer as it should; trying again may help."""

    code = "outside"


class StoreUnavailable(OutsideError):
    """
    The database did not take or give the data; nothing of that write was kept.

    Unless a connection was lost during the commit: then the message says that nobody knows, and `facts["kept"]` is
    None. Sending it again with the same key or verdict id is safe either way.
    """

    code = "store_unavailable"


class Overloaded(OutsideError):
    """Too much at once, and nothing of this was taken; `facts["retry_after_s"]` says when to come back."""

    code = "overloaded"


class DraftFailed(OutsideError):
    """The drafter made no proposal that fits the checkpoint; nothing was proposed."""

    code = "draft_failed"


class StillWaiting(OutsideError):
    """No answer within the time given; the case stays, and `facts["case_id"]` finds it again."""

    code = "still_waiting"


class EffectFailed(OutsideError):
    """
    The effect certainly did not happen.

    A handler raises it to say so; only then is an at-most-once effect tried again.

    Args:
        message: What went wrong.
        retry: Whether another try may help.
        retry_after_s: Seconds, 0..86400, to wait at least before that try; a day is waited for what is more.
    """

    code = "effect_failed"

    def __init__(self, message: str, *, retry: bool = False, retry_after_s: float | None = None, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.retry = retry or retry_after_s is not None
        self.retry_after_s = retry_after_s


class EffectUnknown(OutsideError):
    """The effect may or may not have happened; it is never retried without a person."""

    code = "effect_unknown"


class IntegrityError(SignoffError):
    """Stored data contradicts itself or this version; stop, and do not write."""

    code = "integrity"


class LedgerBroken(IntegrityError):
    """Stored rows contradict each other; `signoff verify` lists where."""

    code = "ledger_broken"


class SchemaTooNew(IntegrityError):
    """A newer Signoff wrote this database; install that version to open it."""

    code = "schema_too_new"


class SchemaTooOld(IntegrityError):
    """The database waits for `signoff migrate`; other programs may be using it, so it is not done unasked."""

    code = "schema_too_old"
