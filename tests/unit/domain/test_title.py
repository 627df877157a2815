"""Title: one honest line to know a case by, whatever was proposed."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signoff.domain.proposal import Material, material
from signoff.domain.title import MAX_TITLE, one_line, title_of


def title(evidence: dict[str, Any] | None = None, label: str | None = None, key: str | None = None, **said: Any) -> str:
    items = {name: material(value) for name, value in (evidence or {}).items()}
    return title_of(items, said, label=label, key=key)


def mail(text: str) -> Material:
    return Material(text, "message/rfc822")


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        ("Subject: Charged twice\n\nHi", "Charged twice"),
        ("From: ada\r\nSUBJECT:   Charged\r\n\t twice\r\nTo: us\r\n\r\nHi", "Charged twice"),
        ("Subject: =?utf-8?q?Caf=C3=A9?= =?iso-8859-1?Q?_gr=FC=DFt?=\n\n", "Café grüßt"),
        ("Subject: =?utf-8?B?w4RyZ2Vy?=\n\n", "Ärger"),
        ("Subject: =?x-none?Q?a?= b\n\n", "=?x-none?Q?a?= b"),
        ("Subject: =?utf-8?B?/w==?=\n\n", "=?utf-8?B?/w==?="),
        ("Subject: =?utf-8?q?a=0Aturned=E2=80=AE?=\n\n", "a turned"),
        ("Subject:\nTo: us\n\nHi", "key-1"),
        ("To: us\n\nSubject: in the body", "key-1"),
        ("", "key-1"),
    ],
)
def test_the_subject_of_a_mail_comes_first(raw: str, wanted: str) -> None:
    assert title({"note": "first", "mail": mail(raw)} if "key" not in wanted else {"mail": mail(raw)}, key="key-1") == (
        wanted
    )


def test_what_comes_next() -> None:
    assert title({"title": "Kettle", "text": "long"}, subject="Hello") == "Kettle"
    assert title({"text": "long"}, subject="Hello") == "Hello"
    assert title({"row": {"id": 7, "title": "Kettle"}, "text": "long"}) == "Kettle"
    assert title({"page": Material("<p>x</p>", "text/html"), "text": "\n \n Charged twice \nbye"}, reply="No") == (
        "Charged twice"
    )
    assert title({"row": {"n": 1}}, amount=3, reply="No\nthanks") == "No"
    assert title({"row": {"n": 1}}, amount=3, key="ticket-881") == "ticket-881"
    assert title({"row": {"n": 1}}, amount=3) == ""


@pytest.mark.parametrize("name", ["category", "title", "subject"])
def test_the_label_is_never_in_it(name: str) -> None:
    assert title({}, label=name, key="k", **{name: "billing"}) == "k"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("\u200b\u2066a\u2069\u0000b\ufeff", "ab"),
        ("a\U000e0041\U000e0042b\ufe0f", "ab"),
        ("  a \u2028 b\u00a0c ", "a b c"),
        ("\u202e", ""),
        ("日本語の件名", "日本語の件名"),
        ("x" * 200, "x" * 119 + "…"),
        ("word, " * 30, ("word, " * 20)[:-2] + "…"),
    ],
)
def test_a_line_is_cleaned_and_cut_at_a_word(text: str, wanted: str) -> None:
    assert one_line(text) == wanted


def test_a_text_that_only_seems_to_say_something_does_not_count() -> None:
    assert title({"text": "\u200b\n\u2060 \nReal line"}, key="k") == "Real line"


@given(st.text(max_size=400))
def test_any_text_gives_a_line_that_may_be_shown_anywhere(text: str) -> None:
    named = title({"mail": mail("Subject: " + text)})
    for found in (one_line(text), named, title({"text": text}, text=text, key=text)):
        assert len(found) <= MAX_TITLE
        assert found == found.strip()
        assert not {unicodedata.category(c) for c in found} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
        found.encode("utf-8")
