"""The sample support desk: messages to an invented shop, a drafter that learns, and a receiver that keeps a log."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from signoff.app import CheckpointFunction, Signoff
from signoff.domain.proposal import Proposal
from signoff.drafters.labels import LabelDrafter
from signoff.effects.journal import Journal
from signoff.engine.execute import current_effect
from signoff.engine.take_back import alternatives_of
from signoff.samples import replies
from signoff.samples.replies import Outbox

CHECKPOINT = "route_message"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """
    One message of the sample.

    Args:
        id: `m001`, `m002`, …
        text: What the customer wrote.
        category: Where the desk that wrote the sample would send it.
        notes: What is special about it, such as `ambiguous` or `language:de`.
    """

    id: str
    text: str
    category: str
    notes: Sequence[str] = ()


def messages() -> list[Message]:
    """Give the messages of the sample, in the order in which they arrived."""
    text = resources.files(__package__).joinpath("support.jsonl").read_text(encoding="utf-8")
    return [Message(**json.loads(line)) for line in text.splitlines()]


def rules() -> dict[str, list[str]]:
    """Give the keywords the drafter starts from, by category."""
    text = resources.files(__package__).joinpath("support_rules.json").read_text(encoding="utf-8")
    found: dict[str, list[str]] = json.loads(text)
    return found


class Receiver:
    """
    Where routed messages arrive: a log with one line per message, kept by the receiver, not by Signoff.

    Args:
        path: The log.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._journal = Journal(path)

    def take(self, *, key: str, category: str, message: str) -> dict[str, Any]:
        """Take in a message and give a receipt."""
        receipt = {"key": key, "category": category}
        self._journal.append(json.dumps(receipt | {"message": message}, ensure_ascii=False).encode())
        return receipt

    def look_up(self, key: str) -> dict[str, Any] | None:
        """Give the receipt for that idempotency key, or None if nothing arrived under it."""
        for line in self._journal.lines():
            receipt = json.loads(line)
            if receipt["key"] == key:
                return {"key": key, "category": receipt["category"]}
        return None

    def counts(self) -> Counter[str]:
        """Count what arrived, by idempotency key."""
        return Counter(json.loads(line)["key"] for line in self._journal.lines())


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """
    The sample desk, opened.

    Args:
        app: The desk.
        route: The checkpoint that routes messages.
        drafter: What drafts their categories.
        receiver: Where they arrive.
        reply: The checkpoint that answers e-mails, if it has that queue.
        outbox: Where the answers arrive.
    """

    app: Signoff
    route: CheckpointFunction[..., dict[str, Any]]
    drafter: LabelDrafter
    receiver: Receiver
    reply: CheckpointFunction[..., dict[str, Any]] | None = None
    outbox: Outbox | None = None

    def propose_all(self, arrived: Sequence[Message] | None = None) -> list[str]:
        """
        Propose every message that is not there yet.

        Args:
            arrived: The messages in the order of their arrival; the sample's own by default.

        Returns:
            The ids of all their cases, in that order.
        """
        arrived = messages() if arrived is None else arrived
        cases = {case.key: case.id for case in self.app.cases(checkpoint=CHECKPOINT, limit=len(arrived) + 1)}
        new = [message for message in arrived if message.id not in cases]
        drafts = self.drafter.draft_many([{"message": message.text} for message in new])
        proposals = [
            Proposal(
                arguments=draft.arguments,
                evidence={"message": message.text},
                confidence=draft.confidence,
                rationale=draft.rationale,
                alternatives=alternatives_of(draft),
                drafter=draft.drafter,
                key=message.id,
            )
            for message, draft in zip(new, drafts, strict=True)
        ]
        for handle in self.route.propose_many(proposals):
            cases[handle.seen.key] = handle.id
        return [cases[message.id] for message in arrived]

    def propose_replies(self) -> list[str]:
        """
        Propose a reply to every e-mail that has none yet, if the desk has that queue.

        Returns:
            The ids of all their cases, in the order of arrival.
        """
        if self.reply is None:
            return []
        return [handle.id for handle in self.reply.propose_many([each.proposal() for each in replies.replies()])]


def open_desk(path: Path, *, undo_s: float = 5.0, with_replies: bool = False) -> Desk:
    """
    Open the sample desk on a database file; the receivers' logs lie beside it.

    Args:
        path: The database; made when it does not exist.
        undo_s: Seconds, >= 0, in which a verdict on a message can be taken back.
        with_replies: Whether it has the second queue, with replies to e-mails.
    """
    receiver = Receiver(path.with_name(path.stem + ".routed.jsonl"))
    keywords = rules()
    drafter = LabelDrafter(
        text="message", label="category", arguments=("message",), labels=tuple(keywords), rules=keywords
    )
    app = Signoff(path)

    @app.checkpoint(
        name=CHECKPOINT,
        label="category",
        drafter=drafter,
        undo_s=undo_s,
        delivery="checkable",
        check=receiver.look_up,
    )
    def route_message(message: str, category: str) -> dict[str, Any]:
        """Hand a customer's message to the team of its category."""
        return receiver.take(key=current_effect().key, category=category, message=message)

    if not with_replies:
        return Desk(app=app, route=route_message, drafter=drafter, receiver=receiver)
    outbox = replies.Outbox(path.with_name(path.stem + ".sent.jsonl"))
    return Desk(
        app=app,
        route=route_message,
        drafter=drafter,
        receiver=receiver,
        reply=replies.add_replies(app, outbox),
        outbox=outbox,
    )
