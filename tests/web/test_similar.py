"""What helps to judge a case: cases like it, and the categories there are."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeVar, cast

import pytest

from signoff import Material
from signoff.app import labels as label_module
from signoff.app import settled
from signoff.app.similar import SimilarCases, words_of
from signoff.drafters.labels import LabelDrafter
from signoff.errors import StoreUnavailable
from signoff.ports import Reading, Store
from signoff.runtime.worker import tick
from signoff.sources import mail
from signoff.testing import MemoryStore
from tests.web.conftest import Caller, Desk, open_desk, place_for, problem

T = TypeVar("T")

KETTLE = "The kettle leaks at the bottom, may I send it back?"
PARCEL = "Where is my parcel? It was sent last week and has not come."


class Team(Enum):
    BILLING = "billing"
    RETURNS = "returns"


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def desk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Desk]:
    with open_desk(place_for(request, tmp_path)) as desk:

        @desk.app.checkpoint(label="category", undo_s=60)
        def route(category: str, urgent: bool = False) -> str:
            """Route a message."""
            return category

        @desk.app.checkpoint(label="team")
        def assign(team: Team | None, size: Literal["s", "l"] = "s") -> str:
            return str(team)

        @desk.app.checkpoint(label="category", drafter=LabelDrafter(labels=["sales", "billing"], background=False))
        def sort(category: str) -> str:
            return category

        @desk.app.checkpoint(label="category", blind=True)
        def judge(category: str) -> str:
            return category

        desk.app.register()
        yield desk


@pytest.fixture
def ada(desk: Desk) -> Caller:
    return desk.reviewer("ada")


def ask(desk: Desk, text: str | None, checkpoint: str = "route", **more: Any) -> str:
    evidence = {} if text is None else {"message": text}
    arguments = {"team": Team.BILLING} if checkpoint == "assign" else {"category": "billing"}
    return desk.app.function(checkpoint).propose(evidence=evidence, proposer="agent", **{**arguments, **more}).id


class Grace:
    """Somebody who rules on cases by their id."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def __getattr__(self, verb: str) -> Any:
        of_person = getattr(self.desk.app.reviewer("grace"), verb)
        return lambda case_id, *more: of_person(self.desk.app.case(case_id), *more)


def settle(desk: Desk) -> None:
    desk.clock.advance(60)
    desk.app.run_due()


def similar(desk: Desk, who: Caller, case: str, **query: Any) -> list[Any]:
    desk.app.similar(case)  # waits until all are read, as the route does not
    found: list[Any] = who.get(f"cases/{case}/similar", params=query)["items"]
    return found


def test_what_people_made_of_cases_like_it_is_told(desk: Desk, ada: Caller) -> None:
    grace = Grace(desk)
    approved, edited, rejected, other = (ask(desk, text) for text in (KETTLE, KETTLE + "!", KETTLE + "?", PARCEL))
    grace.approve(approved)
    grace.edit(edited, {"category": "returns", "urgent": True})
    grace.reject(rejected, "spam")
    grace.approve(other)
    asked = ask(desk, KETTLE.upper())
    assert similar(desk, ada, asked) == []
    settle(desk)
    found = similar(desk, ada, asked)
    same = {"reviewer": "grace", "ruled_at": found[0]["ruled_at"]}
    assert sorted(
        [{name: value for name, value in each.items() if name != "likeness"} for each in found],
        key=lambda each: each["verdict"],
    ) == [
        {"case_id": approved, "title": KETTLE, "verdict": "approved", "label": "billing", "edited": [], **same},
        {
            "case_id": edited,
            "title": KETTLE + "!",
            "verdict": "edited",
            "label": "returns",
            "edited": ["category", "urgent"],
            **same,
        },
        {"case_id": rejected, "title": KETTLE + "?", "verdict": "rejected", "label": None, "edited": [], **same},
    ]
    assert all(0.7 < each["likeness"] <= 1 for each in found)
    assert [each["case_id"] for each in similar(desk, ada, asked, limit=1)] == [found[0]["case_id"]]


