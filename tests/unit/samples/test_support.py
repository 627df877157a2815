"""The sample support desk: its messages, its rules, and the receiver that counts for itself."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from signoff.cli.output import visible
from signoff.domain.case import State
from signoff.samples.support import CHECKPOINT, Receiver, messages, open_desk, rules

WAIT_S = 30.0


def test_there_are_enough_messages_and_no_two_are_the_same() -> None:
    found = messages()

    assert len(found) == 320
    assert len(found) >= 240
    assert len({" ".join(message.text.split()).casefold() for message in found}) == len(found)
    assert [message.id for message in found] == [f"m{number:03}" for number in range(1, len(found) + 1)]


def test_eight_categories_are_all_in_use_and_known_to_the_rules() -> None:
    found = Counter(message.category for message in messages())

    assert len(found) == 8
    assert set(rules()) == set(found)
    assert min(found.values()) >= 10
    assert all(words for words in rules().values())


def test_some_are_ambiguous_some_are_two_things_some_are_in_other_languages() -> None:
    notes = Counter(note for message in messages() for note in message.notes)
    languages = [note for note in notes if note.startswith("language:")]

    assert notes["ambiguous"] >= 20
    assert notes["two_topics"] >= 20
    assert len(languages) >= 5


def test_every_message_is_a_text_that_somebody_may_have_written() -> None:
    for message in messages():
        assert message.text == message.text.strip()
        assert visible(message.text) == message.text
        assert 10 <= len(message.text) <= 1000


def test_proposing_all_twice_makes_each_case_once(tmp_path: Path) -> None:
    desk = open_desk(tmp_path / "desk.db")
    try:
        first = desk.propose_all()
        assert desk.propose_all() == first
    finally:
        desk.app.close()

    assert len(set(first)) == len(messages())

    again = open_desk(tmp_path / "desk.db")
    try:
        assert again.propose_all() == first
        assert again.app.counts() == {State.WAITING: len(first)}
        assert [again.app.case(case_id).seen.key for case_id in first] == [message.id for message in messages()]
        shown = again.app.view(first[0])
        assert shown.evidence["message"]["value"] == messages()[0].text
        assert again.app.verify().contradictions == []
    finally:
        again.app.close()


def test_an_approved_message_arrives_once_under_its_own_key(tmp_path: Path) -> None:
    desk = open_desk(tmp_path / "desk.db", undo_s=0)
    try:
        [first, second, *_] = desk.propose_all()
        grace = desk.app.reviewer("grace")
        grace.approve(desk.app.case(first))
        view = desk.app.view(second)
        grace.edit(view.case, view.content.arguments | {"category": "a new one"})
        outcomes = [desk.app.case(case_id).outcome(timeout_s=WAIT_S) for case_id in (first, second)]

        assert [outcome.state for outcome in outcomes] == [State.DONE, State.DONE]
        assert outcomes[1].value["category"] == "a new one"
        keys = [desk.app.case(case_id).seen.idempotency_key for case_id in (first, second)]
        assert desk.receiver.counts() == dict.fromkeys(keys, 1)
        assert desk.receiver.look_up(keys[1]) == outcomes[1].value
    finally:
        desk.app.close()


def test_the_receiver_keeps_its_own_log_and_counts_what_arrived(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path / "desk.routed.jsonl")
    assert receiver.counts() == {}
    assert receiver.look_up("k1") is None

    assert receiver.take(key="k1", category="billing", message="two\nlines, Straße") == {
        "key": "k1",
        "category": "billing",
    }
    receiver.take(key="k2", category="returns", message="x")
    receiver.take(key="k2", category="returns", message="x")

    again = Receiver(receiver.path)
    assert again.counts() == {"k1": 1, "k2": 2}
    assert again.counts().total() == 3
    assert again.look_up("k1") == {"key": "k1", "category": "billing"}
    assert again.look_up("k3") is None


def test_the_log_lies_beside_the_database(tmp_path: Path) -> None:
    desk = open_desk(tmp_path / "my.desk.db")
    desk.app.close()

    assert desk.receiver.path == tmp_path / "my.desk.routed.jsonl"
    assert desk.route.name == CHECKPOINT
