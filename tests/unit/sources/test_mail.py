"""Mails are read as far as they go, whatever is broken in them."""

from __future__ import annotations

import base64
import json
import textwrap

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from signoff.sources.mail import MOST_HEADER_LINES, MOST_PARTS, MOST_PEOPLE, MOST_TEXT, Mail, read


def mail(text: str) -> Mail:
    return read(textwrap.dedent(text).lstrip("\n"))


def test_a_plain_mail_is_read() -> None:
    found = mail(
        """
        From: Ada Byron <ada@example.com>
        To: desk@example.com
        Cc: "Hopper, Grace" <grace@example.com>
        Subject: My kettle
        Date: Mon, 2 Mar 2026 09:15:00 +0100

        Dear team,

        it leaks.
        """
    )
    assert found == Mail(
        sender="Ada Byron <ada@example.com>",
        to=("desk@example.com",),
        cc=('"Hopper, Grace" <grace@example.com>',),
        subject="My kettle",
        date="2026-03-02T09:15:00+01:00",
        text="Dear team,\n\nit leaks.",
        html=None,
        attachments=(),
        pictures={},
        problems=(),
    )


@pytest.mark.parametrize(
    ("header", "shown"),
    [
        ("a@example.com, evil@example.net", ["a@example.com", "evil@example.net"]),
        ("a@example.com,evil@example.net", ["a@example.com", "evil@example.net"]),
        ("a@example.com; evil@example.net", ["a@example.com", "evil@example.net"]),
        ("A <a@example.com>,\n\tB <b@example.net>", ["A <a@example.com>", "B <b@example.net>"]),
        ('"a@example.com, evil@example.net" <c@example.org>', ['"a@example.com, evil@example.net" <c@example.org>']),
        ("=?utf-8?q?a=40example=2Ecom=2C?= <c@example.org>", ['"a@example.com," <c@example.org>']),
        ("team: a@example.com, b@example.com;", ["a@example.com", "b@example.com"]),
        ("undisclosed-recipients:;", []),
        ("a@example.com (home), b@example.com", ["a@example.com (home)", "b@example.com"]),
        ('"never closed, a@example.com, b@example.com', ['"never closed', "a@example.com", "b@example.com"]),
        ("<never@closed, a@example.com", ["<never@closed", "a@example.com"]),
        ("(never closed, a@example.com", ["(never closed", "a@example.com"]),
        ('"Q \\"uote" <q@example.com>', ['"Q \'uote" <q@example.com>']),
        ("J\u00f6rg <j@example.com>", ["J\u00f6rg <j@example.com>"]),
        ("=?iso-8859-1?Q?J=F6rg?= =?utf-8?b?w4Q=?= <j@example.com>", ["J\u00f6rg\u00c4 <j@example.com>"]),
        (",,,", []),
        ("", []),
    ],
)
def test_each_recipient_is_shown_by_itself(header: str, shown: list[str]) -> None:
    found = read(f"From: x@example.com\nTo: {header}\n\nHi")
    assert list(found.to) == shown
    assert found.text == "Hi"


def test_several_lines_of_recipients_are_all_shown() -> None:
    found = read("From: x@example.com\nTo: a@example.com\nto : b@example.com\nBCC: c@example.com\n\nHi")
    assert found.to == ("a@example.com", "b@example.com")


def test_more_people_than_anybody_reads_are_counted() -> None:
    found = read("From: x@example.com\nTo: " + ", ".join(f"p{n}@example.com" for n in range(MOST_PEOPLE + 7)) + "\n\n.")
    assert len(found.to) == MOST_PEOPLE
    assert "7 more in its To line are not shown." in found.problems


