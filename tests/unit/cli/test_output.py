"""Text from outside cannot harm a terminal, and errors are one line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer

from signoff.cli.output import as_json, database, fail, print_json, progress, told, visible
from signoff.domain.actor import Actor, ActorKind
from signoff.domain.case import State
from signoff.errors import CaseClosed, InvalidInput


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[2J\x1b[31mred", "␛[2J␛[31mred"),
        ("\x1b]0;title\x07", "␛]0;title␇"),
        ("\x9b31m", "<U+009B>31m"),
        ("nul\x00", "nul␀"),
        ("back\x08space", "back␈space"),
        ("del\x7f", "del␡"),
        ("\u202egpj.exe", "<U+202E>gpj.exe"),
        ("\u2066a\u2069", "<U+2066>a<U+2069>"),
        ("pay\u200bpal", "pay<U+200B>pal"),
        ("pay\u200dpal", "pay<U+200D>pal"),
        ("\ufefftext", "<U+FEFF>text"),
        ("line\u2028break", "line<U+2028>break"),
        ("\ud800", "<U+D800>"),
        ("windows\r\nline", "windows\nline"),
        ("over\rwritten", "over␍written"),
        ("a\tb", "a    b"),
        ("a\u00a0b\u3000c", "a b c"),
    ],
)
def test_characters_that_steer_become_marks(text: str, expected: str) -> None:
    assert visible(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "[bold]x[/bold]",
        "Grüße, 配送, שלום, नमस्ते",
        "👩\u200d👩\u200d👧 ❤\ufe0f 👍🏽",
        "e\u0301",
        ":smile: \\x1b",
        "two\nlines",
    ],
)
def test_written_language_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


def test_a_text_for_one_line_keeps_no_line_break() -> None:
    assert visible("a\nb\r\nc", newlines=False) == "a b c"


def test_nothing_that_steers_is_left_of_any_character() -> None:
    shown = visible("".join(map(chr, range(0x3000))), newlines=False)

    assert all(character.isprintable() or character == "\u200d" for character in shown)


def test_an_error_is_one_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        fail("no \x1b[31mcolour", code=1)

    assert ended.value.exit_code == 1
    assert capsys.readouterr() == ("", "error: no ␛[31mcolour\n")


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (InvalidInput("mend the call"), 2),
        (CaseClosed("ada was faster"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_the_exit_code_tells_what_to_do(raised: BaseException, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    @told
    def command() -> None:
        raise raised

    with pytest.raises(typer.Exit) as ended:
        command()

    assert ended.value.exit_code == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (f"error: {raised}\n" if str(raised) else "")


def test_a_mistake_of_ours_is_not_hidden() -> None:
    @told
    def command() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        command()


def test_the_database_is_the_one_named_else_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIGNOFF_URL", raising=False)
    assert database(None) == "signoff.db"

    monkeypatch.setenv("SIGNOFF_URL", "other.db")
    assert database(None) == "other.db"
    assert database("mine.db") == "mine.db"


def test_records_become_json(capsys: pytest.CaptureFixture[str]) -> None:
    actor = Actor(id="grace", kind=ActorKind.PERSON, roles=frozenset())
    value = {
        State.DONE: (actor,),
        "at": datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        "path": Path("a/b"),
        "text": "Straße",
    }

    print_json(value)

    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert "Straße" in out
    printed = json.loads(out)
    assert printed["at"] == "2026-01-02T03:04:00+00:00"
    assert printed["path"] == "a/b"
    assert as_json(actor)["kind"] == "person"


def test_progress_says_nothing_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress(iter("abc"), what="reading", after_s=0)) == ["a", "b", "c"]
    assert capsys.readouterr() == ("", "")
