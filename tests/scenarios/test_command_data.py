"""The commands that show what is stored: cases, case, export, verify, bench."""

from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from rich.cells import cell_len
from typer.testing import CliRunner

from signoff import EffectUnknown, Proposal, Signoff
from signoff.cli import app as commands
from signoff.cli import export
from signoff.domain.case import State
from signoff.testing import FakeClock

NASTY = "\x1b[31mred\u202e[bold]loud[/bold]"


@dataclass
class Desk:
    """A desk with cases of many kinds; the app that made them is closed."""

    path: Path
    ids: dict[str, str]

    def end(self, name: str) -> str:
        return self.ids[name][-12:]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    path = tmp_path_factory.mktemp("desk") / "desk.db"
    clock = FakeClock()
    with Signoff(path, clock=clock, workers=0) as app:

        @app.checkpoint(label="category", delivery="idempotent")
        def route(message: str, category: str) -> dict[str, str]:
            """Route a message."""
            if "boom" in message:
                raise EffectUnknown("the line was cut")
            return {"routed": category}

        @app.checkpoint(undo_s=3600, opinions=2)
        def reply(to: str, body: str) -> str:
            """Send a reply."""
            return "sent"

        @app.checkpoint(oversight="automate", chosen_by="lee", audit_share=1.0)
        def tag(text: str) -> str:
            """Tag a product."""
            return text

        @route.reversal
        def unroute(message: str, receipt: dict[str, str]) -> str:
            return "taken back"

        grace, lee = app.reviewer("grace"), app.reviewer("lee", roles=["reviewer", "lead"])
        names = ["approved", "edited", "rejected", "formula", "boom", "reversed", "redrafted", "waiting"]
        made = dict(
            zip(
                names,
                route.propose_many(
                    Proposal(
                        arguments={"message": f"{name} {NASTY}", "category": "billing"},
                        evidence={"message": f"{name} {NASTY} " + "long " * 300, "row": {"n": n}},
                        confidence=0.75,
                        drafter="labels-1",
                        key=f"row-{n}",
                    )
                    for n, name in enumerate(names)
                ),
                strict=True,
            )
        )
        grace.approve(made["approved"], seconds=2.5)
        grace.edit(made["edited"], {"message": f"edited {NASTY}", "category": "shipping"})
        grace.reject(made["rejected"], "spam")
        grace.reject(made["formula"], "=HYPERLINK(1)")
        grace.approve(made["boom"])
        grace.approve(made["reversed"])
        grace.approve(made["redrafted"])
        lee.redraft(made["redrafted"], "name the \x1b[2Jteam")
        lee.hand_over(made["waiting"], "group:lead", note="a hard one")
        made["held"] = reply.propose(to="ada@example.org", body="It left today.", rationale="asked where it is")
        grace.approve(made["held"])
        lee.approve(app.case(made["held"].id))
        made["automated"] = tag.propose(text="kettle")
        app.run_due()
        lee.judge_audit(made["automated"], wrong=True, severity=0.5, note="no kettle")
        made["reversal"] = lee.reverse(made["reversed"], "wrong team")
        app.run_due()
        assert app.case(made["boom"].id).state is State.UNKNOWN
        assert app.case(made["reversed"].id).state is State.REVERSED
        return Desk(path=path, ids={name: handle.id for name, handle in made.items()})


Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run a command in an empty folder, without the settings of whoever runs the tests."""
    monkeypatch.delenv("SIGNOFF_URL", raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*words: str | Path, env: dict[str, str] | None = None) -> Result:
        result = CliRunner().invoke(commands, [str(word) for word in words], env=env)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run


def documents(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


# --- cases


def test_cases_lists_and_counts(run: Run, desk: Desk) -> None:
    lines = run("cases", desk.path).stdout.splitlines()
    assert lines[0].split() == ["id", "state", "age", "checkpoint", "with"]
    assert [line.split()[0] for line in lines[1:-1]] == sorted(desk.ids.values())
    assert lines[-1] == "11 cases: 2 waiting, 1 held, 1 unknown, 4 done, 2 rejected, 1 reversed"
    assert any(line.endswith("→ group:lead") for line in lines)


def test_cases_pages_either_way(run: Run, desk: Desk) -> None:
    for order in ([], ["--newest"]):
        seen: list[str] = []
        after: list[str] = []
        while True:
            lines = run("cases", desk.path, "--limit", "4", *order, *after).stdout.splitlines()
            seen += [line.split()[0] for line in lines if line[:1].isdigit() and "cases:" not in line]
            more = [line.removeprefix("More: ").split() for line in lines if line.startswith("More: ")]
            if not more:
                break
            after = more[0]
        assert seen == sorted(desk.ids.values(), reverse=bool(order))


@pytest.mark.parametrize("columns", [80, 120])
def test_on_a_terminal_everything_fits(run: Run, desk: Desk, columns: int) -> None:
    terminal = {"FORCE_COLOR": "1", "NO_COLOR": "1", "TERM": "xterm", "COLUMNS": str(columns)}
    for words in (["cases", desk.path], *(["case", id, "--db", desk.path] for id in desk.ids.values())):
        told = re.sub(r"\x1b\[\d*m", "", run(*words, env=terminal).stdout)
        assert "\x1b" not in told
        assert [line for line in told.splitlines() if cell_len(line) > columns] == []


def test_cases_by_state_and_checkpoint_as_json(run: Run, desk: Desk) -> None:
    found = documents(
        run("cases", desk.path, "--state", "waiting", "--state", "held", "--checkpoint", "route", "--json")
    )
    assert [case["id"] for case in found] == [desk.ids["redrafted"], desk.ids["waiting"]]
    assert found[1]["assigned_to"] == "group:lead"
    assert found[0]["created_at"].endswith("+00:00")


def test_an_unknown_state_or_checkpoint_lists_those_there_are(run: Run, desk: Desk) -> None:
    result = run("cases", desk.path, "--state", "finished")
    assert result.exit_code == 2
    assert result.stderr.startswith('error: there is no state "finished"; there are waiting, held, ')
    assert result.stderr.count("\n") == 1
    for command in ("cases", "export"):
        result = run(command, desk.path, "--checkpoint", "rout")
        assert result.exit_code == 2
        assert "route, route.reversal, tag" in result.stderr


def test_the_database_is_found_by_the_environment(run: Run, desk: Desk) -> None:
    assert run("cases", env={"SIGNOFF_URL": str(desk.path)}).stdout == run("cases", desk.path).stdout


@pytest.mark.parametrize("words", [["cases"], ["case", "abcdefgh"], ["export"], ["verify"], ["export", "--out", "x"]])
def test_what_only_reads_creates_nothing(run: Run, tmp_path: Path, words: list[str]) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert result.stderr == "error: there is no database signoff.db; name one that exists\n"
    assert list(tmp_path.iterdir()) == []


def test_an_empty_database_has_no_cases(run: Run, tmp_path: Path) -> None:
    Signoff(tmp_path / "signoff.db").close()
    assert run("cases").stdout == "No cases.\n"
    assert run("cases", "--json").stdout == ""
    assert run("export").stdout == ""
    assert run("export", "--format", "csv").stdout.startswith("case,checkpoint,version,")
    assert run("verify").stdout == "0 cases, 0 entries, 0 verdicts, 0 effects: no contradiction\n"


# --- case


def test_a_case_tells_its_whole_story(run: Run, desk: Desk) -> None:
    told = run("case", desk.ids["edited"], "--db", desk.path).stdout
    assert told.startswith("route: done\n")
    assert f"case {desk.ids['edited']}" in told
    assert 'row (application/json)\n    {"n": 1}' in told
    assert "more characters; --json shows all" in told
    assert "Arguments, revision 1, by labels-1 (confidence 75%)" in told
    assert "Arguments, revision 2, by grace\n  category  billing → shipping\n" in told
    for act in ("propose", "rule", "clear", "start", "finish"):
        assert f"  {act} " in told
    assert "edited by grace, revision 1" in told
    assert 'receipt: {"routed": "shipping"}' in told


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("approved", ["approved by grace, revision 1, 2.5 s on screen"]),
        ("rejected", ["reason: spam", "held → rejected"]),
        ("boom", ["its effect may or may not have happened", "problem: the line was cut", "in_doubt"]),
        ("redrafted", ["; void since ", "redraft", "name the"]),
        ("waiting", ["handed over to group:lead", "to group:lead", "lee, hand_over", "a hard one"]),
        ("held", ["until then the verdict can be taken back", "Votes", "its reason: asked where it is"]),
        ("automated", ["decided by policy", "wrong says lee, severity 0.5", "no kettle", "audit draw"]),
        ("reversed", ["done → reversed"]),
        ("reversal", ["undoes case ", "reason: wrong team"]),
    ],
)
def test_each_kind_of_case_says_what_matters(run: Run, desk: Desk, name: str, expected: list[str]) -> None:
    result = run("case", desk.end(name), "--db", desk.path)
    assert result.exit_code == 0, result.stderr
    assert [text for text in expected if text not in result.stdout] == []


@pytest.mark.parametrize("name", ["edited", "redrafted", "boom"])
def test_a_case_cannot_move_the_cursor(run: Run, desk: Desk, name: str) -> None:
    told = run("case", desk.ids[name], "--db", desk.path).stdout
    assert "\x1b" not in told
    assert "\u202e" not in told
    assert "[bold]loud[/bold]" in told


def test_a_case_as_json_holds_every_row(run: Run, desk: Desk) -> None:
    (found,) = documents(run("case", desk.ids["edited"], "--db", desk.path, "--json"))
    assert found["case"]["state"] == "done"
    assert [content["author"] for content in found["contents"]] == ["labels-1", "grace"]
    assert [entry["act"] for entry in found["entries"]] == ["propose", "rule", "clear", "start", "finish"]
    assert len(found["evidence"]["message"]["value"]) > 1500
    assert found["attempts"][0]["receipt"] == {"value": {"routed": "shipping"}}


def test_a_part_of_an_id_is_enough_when_it_is_the_only_one(run: Run, desk: Desk) -> None:
    whole = run("case", desk.ids["held"], "--db", desk.path).stdout
    assert run("case", desk.end("held"), "--db", desk.path).stdout == whole
    assert run("case", desk.ids["held"][:-1], "--db", desk.path).stdout == whole

    several = run("case", desk.ids["approved"][:6], "--db", desk.path)
    assert several.exit_code == 2
    assert "several cases" in several.stderr
    short = run("case", desk.ids["held"][-5:], "--db", desk.path)
    assert short.exit_code == 2
    assert "at least 6 characters" in short.stderr
    none = run("case", "nothing-like-it", "--db", desk.path)
    assert none.exit_code == 2
    assert "nothing-like-it" in none.stderr


# --- export


def test_export_gives_one_settled_human_verdict_a_case(run: Run, desk: Desk) -> None:
    result = run("export", desk.path)
    found = {row["case"]: row for row in documents(result)}
    wanted = ["approved", "edited", "rejected", "formula", "boom", "reversed"]
    assert sorted(found) == sorted(desk.ids[name] for name in wanted)

    approved = found[desk.ids["approved"]]
    assert approved["verdict"] == "approved"
    assert approved["final"] == approved["proposed"] == {"message": f"approved {NASTY}", "category": "billing"}
    assert approved["evidence"]["row"] == {"n": 0}
    assert (approved["seconds"], approved["drafter"], approved["confidence"]) == (2.5, "labels-1", 0.75)
    assert (approved["checkpoint"], approved["version"], approved["state"]) == ("route", 1, "done")
    assert approved["edited_fields"] == []
    edited = found[desk.ids["edited"]]
    assert (edited["verdict"], edited["edited_fields"], edited["final"]["category"]) == (
        "edited",
        ["category"],
        "shipping",
    )
    rejected = found[desk.ids["rejected"]]
    assert (rejected["verdict"], rejected["final"], rejected["reason"], rejected["edited_fields"]) == (
        "rejected",
        None,
        "spam",
        [],
    )


def test_export_as_a_table_holds_no_formulas(run: Run, desk: Desk) -> None:
    rows = list(csv.DictReader(io.StringIO(run("export", desk.path, "--format", "csv").stdout)))
    by_case = {row["case"]: row for row in rows}
    assert by_case[desk.ids["formula"]]["reason"] == "'=HYPERLINK(1)"
    assert by_case[desk.ids["rejected"]]["final"] == ""
    assert json.loads(by_case[desk.ids["edited"]]["final"])["category"] == "shipping"
    assert json.loads(by_case[desk.ids["edited"]]["edited_fields"]) == ["category"]
    plain = {row["case"]: row["reason"] for row in documents(run("export", desk.path))}
    assert plain[desk.ids["formula"]] == "=HYPERLINK(1)"


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r"])
def test_every_sign_that_begins_a_formula_is_taken_from_it(sign: str) -> None:
    assert export._cell(f"{sign}1") == f"'{sign}1"
    assert export._cell(f"1{sign}1") == f"1{sign}1"


def test_export_writes_the_whole_file_or_nothing(run: Run, desk: Desk, tmp_path: Path) -> None:
    printed = run("export", desk.path).stdout
    out = tmp_path / "verdicts.jsonl"
    out.write_text("from last time", encoding="utf-8")
    result = run("export", desk.path, "--out", out)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"6 verdicts written to {out}\n"
    assert out.read_text(encoding="utf-8") == printed
    assert list(tmp_path.iterdir()) == [out]


def test_export_says_why_a_file_cannot_be_written(run: Run, desk: Desk, tmp_path: Path) -> None:
    folder = run("export", desk.path, "--out", tmp_path)
    assert (folder.exit_code, folder.stderr) == (2, f"error: {tmp_path} is no file; name one to write to\n")
    nowhere = run("export", desk.path, "--out", tmp_path / "no" / "such.csv")
    assert nowhere.exit_code == 1
    assert "was not written" in nowhere.stderr
    assert list(tmp_path.iterdir()) == []


# --- verify


def test_verify_counts_and_finds_nothing(run: Run, desk: Desk) -> None:
    result = run("verify", desk.path)
    assert result.exit_code == 0
    assert result.stdout.startswith("11 cases, ")
    assert result.stdout.endswith("5 effects: no contradiction\n")


def test_verify_names_the_case_that_was_tampered_with(run: Run, desk: Desk, tmp_path: Path) -> None:
    broken = tmp_path / "broken.db"
    with sqlite3.connect(desk.path) as source, sqlite3.connect(broken) as target:
        source.backup(target)
        target.execute(
            "UPDATE contents SET arguments = replace(arguments, 'billing', 'theft') WHERE case_id = ?",
            (desk.ids["approved"],),
        )
    source.close()
    target.close()
    result = run("verify", broken)
    assert result.exit_code == 1
    assert f"{desk.ids['approved']}: the content of revision 1 is not what its hash says\n" in result.stdout
    assert "contradiction" in result.stdout.splitlines()[-1]
    as_json = run("verify", broken, "--json")
    assert as_json.exit_code == 1
    assert {found["case_id"] for found in json.loads(as_json.stdout)["contradictions"]} == {desk.ids["approved"]}


def test_export_stops_at_a_case_without_its_content(run: Run, desk: Desk, tmp_path: Path) -> None:
    broken, out = tmp_path / "broken.db", tmp_path / "out.jsonl"
    with sqlite3.connect(desk.path) as source, sqlite3.connect(broken) as target:
        source.backup(target)
        target.execute("DELETE FROM contents WHERE case_id = ?", (desk.ids["rejected"],))
    source.close()
    target.close()
    result = run("export", broken, "--out", out)
    assert result.exit_code == 1
    assert desk.ids["rejected"] in result.stderr
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == []


# --- bench


def test_bench_measures_and_leaves_nothing_behind(run: Run, tmp_path: Path) -> None:
    figures = json.loads(run("bench", "--seconds", "1", "--json").stdout)
    assert [figure["unit"] for figure in figures] == ["ms", "per second", "per second", "ms", "per second", "ms"]
    assert all(figure["ours"] > 0 for figure in figures)
    assert list(tmp_path.iterdir()) == []