def test_it_follows_what_settles_later_and_is_never_the_case_itself(desk: Desk, ada: Caller) -> None:
    first, second = ask(desk, KETTLE), ask(desk, KETTLE)
    assert similar(desk, ada, second) == []
    for case in (first, second):
        Grace(desk).approve(case)
        settle(desk)
    assert [each["case_id"] for each in similar(desk, ada, first)] == [second]
    assert [each["case_id"] for each in similar(desk, ada, second)] == [first]


def test_a_verdict_that_is_held_or_taken_back_does_not_count(desk: Desk, ada: Caller) -> None:
    held, again, asked = ask(desk, KETTLE), ask(desk, KETTLE), ask(desk, KETTLE)
    grace = Grace(desk)
    grace.approve(again)
    desk.clock.advance(60)
    tick(desk.app.store, desk.clock.now())
    assert [each["case_id"] for each in similar(desk, ada, asked)] == [again]
    # It had settled, and is asked for anew before it ran.
    grace.redraft(again, "another one")
    grace.approve(held)
    assert similar(desk, ada, asked) == []
    grace.reject(again)
    settle(desk)
    assert {each["case_id"]: each["verdict"] for each in similar(desk, ada, asked)} == {
        held: "approved",
        again: "rejected",
    }


def test_a_case_and_its_reversal_are_not_like_each_other(desk: Desk, ada: Caller) -> None:
    refund = desk.app.function("refund")
    done, asked = (refund.propose(order="the broken kettle", proposer="agent").id for _ in range(2))
    Grace(desk).approve(done)
    settle(desk)
    lead = desk.reviewer("lee", "lead")
    undone = lead.post(f"cases/{done}/reverse", {}, status=201)["id"]
    settle(desk)
    assert [each["case_id"] for each in similar(desk, ada, asked)] == [done]
    assert similar(desk, ada, undone) == []
    assert similar(desk, ada, done) == []


def test_without_evidence_the_arguments_are_compared_but_for_the_category(desk: Desk, ada: Caller) -> None:
    send = desk.app.function("send")
    one, two = (send.propose(to="grace", text=text, proposer="agent").id for text in (KETTLE, KETTLE + "!"))
    Grace(desk).approve(one)
    settle(desk)
    assert [each["case_id"] for each in similar(desk, ada, two)] == [one]
    named, same = (
        ask(desk, None, category="a long name of a category"),
        ask(desk, None, category="a long name of a category"),
    )
    Grace(desk).approve(named)
    settle(desk)
    assert [each["case_id"] for each in similar(desk, ada, same) if each["likeness"] > 0.99] == [named]


def test_mails_are_compared_by_what_they_say(desk: Desk, ada: Caller) -> None:
    head = "Received: from a.example.com by b.example.com with ESMTP id 12345678\n" * 20

    def mail(subject: str, text: str) -> str:
        raw = f"{head}From: ada@example.com\nSubject: {subject}\nContent-Transfer-Encoding: quoted-printable\n\n{text}"
        return (
            desk.app.function("route")
            .propose(category="x", evidence={"email": Material(raw, "message/rfc822")}, proposer="agent")
            .id
        )

    leak, parcel, asked = (
        mail("Kettle", KETTLE),
        mail("Parcel", PARCEL),
        mail("Kettle", KETTLE.replace("leaks", "le=61ks")),
    )
    for case in (leak, parcel):
        Grace(desk).approve(case)
    settle(desk)
    assert [each["case_id"] for each in similar(desk, ada, asked)] == [leak]


def test_they_are_of_the_same_checkpoint(desk: Desk, ada: Caller) -> None:
    routed, sorted_ = ask(desk, KETTLE), ask(desk, KETTLE, "sort")
    Grace(desk).approve(routed)
    settle(desk)
    assert similar(desk, ada, sorted_) == []


