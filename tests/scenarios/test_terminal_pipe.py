"""`signoff review` with its answers from a pipe: what each line does to the case, the effect and the claims."""

from __future__ import annotations

import json
import os
import runpy
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from signoff import Signoff
from signoff.domain.case import Case, State
from signoff.samples.support import messages

WAIT_S = 30.0

PAYMENTS = '''
import json
from pathlib import Path
from signoff import Signoff

HERE = Path(__file__).parent
app = Signoff(HERE / "desk.db")
not_an_app = 1


@app.checkpoint
def pay(to: str, euros: int) -> str:
    """Pay somebody."""
    with (HERE / "paid.jsonl").open("a") as log:
        log.write(json.dumps({"to": to, "euros": euros}) + "\\n")
    return "paid"


@app.checkpoint(label="team")
def route(message: str, team: str) -> str:
    with (HERE / "routed.jsonl").open("a") as log:
        log.write(json.dumps({"message": message, "team": team}) + "\\n")
    return team
'''


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "signoff", "review", *arguments]


def review(folder: Path, *arguments: str, lines: str | bytes = "", **environment: str) -> tuple[int, str, str]:
    """Sit down with these lines as answers; give the exit code and what was said."""
    ended = subprocess.run(
        command(*arguments),
        cwd=folder,
        env={**os.environ, "COLUMNS": "100", "PYTHONIOENCODING": "utf-8", **environment},
        input=lines if isinstance(lines, bytes) else lines.encode(),
        capture_output=True,
        timeout=WAIT_S,
        check=False,
    )
    return ended.returncode, ended.stdout.decode(), ended.stderr.decode()


