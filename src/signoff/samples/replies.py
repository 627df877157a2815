"""The sample's second queue: e-mails to the invented shop, each with a drafted reply that may also refund."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from signoff.app import CheckpointFunction, Signoff
from signoff.domain.proposal import Material, Proposal
from signoff.effects.journal import Journal
from signoff.engine.execute import current_effect

CHECKPOINT = "send_reply"
DRAFTER = "sample-writer-1"

Money = Annotated[str, Field(pattern=r"^\d{1,6}\.\d{2}$", description="An amount such as 40.00.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """
    One e-mail of the sample with its drafted reply.

    Args:
        id: `r01`, `r02`, …
        email: The raw e-mail.
        evidence: What else there is to judge by, by name.
        draft: Arguments of the reply.
        confidence: The writer's own, 0..1.
        rationale: The writer's own words.
        alternatives: Other replies, `{"arguments", "confidence"}` each.
        mistake: What is wrong with the draft, where something is; a reviewer is to find it.
    """

    id: str
    email: str
    evidence: Mapping[str, Any]
    draft: Mapping[str, Any]
    confidence: float
    rationale: str
    alternatives: Sequence[Mapping[str, Any]] = field(default_factory=list)
    mistake: str | None = None

    def proposal(self) -> Proposal:
        """Give it as it is proposed."""
        return Proposal(
            arguments=self.draft,
            evidence={
                "email": Material(self.email, "message/rfc822"),
                **{name: _material(value) for name, value in self.evidence.items()},
            },
            confidence=self.confidence,
            rationale=self.rationale,
            alternatives=[dict(each) for each in self.alternatives],
            drafter=DRAFTER,
            key=self.id,
        )


def replies() -> list[Reply]:
    """Give the e-mails of the sample in the order of their arrival."""
    folder = resources.files(__package__)
    lines = folder.joinpath("replies.jsonl").read_text(encoding="utf-8").splitlines()
    found = []
    for line in lines:
        given = json.loads(line)
        email = folder.joinpath("mails", f"{given['id']}.eml").read_text(encoding="utf-8")
        found.append(Reply(email=email, **given))
    return found


class Outbox:
    """
    Where approved replies arrive: a log with one line per reply, kept by the receiver, not by Signoff.

    What is sent twice under one key is kept once.

    Args:
        path: The log.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._journal = Journal(path)
        self._guard = threading.Lock()

    def send(self, *, key: str, to: str, subject: str, body: str, refund: str | None) -> dict[str, Any]:
        """Take in a reply and give a receipt."""
        receipt = {"key": key, "to": to, "refund": refund}
        with self._guard:
            if not self.counts()[key]:
                line = receipt | {"subject": subject, "body": body}
                self._journal.append(json.dumps(line, ensure_ascii=False).encode())
        return receipt

    def counts(self) -> Counter[str]:
        """Count what arrived, by idempotency key."""
        return Counter(json.loads(line)["key"] for line in self._journal.lines())


def add_replies(app: Signoff, outbox: Outbox, *, undo_s: float = 10.0) -> CheckpointFunction[..., dict[str, Any]]:
    """
    Declare the checkpoint for replies.

    Args:
        app: Where to.
        outbox: Where approved replies go.
        undo_s: Seconds, >= 0, in which a verdict can be taken back.
    """

    @app.checkpoint(name=CHECKPOINT, undo_s=undo_s, delivery="idempotent", irreversible=True)
    def send_reply(to: str, subject: str, body: str, refund: Money | None = None) -> dict[str, Any]:
        """Answer a customer's e-mail, and pay back what the answer promises."""
        return outbox.send(key=current_effect().key, to=to, subject=subject, body=body, refund=refund)

    return send_reply


def _material(value: Any) -> Any:
    if isinstance(value, dict) and value.keys() == {"media_type", "value"}:
        return Material(value["value"], value["media_type"])
    return value
