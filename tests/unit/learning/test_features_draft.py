"""Features of free text: what is absent from the evidence is seen, whatever form it has."""

from __future__ import annotations

import math

import pytest

from signoff.learning.features_draft import DRAFT_FEATURES, draft_features

EVIDENCE = "Order 10442 of 3 March. Total 1.250,50 EUR, customer Ada Lovelace, ada@example.org"


@pytest.mark.parametrize("number", ["10442", "10,442", "10'442", "1250.50", "1,250.5", "1\u202f250,50", "٣", "03"])
def test_the_same_number_in_another_form_is_known(number: str) -> None:
    found = draft_features(f"It is {number}.", EVIDENCE)
    assert (found["numbers_absent"], found["any_number_absent"]) == (0, 0)


@pytest.mark.parametrize("number", ["10443", "1250", "1250.05", "12505", "33", "0"])
def test_another_number_is_absent(number: str) -> None:
    found = draft_features(f"It is {number}, of order 10442.", EVIDENCE)
    assert (found["numbers_absent"], found["any_number_absent"]) == (0.5, 1)


def test_a_name_that_nobody_mentioned_is_absent() -> None:
    assert draft_features("Dear Ada Lovelace, thank you.", EVIDENCE)["names_absent"] == 0
    assert draft_features("Dear Grace, thank you.", EVIDENCE)["names_absent"] == 1
    # The first word of a sentence says nothing.
    assert draft_features("Thanks. Regards: Hello\nWe will.", EVIDENCE)["names_absent"] == 0


def test_margin_is_to_the_best_alternative() -> None:
    found = draft_features("a", "a", confidence=0.7, others=[0.1, 0.25])
    assert (found["confidence"], found["margin"]) == (0.7, pytest.approx(0.45))
    assert found["confidence_unknown"] == 0


@pytest.mark.parametrize("text", ["", " ", "\0\ud800", "😀 Привет 日本語", "Ab 1 " * 250_000, "²³½ Ⅷ ١٢٫٥"])
def test_any_text_gives_finite_numbers_of_order_one(text: str) -> None:
    for draft, evidence in ((text, EVIDENCE), (EVIDENCE, text), (text, text)):
        found = draft_features(draft, evidence)
        assert tuple(found) == DRAFT_FEATURES
        assert all(math.isfinite(value) and abs(value) <= 2 for value in found.values())


@pytest.mark.parametrize("given", [{"confidence": math.nan}, {"others": [math.inf]}, {"running_error": math.nan}])
def test_what_is_not_finite_stays_so(given: dict[str, float]) -> None:
    assert not all(map(math.isfinite, draft_features("a", "b", **given).values()))  # type: ignore[arg-type]
