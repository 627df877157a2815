"""Support triage from Python: a drafter suggests, a person rules, the effect runs once, the drafter gets better."""

from __future__ import annotations

import sys
from pathlib import Path

from signoff import LabelDrafter, Signoff, current_effect

MESSAGES = [
    ("I was charged twice for order HP-1044.", "billing"),
    ("My parcel has been in customs for nine days.", "shipping"),
    ("The refund has not arrived on my card.", "billing"),
    ("Where is my tent? It should have come on Monday.", "shipping"),
    ("The app closes when I open my basket.", "technical"),
    ("You sent the invoice to my old address.", "billing"),
]


def main(database: str) -> None:
    """Rule on a few messages and print what was routed."""
    routed: dict[str, tuple[str, str]] = {}
    drafter = LabelDrafter(arguments=["message"], labels=["billing", "shipping"], refit_after=1)

    with Signoff(database) as app:

        @app.checkpoint(label="category", drafter=drafter, delivery="idempotent")
        def route(message: str, category: str) -> str:
            """Hand a message to the team of its category."""
            routed[current_effect().key] = (category, message)
            return category

        grace = app.reviewer("grace")
        for number, (message, right) in enumerate(MESSAGES):
            case = route.propose(evidence={"message": message}, key=f"message-{number}")
            shown = app.view(case)
            suggestion = shown.content.arguments["category"]
            if suggestion == right:
                grace.approve(shown.case)
            else:
                grace.edit(shown.case, {"message": message, "category": right})
            outcome = case.outcome(timeout_s=30)
            print(f"{suggestion:>10} -> {outcome.value:<10} {message}")
            app.teach()
            drafter.wait(30)
        print(f"{len(routed)} routed; the drafter knows {', '.join(drafter.known_labels)}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else str(Path("support_triage.db")))
