"""An agent's tool behind a checkpoint: two people must agree, and what was done can be undone."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path

from signoff import Signoff
from signoff.errors import ContentChanged


def main(database: str) -> None:
    """Propose a refund as an agent would, let two people rule, and undo it."""
    ledger: list[str] = []

    with Signoff(database) as app:

        @app.checkpoint(opinions=2, legal_liability=True)
        def refund(order: str, amount: Decimal) -> str:
            """Pay money back to a customer."""
            ledger.append(f"refunded {amount} for {order}")
            return f"receipt for {order}"

        @refund.reversal
        def take_back(order: str, receipt: str) -> None:
            ledger.append(f"took back {order} ({receipt})")

        case = refund.propose(
            order="HP-20417",
            amount=Decimal("600.00"),
            evidence={"message": "I was charged twice.", "charges": [{"cents": 60000}, {"cents": 60000}]},
            proposer="support-agent",
            key="run-7/call-3",
        )
        ada, grace = app.reviewer("ada"), app.reviewer("grace")
        ada.edit(case, {"order": "HP-20417", "amount": "300.00"})
        try:
            grace.approve(case)
        except ContentChanged as changed:
            print(f"grace is told: {changed.facts['difference']}")
        grace.approve(app.case(case.id))
        print(case.outcome(timeout_s=30).state)

        undo = grace.reverse(case, "it was one charge after all")
        undo.outcome(timeout_s=30)
        print(case.state, ledger)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else str(Path("refund_tool.db")))