def test_a_blind_case_has_none_while_it_is_open(desk: Desk, ada: Caller) -> None:
    before, asked = ask(desk, KETTLE, "judge"), ask(desk, KETTLE, "judge")
    Grace(desk).edit(before, {"category": "billing"})
    settle(desk)
    assert similar(desk, ada, asked) == []
    Grace(desk).edit(asked, {"category": "billing"})
    settle(desk)
    assert [each["case_id"] for each in similar(desk, ada, asked)] == [before]


def test_nobody_asks_after_what_is_not_there(desk: Desk, ada: Caller) -> None:
    problem(ada("GET", "cases/none/similar"), 404, "unknown_case")
    problem(ada("GET", f"cases/{ask(desk, KETTLE)}/similar?limit=0"), 422, "invalid_input")
    problem(ada("GET", "checkpoints/nothing/labels"), 404, "unknown_checkpoint")


class Slow:
    """A store whose ledger is not read before it may be."""

    def __init__(self, store: Store) -> None:
        self.store, self.asked, self.may = store, threading.Event(), threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def read(self, look: Callable[[Reading], T]) -> T:
        self.asked.set()
        assert self.may.wait(30)
        return self.store.read(look)


def test_nobody_waits_while_they_are_read(desk: Desk, ada: Caller) -> None:
    before, asked = ask(desk, KETTLE), ask(desk, KETTLE)
    Grace(desk).approve(before)
    settle(desk)
    slow = Slow(desk.app.store)
    index = desk.app._similar["route"] = SimilarCases(cast(Store, slow), "route")
    for _ in range(2):
        assert ada.get(f"cases/{asked}/similar")["items"] == []
    assert slow.asked.wait(30), "a thread reads them"
    assert ada.get(f"cases/{asked}/similar")["items"] == []
    slow.may.set()
    assert [each.case_id for each in index.find(desk.app.view(asked), limit=5, wait=True)] == [before]
    assert [each["case_id"] for each in ada.get(f"cases/{asked}/similar")["items"]] == [before]


def test_a_reading_that_failed_begins_anew(desk: Desk, ada: Caller, caplog: pytest.LogCaptureFixture) -> None:
    before, asked = ask(desk, KETTLE), ask(desk, KETTLE)
    Grace(desk).approve(before)
    settle(desk)

    class Broken:
        def read(self, _: Any) -> NoReturn:
            raise StoreUnavailable("the database is away")

    index = desk.app._similar["route"] = SimilarCases(cast(Store, Broken()), "route")
    assert ada.get(f"cases/{asked}/similar")["items"] == []
    index.ended()
    assert "could not be read to find similar ones" in caplog.text
    index._store = desk.app.store
    assert ada.get(f"cases/{asked}/similar")["items"] == []
    index.ended()
    assert [each["case_id"] for each in ada.get(f"cases/{asked}/similar")["items"]] == [before]


def test_a_desk_that_closes_waits_for_no_history(tmp_path: Path) -> None:
    with open_desk(MemoryStore()) as desk:

        @desk.app.checkpoint(label="category")
        def route(category: str) -> str:
            return category

        asked = ask(desk, KETTLE)
        slow = Slow(desk.app.store)
        index = desk.app._similar["route"] = SimilarCases(cast(Store, slow), "route")
        assert desk.app.similar(asked, wait=False) == []
        assert slow.asked.wait(30)
        index.stop()
        slow.may.set()
        index.ended()
        assert desk.app.similar(asked) == [], "it is not read any more"


def test_many_may_ask_while_verdicts_settle(desk: Desk) -> None:
    cases = [ask(desk, f"{KETTLE} {number}") for number in range(30)]
    grace = Grace(desk)
    failed: list[BaseException] = []
    done = threading.Event()

    def look() -> None:
        try:
            while not done.is_set():
                desk.app.similar(cases[-1])
                desk.app.label_counts("route")
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for case in cases[:-1]:
        grace.approve(case)
        settle(desk)
    done.set()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(desk.app.similar(cases[-1], limit=50)) == 29
    assert desk.app.label_counts("route") == {"billing": 29}


