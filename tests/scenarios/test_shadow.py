"""WHEN_UNCERTAIN in shadow mode: people judge every case, and what would have been done with each is on record."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from signoff import CaseHandle, CheckpointFunction, Draft, Proposal, Signoff, State
from signoff.domain.automation import Arrivals, Snapshot
from signoff.domain.checkpoint import Checkpoint
from signoff.domain.entry import Entry, EntryKind
from signoff.domain.policy import Route
from signoff.engine.automate import Automations
from signoff.engine.propose import propose
from signoff.engine.track import Track
from signoff.errors import InvalidCheckpoint, InvalidInput, KeyReused, UnknownCheckpoint
from signoff.learning.decision import Decision
from signoff.testing import FakeClock, MemoryStore
from tests.places import Place

Labels = CheckpointFunction[..., Any]


def label_checkpoint(app: Signoff, **declared: Any) -> Labels:
    @app.checkpoint(**{"oversight": "when_uncertain", "label": "kind", "alpha": 0.05, "name": "route", **declared})
    def route(kind: str, note: str = "") -> str:
        return kind

    return route


def decided(app: Signoff, checkpoint: str = "route") -> list[Entry]:
    return app.store.read(lambda tx: tx.decisions(checkpoint, after_seq=0, limit=100_000))


def arrivals(app: Signoff, checkpoint: str = "route") -> Arrivals | None:
    return app.store.read(lambda tx: tx.get(Arrivals, checkpoint))


def state_of(automations: Automations, app: Signoff, checkpoint: str = "route") -> str:
    """All that is known, by the whole ledger, as one text."""
    found = app.store.read(lambda tx: automations.look(tx, checkpoint, Track.state))
    return json.dumps(found)


# --- what is recorded


def test_the_first_case_has_everything_its_decision_used_on_record(app: Signoff) -> None:
    route = label_checkpoint(app, alpha=0.03)
    case = route.propose(kind="a", features={"margin": 2, "about": 0.5})
    (entry,) = decided(app)
    assert (entry.act, entry.case_id, entry.actor, entry.revision) == ("decide", case.id, "policy", 1)
    assert entry.facts["features"] == {"about": 0.5, "margin": 2.0}
    assert list(entry.facts["features"]) == ["about", "margin"]
    assert (entry.facts["arrival"], entry.facts["mark"]) == (0, 0)
    assert entry.facts["constants"]["alpha"] == 0.03
    decision = Decision.from_dict(entry.facts["decision"])
    assert (decision.number, decision.p_err, decision.shadow, decision.route) == (0, 1.0, True, Route.REVIEW)
    assert arrivals(app) == Arrivals(checkpoint="route", count=1, newest=case.id)
    routing = app.view(case).routing
    assert routing is not None
    assert (routing.route, routing.reason, routing.coin) == (Route.REVIEW, "no_delegation", decision.coin)
    assert routing.numbers == {"predicted_risk": 1.0, "would_be": "review", "why": "doubt"}
    assert case.state is State.WAITING


def test_only_when_uncertain_decides_and_only_new_cases_arrive(app: Signoff) -> None:
    route = label_checkpoint(app)
    always = label_checkpoint(app, name="always", oversight="always", alpha=None)
    always.propose(kind="a", features={"margin": 1.0})
    assert (decided(app, "always"), arrivals(app, "always")) == ([], None)
    first = route.propose(kind="a", key="k")
    assert route.propose(kind="a", key="k").id == first.id
    again = route.propose_many([{"kind": "b"}, {"kind": "c"}])
    app.reviewer("grace").redraft(first.id, "once more", arguments={"kind": "z"})
    assert [entry.case_id for entry in decided(app)] == [first.id, *(case.id for case in again)]
    assert [entry.facts["arrival"] for entry in decided(app)] == [0, 1, 2]


def test_a_batch_with_known_and_conflicting_keys_leaves_no_gap(app: Signoff) -> None:
    route = label_checkpoint(app)

    def batch(*keyed: tuple[str, str]) -> list[Proposal]:
        return [Proposal(arguments={"kind": kind}, key=key) for key, kind in keyed]

    route.propose_many(batch(("1", "a"), ("2", "b")))
    with pytest.raises(KeyReused):
        route.propose_many(batch(("3", "c"), ("2", "other"), ("4", "d")))
    with pytest.raises(KeyReused):
        route.propose_many(batch(("5", "c"), ("5", "other")))
    cases = route.propose_many(batch(("1", "a"), ("6", "c"), ("6", "c"), ("2", "b"), ("7", "d")))
    assert [entry.facts["arrival"] for entry in decided(app)] == [0, 1, 2, 3]
    assert [entry.case_id for entry in decided(app)][2:] == [cases[1].id, cases[4].id]
    found = arrivals(app)
    assert found is not None
    assert (found.count, found.newest) == (4, cases[4].id)


def test_a_write_that_is_rolled_back_leaves_nothing_behind(app: Signoff) -> None:
    """Not even in memory: what is decided next is what another process would decide."""
    route = label_checkpoint(app)
    route.propose(kind="a", features={"x": 1.0})
    prepared = route.intake.prepare(next(iter(_proposals(1))))

    class Broken(Exception):
        pass

    def fail(tx: Any) -> None:
        propose(tx, prepared, automations=app._automations)
        raise Broken

    for _ in range(2):
        with pytest.raises(Broken):
            app.store.write(fail)
    case = route.propose(kind="b", features={"x": 0.0})
    assert [(e.facts["arrival"], e.case_id) for e in decided(app)][1:] == [(1, case.id)]
    assert state_of(app._automations, app) == state_of(Automations(), app)


def _proposals(count: int) -> Iterator[Any]:
    for number in range(count):
        yield Proposal(arguments={"kind": "a"}, features={"x": float(number % 2)})


# --- features


@pytest.mark.parametrize(
    ("features", "problem"),
    [
        ({"x": float("nan")}, "'x' is nan; give a finite number"),
        ({"x": float("inf")}, "'x' is inf"),
        ({"x": "1"}, "'x' is str"),
        ({"x": None}, "'x' is NoneType"),
        ({"": 1.0}, "names have 1 to 100 characters"),
        ({"x" * 101: 1.0}, "names have 1 to 100 characters"),
        ({f"x{n}": 1.0 for n in range(65)}, "65 features; give at most 64"),
        ({"\ud800": 1.0}, "half of a character pair"),
        ([1.0], "features is a list"),
    ],
)
def test_features_that_are_none_are_refused_before_anything_is_kept(app: Signoff, features: Any, problem: str) -> None:
    route = label_checkpoint(app)
    with pytest.raises(InvalidInput, match=problem):
        route.propose(kind="a", features=features)
    assert (app.cases(), decided(app)) == ([], [])


def raising(arguments: dict[str, Any], evidence: dict[str, Any]) -> dict[str, float]:
    raise RuntimeError("no model today")


@pytest.mark.parametrize(
    ("add", "doubt"),
    [
        (raising, "features_failed"),
        (lambda arguments, evidence: {"x": float("nan")}, "features_failed"),
        (lambda arguments, evidence: None, "features_failed"),
        (lambda arguments, evidence: {f"x{n}": 1.0 for n in range(65)}, "features_failed"),
    ],
)
def test_what_fails_in_the_features_of_a_checkpoint_costs_no_case(
    app: Signoff, add: Callable[..., Any], doubt: str, caplog: pytest.LogCaptureFixture
) -> None:
    case = label_checkpoint(app, features=add).propose(kind="a", features={"y": 1.0})
    (entry,) = decided(app)
    assert (entry.facts["doubt"], entry.facts["features"]) == (doubt, None)
    assert entry.facts["decision"]["p_err"] == 1.0
    assert app.view(case).routing.numbers["doubt"] == doubt  # type: ignore[union-attr]
    assert "the features of checkpoint 'route' fail" in caplog.text


def test_a_checkpoint_adds_features_and_cannot_change_what_it_sees(app: Signoff) -> None:
    def add(arguments: dict[str, Any], evidence: dict[str, Any]) -> dict[str, float]:
        length = float(len(evidence["mail"]))
        arguments["kind"] = evidence["mail"] = "changed"
        return {"length": length}

    route = label_checkpoint(app, features=add)
    case = route.propose(kind="a", evidence={"mail": "four"}, features={"margin": 1.0})
    assert decided(app)[0].facts["features"] == {"length": 4.0, "margin": 1.0}
    view = app.view(case)
    assert (view.content.arguments["kind"], view.evidence["mail"]["value"]) == ("a", "four")


def test_the_drafter_and_the_confidence_give_features_too(app: Signoff, caplog: pytest.LogCaptureFixture) -> None:
    given: list[dict[str, float] | None] = [{"margin": 0.5}, {"margin": float("nan")}, None]

    def drafter(evidence: Any) -> Draft:
        return Draft(arguments={"kind": "a"}, confidence=0.5, features=given.pop(0))

    route = label_checkpoint(app, drafter=drafter)
    for _ in range(3):
        route.propose(evidence={"mail": "x"})
    route.propose(kind="a")
    facts = [entry.facts for entry in decided(app)]
    assert [each["features"] for each in facts] == [
        {"margin": 0.5},
        None,
        {"confidence": 0.5, "confidence_log_odds": 0.0},
        None,
    ]
    assert [each.get("doubt") for each in facts] == [None, "features_unusable", None, "no_features"]
    assert "a drafter's features at checkpoint 'route' are left out" in caplog.text


def test_alpha_and_features_are_for_when_uncertain(app: Signoff) -> None:
    for oversight in ("always", "automate"):
        for given in ({"alpha": 0.02}, {"alpha": None, "features": raising}):
            with pytest.raises(InvalidCheckpoint, match="declare oversight='when_uncertain'"):
                label_checkpoint(app, oversight=oversight, chosen_by="lea", **given)


# --- what verdicts are worth


def rule_facts(app: Signoff, case: CaseHandle) -> dict[str, Any]:
    return [entry.facts for entry in app.history(case.id).entries if entry.act == "rule"][-1]


def test_a_verdict_says_how_wrong_the_first_proposal_was(app: Signoff) -> None:
    @app.checkpoint(oversight="when_uncertain")
    def reply(to: str, text: str) -> str:
        return text

    desk = app.reviewer("grace")
    text = "We have sent your parcel again and it arrives on 3 May."

    def loss(**final: Any) -> float:
        case = reply.propose(to="ada", text=text)
        desk.edit(case, {"to": "ada", "text": text, **final})
        return float(rule_facts(app, case)["loss"])

    assert loss() == 0
    assert loss(text=text.replace("again and", "again, and")) == 0.1
    assert loss(text=text.replace("arrives", "should be there")) == 0.5
    assert loss(text=text.replace("3 May", "4 May")) == 1
    assert loss(to="eve") == 1
    rejected = reply.propose(to="ada", text=text)
    desk.reject(rejected)
    assert rule_facts(app, rejected)["loss"] == 1
    # A redraft that is accepted says that the first one was not.
    redrafted = reply.propose(to="ada", text=text)
    desk.redraft(redrafted.id, "wrong day", arguments={"to": "ada", "text": text.replace("3 May", "4 May")})
    desk.approve(app.case(redrafted.id))
    assert rule_facts(app, redrafted)["loss"] == 1


def test_other_checkpoints_record_no_loss(app: Signoff) -> None:
    case = label_checkpoint(app, oversight="always", alpha=None).propose(kind="a")
    app.reviewer("grace").approve(case)
    assert "loss" not in rule_facts(app, case)


def test_a_verdict_counts_once_its_hold_is_over_and_as_it_then_stands(app: Signoff, clock: FakeClock) -> None:
    route = label_checkpoint(app, undo_s=10, deadline_s=60)
    desk = app.reviewer("grace")
    ruled, recalled, expired, withdrawn = route.propose_many([{"kind": "a"}] * 4)
    desk.approve(ruled)
    desk.approve(recalled)
    assert app.automation("route").judged == 0
    desk.recall(recalled.id)
    withdrawn.withdraw()
    clock.advance(11)
    app.run_due()
    assert app.automation("route").judged == 2
    desk.edit(app.case(recalled.id), {"kind": "b", "note": ""})
    clock.advance(60)
    app.run_due()
    assert app.case(expired.id).state is State.EXPIRED
    found = app.automation("route")
    assert (found.arrivals, found.judged, found.waiting) == (4, 4, 0)
    settled = app.store.read(lambda tx: tx.settlements("route", after_seq=0, limit=10))
    losses = {each.case_id: (each.act.value, each.loss) for each in settled}
    assert losses == {
        ruled.id: ("clear", 0.0),
        recalled.id: ("clear", 1.0),
        expired.id: ("expire", None),
        withdrawn.id: ("withdraw", None),
    }


# --- the same ledger gives the same


class Desk:
    """Plays a checkpoint at random: everything that can happen to a case, in any order."""

    def __init__(self, app: Signoff, clock: FakeClock, *, seed: int, undo_s: float = 5.0) -> None:
        self.app = app
        self.clock = clock
        self.dice = random.Random(seed)
        self.open: list[str] = []
        self.route = label_checkpoint(app, undo_s=undo_s, deadline_s=100)
        self.person = app.reviewer("grace")

    def propose(self, count: int = 1) -> None:
        def one() -> Proposal:
            hard = self.dice.random() < 0.3
            features = {"hard": float(hard), "noise": self.dice.random()}
            odd = self.dice.random()
            given = None if odd < 0.03 else features if odd < 0.9 else {"other": self.dice.random()}
            return Proposal(arguments={"kind": "hard" if hard else "easy"}, features=given)

        if count == 1 and self.dice.random() < 0.5:
            self.open.append(self.route.intake.one(one()).id)
        else:
            self.open += [case.id for case in self.route.propose_many([one() for _ in range(count)])]

    def act(self) -> None:
        if not self.open:
            return
        # Late verdicts: mostly the oldest, sometimes any.
        number = 0 if self.dice.random() < 0.6 else self.dice.randrange(len(self.open))
        case = self.app.case(self.open[number])
        odd = self.dice.random()
        if case.state is State.HELD:
            due_at = case.seen.due_at
            if odd < 0.5 and due_at is not None and due_at > self.clock.now():
                self.person.recall(case)
                return
        elif case.state is State.WAITING:
            arguments = self.app.view(case).content.arguments
            if odd < 0.02:
                pass  # Forgotten: it expires.
            elif odd < 0.04:
                case.withdraw()
            elif odd < 0.06:
                self.person.redraft(case, "again", arguments={"kind": "other"})
                return
            elif odd < 0.5 and arguments["kind"] == "hard":
                self.person.edit(case, {"kind": "b"})
            elif odd < 0.1:
                self.person.reject(case)
            else:
                self.person.approve(case)
            if self.dice.random() < 0.3:
                return
        self.open.pop(number)

    def play(self, steps: int) -> None:
        for _ in range(steps):
            self.propose(self.dice.choice((1, 1, 1, 7)))
            for _ in range(self.dice.choice((0, 1, 3, 4, 5))):
                self.act()
            self.clock.advance(self.dice.choice((0, 1, 6)))
            self.app.run_due()


def test_a_restart_gives_the_same_next_decision_and_the_same_report(app: Signoff, clock: FakeClock) -> None:
    """Rebuilt from the ledger alone, from snapshots, or followed from the start: one and the same."""
    app._automations = Automations(every=50)
    desk = Desk(app, clock, seed=1)
    reader = Automations()
    for _ in range(4):
        desk.play(40)
        followed = state_of(reader, app)
        # This one begins with the newest snapshot; further down, one begins with the first entry.
        assert state_of(Automations(), app) == followed
        live = app._automations._tracks["route"].track
        assert live is not None
        facts = decided(app)[-1].facts
        rebuilt = Track()
        app.store.read(lambda tx, rebuilt=rebuilt: replayed(tx, rebuilt))
        assert json.dumps(rebuilt.state()) == json.dumps(live.state())
        assert live.count == facts["arrival"] + 1
        features = {"hard": 0.0, "noise": 0.5}
        decisions = [track.decide(alpha=0.05, coin=0.5, features=features)["decision"] for track in (live, rebuilt)]
        assert decisions[0] == decisions[1]
        for each in app.store.read(lambda tx, mark=rebuilt.mark: tx.settlements("route", after_seq=mark, limit=9999)):
            rebuilt.settle(each)
        assert json.dumps(rebuilt.state()) == followed
    snapshot = app.store.read(lambda tx: tx.get(Snapshot, "route"))
    assert snapshot is not None
    assert snapshot.count > 100
    kinds = {entry.act for entry in app.store.read(lambda tx: tx.ledger(after_seq=0, limit=100_000))}
    assert {"recall", "expire", "withdraw", "redraft", "reject", "clear"} <= kinds
    report = app.automation("route").report
    assert report is not None
    assert report.arrivals == len(decided(app))


def replayed(tx: Any, track: Track) -> None:
    """Make a track from the entries alone, one by one, the plainest way there is."""
    for entry in tx.decisions("route", after_seq=0, limit=100_000):
        for settlement in tx.settlements("route", after_seq=track.mark, limit=100_000, up_to=entry.facts["mark"]):
            track.settle(settlement)
        track.enter(entry.case_id, entry.facts)


def test_two_apps_by_turns_know_the_same(shared: Place, clock: FakeClock) -> None:
    with Signoff(shared.url, clock=clock, workers=0) as app, Signoff(shared.url, clock=clock, workers=0) as other:
        one, two = Desk(app, clock, seed=2), Desk(other, clock, seed=3)
        for _ in range(6):
            one.play(5)
            two.play(5)
        numbers = [entry.facts["arrival"] for entry in decided(app)]
        assert numbers == list(range(len(numbers)))
        assert state_of(app._automations, app) == state_of(other._automations, other)
        one.propose()
        plain = Track()
        app.store.read(lambda tx: replayed(tx, plain))
        live = app._automations._tracks["route"].track
        assert live is not None
        assert json.dumps(plain.state()) == json.dumps(live.state())
        assert list(app.verify().contradictions) == []


def test_other_constants_begin_the_evidence_anew(place: Any, clock: FakeClock) -> None:
    with Signoff(place, clock=clock, workers=0) as app:
        label_checkpoint(app, alpha=0.05).propose_many([{"kind": "a"}] * 3)
        app._functions.clear()
        stricter = label_checkpoint(app, alpha=0.01)
        stricter.propose(kind="a")
        stricter.propose(kind="a")
        facts = [entry.facts for entry in decided(app)]
        assert [each["arrival"] for each in facts] == [0, 1, 2, 3, 4]
        assert [each["decision"]["number"] for each in facts] == [0, 1, 2, 0, 1]
        assert [each.get("constants", {}).get("alpha") for each in facts] == [0.05, None, None, 0.01, None]
        assert state_of(app._automations, app) == state_of(Automations(), app)


# --- nothing that breaks costs a case


def test_a_broken_model_or_automation_costs_no_case(
    app: Signoff, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    route = label_checkpoint(app)

    def broken(*_: Any, **__: Any) -> Any:
        raise ArithmeticError("on fire")

    route.propose(kind="a", features={"x": 1.0})
    with monkeypatch.context() as patched:
        patched.setattr("signoff.learning.acceptance.AcceptanceModel.p_err", broken)
        route.propose(kind="a", features={"x": 1.0})
    with monkeypatch.context() as patched:
        patched.setattr("signoff.learning.automation.Automation.decide", broken)
        route.propose_many(_proposals(6))
    mended = route.propose(kind="a", features={"x": 1.0})
    facts = [entry.facts for entry in decided(app)]
    assert [each["arrival"] for each in facts] == list(range(9))
    assert [each.get("doubt") for each in facts] == [None, "prediction_failed", *["automation_failed"] * 6, None]
    assert facts[-1]["decision"]["number"] == 2
    assert app.view(mended).routing.numbers["would_be"] == "review"  # type: ignore[union-attr]
    assert "on fire" in caplog.text
    assert state_of(app._automations, app) == state_of(Automations(), app)


def test_a_snapshot_that_cannot_be_read_is_done_without(
    app: Signoff, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    app._automations = Automations(every=10)
    route = label_checkpoint(app)
    route.propose_many(_proposals(25))
    app.store.write(lambda tx: tx.change(Snapshot, ("route",), expect={}, to={"state": {"format": 99}}))
    app._automations = Automations()
    route.propose(kind="a", features={"x": 1.0})
    assert decided(app)[-1].facts["decision"]["number"] == 25
    assert "the snapshot of 'route' cannot be read" in caplog.text


# --- what it tells


def test_a_thousand_easy_cases_open_a_level_and_the_costs_are_what_one_counts(clock: FakeClock) -> None:
    dice = random.Random(7)
    with Signoff(MemoryStore(), clock=clock, workers=0) as app:
        route = label_checkpoint(app)
        desk = app.reviewer("grace")
        slipped = 0
        for number in range(1100):
            hard = dice.random() < 0.3
            # At last some of the easy ones are wrong too, so that automating costs something.
            wrong = dice.random() < (0.95 if hard else 0.1 * (number >= 1000))
            case = route.propose(kind="a", features={"hard": float(hard), "noise": dice.random()})
            routing = app.view(case).routing
            assert routing is not None
            slipped += wrong and routing.numbers["would_be"] == "automate"
            _ = desk.edit(case, {"kind": "b"}) if wrong else desk.approve(case)
            if number == 999:
                so_far = app.automation("route").report
                assert so_far is not None
                assert so_far.certified >= 0
        routes = [Decision.from_dict(entry.facts["decision"]).route for entry in decided(app)]
        found = app.automation("route")
        assert found.alone == routes.count(Route.AUTOMATE) > 50
        assert found.audited == routes.count(Route.AUDIT) > 0
        assert found.could_run == found.alone + found.audited
        assert found.wrong == slipped > 0
        assert (found.arrivals, found.judged, found.waiting) == (1100, 1100, 0)
        assert found.wrong_at_most == found.wrong
        assert app.counts() == {State.CLEARED: 1100}


def test_whoever_asks_about_something_else_is_told_what_to_do(app: Signoff) -> None:
    label_checkpoint(app)
    app.declaration("route")
    label_checkpoint(app, name="always", oversight="always", alpha=None)
    with pytest.raises(UnknownCheckpoint, match="no checkpoint 'nope'"):
        app.automation("nope")
    with pytest.raises(InvalidInput, match="declare it with oversight='when_uncertain'"):
        app.automation("always")
    with pytest.raises(InvalidInput, match="nothing was proposed at checkpoint 'route' yet"):
        app.automation("route")


def test_verify_finds_a_decision_that_is_missing_or_counted_otherwise(tmp_path: Path, clock: FakeClock) -> None:
    with Signoff(tmp_path / "signoff.db", clock=clock, workers=0) as app:
        cases = label_checkpoint(app).propose_many([{"kind": "a"}] * 3)
        assert app.verify().contradictions == []
        app.store.write(lambda tx: tx.change(Arrivals, ("route",), expect={}, to={"count": 4}))
        (found,) = app.verify().contradictions
        assert (found.case_id, "counts 4 decisions" in found.problem) == (cases[-1].id, True)
        app.store.write(lambda tx: tx.change(Arrivals, ("route",), expect={}, to={"count": 3}))
        (entry,) = [e for e in app.history(cases[1].id).entries if e.kind is EntryKind.AUTOMATION]
        to = {"facts": {**entry.facts, "arrival": 7}}
        app.store.write(lambda tx: tx.change(Entry, (entry.seq,), expect={}, to=to))
        (found,) = app.verify().contradictions
        assert (found.case_id, "decides arrival 7, not 1" in found.problem) == (cases[1].id, True)


def test_on_a_blind_checkpoint_nobody_learns_what_would_have_been_done(app: Signoff) -> None:
    case = label_checkpoint(app, blind=True).propose(kind="a", features={"x": 1.0})
    grace = app.reviewer("grace")
    assert grace.view(case).routing is None
    seen = grace.history(case.id)
    assert [entry.kind for entry in seen.entries] == [EntryKind.MOVE]
    assert "p_err" not in repr(seen)
    grace.edit(case, {"kind": "a", "note": ""})
    assert any(entry.kind is EntryKind.AUTOMATION for entry in grace.history(case.id).entries)
    assert isinstance(seen.checkpoint, Checkpoint)
