"""Evidence as it is stored, and where a proposal goes."""

from __future__ import annotations

from typing import Any

import pytest

from signoff.domain.checkpoint import Checkpoint, Oversight
from signoff.domain.policy import Route, route
from signoff.domain.proposal import Material, material


@pytest.mark.parametrize(
    ("given", "media_type", "value"),
    [
        ("hello", "text/plain", "hello"),
        ("", "text/plain", ""),
        ({"a": [1]}, "application/json", {"a": [1]}),
        ([1, "x"], "application/json", [1, "x"]),
        (7, "application/json", 7),
        (None, "application/json", None),
        (False, "application/json", False),
        (Material("# Title", "text/markdown"), "text/markdown", "# Title"),
        (Material({"a": 1}), "application/json", {"a": 1}),
        (Material("From: a", "message/rfc822"), "message/rfc822", "From: a"),
    ],
)
def test_evidence_is_stored_with_its_media_type(given: Any, media_type: str, value: Any) -> None:
    assert material(given) == {"media_type": media_type, "value": value}


@pytest.mark.parametrize("coin", [0.0, 0.5, 0.999])
def test_without_automation_everything_goes_to_a_person(coin: float) -> None:
    always = Checkpoint(name="send", audit_share=1.0)
    uncertain = Checkpoint(name="send", oversight=Oversight.WHEN_UNCERTAIN)
    assert route(always, coin=coin) == (Route.REVIEW, "oversight_always")
    assert route(uncertain, coin=coin) == (Route.REVIEW, "no_delegation")


@pytest.mark.parametrize(
    ("share", "coin", "expected"),
    [
        (0.0, 0.0, (Route.AUTOMATE, "automate")),
        (0.25, 0.2499, (Route.AUDIT, "automate_audited")),
        (0.25, 0.25, (Route.AUTOMATE, "automate")),
        (1.0, 0.999999, (Route.AUDIT, "automate_audited")),
    ],
)
def test_the_coin_draws_audits_with_the_declared_share(share: float, coin: float, expected: tuple[Route, str]) -> None:
    checkpoint = Checkpoint(name="sort", oversight=Oversight.AUTOMATE, chosen_by="lea", audit_share=share)
    assert route(checkpoint, coin=coin) == expected
