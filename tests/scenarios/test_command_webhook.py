"""The command `signoff webhook`: who is told what, from a shell."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from signoff import Signoff
from signoff.cli import app as commands
from signoff.domain.webhook import DELIVERY_CHECKPOINT
from tests.scenarios.listening import Listener, answering, listening

SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]{32,}")


@pytest.fixture
def listener() -> Iterator[Listener]:
    secrets: dict[str, str] = {}
    with listening(secrets.get) as listener:
        listener.secrets = secrets  # type: ignore[attr-defined]
        yield listener


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("SIGNOFF_URL", "SIGNOFF_WEBHOOK_ALLOW"):
        monkeypatch.delenv(name, raising=False)
    Signoff(tmp_path / "signoff.db", workers=0).close()
    return tmp_path / "signoff.db"


def run(db: Path, *words: str, code: int = 0) -> Result:
    result = CliRunner().invoke(commands, ["webhook", *words, "--db", str(db)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == code, result.output
    return result


def test_a_webhook_is_added_tested_listed_and_removed(db: Path, listener: Listener) -> None:
    told = run(
        db, "add", listener.url, "--event", "case.settled", "--event", "effect.unknown", "--allow", listener.place
    )
    (secret,) = SECRET.findall(told.stdout)
    assert f"SIGNOFF_WEBHOOK_ALLOW={listener.place}" in told.stdout
    listener.secrets["/hook"] = secret  # type: ignore[attr-defined]

    listed = run(db, "list").stdout
    id = listed.split()[0]
    assert id in told.stdout
    assert listed == f"{id}  on   case.settled, effect.unknown  {listener.url}\n"

    assert run(db, "test", id, "--allow", listener.place).stdout == "Delivered, with status 204.\n"
    assert [r.verified and r.verified["type"] for r in listener.requests] == ["webhook.test"]

    assert run(db, "remove", id).stdout == f"Webhook {id} is off.\n"
    assert run(db, "list").stdout.split()[:2] == [id, "off"]
    assert "is off" in run(db, "test", id, code=2).stderr


def test_the_secret_is_shown_once(db: Path) -> None:
    made = json.loads(run(db, "add", "https://9.9.9.9/", "--event", "case.settled", "--json").stdout)
    assert SECRET.fullmatch(made["secret"])
    shown = run(db, "list", "--json").stdout
    assert made["secret"] not in shown + run(db, "list").stdout
    assert json.loads(shown) == {name: value for name, value in made.items() if name != "secret"}


def test_an_age_is_given_in_minutes(db: Path) -> None:
    run(db, "add", "https://9.9.9.9/", "--event", "queue.age", "--max-age-min", "90")
    assert "queue.age after 90 min" in run(db, "list").stdout
    with Signoff(db, workers=0) as app:
        assert app.webhooks.list()[0].max_age_s == 5400


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["https://9.9.9.9/"], "told of something"),
        (["https://9.9.9.9/", "--event", "queue.age"], "both or neither"),
        (["https://9.9.9.9/", "--event", "case.lost"], "case.settled, effect.unknown, queue.age"),
        (["https://10.0.0.1/", "--event", "case.settled"], "--allow"),
        (["http://9.9.9.9/", "--event", "case.settled"], "--allow"),
        (["https://9.9.9.9/", "--event", "case.settled", "--allow", "http://x/"], "no host that can be allowed"),
    ],
)
def test_what_cannot_work_is_one_line_and_a_2(db: Path, words: list[str], told: str) -> None:
    said = run(db, "add", *words, code=2).stderr
    assert told in said
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert run(db, "list").stdout == "No webhooks.\n"


def test_a_test_that_was_not_taken_says_why_and_stays_on_record(db: Path, listener: Listener) -> None:
    run(db, "add", listener.url, "--event", "case.settled", "--allow", listener.place)
    id = run(db, "list").stdout.split()[0]
    listener.answers = [answering(500)]
    assert "the receiver answered 500" in run(db, "test", id, "--allow", listener.place, code=1).stderr
    with Signoff(db, workers=0) as app:
        (case,) = app.cases(checkpoint=DELIVERY_CHECKPOINT)
        assert case.state == "cleared"


def test_no_webhook_of_that_id_is_an_error(db: Path) -> None:
    for command in ("remove", "test"):
        assert "there is no webhook none" in run(db, command, "none", code=2).stderr


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    run(tmp_path / "none.db", "list", code=2)
    assert not (tmp_path / "none.db").exists()
