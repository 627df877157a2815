"""Features of free text: what was known about a draft when it was made, as numbers of how doubtful it is."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

DRAFT_FEATURES = (
    "confidence",
    "confidence_unknown",
    "margin",
    "numbers_absent",
    "any_number_absent",
    "names_absent",
    "words_absent",
    "log_length",
    "running_error",
)
"""Names of what `draft_features` gives, in their order; the acceptance model adds the intercept."""

MAX_CHARS = 100_000
"""Characters read of the draft and of the evidence, each from its beginning."""

_NUMBER = re.compile(r"\d+(?:[.,'\u2019\u00a0\u202f]\d+)*")
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")
_SENTENCE_END = frozenset('.!?:\n\u2022-*>"\u201c\u201e(')


def draft_features(
    draft: str,
    evidence: str,
    *,
    confidence: float | None = None,
    others: Sequence[float] = (),
    running_error: float = 0.5,
) -> dict[str, float]:
    """
    Describe how doubtful a text is that somebody drafted from evidence.

    All of it is known before the verdict. Each is of order 1. One that is not finite means that the text must not go
    out without a person; it is so if a number given is not.

    Args:
        draft: The text that is proposed.
        evidence: Everything the drafter could see, as text.
        confidence: What the drafter says of itself, 0..1; None if nothing.
        others: Its confidence in its alternatives, 0..1 each.
        running_error: Share, 0..1, of its latest drafts that people changed or refused; see `RunningErrors`.

    Returns:
        By name, as in `DRAFT_FEATURES`. Shares of numbers, names and words are of those in the draft; names are words
        with a capital that do not begin a sentence.

    Examples:
        >>> found = draft_features("Dear Ada, we refund 1,250.00 by Monday.", "Ada: please refund 1250", confidence=0.9)
        >>> found["numbers_absent"], found["names_absent"], found["margin"]
        (0.0, 0.5, 0.9)
        >>> draft_features("We refund 125.", "Please refund 1250")["any_number_absent"]
        1.0
    """
    draft, evidence = draft[:MAX_CHARS], evidence[:MAX_CHARS]
    numbers, known_numbers = _numbers(draft), _numbers(evidence)
    words, known_words = _words(draft), _words(evidence)
    sure = 0.5 if confidence is None else float(confidence)
    return {
        "confidence": sure,
        "confidence_unknown": float(confidence is None),
        "margin": sure - max(map(float, others), default=0.0),
        "numbers_absent": _absent(numbers, known_numbers),
        "any_number_absent": float(bool(numbers - known_numbers)),
        "names_absent": _absent(_names(draft), known_words),
        "words_absent": _absent(words, known_words),
        "log_length": math.log1p(len(draft)) / 10,
        "running_error": float(running_error),
    }


def _absent(found: set[str], known: set[str]) -> float:
    return len(found - known) / len(found) if found else 0.0


def _numbers(text: str) -> set[str]:
    """Give the numbers of a text in one form, however thousands and decimals are set apart."""
    return {_plain(match.group()) for match in _NUMBER.finditer(text)}


def _plain(number: str) -> str:
    digits = "".join(
        str(int(char)) if char.isdecimal() else "." for char in number if char.isdecimal() or not char.isalnum()
    )
    first, *groups = digits.split(".")
    # A last group of other than three digits is a fraction; of three, nobody can tell, and thousands are likelier.
    fraction = groups.pop().rstrip("0") if groups and len(groups[-1]) != 3 else ""
    whole = "".join([first, *groups]).lstrip("0") or "0"
    return f"{whole}.{fraction}" if fraction else whole


def _words(text: str) -> set[str]:
    return {match.group().casefold() for match in _WORD.finditer(text)}


def _names(text: str) -> set[str]:
    return {
        match.group().casefold()
        for match in _WORD.finditer(text)
        if match.group()[0].isupper() and not _begins_sentence(text, match.start())
    }


def _begins_sentence(text: str, start: int) -> bool:
    before = text[max(0, start - 20) : start].rstrip(" \t")
    return not before or before[-1] in _SENTENCE_END
