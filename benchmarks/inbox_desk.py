"""What `benchmarks.inbox` lets wait: answers to customers' e-mails, each beside the e-mail it answers."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

from signoff import Material, Proposal, Signoff

LONG = 5_000
"""Characters of a long reply."""

LONG_EACH = 500
"""One reply in so many is long, the last among them."""

_ASKED = (
    "I was charged twice for order {order}, on {day} October and again two days later. Please pay one of them back.",
    "The kettle of order {order} arrived with a broken lid. I would rather have a new lid than send all of it back.",
    "Order {order} was to come on {day} October, and the tracking page has not changed since. Where is it?",
    "Please change the address of order {order} to the one below, before it is sent on {day} October.",
)
_ANSWERED = (
    "Thank you for writing to us about order {order}. We looked at the payments of {day} October, and you are right: "
    "the second one was ours by mistake. It is on its way back to your card, which takes up to five working days.",
    "We are sorry about order {order}. A new part leaves our warehouse on {day} October; nothing has to be sent back.",
)


def declare(app: Signoff) -> Any:
    """Declare the checkpoint: an answer is held for ten seconds, so that one key rules and another takes it back."""

    @app.checkpoint(undo_s=10)
    def reply(to: str, subject: str, text: str, refund_cents: int = 0) -> str:
        """Answer a customer's e-mail."""
        return f"sent {subject!r} to {to}: {len(text)} characters, {refund_cents} cents back"

    return reply


def proposals(count: int) -> Iterator[Proposal]:
    """Make replies of ordinary lengths, and some long ones."""
    for n in range(count):
        facts = {"order": f"A-{40_000 + n}", "day": n % 28 + 1}
        asked = _ASKED[n % len(_ASKED)].format(**facts)
        answered = _ANSWERED[n % len(_ANSWERED)].format(**facts)
        subject = f"Order {facts['order']}: {asked.split('.')[0][:60]}"
        if (n + 1) % LONG_EACH == 0:
            answered = " ".join([answered] * (LONG // len(answered) + 1))[:LONG]
        yield Proposal(
            arguments={
                "to": f"customer{n}@example.com",
                "subject": subject,
                "text": answered,
                "refund_cents": n % 5_000,
            },
            evidence={
                "email": Material(_mail(n, subject, asked), "message/rfc822"),
                "order": {
                    "order": facts["order"],
                    "cents": 4_990 + n,
                    "paid": f"2026-10-{facts['day']:02}",
                    "sent": False,
                },
            },
            confidence=0.5 + n % 50 / 100,
            rationale="The account shows two payments of the same amount.",
        )


def _mail(n: int, subject: str, asked: str) -> str:
    mail = EmailMessage()
    mail["From"] = f"Customer {n} <customer{n}@example.com>"
    mail["To"] = "help@shop.example"
    mail["Subject"] = subject
    mail["Date"] = "Mon, 02 Nov 2026 08:00:00 +0000"
    mail["Message-ID"] = f"<{n}@example.com>"
    mail.set_content(f"Hello,\n\n{asked}\n\nI look forward to hearing from you.\n\nCustomer {n}\n")
    return mail.as_string()
