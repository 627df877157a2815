"""Title: the one line by which a person knows a case in a list."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from typing import Any

MAX_TITLE = 120
"""Characters of a title at the most, its ellipsis included."""

_ENOUGH = 4_000
"""Characters of a text in which a title is looked for; whatever comes later is no head line."""

_MOST_HEADERS = 64 * 1024
_SUBJECT = re.compile(r"^subject:(.*(?:\n[ \t].*)*)", re.IGNORECASE | re.MULTILINE)
_BODY = re.compile(r"\r?\n\r?\n")
_NAMES = ("subject", "title")
# Letters and marks that are drawn as nothing, and so could hide something in a line; the rest has a category.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Cn"})


def title_of(
    evidence: Mapping[str, Mapping[str, Any]],
    arguments: Mapping[str, Any],
    *,
    label: str | None = None,
    key: str | None = None,
) -> str:
    """
    Make the title of a case from what was proposed.

    The subject of an e-mail comes first, then whatever is called `subject` or `title`, then the first line of a text,
    then the key. What the label argument says is never in it: whoever has to find the category shall not read it there.

    Args:
        evidence: By name, `{"media_type", "value"}`.
        arguments: As JSON values.
        label: Name of the argument that is a category.
        key: The proposer's idempotency key.

    Returns:
        One line of at most 120 characters without control, bidirectional or invisible ones; empty if there is nothing.

    Examples:
        >>> text = "Subject: =?utf-8?q?Caf=C3=A9?= charged\\r\\n twice\\r\\n\\r\\nHi"
        >>> mail = {"media_type": "message/rfc822", "value": text}
        >>> title_of({"mail": mail}, {"category": "billing"}, label="category")
        'Café charged twice'
        >>> title_of({}, {"category": "billing", "reply": "We refund you.\\nBye"}, label="category")
        'We refund you.'
    """
    for text in _candidates(evidence, arguments, label, key):
        found = one_line(text)
        if found:
            return found
    return ""


def _candidates(
    evidence: Mapping[str, Mapping[str, Any]], arguments: Mapping[str, Any], label: str | None, key: str | None
) -> Iterator[str]:
    """Give what may serve as a title, best first."""
    kinds = {name: str(item["media_type"]).partition(";")[0].strip().lower() for name, item in evidence.items()}
    for name, item in evidence.items():
        if kinds[name] == "message/rfc822" and isinstance(item["value"], str):
            yield _subject(item["value"])
    said = {name: value for name, value in arguments.items() if name != label}
    materials = [item["value"] for item in evidence.values()]
    named = [{name: item["value"] for name, item in evidence.items()}, said]
    for fields in [*named, *(each for each in materials if isinstance(each, dict))]:
        for name in _NAMES:
            if isinstance(fields.get(name), str):
                yield from _lines(fields[name])
    for name, item in evidence.items():
        if kinds[name].startswith("text/") and kinds[name] != "text/html" and isinstance(item["value"], str):
            yield from _lines(item["value"])
    for value in said.values():
        if isinstance(value, str):
            yield from _lines(value)
    yield key or ""


def _lines(text: str) -> list[str]:
    return text.lstrip()[:_ENOUGH].splitlines()


def _subject(mail: str) -> str:
    """Give the decoded subject of a message as it is sent, or nothing."""
    headers = _BODY.split(mail[:_MOST_HEADERS].lstrip(), maxsplit=1)[0]
    found = _SUBJECT.search(headers)
    if found is None:
        return ""
    raw = re.sub(r"\r?\n(?=[ \t])", "", found[1]).strip()
    if "=?" not in raw:
        return raw
    try:
        return str(make_header(decode_header(raw)))
    except (HeaderParseError, LookupError, ValueError):
        return raw


def one_line(text: str) -> str:
    """
    Give a text as one line that can be shown anywhere: no control, bidirectional or invisible characters, not too long.

    Examples:
        >>> one_line("  Order \\u202e1234\\u202c \\t shipped ")
        'Order 1234 shipped'
        >>> len(one_line("word " * 100)), one_line("word " * 100)[-6:]
        (120, ' word…')
    """
    text = " ".join(text[:_ENOUGH].split())
    if not (text.isascii() and text.isprintable()):
        kept = (c for c in _UNSEEN.sub("", text) if unicodedata.category(c) not in _HIDDEN)
        text = " ".join("".join(kept).split())
    if len(text) <= MAX_TITLE:
        return text
    cut = text[:MAX_TITLE]
    space = cut.rfind(" ")
    # A word longer than half the line is cut itself, or hardly anything would be left.
    cut = cut[:space] if space > MAX_TITLE // 2 else cut[:-1]
    return cut.rstrip(" ,;:.-") + "…"
