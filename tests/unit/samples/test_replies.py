"""The sample's replies: invented e-mails of many kinds, drafts with and without mistakes, and an outbox that counts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from signoff.domain.case import State
from signoff.errors import InvalidArguments
from signoff.samples.replies import CHECKPOINT, Outbox, Reply, replies
from signoff.samples.support import open_desk
from signoff.sources.mail import Mail, read
from signoff.sources.markup import sanitise

WAIT_S = 30.0


def mails() -> dict[str, Mail]:
    return {reply.id: read(reply.email) for reply in replies()}


def test_there_are_fourteen_in_the_order_of_their_arrival() -> None:
    found = replies()
    assert [reply.id for reply in found] == [f"r{number:02}" for number in range(1, 15)]
    dates = [str(mail.date) for mail in mails().values()]
    assert [date[:10] for date in dates] == sorted(date[:10] for date in dates)


def test_all_people_are_at_addresses_that_nobody_has() -> None:
    for reply in replies():
        everything = reply.email + json.dumps([reply.draft, reply.evidence, reply.alternatives])
        hosts = re.findall(r"[\w.+-]+@([\w.-]+\w)", everything) + re.findall(r"https?://([\w.-]+)", everything)
        assert hosts
        assert all(re.search(r"(^|\.)example\.(com|org|net)$", host) for host in hosts), hosts


def test_each_can_be_read_and_is_answered_where_it_came_from() -> None:
    for reply in replies():
        mail = read(reply.email)
        assert mail.text
        assert mail.subject
        assert mail.to == ("Shop desk <desk@shop.example.com>",)
        assert mail.sender.rpartition("<")[2].rstrip(">") == reply.draft["to"]
        assert (mail.problems == ()) == (reply.id != "r10"), mail.problems


def test_they_are_of_many_kinds() -> None:
    found = mails()
    (html,) = [mail for mail in found.values() if mail.html is not None]
    safe = sanitise(html.html or "", pictures=html.pictures)
    assert (safe.remote_images, safe.never_shown) == (1, 1)
    assert "data:image/png" in safe.html
    assert "track.example.org" not in sanitise(html.html or "", images=True).html
    assert "Guten Tag" in found["r04"].text
    assert "\u0645\u0631\u062d\u0628\u0627\u064b" in found["r05"].text
    assert "The text holds hidden characters that change the order in which it is read." in found["r10"].problems
    assert any("(Reply-To)" in problem for problem in found["r10"].problems)
    assert [each.name for each in found["r14"].attachments] == ["bill-48219.txt"]
    kinds = {
        value["media_type"] for reply in replies() for value in reply.evidence.values() if value_is_material(value)
    }
    assert kinds == {"text/csv", "text/markdown"}


def value_is_material(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"media_type", "value"}


def numbers(reply: Reply) -> set[str]:
    """Amounts and order numbers of the draft that stand nowhere in the evidence."""
    said = re.findall(r"\d+\.\d\d|\b\d{5}\b", " ".join(str(value) for value in reply.draft.values()))
    known = read(reply.email).text + json.dumps(reply.evidence)
    return {number for number in said if number not in known}


def test_some_drafts_hold_a_mistake_and_most_do_not() -> None:
    mistaken = [reply.id for reply in replies() if reply.mistake]
    assert mistaken == ["r03", "r06", "r08", "r10", "r11", "r12"]
    assert {reply.id: numbers(reply) for reply in replies() if reply.mistake and numbers(reply)} == {
        "r03": {"69.40"},
        "r11": {"48420"},
    }
    (wrong_name,) = [reply for reply in replies() if reply.id == "r08"]
    assert "Halloway" in wrong_name.draft["body"]
    assert "Halloway" not in wrong_name.email + json.dumps(wrong_name.evidence)


def test_the_desk_has_them_where_they_are_asked_for(tmp_path: Path) -> None:
    desk = open_desk(tmp_path / "desk.db")
    try:
        assert desk.propose_replies() == []
        assert desk.app.declared() == ["route_message"]
    finally:
        desk.app.close()

    for _ in range(2):
        desk = open_desk(tmp_path / "desk.db", with_replies=True)
        try:
            cases = desk.propose_replies()
            assert desk.propose_replies() == cases
            assert desk.app.counts(CHECKPOINT) == {State.WAITING: 14}
            titles = [desk.app.case(case).seen.title for case in cases]
            assert titles[0] == "Charged twice in October"
            view = desk.app.view(cases[0])
            assert view.evidence["email"]["media_type"] == "message/rfc822"
            assert view.evidence["order"]["value"]["total"] == "40.00"
            assert view.checkpoint.undo_s == 10
        finally:
            desk.app.close()


def test_an_approved_reply_is_sent_once(tmp_path: Path) -> None:
    desk = open_desk(tmp_path / "desk.db", with_replies=True)
    try:
        assert desk.outbox is not None
        first, *_ = desk.propose_replies()
        grace = desk.app.reviewer("grace")
        view = desk.app.view(first)
        for refund in ("40", "-1.00", "40.000", 40.0):
            with pytest.raises(InvalidArguments):
                grace.edit(view.case, view.content.arguments | {"refund": refund})
        grace.edit(view.case, view.content.arguments | {"refund": None})
        done = desk.app.case(first).outcome(timeout_s=WAIT_S)
        assert done.state is State.DONE
        assert done.value["refund"] is None
        assert desk.outbox.counts() == {desk.app.case(first).seen.idempotency_key: 1}
        assert desk.app.verify().contradictions == []
    finally:
        desk.app.close()


def test_the_outbox_keeps_what_is_sent_twice_once(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "desk.sent.jsonl")
    for _ in range(2):
        receipt = outbox.send(key="k1", to="a@example.com", subject="x", body="Gr\u00fc\u00dfe\n", refund="1.00")
        assert receipt == {"key": "k1", "to": "a@example.com", "refund": "1.00"}
    outbox.send(key="k2", to="a@example.com", subject="x", body="y", refund=None)
    assert Outbox(outbox.path).counts() == {"k1": 1, "k2": 1}