class Talk:
    """A sitting that is answered line by line, after reading what it shows."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._said = b""

    def hear(self, text: str) -> str:
        """Read on until the text appears; give all that came before it and itself."""
        assert self._process.stdout is not None
        deadline = time.monotonic() + WAIT_S
        while text.encode() not in self._said:
            ready, _, _ = select.select([self._process.stdout], [], [], deadline - time.monotonic())
            assert ready, f"no {text!r} in time, but {self._said.decode()!r}"
            more = os.read(self._process.stdout.fileno(), 65536)
            assert more, f"it ended without {text!r}: {self._said.decode()!r}"
            self._said += more
        heard, _, self._said = self._said.partition(text.encode())
        return heard.decode() + text

    def say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def end(self) -> tuple[int, str]:
        """Close its input, and give its exit code and the rest of what it says."""
        out, _ = self._process.communicate(timeout=WAIT_S)
        return self._process.returncode, (self._said + out).decode()


@contextmanager
def talking(folder: Path, *arguments: str) -> Iterator[Talk]:
    process = subprocess.Popen(
        command(*arguments), cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        yield Talk(process)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=WAIT_S)


@pytest.fixture
def payments(tmp_path: Path) -> Path:
    """A folder with an application in the module `payments`."""
    (tmp_path / "payments.py").write_text(PAYMENTS)
    return tmp_path


def propose(folder: Path, name: str, *proposals: dict[str, Any]) -> list[str]:
    declared = runpy.run_path(str(folder / "payments.py"))
    with declared["app"]:
        return [declared[name].propose(**proposal).id for proposal in proposals]


def at(folder: Path, case_id: str) -> Case:
    with Signoff(folder / "desk.db", workers=0) as app:
        assert app.verify().contradictions == []
        return app.case(case_id).seen


def arguments_of(folder: Path, case_id: str) -> dict[str, Any]:
    with Signoff(folder / "desk.db", workers=0) as app:
        return dict(app.view(case_id).content.arguments)


def log(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


# --- the sample desk


def test_a_sitting_at_the_sample_desk_from_a_pipe(tmp_path: Path) -> None:
    lines = "\n".join(
        [
            "complaint",  # m001
            "",  # m002: Enter accepts
            "a new team",  # m003: asks, and is told yes
            "y",
            "another team",  # m004: asks, and is told no; so the case is still there
            "n",
            ":r not for us",
            ":s 5",  # m005
            ":h ada please look",  # m006
            ":q",
        ]
    )
    code, out, err = review(tmp_path, "--sample", "--db", "desk.db", "--as", "grace", lines=lines)

    assert (code, err) == (0, "")
    assert messages()[0].text.split()[0] in out
    with Signoff(tmp_path / "desk.db", workers=0) as app:
        cases = {str(case.key): case for case in app.cases(limit=400)}
        assert len(cases) == len(messages())
        assert [cases[key].state for key in ("m001", "m002", "m003")] == [State.DONE] * 3
        assert app.view(cases["m001"]).content.arguments["category"] == "complaint"
        assert app.view(cases["m003"]).content.arguments["category"] == "a new team"
        rejected = app.case(cases["m004"].id).outcome(timeout_s=WAIT_S)
        assert (rejected.state, rejected.reviewer, rejected.reason) == (State.REJECTED, "grace", "not for us")
        assert cases["m005"].state is State.WAITING
        assert cases["m005"].snoozed_until is not None
        assert cases["m006"].assigned_to == "ada"
        assert app.history(cases["m006"].id).notes[0].text == "please look"
        assert all(case.claimed_by is None for case in cases.values())
        assert app.verify().contradictions == []
        ruled = {cases[key].idempotency_key for key in ("m001", "m002", "m003")}

    arrived = log(tmp_path / "desk.routed.jsonl")
    assert sorted(line["key"] for line in arrived) == sorted(ruled)
    assert {"complaint", "a new team"} <= {line["category"] for line in arrived}

    # Sitting down again goes on behind what was decided, and the end of the input ends it.
    code, out, err = review(tmp_path, "--sample", "--db", "desk.db", "--as", "grace")

    assert (code, err) == (0, "")
    assert "go on where you were" in out
    assert " ".join(messages()[6].text.split())[:40] in out
    with Signoff(tmp_path / "desk.db", workers=0) as app:
        again = app.cases(limit=400)
        assert len(again) == len(messages())
        assert all(case.claimed_by is None for case in again)
    assert log(tmp_path / "desk.routed.jsonl") == arrived


# --- an application's own module


def test_enter_approves_and_the_effect_runs_here(payments: Path) -> None:
    [case_id] = propose(payments, "pay", {"to": "Ada", "euros": 5})

    code, out, err = review(payments, "payments:app", "--as", "grace", lines="\n")

    assert (code, err) == (0, "")
    assert "Ada" in out
    assert at(payments, case_id).state is State.DONE
    assert log(payments / "paid.jsonl") == [{"to": "Ada", "euros": 5}]


def test_typed_text_is_no_answer_where_there_are_no_labels(payments: Path) -> None:
    [case_id] = propose(payments, "pay", {"to": "Ada", "euros": 5})

    code, _, err = review(payments, "payments:app", "--as", "grace", lines="yes\n:x\n:?\n:s never\n:h\n:d\n:u\n:q\n")

    assert (code, err) == (0, "")
    case = at(payments, case_id)
    assert (case.state, case.claimed_by, case.snoozed_until) == (State.WAITING, None, None)
    assert log(payments / "paid.jsonl") == []


def editor(folder: Path, program: str) -> str:
    path = folder / "editor.py"
    path.write_text("import json, sys\nfrom pathlib import Path\npath = Path(sys.argv[1])\n" + program)
    return f"{sys.executable} {path}"


def test_the_editor_changes_all_arguments(payments: Path) -> None:
    [case_id] = propose(payments, "pay", {"to": "Ada", "euros": 5})
    change = editor(payments, "path.write_text(json.dumps(json.loads(path.read_text()) | {'euros': 7}))")

    code, _, err = review(payments, "payments:app", "--as", "grace", lines=":e\n", VISUAL="", EDITOR=change)

    assert (code, err) == (0, "")
    assert at(payments, case_id).state is State.DONE
    assert log(payments / "paid.jsonl") == [{"to": "Ada", "euros": 7}]


def test_an_edit_that_cannot_be_taken_leaves_the_case_as_it_was(payments: Path) -> None:
    [case_id] = propose(payments, "pay", {"to": "Ada", "euros": 5})
    saved = [
        b'{"to": ',
        b"[]",
        b'{"to": "Ada", "euros": NaN}',
        b'{"to": "Ada", "to": "Bob", "euros": 5}',
        b'{"to": "Ada", "euros": "many"}',
        b'{"to": "Ada"}',
        b'{"to": "Ada", "euros": 5, "more": 1}',
        b'{"to": ' + b"[" * 70 + b"]" * 70 + b', "euros": 5}',
        b"",
        b"\xff\xfe\x00",
    ]
    program = "\n".join(
        [
            f"saved = {saved!r}",
            "counter = Path('counter')",
            "turn = int(counter.read_text()) if counter.exists() else 0",
            "counter.write_text(str(turn + 1))",
            "if turn < len(saved): path.write_bytes(saved[turn])",
            "elif turn == len(saved): path.unlink()",
            "else: sys.exit(turn - len(saved) - 1)",  # 0: nothing was changed; then an editor that failed
        ]
    )
    turns = len(saved) + 3

    code, out, err = review(
        payments,
        "payments:app",
        "--as",
        "grace",
        lines=":e\n" * turns + ":q\n",
        VISUAL="",
        EDITOR=editor(payments, program),
    )

    assert (code, err) == (0, "")
    assert "Traceback" not in out
    assert (payments / "counter").read_text() == str(turns)
    assert "Nothing was changed" in out
    assert at(payments, case_id).state is State.WAITING
    assert arguments_of(payments, case_id) == {"to": "Ada", "euros": 5}
    assert log(payments / "paid.jsonl") == []


@pytest.mark.parametrize("name", ["no-such-editor-anywhere", "'unclosed"])
def test_an_editor_that_is_not_there_is_named(payments: Path, name: str) -> None:
    propose(payments, "pay", {"to": "Ada", "euros": 5})

    code, out, err = review(payments, "payments:app", "--as", "grace", lines=":e\n:q\n", VISUAL="", EDITOR=name)

    assert (code, err) == (0, "")
    assert name in out
    assert "EDITOR" in out


def test_only_the_cases_of_one_checkpoint(payments: Path) -> None:
    [paid] = propose(payments, "pay", {"to": "Ada", "euros": 5})
    [routed] = propose(payments, "route", {"message": "hello", "team": "sales"})

    code, _, err = review(payments, "payments:app", "--checkpoint", "route", "--as", "grace", lines="\n\n")

    assert (code, err) == (0, "")
    assert at(payments, routed).state is State.DONE
    assert at(payments, paid).state is State.WAITING


def test_a_number_takes_an_alternative_and_a_misspelt_one_is_asked_about(payments: Path) -> None:
    others = [{"arguments": {"message": "m", "team": team}} for team in ("billing", "shipping")]
    given = [{"message": f"message {n}", "team": "sales", "confidence": 0.5, "alternatives": others} for n in range(3)]
    cases = propose(payments, "route", *given)

    code, _, err = review(payments, "payments:app", "--as", "grace", lines="2\nship\n\nskip\nn\n:q\n")

    assert (code, err) == (0, "")
    assert arguments_of(payments, cases[0]) == {"message": "message 0", "team": "shipping"}
    assert arguments_of(payments, cases[1]) == {"message": "message 1", "team": "shipping"}
    assert at(payments, cases[2]).state is State.WAITING


def test_without_a_suggestion_enter_accepts_nothing(payments: Path) -> None:
    [case_id] = propose(payments, "route", {"message": "hello", "team": "sales", "confidence": 0.0})

    code, out, err = review(payments, "payments:app", "--as", "grace", lines="\n\n:q\n")

    assert (code, err) == (0, "")
    assert "no suggestion" in out
    assert at(payments, case_id).state is State.WAITING


# --- a bare database


def test_at_a_bare_database_verdicts_are_taken_and_nothing_runs(payments: Path) -> None:
    cases = propose(payments, "pay", {"to": "Ada", "euros": 5}, {"to": "Bob", "euros": 6})

    code, out, err = review(payments, "desk.db", "--as", "grace", lines="\n:r no\n")

    assert (code, err) == (0, "")
    assert "effects run where the application runs" in out
    assert at(payments, cases[0]).state is State.CLEARED
    assert at(payments, cases[1]).state is State.REJECTED
    assert log(payments / "paid.jsonl") == []


def test_where_nothing_waits_a_pipe_ends_at_once(payments: Path) -> None:
    propose(payments, "pay")

    code, out, err = review(payments, "desk.db", "--as", "grace", lines="\n\n\n")

    assert (code, err) == (0, "")
    assert "othing is waiting" in out


# --- what the calls get wrong


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.db"], "missing.db"),
        (["folder"], "folder"),
        (["text.txt"], "text.txt"),
        (["mysql://somewhere/db"], "mysql"),
        (["nowhere:app"], "nowhere"),
        (["payments:nothing"], "nothing"),
        (["payments:not_an_app"], "int"),
        (["desk.db", "--checkpoint", "refund"], "refund"),
        (["desk.db", "--as", "x" * 201], "name"),
        (["--sample", "desk.db"], "--sample"),
    ],
)
def test_a_call_to_mend_is_one_line_and_no_traceback(payments: Path, arguments: list[str], said: str) -> None:
    propose(payments, "pay", {"to": "Ada", "euros": 5})
    (payments / "folder").mkdir()
    (payments / "text.txt").write_text("This is no database.\n" * 1000)

    code, _, err = review(payments, *arguments, lines="\n")

    assert code == 2, err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert said in err
    assert not (payments / "missing.db").exists()
    assert not (payments / "signoff-sample.db").exists()
    assert log(payments / "paid.jsonl") == []


def test_bytes_that_are_no_text_are_no_answer(payments: Path) -> None:
    cases = propose(payments, "pay", {"to": "Ada", "euros": 5}, {"to": "Bob", "euros": 6})

    # As where the locale is not C, such as at most desks.
    strict = {"PYTHONIOENCODING": "utf-8:strict"}
    code, out, err = review(payments, "payments:app", "--as", "grace", lines=b"\xff\xfe\x00\n\n:q\n", **strict)

    assert (code, err) == (0, ""), err
    assert "Traceback" not in out
    assert [at(payments, case_id).state for case_id in cases] == [State.DONE, State.WAITING]
    assert at(payments, cases[1]).claimed_by is None


# --- what is shown


def test_what_a_message_says_is_shown_as_it_is_and_steers_nothing(payments: Path) -> None:
    text = "[bold]x[/bold] [red] :smile: \x1b[2J\x1b[31mred\x1b[0m \u202egnp.exe nul\x00 {x} \\n"
    propose(payments, "route", {"message": text, "team": "sales", "evidence": {"message": text}, "rationale": text})

    _, out, _ = review(payments, "payments:app", "--as", "grace", lines=":q\n")

    assert "[bold]x[/bold] [red] :smile: ␛[2J␛[31mred␛[0m <U+202E>gnp.exe nul␀ {x} \\n" in out
    assert not {"\x1b", "\x00", "\u202e"} & set(out)


def test_a_very_long_message_is_shortened_until_all_of_it_is_asked_for(payments: Path) -> None:
    text = "\n".join(f"line number {n}" for n in range(500))
    propose(payments, "route", {"message": "long", "team": "sales", "evidence": {"message": text}})

    _, short, _ = review(payments, "payments:app", "--as", "grace", lines=":q\n")
    _, whole, _ = review(payments, "payments:app", "--as", "grace", lines=":n\n:q\n")

    assert "line number 0\n" in short
    assert "line number 499" not in short
    assert ":n" in short
    assert all(f"line number {n}\n" in whole for n in range(500))


# --- somebody else at the same desk


def test_a_case_that_somebody_else_rules_on_meanwhile_is_told_and_left(payments: Path) -> None:
    first, second = propose(payments, "pay", {"to": "Ada", "euros": 5}, {"to": "Bob", "euros": 6})
    with (
        Signoff(payments / "desk.db", workers=0) as app,
        talking(payments, "desk.db", "--as", "grace") as grace,
    ):
        grace.hear("Ada")
        grace.hear(":q")
        shown = app.reviewer("grace", roles=["reviewer"])
        shown.reject(app.case(first), "by telephone")
        grace.say("")
        grace.hear("Bob")
        grace.say("")
        code, rest = grace.end()

    assert code == 0
    assert "1 verdict" in rest
    assert at(payments, first).state is State.REJECTED
    assert at(payments, second).state is State.CLEARED


def test_a_case_whose_words_change_meanwhile_is_shown_again(payments: Path) -> None:
    first, second = propose(payments, "pay", {"to": "Ada", "euros": 5}, {"to": "Bob", "euros": 6})
    with (
        Signoff(payments / "desk.db", workers=0) as app,
        talking(payments, "desk.db", "--as", "grace") as grace,
    ):
        grace.hear("Ada")
        grace.hear(":q")
        app.reviewer("grace").redraft(first, "more", arguments={"to": "Ada", "euros": 50})
        app.reviewer("grace").redraft(second, "more", arguments={"to": "Bob", "euros": 60})
        grace.say("")
        grace.hear("50")
        grace.say("")
        grace.hear("Bob")
        grace.say("")
        code, rest = grace.end()

    assert code == 0, rest
    assert arguments_of(payments, first) == {"to": "Ada", "euros": 50}
    assert at(payments, first).state is State.CLEARED
    # Nobody approved sixty without having read it.
    assert at(payments, second).state is State.WAITING or "60" in rest


def test_a_case_taken_away_before_its_turn_is_passed_over(payments: Path) -> None:
    first, second, third = propose(payments, "pay", *({"to": to, "euros": 1} for to in ("Ada", "Bob", "Cyd")))
    with (
        Signoff(payments / "desk.db", workers=0) as app,
        talking(payments, "desk.db", "--as", "grace") as grace,
    ):
        grace.hear("Ada")
        grace.hear(":q")
        app.case(second).withdraw()
        grace.say("")
        grace.say("")
        grace.say("")
        code, rest = grace.end()

    assert code == 0, rest
    assert at(payments, first).state is State.CLEARED
    assert at(payments, second).state is State.WITHDRAWN
    assert at(payments, third).state is State.CLEARED


def test_at_a_blind_checkpoint_nothing_is_suggested(tmp_path: Path) -> None:
    (tmp_path / "desk.py").write_text(PAYMENTS.replace('label="team"', 'label="team", blind=True'))
    with Signoff(tmp_path / "desk.db", workers=0) as app:

        @app.checkpoint(label="team", blind=True)
        def route(message: str, team: str) -> str:
            return team

        known = route.propose(message="Which invoice?", team="invoices")
        app.reviewer("lee").edit(known, {"message": "Which invoice?", "team": "invoices"})
        case = route.propose(message="Charged twice", team="billing", confidence=0.9, rationale="two charges")
    code, out, err = review(tmp_path, "desk:app", "--as", "grace", lines="\nbilling\ny\n:q\n")
    assert (code, err) == (0, "")
    assert "There is no suggestion to accept" in out
    shown = out.partition("There is no suggestion")[0]
    assert "Charged twice" in shown
    assert [hidden for hidden in ("billing", "90%", "two charges") if hidden in shown] == []
    with Signoff(tmp_path / "desk.db", workers=0) as app:
        (verdict,) = app.history(case.id).verdicts
        assert (verdict.kind.value, verdict.reviewer) == ("approved", "grace"), "it is what was proposed"
