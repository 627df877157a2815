"""Features: what was known of a proposal that tells whether a person would accept it, as numbers by name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from signoff.domain.content import require_json
from signoff.errors import InvalidInput

MOST_FEATURES = 64
"""Numbers of one proposal."""

LONGEST_NAME = 100
"""Characters of a name."""

_STEEPEST = 7.0


def checked_features(features: Mapping[str, Any]) -> dict[str, float]:
    """
    Give features as they are recorded: floats, in the order of their names.

    Args:
        features: At most 64 finite numbers, by names of 1 to 100 characters.

    Raises:
        InvalidInput: If they are anything else; the message names the one.

    Examples:
        >>> checked_features({"margin": 2, "confidence": 0.5})
        {'confidence': 0.5, 'margin': 2.0}
        >>> checked_features({"margin": float("nan")})
        Traceback (most recent call last):
        ...
        signoff.errors.InvalidInput: feature 'margin' is nan; give a finite number, or leave features out
    """
    if not isinstance(features, Mapping):
        raise InvalidInput(f"features is a {type(features).__name__}; give numbers by name, such as {{'margin': 0.3}}")
    if len(features) > MOST_FEATURES:
        raise InvalidInput(f"there are {len(features)} features; give at most {MOST_FEATURES}")
    for name in features:
        if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME:
            raise InvalidInput(f"a feature has the name {name!r:.120}; names have 1 to {LONGEST_NAME} characters")
        if not name.isascii():
            require_json(name, where="the name of a feature")
    return {name: _number(name, features[name]) for name in sorted(features)}


def _number(name: str, value: Any) -> float:
    try:
        # numpy's numbers are no ints or floats of Python's, and are what a drafter has at hand.
        number = math.nan if isinstance(value, str | bytes) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        shown = value if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__
        raise InvalidInput(f"feature {name!r} is {shown!s:.40}; give a finite number, or leave features out")
    return number


def features_of_confidence(confidence: float | None) -> dict[str, float] | None:
    """
    Give what stands in where nobody gave features: the proposer's own confidence, 0..1, and its logarithmic odds.

    Examples:
        >>> features_of_confidence(0.5), features_of_confidence(None)
        ({'confidence': 0.5, 'confidence_log_odds': 0.0}, None)
    """
    if confidence is None:
        return None
    inside = min(max(confidence, 1e-9), 1 - 1e-9)
    odds = math.log(inside / (1 - inside))
    return {"confidence": float(confidence), "confidence_log_odds": min(max(odds, -_STEEPEST), _STEEPEST)}