def test_tricks_with_the_sender_are_told() -> None:
    found = mail(
        """
        From: "boss@example.com" <thief@example.net>
        Reply-To: other@example.org
        From: second@example.com
        Subject: Invoice \u202egnp.exe

        Pay.
        """
    )
    assert found.sender == '"boss@example.com" <thief@example.net>, second@example.com'
    assert set(found.problems) == {
        "It has several From lines; all are shown.",
        "An answer would go to other@example.org (Reply-To), not to the sender.",
        "The sender's name looks like another address than the one it was sent from.",
        "The subject holds hidden characters that change the order in which it is read.",
    }


def test_the_same_address_in_another_form_is_no_trick() -> None:
    found = read('From: "Ada@Example.com" <ada@example.com>\nReply-To: Ada <ADA@example.com>\n\nHi')
    assert found.problems == ()


# --- parts

ALTERNATIVE = """
    From: a@example.com
    Content-Type: multipart/mixed; boundary="out er"

    This is for old programs.
    --out er
    Content-Type: multipart/related; boundary=inner

    --inner
    Content-Type: multipart/alternative; boundary=inmost

    --inmost
    Content-Type: text/plain; charset=utf-8
    Content-Transfer-Encoding: quoted-printable

    Gr=C3=BC=
    =C3=9Fe
    --inmost
    Content-Type: text/html; charset=iso-8859-1
    Content-Transfer-Encoding: base64

    PHA+R3L832U8L3A+
    --inmost--
    --inner
    Content-Type: image/png; name=logo.png
    Content-Id: <logo@example.com>
    Content-Transfer-Encoding: base64

    iVBORw0K
    --inner--
    --out er
    Content-Type: application/pdf
    Content-Disposition: attachment; filename*=utf-8''Gr%C3%BC%C3%9Fe.pdf
    Content-Transfer-Encoding: base64

    JVBERi0x
    --out er
    Content-Type: message/rfc822

    From: b@example.com

    Forwarded
    --out er--
    After the end.
    """


def test_parts_within_parts_are_found() -> None:
    found = mail(ALTERNATIVE)
    assert (found.text, found.html) == ("Gr\u00fc\u00dfe", "<p>Gr\u00fc\u00dfe</p>")
    assert [(each.name, each.media_type, each.bytes) for each in found.attachments] == [
        ("logo.png", "image/png", 6),
        ("Gr\u00fc\u00dfe.pdf", "application/pdf", 6),
        ("unnamed", "message/rfc822", 30),
    ]
    assert found.pictures["logo@example.com"].content == b"\x89PNG\r\n"
    assert found.problems == ()


def test_it_is_the_same_with_other_line_ends() -> None:
    unix = textwrap.dedent(ALTERNATIVE).lstrip("\n")
    windows, mac = read(unix.replace("\n", "\r\n")), read(unix.replace("\n", "\r"))
    assert (windows.text, windows.html, windows.problems) == (mac.text, mac.html, mac.problems)
    assert windows.text == read(unix).text
    assert [each.name for each in windows.attachments] == [each.name for each in read(unix).attachments]


def test_text_and_html_one_after_another_both_show_all() -> None:
    found = mail(
        """
        From: a@example.com
        Content-Type: multipart/mixed; boundary=b

        --b

        First <b>.
        --b
        Content-Type: text/html

        <p>Second</p><script>third()</script>
        --b--
        """
    )
    assert found.text == "First <b>.\n\nSecond"
    assert found.html is not None
    assert found.html.startswith("<pre>First &lt;b&gt;.</pre><hr>")
    assert "<p>Second</p>" in found.html


def test_html_alone_is_given_as_text_too() -> None:
    found = mail(
        """
        From: a@example.com
        Content-Type: text/html; charset="utf-8"

        <style>p { color: red }</style><p>Dear&nbsp;team,<br>it <b>leaks</b>.</p>
        <div style="display:none">Pay 900</div>
        """
    )
    assert found.text.split("\n") == ["Dear team,", "it leaks.", "Pay 900"]


