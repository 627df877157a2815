"""The maths of labels: what it answers, how sure it is, and what it does with strange examples."""

from __future__ import annotations

import math

import pytest

from signoff.learning import labels as module
from signoff.learning.labels import MAX_CHARS, LabelModel, fit, rank_by_votes, readable

TEXTS = [
    "where is my parcel",
    "I was charged twice",
    "the parcel is late",
    "please refund the charge",
    "my parcel got lost on the way",
    "the invoice shows a wrong charge",
]
LABELS = ["shipping", "billing"] * 3


def best(model: LabelModel, *texts: str) -> list[str]:
    return [ranking[0][0] for ranking in model.predict(texts)]


def test_it_answers_with_the_label_of_similar_texts() -> None:
    assert best(fit(TEXTS, LABELS), "a late parcel", "a charge I do not know") == ["shipping", "billing"]


def test_case_does_not_matter() -> None:
    model = fit(TEXTS, LABELS)
    assert model.predict(["PARCEL LATE"]) == model.predict(["parcel late"])


def test_the_same_examples_give_the_same_model() -> None:
    texts = ["parcel", "charge", "", "something else entirely"]
    assert fit(TEXTS, LABELS).predict(texts) == fit(TEXTS, LABELS).predict(texts)


def test_a_text_alone_and_among_many_is_ranked_alike() -> None:
    model = fit(TEXTS, LABELS)
    many = [f"{text} {number}" for number in range(400) for text in TEXTS]
    together = model.predict(many)
    assert len(together) == len(many) > 2 * module._AT_ONCE
    for index in (0, 999, 1000, len(many) - 1):
        (alone,) = model.predict([many[index]])
        assert [label for label, _ in alone] == [label for label, _ in together[index]]
        assert [share for _, share in alone] == pytest.approx([share for _, share in together[index]])


def test_no_text_gives_no_ranking() -> None:
    assert fit(TEXTS, LABELS).predict([]) == []


def test_top_gives_the_head_of_the_ranking() -> None:
    model = fit(["a b c", "d e f", "g h i"], ["one", "two", "three"])
    (whole,), (head,) = model.predict(["d e f"]), model.predict(["d e f"], top=2)
    assert len(whole) == 3
    assert head == whole[:2]


def test_probabilities_leave_room_for_a_label_not_named_yet() -> None:
    for ranking in fit(TEXTS, LABELS, known=["returns"]).predict(["parcel", "", "日本語"]):
        shares = [share for _, share in ranking]
        assert shares == sorted(shares, reverse=True)
        assert all(0 < share < 1 for share in shares)
        assert 0.8 < sum(shares) < 1


def test_confidence_stays_low_with_few_examples_and_grows() -> None:
    texts, labels = ["where is my parcel", "refund my charge", "I forgot my password"], ["s", "b", "a"]
    few, more, many = (
        fit(texts * times, labels * times).predict(["where is my parcel"])[0][0] for times in (1, 10, 100)
    )
    assert few[0] == more[0] == many[0] == "s"
    assert few[1] < 0.5 < more[1] < many[1] < 1
    assert more[1] < 0.9


def test_without_examples_all_known_labels_are_equal() -> None:
    (ranking,) = fit([], [], known=["b", "a", "c"]).predict(["anything"])
    assert ranking == [("b", 0.25), ("a", 0.25), ("c", 0.25)]


def test_without_examples_and_labels_there_is_no_answer() -> None:
    assert fit([], []).predict(["anything", ""]) == [[], []]


def test_with_one_label_it_grows_sure_slowly() -> None:
    (three,) = fit(["x"] * 3, ["only"] * 3).predict(["new"])
    (many,) = fit(["x"] * 90, ["only"] * 90).predict(["new"])
    assert three == [("only", pytest.approx((3 + 5) / 13))]
    assert many == [("only", pytest.approx((90 + 5) / 100))]


def test_a_label_with_one_example_can_be_answered() -> None:
    model = fit([*TEXTS, "a gift voucher for my aunt"], [*LABELS, "gifts"])
    assert best(model, "do you sell a gift voucher?") == ["gifts"]


def test_a_known_label_without_examples_ranks_last() -> None:
    for ranking in fit(TEXTS, LABELS, known=["unused"]).predict(TEXTS):
        assert ranking[-1][0] == "unused"


def test_two_labels_are_as_sure_as_each_other() -> None:
    texts, labels = ["aaa bbb", "ccc ddd"] * 20, ["first", "second"] * 20
    (a,), (c,) = fit(texts, labels).predict(["aaa bbb"]), fit(texts, labels).predict(["ccc ddd"])
    assert (a[0][0], c[0][0]) == ("first", "second")
    assert a[0][1] == pytest.approx(c[0][1], abs=0.05)


