"""Encodings: tell which one-byte encoding a text is in, by the letters that its language would have."""

from __future__ import annotations

from collections.abc import Sequence

CANDIDATES = ("cp1252", "cp1250", "iso8859_15", "iso8859_2", "mac_roman")
"""The more usual first: of those that fit equally well, the first is taken. ISO 8859-1 is part of cp1252."""

_ENOUGH = 0.8
"""Share, 0..1, of a text's letters beyond ASCII that must be letters of its language."""
_SAMPLE = 2000

_ALPHABETS = tuple(
    frozenset(letters + letters.upper()) - {"Ÿ"}
    for letters in (
        "äöüß",
        "àâæçéèêëîïôœùûüÿ",
        "áéíñóúüªº¿¡",
        "ãáàâçéêíóôõúªº",
        "àèéìíîòóù",
        "æøåéöä",
        "åäöé",
        "ëïéèöüáíóú",
        "áæðéíóöþúý",
        "áéíóöúüőű",
        "ąćęłńóśźż",
        "áčďéěíňóřšťúůýž",
        "áäčďéíĺľňóôŕšťúýž",
        "čćđšž",
        "ăâîșțşţ",
    )
)
_SIGNS = frozenset("€£°§–—‘’‚“”„…«»‹›•·×²³½¼™©®\u00a0")


def guess_encoding(data: bytes) -> str | None:
    """
    Tell which of `CANDIDATES` a text is in, if its letters say so.

    Args:
        data: A text that is not UTF-8.

    Returns:
        Its name, or None if the text makes no sense in any of them.

    Examples:
        >>> guess_encoding("Où est mon colis ?".encode("cp1252"))
        'cp1252'
        >>> guess_encoding("Proszę o odpowiedź".encode("cp1250"))
        'cp1250'
        >>> guess_encoding("Где моя посылка?".encode("cp1251")) is None
        True
    """
    lines = [line for line in data.split(b"\n") if not line.isascii()][:_SAMPLE]
    best, best_share = None, 0.0
    for name in CANDIDATES:
        try:
            data.decode(name)
        except UnicodeDecodeError:
            continue
        share = _share([line.decode(name) for line in lines])
        if share > best_share:
            best, best_share = name, share
    return best if best_share >= _ENOUGH else None


def _share(lines: Sequence[str]) -> float:
    """Give the share of characters beyond ASCII that belong to the language of their line."""
    fit = total = 0
    for line in lines:
        found = [at for at, character in enumerate(line) if not character.isascii()]
        total += len(found)
        beyond = [line[at] for at in found if not _odd(line, at)]
        signs = sum(character in _SIGNS for character in beyond)
        fit += signs + max(sum(character in alphabet for character in beyond) for alphabet in _ALPHABETS)
    return fit / total if total else 0.0


def _odd(line: str, at: int) -> bool:
    """Tell whether no language would have a letter there: a capital after a small one, or the third beyond ASCII."""
    before = line[max(0, at - 2) : at]
    if not line[at].isalpha():
        return False
    return (line[at].isupper() and before[-1:].islower()) or sum(c.isalpha() and not c.isascii() for c in before) == 2