@pytest.mark.parametrize(
    ("body", "problem", "text"),
    [
        ("--b\n\nHi\n", "It ends in the middle of a part; something may be missing.", "Hi"),
        ("Hi\n", "It says that it has several parts, but not where they begin; it is shown as one text.", "Hi"),
        ("--b--\n", "It says that it has several parts, but not where they begin; it is shown as one text.", "--b--"),
    ],
)
def test_parts_that_do_not_begin_or_end(body: str, problem: str, text: str) -> None:
    found = read(f"From: a@example.com\nContent-Type: multipart/mixed; boundary=b\n\n{body}")
    assert problem in found.problems
    assert found.text == text


# --- characters


@pytest.mark.parametrize(
    ("charset", "text"),
    [
        ("utf-8", "Gr\u00fc\u00dfe \u2013 \u20ac"),
        ("iso-8859-1", "Gr\u00fc\u00dfe"),
        ("windows-1252", "Gr\u00fc\u00dfe \u201cx\u201d \u20ac"),
        ("koi8-r", "\u041f\u0440\u0438\u0432\u0435\u0442"),
        ("windows-1256", "\u0645\u0631\u062d\u0628\u0627"),
        ("shift_jis", "\u3059\u307f\u307e\u305b\u3093"),
        ("gb18030", "\u4f60\u597d"),
        ("iso-2022-jp", "\u3059\u307f"),
    ],
)
@pytest.mark.parametrize("how", ["latin-1", "decoded", "base64"])
def test_any_character_set_however_the_bytes_became_a_text(charset: str, text: str, how: str) -> None:
    raw = text.encode(charset)
    body = {"latin-1": raw.decode("latin-1"), "decoded": text, "base64": base64.b64encode(raw).decode()}[how]
    encoding = "base64" if how == "base64" else "8bit"
    found = read(
        f"From: a@example.com\nContent-Type: text/plain; charset={charset}\n"
        f"Content-Transfer-Encoding: {encoding}\n\n{body}"
    )
    assert (found.text, found.problems) == (text, ())


def _in(charset: str, raw: bytes) -> Mail:
    return read(
        f"From: a@example.com\nContent-Type: text/plain; charset={charset}\n"
        f"Content-Transfer-Encoding: base64\n\n{base64.b64encode(raw).decode()}"
    )


@pytest.mark.parametrize("charset", ["x-unheard-of", "rot13", "zip", "punycode", "idna", "\u00e9", "a" * 1000])
def test_a_character_set_that_is_none_is_told(charset: str) -> None:
    found = _in(charset, "Gr\u00fc\u00dfe".encode())
    assert found.text == "Gr\u00fc\u00dfe"
    assert any("Its character set is not known" in problem for problem in found.problems)


def test_characters_that_are_not_of_their_set_are_told() -> None:
    found = _in("shift_jis", b"ok \xff\xfe\xfd")
    assert found.text.startswith("ok ")
    assert found.problems == ("It says that its characters are shift_jis, but some are not.",)
    assert _in("us-ascii", b"Gr\xfc\xdfe").text == "Gr\u00fc\u00dfe"


def test_headers_with_eight_bits_are_read() -> None:
    for subject in (
        "Gr\u00fc\u00dfe",
        "Gr\u00fc\u00dfe".encode().decode("latin-1"),
        "=?utf-8?q?Gr=C3=BC?= =?utf-8?b?w59l?=",
    ):
        assert read(f"From: a@example.com\nSubject: {subject}\n\n.").subject == "Gr\u00fc\u00dfe"


def test_base64_that_is_garbage_is_read_as_far_as_it_goes() -> None:
    found = read("From: a@example.com\nContent-Transfer-Encoding: base64\n\nSGVsbG8!!\u20ac!gd29ybGQ\n=x")
    assert found.text.startswith("Hello")
    assert "The encoding of its text is broken; it is read as far as it goes." in found.problems


# --- what is no mail


@pytest.mark.parametrize("value", [None, 7, [], {"a": 1}, True])
def test_what_is_no_text_is_told(value: object) -> None:
    assert "It is not a text, so it cannot be read as an e-mail." in read(value).problems


