"""LabelDrafter: what it drafts, when it fits, and that nobody waits for that."""

from __future__ import annotations

import logging
import math
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from signoff.drafters import labels as module
from signoff.drafters.labels import LabelDrafter
from signoff.errors import InvalidInput, OutsideError, UsageError
from signoff.learning.features import LABEL_FEATURES
from signoff.learning.labels import LabelModel
from signoff.ports import Draft, Example

MESSAGES = [
    ("where is my parcel", "shipping"),
    ("I was charged twice", "billing"),
    ("the parcel is late", "shipping"),
    ("please refund the charge", "billing"),
    ("my parcel got lost on the way", "shipping"),
    ("the invoice shows a wrong charge", "billing"),
]
ASKED = ["is my parcel lost?", "a wrong charge", "hello", ""]


def settled(messages: Sequence[tuple[Any, Any]] = MESSAGES, *, start: int = 1) -> list[Example]:
    return [
        Example(
            seq=number,
            case_id=f"case-{number}",
            evidence={"message": text},
            proposed={"category": ""},
            final=None if label is None else {"category": label},
        )
        for number, (text, label) in enumerate(messages, start)
    ]


def drafts(drafter: LabelDrafter) -> list[Draft]:
    return [drafter({"message": text}) for text in ASKED]


def category(drafter: LabelDrafter, text: str) -> Any:
    return drafter({"message": text}).arguments["category"]


class Gated(LabelDrafter):
    """Fits only while the gate is open."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.started = threading.Event()
        self.gate = threading.Event()
        self.sizes: list[int] = []

    def _fit(self, texts: Sequence[str], labels: Sequence[str], known: Sequence[str], **more: Any) -> LabelModel:
        self.sizes.append(len(texts))
        self.started.set()
        assert self.gate.wait(60)
        return super()._fit(texts, labels, known, **more)


class Fragile(LabelDrafter):
    """Breaks on one label."""

    def _fit(self, texts: Sequence[str], labels: Sequence[str], known: Sequence[str], **more: Any) -> LabelModel:
        if "broken" in labels:
            raise ValueError("cannot fit that")
        return super()._fit(texts, labels, known, **more)


class TestColdStart:
    def test_without_anything_it_has_no_idea(self) -> None:
        made = LabelDrafter()({"message": "hello"})
        assert made == Draft(
            arguments={"category": ""},
            confidence=0.0,
            rationale="nothing to go by yet",
            alternatives=[],
            drafter="labels-0",
        )

    def test_the_first_label_is_proposed_without_confidence(self) -> None:
        made = LabelDrafter(labels=["b", "a", "c", "d", "e", "f"])({"message": "hello"})
        assert (made.arguments, made.confidence) == ({"category": "b"}, 0.0)
        assert [a.arguments["category"] for a in made.alternatives] == ["a", "c", "d", "e"]
        assert {a.confidence for a in made.alternatives} == {0.0}

    def test_a_rule_that_fits_decides(self) -> None:
        drafter = LabelDrafter(labels=["shipping"], rules={"billing": ["Refund", "charge"], "returns": ["return"]})
        made = drafter({"message": "REFUND the charge, or I return it"})
        assert made.arguments == {"category": "billing"}
        assert made.rationale == "rule: contains 'refund', 'charge'"
        assert made.confidence == pytest.approx(2.25 / 4)
        assert [a.arguments["category"] for a in made.alternatives] == ["returns", "shipping"]
        assert drafter.known_labels == ("shipping", "billing", "returns")

    def test_a_word_counts_once_and_an_empty_one_never(self) -> None:
        drafter = LabelDrafter(rules={"a": ["", "x", "X", "x"], "b": ["y", "z"]})
        assert category(drafter, "xx yz") == "b"

    def test_neither_numpy_nor_scikit_learn_is_loaded_for_it(self) -> None:
        code = """