# --- categories


def labels(who: Caller, name: str) -> dict[str, int]:
    items = who.get(f"checkpoints/{name}/labels")["items"]
    assert all(each.keys() == {"label", "cases"} for each in items)
    return {each["label"]: each["cases"] for each in items}


def test_categories_come_from_the_schema_the_drafter_and_the_verdicts(desk: Desk, ada: Caller) -> None:
    assert labels(ada, "assign") == {"billing": 0, "returns": 0}
    assert labels(ada, "sort") == {"sales": 0, "billing": 0}
    assert labels(ada, "route") == {}
    assert labels(ada, "send") == {}
    grace = Grace(desk)
    for label in ("new one", "returns", "returns"):
        grace.edit(ask(desk, KETTLE), {"category": label, "urgent": False})
    grace.reject(ask(desk, KETTLE))
    grace.edit(
        ask(desk, KETTLE, "sort"),
        {
            "category": "billing",
        },
    )
    grace.edit(ask(desk, None, "assign"), {"team": None, "size": "s"})
    assert labels(ada, "route") == {}
    settle(desk)
    assert list(labels(ada, "route").items()) == [("returns", 2), ("new one", 1)]
    assert list(labels(ada, "sort").items()) == [("billing", 1), ("sales", 0)]
    assert labels(ada, "assign") == {"billing": 0, "returns": 0}
    assert desk.app.labels("route") == ["returns", "new one"]


def test_a_case_that_is_ruled_on_again_counts_once(desk: Desk, ada: Caller) -> None:
    case = ask(desk, KETTLE)
    grace = Grace(desk)
    grace.approve(case)
    desk.clock.advance(60)
    tick(desk.app.store, desk.clock.now())
    assert labels(ada, "route") == {"billing": 1}
    grace.redraft(case, "another one")
    grace.edit(case, {"category": "returns", "urgent": False})
    settle(desk)
    assert labels(ada, "route") == {"returns": 1}


def test_a_long_history_is_read_from_its_newest_end(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settled, "_SPAN", 20)
    monkeypatch.setattr(settled, "_PAGE", 2)
    monkeypatch.setattr(label_module, "MOST_AT_ONCE", 5)
    grace = Grace(desk)
    cases = [ask(desk, f"{KETTLE} {number}") for number in range(24)]
    for number, case in enumerate(cases):
        grace.edit(case, {"category": f"c{number:02}", "urgent": False})
        settle(desk)
    seen = []
    while len(seen) < 2 or seen[-1] != seen[-2]:
        found = set(desk.app.label_counts("route"))
        assert found == {f"c{number:02}" for number in range(24 - len(found), 24)}
        seen.append(len(found))
        assert len(seen) < 30
    assert (seen[0] < 24, seen[-1]) == (True, 24)
    assert len(desk.app.similar(cases[0], limit=50)) == 23


def test_the_whole_history_is_there_where_it_is_asked_for(tmp_path: Path) -> None:
    with open_desk(MemoryStore()) as desk:

        @desk.app.checkpoint(label="category")
        def route(category: str) -> str:
            return category

        for number in range(7):
            Grace(desk).edit(ask(desk, KETTLE), {"category": f"c{number}"})
        settle(desk)
        assert len(desk.app.labels("route")) == 7


def test_of_thousands_of_mails_only_the_first_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def spy(raw: str) -> mail.Mail:
        asked.append(raw)
        return read(raw)

    read = mail.read
    monkeypatch.setattr(mail, "read", spy)
    raw = f"Subject: Kettle\n\n{'leaks ' * 100}"
    many = {f"mail{number}": {"media_type": "message/rfc822", "value": raw} for number in range(2_000)}
    assert words_of(many, {}, None).startswith("Kettle\nleaks leaks")
    assert len(asked) == 2
