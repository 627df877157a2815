"""What a reviewer's line means: a value, decided without doing anything."""

from __future__ import annotations

import pytest

from signoff.cli.answer import COMMANDS, Accept, Answer, Command, Correct, New, Offer, Unclear, understand

LABELS = ["billing", "shipping", "returns", "Straße", "wie geht's"]


@pytest.mark.parametrize("line", ["", " ", "\t", "\r", "\u00a0"])
def test_an_empty_line_accepts(line: str) -> None:
    assert understand(line, known=LABELS) == Accept()
    assert understand(line, known=None) == Accept()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("shipping", Correct("shipping")),
        ("SHIPPING", Correct("shipping")),
        ("  shipping  ", Correct("shipping")),
        ("strasse", Correct("Straße")),
        ("STRASSE", Correct("Straße")),
        ("wie   geht's", Correct("wie geht's")),
        ("ship", Offer(("shipping",), "ship")),
        ("Ship", Offer(("shipping",), "Ship")),
        ("s", Offer(("shipping", "Straße"), "s")),
        ("shiping", Offer(("shipping",), "shiping")),
        ("BILLNG", Offer(("billing",), "BILLNG")),
        ("shipping costs", New("shipping costs")),
        ("skip", New("skip")),
        ("quit", New("quit")),
        ("r", Offer(("returns",), "r")),
        ("y", New("y")),
        ("配送", New("配送")),
        ("new  thing", New("new thing")),
    ],
)
def test_a_line_without_a_colon_is_a_label_and_never_a_command(line: str, expected: Answer) -> None:
    assert understand(line, known=LABELS) == expected


def test_a_beginning_of_several_labels_offers_each_of_them() -> None:
    assert understand("s", known=["shipping", "sales"]) == Offer(("shipping", "sales"), "s")
    assert understand("sa", known=["shipping", "sales"]) == Offer(("sales",), "sa")


def test_a_slip_of_the_fingers_is_offered_and_never_taken() -> None:
    assert understand("shipping", known=["skipping"]) == Offer(("skipping",), "shipping")
    assert understand("skip", known=["shipping"]) == New("skip")


def test_a_whole_label_is_not_the_beginning_of_another() -> None:
    assert understand("account", known=["account closed", "account"]) == Correct("account")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_listed_command_is_one(name: str) -> None:
    assert understand(name, known=LABELS) == Command(name)
    assert understand(f"  {name}  a  b ", known=LABELS) == Command(name, "a b")
    assert understand(name, known=None) == Command(name)


def test_a_command_wins_over_a_label_of_that_name() -> None:
    assert understand(":s", known=[":s"]) == Command(":s")


@pytest.mark.parametrize("line", [":", "::", ":x", ":R", ":shipping", ": r", ":)", ":s5", ":rejected", ":　"])
def test_a_text_that_begins_with_a_colon_is_never_a_label(line: str) -> None:
    answer = understand(line, known=[*LABELS, line])

    assert isinstance(answer, Unclear)
    assert line.split()[0] in answer.why
    assert all(name in answer.why for name in COMMANDS)


@pytest.mark.parametrize("line", ["r:", "a :r", "parcel:q"])
def test_a_colon_further_on_is_part_of_a_label(line: str) -> None:
    assert understand(line, known=LABELS) == New(line)


def test_a_number_stands_for_an_alternative() -> None:
    assert understand("1", known=["a"], alternatives=["b", "c"]) == Correct("b")
    assert understand(" 2 ", known=["a"], alternatives=["b", "c"]) == Correct("c")


@pytest.mark.parametrize("line", ["0", "3", "-1", "1.5", "²", "２", "01", "9" * 5000])
def test_a_number_without_an_alternative_is_a_new_label(line: str) -> None:
    assert understand(line, known=["a"], alternatives=["b", "c"]) == New(line)


def test_a_label_that_is_a_digit_wins_over_an_alternative_of_that_number() -> None:
    assert understand("2", known=["1", "2"], alternatives=["1", "1"]) == Correct("2")


def test_an_alternative_wins_over_the_beginning_of_a_label() -> None:
    assert understand("2", known=["2024 invoices"], alternatives=["b", "c"]) == Correct("c")
    assert understand("20", known=["2024 invoices"], alternatives=["b", "c"]) == Offer(("2024 invoices",), "20")


@pytest.mark.parametrize("line", ["yes", "approve", "1", "shipping"])
def test_where_there_are_no_labels_typed_text_is_no_answer(line: str) -> None:
    answer = understand(line, known=None, alternatives=["a"])

    assert isinstance(answer, Unclear)
    assert "Enter approves" in answer.why
