"""A model of what may happen at a desk, played against the public API: rules for Hypothesis or for dice."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from signoff import Case, EffectFailed, Reviewer, Signoff, current_effect
from signoff.engine.execute import LEASE_S
from signoff.errors import ConflictError, KeyReused, NotAllowed, RefusedError, SignoffError
from signoff.testing import FakeClock, MemoryStore, RecordingHandler

HOLD_S, DEADLINE_S, MAX_TRIES = 10, 100, 2
PEOPLE = ["ada", "bob", "lea"]
WORDS = ["a", "b", "c"]
FINAL = {"done", "rejected", "expired", "withdrawn", "failed"}
ENDINGS: dict[str, Callable[[], BaseException] | None] = {
    "returned": None,
    "refused": lambda: EffectFailed("no"),
    "failed": lambda: EffectFailed("busy", retry=True),
    "raised": lambda: ConnectionError("cut off"),
    "crashed": lambda: Killed(),
}

people, words = st.sampled_from(PEOPLE), st.sampled_from(WORDS)
some = st.integers(0, 10**6)


class Killed(BaseException):
    """The process dies in the middle of a handler."""


@dataclass
class Model:
    """What a case must look like from outside."""

    checkpoint: str
    word: str
    deadline: datetime | None
    state: str = "waiting"
    revision: int = 1
    due: datetime | None = None
    reviewer: str | None = None
    approved: str | None = None
    claimed_by: str | None = None
    claimed_until: datetime | None = None
    assigned_to: str | None = None
    snoozed_until: datetime | None = None
    tries: int = 0
    doubtful: bool = False
    looks: list[Case] = field(default_factory=list)


class Desk(RuleBasedStateMachine):
    """`at_once` may be retried and has no hold; `held` runs at most once, after a hold, and has a deadline."""

    def open(self) -> Signoff:
        """Give the app to play at."""
        return Signoff(MemoryStore(), clock=self.clock, workers=0)

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.app = self.open()
        self.sent = RecordingHandler("ok")
        self.next_endings: list[str] = []
        self.ended: list[tuple[str, str]] = []
        self.models: dict[str, Model] = {}
        self.firsts: dict[str, str] = {}
        self.keys: dict[tuple[str, str], str] = {}
        self.answers = 0
        self.last_answer: Callable[[], Case] | None = None

        @self.app.checkpoint(delivery="idempotent", max_tries=MAX_TRIES, backoff_s=4)
        def at_once(word: str) -> str:
            return self.effect(word)

        @self.app.checkpoint(delivery="at_most_once", undo_s=HOLD_S, deadline_s=DEADLINE_S, max_tries=MAX_TRIES)
        def held(word: str) -> str:
            return self.effect(word)

        self.checkpoints = {"at_once": at_once, "held": held}

    def teardown(self) -> None:
        self.app.close()

    # --- inside

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def desk(self, person: str) -> Reviewer:
        return self.app.reviewer(person, roles=["reviewer", "lead"] if person == "lea" else ["reviewer"])

    def pick(self, number: int) -> tuple[str, Model]:
        """Choose a case, mostly one that can still move."""
        moving = [(id, model) for id, model in self.models.items() if model.state not in FINAL]
        found = moving if moving and number % 5 else list(self.models.items())
        return found[number // 5 % len(found)]

    def look(self, case: Case) -> None:
        self.models[case.id].looks.append(case)

    def effect(self, word: str) -> str:
        """Be the outside world: nothing may reach it that was not approved as it is."""
        case_id = current_effect().case_id
        model = self.models[case_id]
        assert model.state == "cleared", f"it ran while {model.state}"
        assert model.due is not None
        assert model.due <= self.now
        assert model.approved == word == model.word
        ending = self.next_endings.pop(0) if self.next_endings else "returned"
        error = ENDINGS[ending]
        if error is not None:
            self.sent.fail_next(error())
        model.state, model.due = "running", self.now + timedelta(seconds=LEASE_S)
        model.tries += 1
        if ending != "crashed":
            self.end(model, ending)
        self.ended.append((current_effect().key, ending))
        return str(self.sent(word=word))

    def end(self, model: Model, ending: str) -> None:
        twice = model.checkpoint == "at_once"
        retried = ending == "failed" or (twice and ending in ("raised", "crashed"))
        if ending in ("returned", "refused"):
            model.state = "done" if ending == "returned" else "failed"
        elif retried and model.tries < MAX_TRIES:
            model.state = "cleared"
            # It may have happened: nobody takes back now what the next try has to find out.
            model.doubtful = model.doubtful or ending != "failed"
            wait = (4 if twice else 1) * 2 ** (model.tries - 1)
            model.due = self.now + timedelta(seconds=wait)
            return
        else:
            model.state = "failed" if ending == "failed" else "unknown"
        model.due = None

    def time_passes(self) -> None:
        for model in self.models.values():
            if model.state == "held" and model.due <= self.now:  # type: ignore[operator]
                model.state = "cleared" if model.approved is not None else "rejected"
                model.due = self.now if model.approved is not None else None
            elif model.state == "waiting" and model.deadline is not None and model.deadline <= self.now:
                model.state = "expired"
            elif model.state == "running" and model.due <= self.now:  # type: ignore[operator]
                self.end(model, "crashed")

    def claimed(self, model: Model) -> str | None:
        live = model.claimed_until is not None and model.claimed_until > self.now
        return model.claimed_by if live else None

    def overdue(self, model: Model) -> bool:
        return model.deadline is not None and model.deadline <= self.now

    def open_to(self, model: Model, person: str) -> bool:
        mine = model.assigned_to in (None, person, "group:lead" if person == "lea" else None)
        # In the last quarter of its time a case is everybody's, but for what only leads may settle.
        ends = model.deadline
        near = ends is not None and 4 * (ends - self.now) <= timedelta(seconds=DEADLINE_S)
        return (mine or (near and model.assigned_to != "group:lead")) and self.claimed(model) in (None, person)

    def unclaim(self, model: Model) -> None:
        model.claimed_by = model.claimed_until = None

    def attempt(self, case_id: str, act: Callable[[], Any], *, may: bool, must: bool) -> Case | None:
        """Do it: it happens where it may, always where it must, and else nothing at all changes."""
        before = self.app.history(case_id)
        try:
            after = act()
        except SignoffError as error:
            assert not must, f"refused: {error!r}"
            assert isinstance(error, ConflictError | RefusedError)
            assert self.app.history(case_id) == before
            return None
        assert may, "it should have been refused"
        assert isinstance(after, Case)
        self.look(after)
        return after

    # --- rules

    @precondition(lambda self: sum(model.state not in FINAL for model in self.models.values()) < 5)
    @rule(checkpoint=st.sampled_from(["at_once", "held"]), word=words, key=st.sampled_from([None, None, "k1", "k2"]))
    def propose(self, checkpoint: str, word: str, key: str | None) -> None:
        known = self.keys.get((checkpoint, key)) if key else None
        first = self.firsts.get(known) if known else None
        try:
            case = self.checkpoints[checkpoint].propose(word=word, key=key)
        except KeyReused as error:
            assert first not in (None, word)
            assert error.facts["case_id"] == known
            return
        assert first in (None, word)
        assert known in (None, case.id)
        if case.id not in self.models:
            deadline = self.now + timedelta(seconds=DEADLINE_S) if checkpoint == "held" else None
            self.models[case.id] = Model(checkpoint, word, deadline)
            self.firsts[case.id] = word
            if key:
                self.keys[checkpoint, key] = case.id
        self.look(case.seen)

    @precondition(lambda self: self.models)
    @rule(person=people, limit=st.integers(1, 3))
    def claim(self, person: str, limit: int) -> None:
        offered = [
            (id, model)
            for id, model in sorted(self.models.items())
            if model.state == "waiting"
            and self.open_to(model, person)
            and not self.overdue(model)
            and (model.snoozed_until is None or model.snoozed_until <= self.now)
        ][:limit]
        claimed = self.desk(person).claim(limit, hold_s=30)
        assert [case.id for case in claimed] == [id for id, _ in offered]
        for case in claimed:
            model = self.models[case.id]
            model.claimed_by, model.claimed_until = person, self.now + timedelta(seconds=30)
            model.snoozed_until = None
            self.look(case)

    @precondition(lambda self: self.models)
    @rule(person=people, number=some, age=some, word=words | st.just(None), fresh=st.booleans())
    def answer(self, person: str, number: int, age: int, word: str | None, fresh: bool) -> None:
        id, model = self.pick(number)
        seen = self.app.case(id).seen if fresh else model.looks[age % len(model.looks)]
        self.answer_case(id, person, seen, word, fresh=fresh)

    def answer_case(self, id: str, person: str, seen: Case, word: str | None, *, fresh: bool) -> None:
        model = self.models[id]
        self.answers += 1
        desk, verdict_id = self.desk(person), f"v{self.answers}"
        lapsed = model.claimed_by == person and self.claimed(model) is None
        may = (
            model.state == "waiting"
            and seen.revision == model.revision
            and self.open_to(model, person)
            and not self.overdue(model)
        )

        def act() -> Case:
            if word is None:
                return desk.reject(seen, "no", verdict_id=verdict_id)
            return desk.edit(seen, {"word": word}, verdict_id=verdict_id)

        if self.attempt(id, act, may=may, must=may and fresh and not lapsed) is None:
            return
        self.last_answer = act
        model.reviewer, model.approved = person, word
        if word is not None and word != model.word:
            model.word, model.revision = word, model.revision + 1
        model.state, model.due = "held", self.now + timedelta(seconds=HOLD_S)
        if model.checkpoint == "at_once":
            model.state, model.due = ("cleared", self.now) if word is not None else ("rejected", None)
        self.unclaim(model)
        model.snoozed_until = None

    @precondition(lambda self: any(model.state == "waiting" for model in self.models.values()))
    @rule(word=words, number=some)
    def approve_and_let_the_hold_pass(self, word: str, number: int) -> None:
        """Bring a case to where its effect is due, by whoever may: else most runs never get there."""
        waiting = [(id, model) for id, model in self.models.items() if model.state == "waiting"]
        turn = number % max(1, len(waiting))
        for (id, model), person in product(waiting[turn:] + waiting[:turn], PEOPLE):
            lapsed = model.claimed_by == person and self.claimed(model) is None
            if self.open_to(model, person) and not self.overdue(model) and not lapsed:
                self.answer_case(id, person, self.app.case(id).seen, word, fresh=True)
                assert model.state in ("held", "cleared")
                self.clock.advance(HOLD_S)
                return

    @precondition(lambda self: self.last_answer is not None)
    @rule()
    def answer_once_more(self) -> None:
        before = {id: self.app.history(id) for id in self.models}
        assert self.last_answer is not None
        with suppress(ConflictError):
            self.last_answer()
        assert {id: self.app.history(id) for id in self.models} == before

    def take_back(self, model: Model, state: str) -> None:
        model.state, model.approved, model.reviewer, model.due = state, None, None, None

    @precondition(lambda self: self.models)
    @rule(person=people, number=some)
    def recall(self, person: str, number: int) -> None:
        id, model = self.pick(number)
        may = model.state == "held" and model.reviewer == person and model.due > self.now  # type: ignore[operator]
        if self.attempt(id, lambda: self.desk(person).recall(id), may=may, must=may):
            self.take_back(model, "waiting")

    @precondition(lambda self: self.models)
    @rule(person=people, number=some, word=words)
    def redraft(self, person: str, number: int, word: str) -> None:
        id, model = self.pick(number)
        may = (
            model.state == "held"
            or (model.state == "cleared" and not model.doubtful)
            or (model.state == "waiting" and self.open_to(model, person))
        )
        lapsed = model.claimed_by == person and self.claimed(model) is None

        def act() -> Case:
            return self.desk(person).redraft(id, "note", arguments={"word": word})

        if self.attempt(id, act, may=may, must=may and not lapsed):
            self.take_back(model, "waiting")
            # Other words get all their tries.
            model.word, model.revision, model.tries = word, model.revision + 1, 0

    @precondition(lambda self: len(self.models) > 2)
    @rule(number=some)
    def withdraw(self, number: int) -> None:
        id, model = self.pick(number)
        may = model.state in ("waiting", "held") or (model.state == "cleared" and not model.doubtful)
        if self.attempt(id, lambda: self.app.case(id).withdraw(), may=may, must=may):
            self.take_back(model, "withdrawn")
            self.unclaim(model)

    @precondition(lambda self: self.models)
    @rule(person=people, number=some, to=st.sampled_from([*PEOPLE, "group:lead"]))
    def hand_over(self, person: str, number: int, to: str) -> None:
        id, model = self.pick(number)
        may = model.state == "waiting" and (person == "lea" or self.open_to(model, person))
        lapsed = person != "lea" and model.claimed_by == person and self.claimed(model) is None
        if self.attempt(id, lambda: self.desk(person).hand_over(id, to), may=may, must=may and not lapsed):
            model.assigned_to, model.snoozed_until = to, None
            self.unclaim(model)

    @precondition(lambda self: self.models)
    @rule(person=people, number=some)
    def snooze(self, person: str, number: int) -> None:
        id, model = self.pick(number)
        may = model.state == "waiting" and self.open_to(model, person)
        lapsed = model.claimed_by == person and self.claimed(model) is None
        if self.attempt(id, lambda: self.desk(person).snooze(id, for_s=20), may=may, must=may and not lapsed):
            model.snoozed_until = self.now + timedelta(seconds=20)
            self.unclaim(model)

    @rule(seconds=st.sampled_from([0.5, 4, 10, 31, 40]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(endings=st.tuples(*[st.sampled_from(list(ENDINGS))] * 3).map(list))
    def run_due(self, endings: list[str]) -> None:
        self.next_endings = endings
        while True:
            self.time_passes()
            try:
                self.app.run_due()
            except Killed:
                continue
            break
        left = [m for m in self.models.values() if m.state == "cleared" and m.due <= self.now]  # type: ignore[operator]
        assert left == []

    @precondition(lambda self: any(model.state == "unknown" for model in self.models.values()))
    @rule(person=people, move=st.sampled_from(["confirm_done", "send_again", "confirm_failed"]))
    def resolve(self, person: str, move: str) -> None:
        id, model = next((id, model) for id, model in self.models.items() if model.state == "unknown")
        try:
            self.look(self.desk(person).resolve(id, move))
        except NotAllowed:
            assert person != "lea"
            return
        assert person == "lea"
        model.state = {"confirm_done": "done", "send_again": "cleared", "confirm_failed": "failed"}[move]
        if move == "send_again":
            model.due, model.tries, model.doubtful = self.now, 0, False

    # --- always

    @invariant()
    def every_case_is_where_the_model_says(self) -> None:
        for id, model in self.models.items():
            view = self.app.view(id)
            assert (view.case.state, view.case.revision) == (model.state, model.revision)
            assert view.content.arguments == {"word": model.word}

    @invariant()
    def the_rows_tell_one_story(self) -> None:
        found = self.app.verify()
        assert found.contradictions == []
        assert found.cases == len(self.models)

    @invariant()
    def nothing_takes_effect_twice_under_one_key(self) -> None:
        maybe = Counter(key for key, ending in self.ended if ending not in ("refused", "failed"))
        held = {key for key in maybe if self.models[key.split(".")[0]].checkpoint == "held"}
        assert all(maybe[key] == 1 for key in held)
        done = Counter(key for key, ending in self.ended if ending == "returned")
        assert all(count == 1 for count in done.values())


class DeskOnSqlite(Desk):
    def open(self) -> Signoff:
        self.folder = tempfile.TemporaryDirectory()
        return Signoff(Path(self.folder.name) / "signoff.db", clock=self.clock, workers=0)

    def teardown(self) -> None:
        super().teardown()
        self.folder.cleanup()