import sys
from signoff.drafters.labels import LabelDrafter
drafter = LabelDrafter(labels=["a"], rules={"b": ["refund"]})
drafter({"message": "a refund"})
drafter({"message": "hello"})
print(sorted({"numpy", "scipy", "sklearn"} & set(sys.modules)))
"""
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert ran.stdout.strip() == "[]"


class TestDrafting:
    def test_it_drafts_what_it_learned(self) -> None:
        drafter = LabelDrafter(background=False)
        drafter.learn(settled())
        made = drafter({"message": "is my parcel lost?"})
        assert made.arguments == {"category": "shipping"}
        assert made.confidence is not None and 0.4 < made.confidence < 0.9
        assert made.rationale == "learned from 6 verdicts"
        assert made.drafter == drafter.version == "labels-6"
        (other,) = made.alternatives
        assert other.arguments == {"category": "billing"}
        assert 0 < other.confidence < made.confidence

    def test_many_are_drafted_as_one_is(self) -> None:
        drafter = LabelDrafter(background=False, rules={"billing": ["charge"]})
        assert drafter.draft_many([{"message": text} for text in ASKED]) == drafts(drafter)
        drafter.learn(settled())
        assert drafter.draft_many([{"message": text} for text in ASKED]) == drafts(drafter)
        assert drafter.draft_many([]) == []

    def test_a_rule_is_named_when_it_agrees(self) -> None:
        drafter = LabelDrafter(background=False, rules={"billing": ["charge"]})
        drafter.learn(settled())
        made = drafter({"message": "a wrong charge"})
        assert made.rationale == "learned from 6 verdicts; rule: contains 'charge'"
        assert drafter({"message": "my parcel"}).rationale == "learned from 6 verdicts"

    def test_a_rule_weighs_while_there_are_few_verdicts(self) -> None:
        plain, ruled = (LabelDrafter(background=False, rules=rules) for rules in (None, {"returns": ["broken"]}))
        for drafter in (plain, ruled):
            drafter.learn(settled())
        assert category(plain, "a broken parcel") == "shipping"
        assert category(ruled, "a broken parcel") == "returns"

    def test_verdicts_overrule_a_rule_in_the_end(self) -> None:
        drafter = LabelDrafter(background=False, rules={"returns": ["parcel"]})
        assert category(drafter, "where is my parcel") == "returns"
        drafter.learn(settled(MESSAGES * 30))
        assert category(drafter, "where is my parcel") == "shipping"

    def test_at_most_four_alternatives(self) -> None:
        drafter = LabelDrafter(background=False)
        drafter.learn(settled([(f"text number {word}", word) for word in "abcdefgh"]))
        assert len(drafter({"message": "text"}).alternatives) == 4

    def test_evidence_is_copied_into_the_arguments_of_every_answer(self) -> None:
        drafter = LabelDrafter(text="mail", label="kind", arguments=["mail", "sender"], labels=["a", "b"])
        evidence = {"mail": {"subject": "hi"}, "sender": "ada@example.org", "more": 1}
        made = drafter(evidence)
        copied = {"mail": {"subject": "hi"}, "sender": "ada@example.org"}
        assert made.arguments == {**copied, "kind": "a"}
        assert [a.arguments for a in made.alternatives] == [{**copied, "kind": "b"}]

    def test_any_json_is_read_in_its_canonical_form(self) -> None:
        drafter = LabelDrafter(rules={"yes": ['{"a":[1,true],"b":"x"}']})
        assert category(drafter, {"b": "x", "a": [1.0, True]}) == "yes"  # type: ignore[arg-type]

    @pytest.mark.parametrize("text", ["", "\0\ud800", "😀 Привет 日本語", "parcel " * 200_000, None, 7, []])
    def test_any_text_gets_a_draft(self, text: Any) -> None:
        drafter = LabelDrafter(background=False)
        drafter.learn(settled([*MESSAGES, (text, "strange")]))
        made = drafter({"message": text})
        assert made.arguments["category"] in {"shipping", "billing", "strange"}
        assert made.confidence is not None and 0 < made.confidence < 1

    @pytest.mark.parametrize("options", [{"text": "body"}, {"arguments": ["body"]}])
    def test_missing_evidence_is_named(self, options: dict[str, Any]) -> None:
        with pytest.raises(InvalidInput, match="no item 'body'"):
            LabelDrafter(**options)({"message": "hello"})


class TestLearning:
    def test_it_fits_after_every_few_verdicts(self) -> None:
        drafter = LabelDrafter(background=False, refit_after=2)
        versions = []
        for example in settled():
            drafter.learn([example])
            versions.append(drafter.version)
        assert versions == ["labels-0", "labels-2", "labels-2", "labels-4", "labels-4", "labels-6"]

    def test_fits_grow_rare_with_many_verdicts(self) -> None:
        drafter = LabelDrafter(background=False, refit_after=5)
        drafter.learn(settled(MESSAGES * 50))
        assert drafter.version == "labels-300"
        drafter.learn(settled(MESSAGES * 2, start=301))
        assert drafter.version == "labels-300"
        drafter.learn(settled(MESSAGES, start=313))
        assert drafter.version == "labels-318"

    def test_a_new_label_is_known_and_drafted_at_once(self) -> None:
        drafter = LabelDrafter(labels=["billing", "returns"], background=False, refit_after=6)
        drafter.learn(settled())
        assert drafter.known_labels == ("billing", "returns", "shipping")
        drafter.learn(settled([("a gift voucher for my aunt", "gifts")], start=7))
        assert drafter.known_labels == ("billing", "returns", "shipping", "gifts")
        # Its verdict counts before the next fit, and the version says so.
        assert drafter.version == "labels-6+1"
        assert category(drafter, "do you sell a gift voucher?") == "gifts"
        assert category(drafter, "my parcel is late") == "shipping"
        drafter.learn(settled(MESSAGES[:5], start=8))
        assert drafter.version == "labels-12"
        assert category(drafter, "do you sell a gift voucher?") == "gifts"

    def test_a_label_in_another_alphabet(self) -> None:
        drafter = LabelDrafter(background=False)
        drafter.learn(settled([*MESSAGES, ("荷物が届きません", "配送"), ("荷物はどこですか", "配送")]))
        assert category(drafter, "荷物") == "配送"

    def test_one_label_only(self) -> None:
        drafter = LabelDrafter(background=False)
        drafter.learn(settled([(text, "shipping") for text, _ in MESSAGES]))
        made = drafter({"message": "anything"})
        assert (made.arguments, list(made.alternatives)) == ({"category": "shipping"}, [])
        assert made.confidence == pytest.approx(11 / 16, abs=1e-4)

    def test_a_rejection_teaches_nothing(self) -> None:
        drafter = LabelDrafter(background=False, refit_after=6)
        drafter.learn(settled([*MESSAGES[:5], ("no", None), ("no", None)]))
        assert (drafter.version, drafter.known_labels) == ("labels-0", ("shipping", "billing"))
        drafter.learn(settled(MESSAGES[5:], start=8))
        assert drafter.version == "labels-6"

    @pytest.mark.parametrize("label", [None, 3, "", ["a"]])
    def test_a_verdict_without_a_label_is_left_out(self, label: Any, caplog: pytest.LogCaptureFixture) -> None:
        drafter = LabelDrafter(background=False)
        odd = Example(seq=99, case_id="odd", evidence={"message": "x"}, proposed={}, final={"category": label})
        drafter.learn([*settled(), odd])
        assert (drafter.version, drafter.known_labels) == ("labels-6", ("shipping", "billing"))
        assert "1 of 7 verdicts teach labels nothing" in caplog.text

    def test_a_verdict_without_the_text_is_left_out(self, caplog: pytest.LogCaptureFixture) -> None:
        drafter = LabelDrafter(background=False)
        odd = Example(seq=99, case_id="odd", evidence={"mail": "x"}, proposed={}, final={"category": "a"})
        drafter.learn([odd, *settled()])
        assert drafter.version == "labels-6"
        assert "1 of 7 verdicts teach labels nothing" in caplog.text

    def test_a_verdict_counts_once(self) -> None:
        once, often = LabelDrafter(background=False), LabelDrafter(background=False)
        once.learn(settled())
        for _ in range(3):
            often.learn(settled() * 2)
        assert drafts(often) == drafts(once)

    def test_the_order_of_arrival_does_not_matter(self) -> None:
        forth, back = LabelDrafter(background=False), LabelDrafter(background=False)
        forth.learn(settled())
        back.learn(settled()[::-1])
        assert drafts(back) == drafts(forth)
        assert back.known_labels == forth.known_labels == ("shipping", "billing")

    def test_rebuilt_from_the_ledger_it_drafts_the_same(self) -> None:
        lived, restarted = LabelDrafter(background=False), LabelDrafter()
        history = settled([*MESSAGES * 3, ("no", None), ("a voucher", "gifts"), ("my voucher", "gifts")])
        for example in history:
            lived.learn([example])
        assert lived.version == "labels-20"
        restarted.learn(history)
        assert restarted.wait(60)
        assert restarted.version == lived.version
        assert drafts(restarted) == drafts(lived)
        assert restarted.known_labels == lived.known_labels

    def test_only_the_newest_verdicts_are_kept(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "MAX_EXAMPLES", 6)
        long, short = LabelDrafter(background=False), LabelDrafter(background=False)
        long.learn(settled([("parcel", "old"), ("charge", "older")] * 10))
        long.learn(settled(start=21))
        short.learn(settled(start=21))
        asked = {"message": "is my parcel lost?"}
        assert long.version == "labels-26"
        assert long(asked).arguments == short(asked).arguments == {"category": "shipping"}
        # Old labels stay known, and little probable.
        assert long.known_labels == ("old", "older", "shipping", "billing")
        assert [a.arguments["category"] for a in long(asked).alternatives] == ["billing", "old", "older"]

    def test_a_fit_that_raises_leaves_what_was_known(self, caplog: pytest.LogCaptureFixture) -> None:
        drafter = Fragile(background=False)
        drafter.learn(settled())
        before = drafts(drafter)
        drafter.learn(settled([("x", "broken")] * 5, start=7))
        assert drafter.wait(0)
        assert drafts(drafter) == before
        assert drafter.version == "labels-6"
        assert "could not be fitted" in caplog.text
        assert [record.levelno for record in caplog.records] == [logging.ERROR]

    def test_a_fit_that_raises_is_tried_again_with_more_verdicts(self) -> None:
        class Once(LabelDrafter):
            broken = True

            def _fit(
                self, texts: Sequence[str], labels: Sequence[str], known: Sequence[str], **more: Any
            ) -> LabelModel:
                if self.broken:
                    raise ValueError("cannot fit that")
                return super()._fit(texts, labels, known, **more)

        drafter = Once(background=False)
        drafter.learn(settled())
        assert drafter.version == "labels-0"
        drafter.broken = False
        drafter.learn(settled(start=7))
        assert drafter.version == "labels-12"


class TestInTheBackground:
    def test_nobody_waits_for_a_fit(self) -> None:
        drafter = Gated(labels=["none"])
        drafter.learn(settled())
        assert drafter.started.wait(60)
        # The fit cannot end before the gate opens, so these answers did not wait for it.
        assert not drafter.wait(0)
        assert drafter({"message": "my parcel"}).drafter == "labels-0"
        assert drafter.known_labels == ("none", "shipping", "billing")
        drafter.learn(settled(start=7))
        assert drafter.version == "labels-0"
        drafter.gate.set()
        assert drafter.wait(60)
        assert drafter.version == "labels-12"
        assert category(drafter, "my parcel") == "shipping"

    def test_one_fit_at_a_time_and_one_more_for_what_came_meanwhile(self) -> None:
        drafter = Gated()
        drafter.learn(settled())
        assert drafter.started.wait(60)
        for number in range(7, 107):
            drafter.learn(settled(MESSAGES[:1], start=number))
        drafter.gate.set()
        assert drafter.wait(60)
        assert drafter.sizes == [6, 106]

    def test_without_a_fit_there_is_nothing_to_wait_for(self) -> None:
        drafter = LabelDrafter()
        assert drafter.wait(0)
        drafter.learn(settled(MESSAGES[:4]))
        assert drafter.wait(0)

    def test_taught_and_asked_from_many_threads(self) -> None:
        drafter = LabelDrafter(refit_after=1, rules={"billing": ["charge"]})
        examples = settled(MESSAGES * 20)
        problems: list[BaseException] = []

        def teach(part: int) -> None:
            try:
                for example in examples[part::4]:
                    drafter.learn([example])
                    made = drafter({"message": "my parcel"})
                    assert made.rationale is not None and made.drafter is not None
                    learned = sum(map(int, made.drafter.removeprefix("labels-").split("+")))
                    assert learned == 0 or made.rationale.startswith(f"learned from {learned} verdict")
            except BaseException as problem:
                problems.append(problem)

        threads = [threading.Thread(target=teach, args=(part,)) for part in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert problems == []
        assert drafter.wait(60)
        more = settled(MESSAGES * 2, start=121)
        drafter.learn(more)
        assert drafter.wait(60)
        alone = LabelDrafter(background=False, rules={"billing": ["charge"]})
        alone.learn([*examples, *more])
        assert drafter.version == alone.version == "labels-132"
        assert drafts(drafter) == drafts(alone)


class Sounds:
    """Embeds by the vowels of a text; breaks or gives nonsense when told to."""

    def __init__(self, name: str = "vowels-1") -> None:
        self.name = name
        self.asked: list[str] = []
        self.broken = False
        self.strange: set[str] = set()

    def __call__(self, texts: Sequence[str], /) -> np.ndarray:
        if self.broken:
            raise OutsideError("nobody there")
        self.asked += texts
        found = np.array([[text.count(vowel) + 0.01 for vowel in "aeiou"] for text in texts], dtype=np.float32)
        found /= np.linalg.norm(found, axis=1, keepdims=True)
        found[[text in self.strange for text in texts]] = np.nan
        return found


class TestWithAnEmbedder:
    def test_it_is_named_in_the_version_and_asked_once_per_example(self) -> None:
        embedder = Sounds()
        drafter = LabelDrafter(background=False, embedder=embedder, refit_after=1)
        for example in settled():
            drafter.learn([example])
        assert drafter.version == "labels@vowels-1-6"
        assert sorted(embedder.asked) == sorted(text for text, _ in MESSAGES)
        assert category(drafter, "is my parcel lost?") == "shipping"

    def test_before_the_first_fit_nothing_is_embedded(self) -> None:
        embedder = Sounds()
        LabelDrafter(embedder=embedder)({"message": "hello"})
        assert embedder.asked == []

    def test_rebuilt_it_drafts_the_same(self) -> None:
        lived, restarted = (LabelDrafter(background=False, embedder=Sounds(), refit_after=3) for _ in range(2))
        history = settled([*MESSAGES, ("a voucher", "gifts"), ("my voucher", "gifts")])
        for example in history:
            lived.learn([example])
        restarted.learn(history[:6])
        restarted.learn(history[6:])
        assert lived.version == restarted.version == "labels@vowels-1-6+2"
        assert drafts(lived) == drafts(restarted)

    @pytest.mark.parametrize("trouble", ["broken", "strange"])
    def test_a_text_it_cannot_embed_is_drafted_by_its_words_and_never_with_confidence(self, trouble: str) -> None:
        embedder = Sounds()
        drafter = LabelDrafter(background=False, embedder=embedder)
        drafter.learn(settled())
        sure = drafter({"message": "is my parcel lost?"})
        assert sure.features is not None and sure.confidence
        embedder.broken = trouble == "broken"
        embedder.strange = {"is my parcel lost?"}
        made, other = drafter.draft_many([{"message": "is my parcel lost?"}, {"message": "a wrong charge"}])
        assert (made.arguments, made.confidence, made.features) == ({"category": "shipping"}, 0.0, None)
        assert {alternative.confidence for alternative in made.alternatives} == {0.0}
        assert "could not be embedded" in (made.rationale or "")
        assert (other.features is None) == (trouble == "broken")

    def test_examples_it_cannot_embed_teach_words_alone(self) -> None:
        embedder = Sounds()
        embedder.strange = {text for text, _ in MESSAGES[:3]}
        drafter = LabelDrafter(background=False, embedder=embedder)
        drafter.learn(settled())
        made = drafter({"message": "is my parcel lost?"})
        assert (drafter.version, made.arguments) == ("labels@vowels-1-6", {"category": "shipping"})
        assert made.features is not None

    def test_fitted_while_it_is_gone_nothing_is_sure_until_it_is_back(self) -> None:
        embedder = Sounds()
        embedder.broken = True
        drafter = LabelDrafter(background=False, embedder=embedder)
        drafter.learn(settled())
        embedder.broken = False
        made = drafter({"message": "is my parcel lost?"})
        assert (made.arguments, made.confidence, made.features) == ({"category": "shipping"}, 0.0, None)
        drafter.learn(settled(start=7))
        assert drafter({"message": "is my parcel lost?"}).confidence


class TestFeatures:
    def test_each_draft_says_what_it_knew(self) -> None:
        drafter = LabelDrafter(background=False)
        assert drafter({"message": "hello"}).features is None
        drafter.learn(settled())
        features = drafter({"message": "is my parcel lost?"}).features
        assert features is not None
        assert tuple(features) == LABEL_FEATURES
        assert all(map(math.isfinite, features.values()))

    def test_a_label_without_examples_has_none(self) -> None:
        drafter = LabelDrafter(background=False, rules={"returns": ["broken"]})
        drafter.learn(settled())
        made = drafter({"message": "a broken parcel"})
        assert (made.arguments, made.features) == ({"category": "returns"}, None)

    def test_people_correcting_a_label_raises_its_running_error(self) -> None:
        right, wrong = LabelDrafter(background=False), LabelDrafter(background=False)
        examples = settled(MESSAGES * 4)
        right.learn([replace(each, proposed=dict(each.final or {})) for each in examples])
        wrong.learn([replace(each, proposed={"category": "shipping"}) for each in examples])
        asked = {"message": "is my parcel lost?"}
        low, high = right(asked).features, wrong(asked).features
        assert low is not None and high is not None
        assert low["running_error"] < 0.1 < 0.4 < high["running_error"]
        assert {**low, "running_error": 0} == {**high, "running_error": 0}


def test_of_ten_thousand_labels_it_tells_some_apart_and_knows_all() -> None:
    drafter = LabelDrafter(background=False)
    drafter.learn(settled([(f"text about subject{number}", f"label {number}") for number in range(10_000)]))
    assert len(drafter.known_labels) == 10_000
    made = drafter({"message": "text about subject7"})
    assert made.arguments == {"category": "label 7"}
    assert made.confidence is not None and made.confidence < 0.95


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"labels": "billing"}, "a list of names"),
        ({"arguments": "message"}, "a list of names"),
        ({"rules": {"billing": "refund"}}, "a list of words"),
        ({"refit_after": 0}, "at least 1"),
        ({"arguments": ["category"]}, "takes the label"),
    ],
)
def test_options_out_of_range(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        LabelDrafter(**options)
