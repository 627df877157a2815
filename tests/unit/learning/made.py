"""Decisions for tests of the mathematics, made by hand."""

from __future__ import annotations

from typing import Any

from signoff.domain.policy import Route
from signoff.learning.decision import Decision, Why
from signoff.learning.settings import Settings


def reviewed(number: int, *, levels: int = 1, epochs: int = 1, strictest: int = 0) -> Decision:
    """A case that is sure to be judged, a member of the levels from the strictest on."""
    thresholds = (0.1,) * strictest + (0.5,) * (levels - strictest)
    return _decision(number, thresholds=thresholds, epochs=epochs, share=1.0, coin=0.0)


def deployed(number: int, *, share: float = 0.1, drawn: bool, levels: int = 1, epochs: int = 1) -> Decision:
    """A case that could run alone, drawn for an audit or not."""
    return _decision(number, thresholds=(0.5,) * levels, epochs=epochs, share=share, coin=0.0 if drawn else 0.999)


def settings(alpha: float, **others: Any) -> Settings:
    """Settings with one level and the bets that need no luck."""
    return Settings(alpha=alpha, **({"levels": (1.0,), "novelty_level": 0} | others))


def _decision(number: int, *, thresholds: tuple[float, ...], epochs: int, share: float, coin: float) -> Decision:
    eligible = share < 1
    return Decision(
        number=number,
        p_err=0.3,
        thresholds=thresholds,
        certified=0 if eligible else -1,
        cap=len(thresholds) - 1,
        level=0 if eligible else -1,
        eligible=eligible,
        boosted=False,
        due_share=share,
        audit_share=share,
        coin=coin,
        weight=(1 - share) / 0.9 if eligible else 1.0,
        epochs=epochs,
        route=Route.REVIEW if not eligible else Route.AUDIT if coin < share else Route.AUTOMATE,
        why=Why.NOT_CERTIFIED if not eligible else Why.COIN if coin < share else Why.BELOW_THRESHOLD,
    )
