"""Grade: how wrong a proposal was, told from what a person made of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from difflib import SequenceMatcher
from enum import Enum
from typing import Any

from signoff.domain.content import canonical


class Grade(float, Enum):
    """What a person's verdict says about a proposal, as a loss."""

    ACCEPTED = 0.0
    """Run as it was proposed."""
    COSMETIC = 0.1
    """Only spelling, case, punctuation or spacing of a free text was changed."""
    SUBSTANTIVE = 0.5
    """A free text says something else."""
    WRONG = 1.0
    """Rejected, or something else than a free text was changed, or a number, date or address within one."""


_FREE_WORDS = 8
"""Words from which a text is a text; shorter ones are names, addresses, subjects, codes."""

_LONGEST = 100_000
"""Characters of a text that are compared; whatever was changed in a longer one counts as wrong."""

_FEW = 0.1
"""Share of the words of a text that may be spelled otherwise, for a change that is cosmetic."""

_ALIKE = 0.8
_SHORTEST_WORD = 5
"""Letters of a word that can be misspelt; a letter more or less makes another word of a shorter one."""
_LONGEST_WORD = 60

# Figures with what belongs to them: 12.50, 2026-01-31, 10:15, 5 %, € 7.
_FIGURE = re.compile(r"\d+(?:[.,:/'-]\d+)*|[$€£¥%]")
_ADDRESS = ("@", "://", "www.")
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


def grade(proposed: Mapping[str, Any], final: Mapping[str, Any] | None, *, label: str | None = None) -> Grade:
    """
    Grade a proposal by what a person approved instead of it.

    It is not enough that something was edited: an added comma is no mistake, another amount is. Whatever is not a free
    text is hard, and so are figures, dates and addresses within one. In doubt it is the worse grade.

    Args:
        proposed: The arguments that would have run.
        final: Those that were approved; None for a rejection.
        label: The argument that is a category, on a label checkpoint.

    Examples:
        >>> told = {"to": "ada@example.org", "text": "We have sent the parcel again and it arrives on 3 May."}
        >>> grade(told, told), grade(told, None)
        (<Grade.ACCEPTED: 0.0>, <Grade.WRONG: 1.0>)
        >>> grade(told, told | {"text": "We have sent the parcel again, and it arrives on 3 May!"})
        <Grade.COSMETIC: 0.1>
        >>> grade(told, told | {"text": "We are sorry, but the parcel is lost and we refund it by 3 May."})
        <Grade.SUBSTANTIVE: 0.5>
        >>> grade(told, told | {"text": "We have sent the parcel again and it arrives on 4 May."})
        <Grade.WRONG: 1.0>
        >>> grade(told, told | {"to": "eve@example.org"})
        <Grade.WRONG: 1.0>
    """
    if final is None:
        return Grade.WRONG
    if label is not None and _differs(proposed.get(label), final.get(label)):
        return Grade.WRONG
    return _grade(proposed, final)


def _grade(was: Any, now: Any) -> Grade:
    if not _differs(was, now):
        return Grade.ACCEPTED
    if isinstance(was, Mapping) and isinstance(now, Mapping) and was.keys() == now.keys():
        return max((_grade(was[name], now[name]) for name in was), default=Grade.WRONG)
    if isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        return max((_grade(*pair) for pair in zip(was, now, strict=True)), default=Grade.WRONG)
    if isinstance(was, str) and isinstance(now, str) and max(len(was), len(now)) <= _LONGEST and _is_free(was or now):
        return _grade_text(was, now)
    return Grade.WRONG


def _differs(was: Any, now: Any) -> bool:
    return type(was) is not type(now) or (was != now if isinstance(was, str) else canonical(was) != canonical(now))


def _is_free(text: str) -> bool:
    return len(_WORD.findall(text)) >= _FREE_WORDS


def _grade_text(was: str, now: str) -> Grade:
    if _hard_parts(was) != _hard_parts(now):
        return Grade.WRONG
    before, after = (_WORD.findall(text.casefold()) for text in (was, now))
    if len(before) != len(after):
        return Grade.SUBSTANTIVE
    other = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
    few = len(other) <= max(1, _FEW * len(before))
    return Grade.COSMETIC if few and all(map(_is_spelling, other)) else Grade.SUBSTANTIVE


def _hard_parts(text: str) -> Counter[str]:
    addresses = (part.strip(".,:;!?()<>[]\"'") for part in text.split() if any(sign in part for sign in _ADDRESS))
    return Counter(_FIGURE.findall(text)) + Counter(addresses)


def _is_spelling(pair: tuple[str, str]) -> bool:
    """Tell whether two words are one word, spelled in two ways."""
    was, now = pair
    # "possible" and "impossible" are alike but for their beginning.
    if was[0] != now[0] or not _SHORTEST_WORD <= min(len(was), len(now)) <= max(len(was), len(now)) <= _LONGEST_WORD:
        return False
    return SequenceMatcher(None, was, now, autojunk=False).ratio() > _ALIKE