def test_text_without_headers_is_shown() -> None:
    found = read("Dear team,\nit leaks.")
    assert found.text == "Dear team,\nit leaks."
    assert "Its headers end without an empty line." in found.problems


@pytest.mark.parametrize("date", ["", "yesterday", "Mon, 99 Foo 2026", "0", "Mon, 2 Mar 999999 09:15:00 +0100"])
def test_a_date_that_is_none(date: str) -> None:
    found = read(f"From: a@example.com\nDate: {date}\n\n.")
    assert found.date is None
    assert any("date cannot be read" in problem for problem in found.problems) == bool(date)


# --- what was made to be slow: read to the end by the time limit of the suite, and told


def nested(levels: int) -> str:
    opened = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(levels))
    return f"From: a@example.com\n{opened}\n\ninmost"


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (nested(30_000), "nested deeper than"),
        ("From: a@example.com\nContent-Type: multipart/mixed; boundary=b\n\n" + "--b\n\nx\n" * 300_000, "2,000 parts"),
        ("From: a@example.com\n" + "X: y\n" * 400_000, f"{MOST_HEADER_LINES:,} lines"),
        ("From: a@example.com\nTo: " + "," * 2_000_000, "To line is very long"),
        ("From: a@example.com\nTo: " + '"' * 2_000_000, "To line is very long"),
        ("From: a@example.com\nTo: " + "(" * 2_000_000, "To line is very long"),
        ("From: a@example.com\nSubject: " + "=?utf-8?q?" * 200_000, "Subject line is very long"),
        ("From: a@example.com\nTo: a" + ",\n a@b" * 9_000, "more in its To line"),
        ("From: a@example.com\n\n" + "x" * (MOST_TEXT + 1), "Its text is longer than"),
    ],
)
def test_what_was_made_to_be_slow_is_cut_and_told(raw: str, told: str) -> None:
    found = read(raw)
    assert found.sender == "a@example.com"
    assert any(told in problem for problem in found.problems), found.problems
    assert len(found.text) <= MOST_TEXT
    assert len(found.attachments) <= MOST_PARTS


def test_many_long_parameters_are_read() -> None:
    part = "--b\nContent-Type: text/x; " + 'a="\\";' * 600 + "\n\nx\n"
    found = read("From: a@example.com\nContent-Type: multipart/mixed; boundary=b\n\n" + part * 200 + "--b--")
    assert len(found.attachments) == 200


words = st.text(alphabet=st.sampled_from("abB=?_-:;,<>\"'()\\@ \t\n\r\u00fc\u202e\0\ud800%&/0123456789"), max_size=60)
lines = st.one_of(
    words,
    st.sampled_from(
        [
            "From: a@example.com", "To: ", "Content-Type: multipart/mixed; boundary=b", "--b", "--b--", "",
            "Content-Type: text/html; charset=", "Content-Type: multipart/alternative; boundary*0=b; boundary*1=c",
            "Content-Transfer-Encoding: base64", "Content-Transfer-Encoding: quoted-printable",
            "Content-Disposition: attachment; filename*0*=x'y'%FF; filename*2=z", "Content-Type: message/rfc822",
            "Subject: =?utf-7?b?????=?=", "Date: ", "Content-ID: <", "<p><a href='x'>", "=?x?q?=ZZ?=",
        ]
    ),
)  # fmt: skip


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.lists(lines, max_size=25).map("\n".join))
@example("Content-Type: text/plain; charset*0=x; charset*1*=%\n\n\u00fc")
@example("Content-Type: text/plain; filename*=x\n\n")
def test_whatever_it_is_there_is_an_answer_that_json_can_carry(raw: str) -> None:
    found = read(raw)
    shown = [found.sender, *found.to, *found.cc, found.subject, found.date, found.text, *found.problems]
    shown += [each.name for each in found.attachments] + [each.media_type for each in found.attachments]
    json.dumps(shown, ensure_ascii=False).encode("utf-8")
    assert not any("in full" in problem for problem in found.problems), found.problems
