"""E-mails as evidence over HTTP: what they say, and their HTML in a frame that runs and loads nothing."""

from __future__ import annotations

from typing import Any

import pytest

from signoff import Material
from tests.unit.sources.test_markup import HOSTILE, wrongs
from tests.web.conftest import Caller, Desk, problem

MAIL = (
    "From: Ada Byron <ada@example.com>\r\nTo: desk@example.com, evil@example.net\r\nSubject: My kettle\r\n"
    "Date: Mon, 2 Mar 2026 09:15:00 +0100\r\nMIME-Version: 1.0\r\n"
    'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
    "--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    "<p>It <b>leaks</b>.</p><img src='https://shop.example.com/k.jpg' alt='the leak'>"
    "<a href='https://shop.example.com/x'>order</a><script>alert(1)</script>\r\n"
    "--b\r\nContent-Type: application/pdf; name=bill.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    "JVBERi0x\r\n--b--\r\n"
)


def ask(desk: Desk, **evidence: Any) -> str:
    return desk.app.function("send").propose(to="ada", evidence=evidence, proposer="agent").id


@pytest.fixture
def ada(desk: Desk) -> Caller:
    return desk.reviewer("ada")


def test_a_mail_is_given_as_a_person_reads_it(desk: Desk, ada: Caller) -> None:
    case = ask(desk, email=Material(MAIL, "message/rfc822"), note="plain")
    shown = ada.get(f"cases/{case}")["evidence"]
    assert shown == {
        "email": {
            "media_type": "message/rfc822",
            "value": MAIL,
            "mail": {
                "from": "Ada Byron <ada@example.com>",
                "to": ["desk@example.com", "evil@example.net"],
                "cc": [],
                "subject": "My kettle",
                "date": "2026-03-02T09:15:00+01:00",
                "text": "It leaks.\norder",
                "html": True,
                "attachments": [{"name": "bill.pdf", "media_type": "application/pdf", "bytes": 6}],
                "remote_images": 1,
                "problems": [],
            },
        },
        "note": {"media_type": shown["note"]["media_type"], "value": "plain"},
    }


@pytest.mark.parametrize("value", ["", "\n\n", "\ufffe\0", 7, None, {}])
def test_what_is_no_mail_is_shown_all_the_same(desk: Desk, ada: Caller, value: Any) -> None:
    case = ask(desk, email=Material(value, "Message/RFC822; charset=utf-8"))
    mail = ada.get(f"cases/{case}")["evidence"]["email"]["mail"]
    assert mail["problems"]
    assert mail["html"] is False


def test_its_html_is_a_page_with_a_policy_of_its_own(desk: Desk, ada: Caller) -> None:
    case = ask(desk, email=Material(MAIL, "message/rfc822"))
    answer = ada("GET", f"cases/{case}/frame?evidence=email")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == (
        "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert answer.headers["cache-control"] == "no-store"
    assert "<p>It <b>leaks</b>.</p>" in answer.text
    assert '<span class="picture">the leak</span>' in answer.text
    assert "k.jpg" not in answer.text
    assert "alert" not in answer.text


def test_its_pictures_come_when_they_are_asked_for(desk: Desk, ada: Caller) -> None:
    case = ask(desk, email=Material(MAIL, "message/rfc822"))
    answer = ada("GET", f"cases/{case}/frame?evidence=email&images=true")
    assert "img-src data: https:;" in answer.headers["content-security-policy"]
    assert 'src="https://shop.example.com/k.jpg"' in answer.text


def test_every_other_answer_goes_into_no_frame(desk: Desk, ada: Caller) -> None:
    case = ask(desk, email=Material(MAIL, "message/rfc822"))
    for path in (f"cases/{case}", f"cases/{case}/frame?evidence=none", "me", "/"):
        answer = ada("GET", path)
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


def test_evidence_that_is_html_is_shown_the_same_way(desk: Desk, ada: Caller) -> None:
    case = ask(desk, page=Material("<p onclick=x>Hi</p>", "text/html; charset=utf-8"))
    assert "<p>Hi</p></body>" in ada("GET", f"cases/{case}/frame?evidence=page").text
    assert "mail" not in ada.get(f"cases/{case}")["evidence"]["page"]


@pytest.mark.parametrize("images", ["false", "true"])
def test_nothing_of_the_page_runs_or_loads_unasked(desk: Desk, ada: Caller, images: str) -> None:
    head = "From: a@example.com\nContent-Type: text/html; charset=utf-8\n\n"
    mails = {f"m{n}": Material(f"{head}<p>Dear{html}", "message/rfc822") for n, html in enumerate(HOSTILE)}
    pages = {f"p{n}": Material(f"<p>Dear{html}", "text/html") for n, html in enumerate(HOSTILE)}
    case = ask(desk, **mails, **pages)
    for name in (*mails, *pages):
        answer = ada("GET", f"cases/{case}/frame?evidence={name}&images={images}")
        body = answer.text.partition("<body dir='auto'>")[2].removesuffix("</body></html>")
        assert "<p>Dear" in body
        assert list(wrongs(body, images=images == "true")) == []


def test_of_very_many_mails_the_first_are_read(desk: Desk, ada: Caller) -> None:
    mails = {f"m{n:02}": Material(f"Subject: {n}\n\nHi", "message/rfc822") for n in range(60)}
    given = ada.get(f"cases/{ask(desk, **mails)}")["evidence"]
    assert list(given) == list(mails)
    assert [name for name, item in given.items() if "mail" in item] == list(mails)[:50]
    assert given["m59"]["value"] == "Subject: 59\n\nHi"


def test_a_long_one_says_that_it_was_cut(desk: Desk, ada: Caller) -> None:
    case = ask(desk, page=Material("<p>x" * 40_000, "text/html"))
    assert "the rest was cut off" in ada("GET", f"cases/{case}/frame?evidence=page").text


def test_what_is_not_there_is_told(desk: Desk, ada: Caller) -> None:
    plain = "From: a@example.com\n\nHi"
    case = ask(desk, email=Material(plain, "message/rfc822"), note="plain", page=Material({"a": 1}, "text/html"))
    told = problem(ada("GET", f"cases/{case}/frame?evidence=<b>"), 404, "unknown_evidence")
    assert told["detail"] == f"case {case} has no evidence '<b>'; it has: email, note, page"
    for name in ("email", "note", "page"):
        told = problem(ada("GET", f"cases/{case}/frame?evidence={name}"), 404, "unknown_evidence")
        assert "has no HTML" in told["detail"]
    problem(ada("GET", f"cases/{case}/frame"), 422, "invalid_input")
    problem(ada("GET", "cases/none/frame?evidence=x"), 404, "unknown_case")


def test_an_agent_sees_the_frames_of_its_own_cases_alone(desk: Desk) -> None:
    case = ask(desk, email=Material(MAIL, "message/rfc822"))
    assert desk.agent("GET", f"cases/{case}/frame?evidence=email").status_code == 200
    problem(desk.token("other", "propose")("GET", f"cases/{case}/frame?evidence=email"), 404, "unknown_case")