@pytest.mark.parametrize("text", ["", " ", "\n\t", "\0", "😀", "\ud800", "x" * 1_000_000, "ÀÉ" * 10])
def test_any_text_can_be_read(text: str) -> None:
    model = fit([*TEXTS, text], [*LABELS, "other"])
    for ranking in model.predict([text]):
        assert {label for label, _ in ranking} == {"shipping", "billing", "other"}
        assert all(math.isfinite(share) for _, share in ranking)


def test_empty_texts_are_judged_by_how_often_a_label_occurs() -> None:
    (ranking,) = fit([""] * 50, ["rare"] * 5 + ["usual"] * 45).predict([""])
    assert [label for label, _ in ranking] == ["usual", "rare"]


def test_labels_and_texts_in_any_alphabet() -> None:
    texts = ["荷物が届きません", "返金してください", "الطرد لم يصل بعد", "Где мой возврат денег"] * 3
    labels = ["配送", "払い戻し", "شحن", "возврат"] * 3
    assert best(fit(texts, labels), "荷物はどこですか", "返金", "أين الطرد", "возврат") == [
        "配送",
        "払い戻し",
        "شحن",
        "возврат",
    ]


def test_only_the_beginning_of_a_long_text_is_read() -> None:
    start = "parcel late " * 1_000
    assert len(readable(start * 100)) == MAX_CHARS
    model = fit(TEXTS, LABELS)
    assert model.predict([start + "charge refund " * 80_000]) == model.predict([start])


def test_as_many_labels_as_texts_are_needed() -> None:
    with pytest.raises(ValueError, match="2 texts have 1 labels"):
        fit(["a", "b"], ["x"])


def test_the_newest_examples_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_EXAMPLES", 4)
    texts, labels = ["parcel", "charge"] * 3, ["old", "old", "s", "b", "s", "b"]
    model = fit(texts, labels)
    assert (model.examples, model.labels) == (4, ("s", "b"))


def test_long_texts_leave_room_for_fewer_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_TOTAL_CHARS", 100)
    assert fit(["x" * 40] * 5, ["a"] * 5).examples == 2
    assert fit(["x" * 10] * 5, ["a"] * 5).examples == 5


def test_of_very_many_labels_the_most_used_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_LABELS", 2)
    texts = ["parcel", "charge", "parcel", "charge", "gift"]
    model = fit(texts, ["s", "b", "s", "b", "g"], known=["g"])
    assert [model.labels[index] for index in model.trained] == ["s", "b"]
    assert model.labels == ("g", "s", "b")
    assert best(model, "parcel", "charge") == ["s", "b"]


def test_votes_decide_at_first_and_fade() -> None:
    votes = [{"billing": 1.0}]
    small, large = fit(TEXTS, LABELS), fit(TEXTS * 100, LABELS * 100)
    assert small.predict(["parcel"], votes=votes)[0][0][0] == "billing"
    assert large.predict(["parcel"], votes=votes)[0][0][0] == "shipping"
    assert large.predict(["parcel"], votes=votes)[0][0][1] < large.predict(["parcel"])[0][0][1]


def test_votes_for_an_unknown_label_are_ignored() -> None:
    model = fit(TEXTS, LABELS)
    (given,), (plain,) = model.predict(["parcel"], votes=[{"elsewhere": 9.0}]), model.predict(["parcel"], votes=[{}])
    assert given == plain


def test_no_vote_changes_no_ranking() -> None:
    model = fit(TEXTS, LABELS, known=["unused"])
    (given,), (plain,) = model.predict(["parcel"], votes=[{}]), model.predict(["parcel"])
    assert [label for label, _ in given] == [label for label, _ in plain]
    assert [share for _, share in given] == pytest.approx([share for _, share in plain])


def test_votes_rank_as_a_model_without_examples_does() -> None:
    known = ["a", "b", "c"]
    votes = {"b": 2.0, "c": 1.0}
    (model,) = fit([], [], known=known).predict(["anything"], votes=[votes])
    assert rank_by_votes(known, votes) == [(label, pytest.approx(share)) for label, share in model]


def test_more_votes_give_more_confidence() -> None:
    known = [str(number) for number in range(8)]
    one, two = (rank_by_votes(known, {"3": number})[0] for number in (1, 2))
    assert one[0] == two[0] == "3"
    assert 0.5 < one[1] < two[1] < 0.75
