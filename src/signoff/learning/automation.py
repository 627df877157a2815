"""Automation: decides for each case of one checkpoint and stratum whether it may run without a person."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from signoff.domain.policy import Route
from signoff.learning.arrivals import LatestSorted
from signoff.learning.ceiling import Ceiling
from signoff.learning.decision import CLOSED, Decision, Why, check_loss
from signoff.learning.detector import Detector
from signoff.learning.gate import WRONG, Confirmation, Opening
from signoff.learning.limits import limit, next_cap
from signoff.learning.novelty import Novelty
from signoff.learning.report import Confirmed, Level, Report, Shadow, Slipped
from signoff.learning.settings import Settings
from signoff.learning.thresholds import DOUBT, NOBODY, thresholds

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

FORMAT = 1
"""Version of what `Automation.state` gives."""


@dataclass(slots=True)
class _Proof:
    """The evidence about one kind of error: any, or hard ones alone."""

    settings: Settings
    opening: Opening
    confirmation: Confirmation
    ceiling: Ceiling

    @classmethod
    def begin(cls, settings: Settings) -> _Proof:
        return cls(
            settings,
            Opening(settings, delta=settings.delta),
            Confirmation(settings, delta=settings.delta),
            Ceiling(settings, delta=settings.delta),
        )

    def settle(self, decision: Decision, loss: float) -> None:
        self.opening.settle(decision, loss)
        self.confirmation.settle(decision, loss)
        self.ceiling.settle(decision, loss)

    def amend(self, decision: Decision, was: float | None, now: float | None) -> None:
        before, after = (WRONG if loss is None else loss for loss in (was, now))
        self.opening.amend(decision, before, after)
        self.confirmation.amend(decision, before, after)
        self.ceiling.amend(decision, was, now)

    @property
    def limit(self) -> float:
        return limit(self.settings, self.ceiling.unaudited)

    def state(self) -> dict[str, Any]:
        return {
            "opening": self.opening.state(),
            "confirmation": self.confirmation.state(),
            "ceiling": self.ceiling.state(),
        }

    @classmethod
    def from_state(cls, settings: Settings, state: Mapping[str, Any]) -> _Proof:
        return cls(
            settings,
            Opening.from_state(settings, state["opening"]),
            Confirmation.from_state(settings, state["confirmation"]),
            Ceiling.from_state(settings, state["ceiling"]),
        )


class Automation:
    """
    Composes the evidence, the ceiling and the alarms of one checkpoint and stratum. Not for several threads at once.

    For each case: `decide` says where it goes, and changes nothing; `enter` takes the decision in once it is on
    record; `settle` takes in its verdict once that is final. Nothing that is decided about a case depends on its
    verdict or on any that came later. The same records, entered and settled in the same order, give the same next
    decision, bit for bit; settled in any order they give the same evidence and the same ceiling.

    Args:
        settings: The constants; they hold for its whole life.

    Examples:
        >>> automation = Automation(Settings(alpha=0.02))
        >>> decision = automation.decide(0.004, 0.83)
        >>> decision.route.value, decision.why.value, decision.audit_share
        ('review', 'too_few_arrivals', 1.0)
        >>> automation.enter(decision)
        >>> automation.settle(decision.number, 0.0), automation.settle(decision.number, 0.0)
        (True, False)
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._loosest = len(settings.levels) - 1
        self._proofs = [_Proof.begin(settings)]
        if settings.alpha_hard is not None:
            self._proofs.append(_Proof.begin(settings.for_hard_errors()))
        self._detector = Detector(settings)
        self._novelty = Novelty(settings)
        self._latest = LatestSorted(settings.window)
        self._members: deque[bool] = deque(maxlen=settings.coverage_window)
        self._covering = 0
        self._targets: npt.NDArray[np.float64] | None = None
        self._thresholds: tuple[float, ...] | None = None
        self._waiting: dict[int, Decision] = {}
        self._shadow = Shadow()
        self.arrivals = 0
        self.gate_cycle = 0
        self.ceiling_cycle = 0
        self.closed: Why | None = None
        self._cap = self._loosest
        self._cap_moved = -settings.limit_pause
        self._boosted_until = -1
        self._alarms = 0

    # --- deciding

    def decide(self, p_err: float | None, coin: float, *, shadow: bool = False) -> Decision:
        """
        Say where the next case goes; it is not remembered until it is entered.

        Args:
            p_err: Predicted chance, 0..1, that a person would not accept it as it is. None, NaN or anything outside
                is doubt: such a case is reviewed.
            coin: A fresh draw, uniform from 0 up to but not including 1, which nothing else depends on.
            shadow: Whether a person judges it whatever the decision. It is then evidence like any reviewed case, and
                the route says what would have been done.

        Raises:
            ValueError: If the coin is outside its range.
        """
        if not 0 <= coin < 1:
            raise ValueError(f"the coin of case {self.arrivals} is {coin}; draw one from 0 up to but not including 1")
        risk = float(p_err) if p_err is not None and 0 <= p_err <= 1 else DOUBT
        lines = self._lines()
        certified = self._certified()
        boosted = self.arrivals <= self._boosted_until
        most = self.settings.novelty_level if boosted else self._loosest
        cap = self._cap if shadow else self._cap_now(min(certified, self._cap, most))
        level = CLOSED if self.closed else min(certified, cap, most)
        eligible = level >= 0 and risk <= lines[level]
        due = self._due_share(boosted=boosted, shadow=shadow) if eligible else 1.0
        share = 1.0 if shadow else due
        drawn = eligible and coin < due
        return Decision(
            number=self.arrivals,
            p_err=risk,
            thresholds=lines,
            certified=certified,
            cap=cap,
            level=level,
            eligible=eligible,
            boosted=boosted,
            due_share=due,
            audit_share=share,
            coin=float(coin),
            weight=1.0 if share == 1 else (1 - share) / (1 - self.settings.audit_share),
            epochs=self._epochs() if share == 1 else self._proofs[0].confirmation.epochs_now(),
            route=Route.REVIEW if not eligible else Route.AUDIT if drawn else Route.AUTOMATE,
            why=self._why(risk, certified=certified, cap=cap, level=level, eligible=eligible, drawn=drawn),
            shadow=shadow,
            gate_cycle=self.gate_cycle,
            ceiling_cycle=self.ceiling_cycle,
        )

    def _lines(self) -> tuple[float, ...]:
        """Give the thresholds for the next case."""
        if self._targets is None:
            import numpy as np

            self._targets = np.array(self.settings.levels) * self.settings.observed_alpha
        if self._thresholds is None:
            self._thresholds = thresholds(self._latest, self._targets, least=self.settings.window_least)
        return self._thresholds

    def _certified(self) -> int:
        return min(proof.opening.level() for proof in self._proofs)

    def _epochs(self) -> int:
        settings = self.settings
        # At least one arrival, or a share of nothing would be covered.
        ripe = self.arrivals >= settings.ripe and self._members
        covered = bool(ripe) and self._covering >= settings.coverage * len(self._members)
        return self._proofs[0].opening.epochs_at(self.arrivals, covered=covered)

    def _cap_now(self, level: int) -> int:
        since_move = self.arrivals - self._cap_moved
        if self.closed or level < 0 or since_move < self.settings.limit_pause:
            return self._cap
        above = any(proof.ceiling.exceeds(proof.limit) for proof in self._proofs)
        well_below = (
            not above
            and self._cap < self._loosest
            and not any(proof.ceiling.exceeds(proof.limit - self.settings.limit_slack) for proof in self._proofs)
        )
        return next_cap(
            cap=self._cap,
            level=level,
            loosest=self._loosest,
            above=above,
            well_below=well_below,
            since_move=since_move,
            pause=self.settings.limit_pause,
        )

    def _due_share(self, *, boosted: bool, shadow: bool) -> float:
        if boosted:
            return self.settings.boosted_share
        deployed = self._shadow.eligible if shadow else self._proofs[0].confirmation.entered
        return self.settings.first_share if deployed < self.settings.first_cases else self.settings.audit_share

    def _why(
        self,
        risk: float,
        *,
        certified: int,
        cap: int,
        level: int,
        eligible: bool,
        drawn: bool,
    ) -> Why:
        if eligible:
            return Why.COIN if drawn else Why.BELOW_THRESHOLD
        if risk >= DOUBT:
            return Why.DOUBT
        if self.closed:
            return self.closed
        if len(self._latest) < self.settings.window_least:
            return Why.TOO_FEW_ARRIVALS
        if certified < 0:
            return Why.NOT_CERTIFIED
        if cap < 0:
            return Why.CLOSED_BY_LIMIT
        return Why.CLOSED_BY_NOVELTY if level < 0 else Why.ABOVE_THRESHOLD

    # --- remembering

    def enter(self, decision: Decision) -> None:
        """
        Remember a decision that is on record; decisions come in the order of their numbers, without a gap.

        Raises:
            ValueError: If it is not the next one, or was made in another cycle or with other settings.
        """
        self._check(decision)
        if decision.cap != self._cap:
            self._cap, self._cap_moved = decision.cap, decision.number
            if decision.cap < 0:
                self.closed = Why.CLOSED_BY_LIMIT
        for proof in self._proofs:
            proof.opening.enter(decision)
            proof.confirmation.enter(decision)
            proof.ceiling.enter(decision)
        if decision.judged:
            self._waiting[decision.number] = decision
        if decision.shadow:
            self._shadow = self._shadow.entered(decision)
        self._arrive(decision)

    def _check(self, decision: Decision) -> None:
        if decision.number != self.arrivals:
            raise ValueError(
                f"decision {decision.number} is not the next one, which is {self.arrivals}; enter all, in their order"
            )
        cycles = (decision.gate_cycle, decision.ceiling_cycle)
        if cycles != (self.gate_cycle, self.ceiling_cycle):
            raise ValueError(
                f"decision {decision.number} was made in cycles {cycles}, these are "
                f"{(self.gate_cycle, self.ceiling_cycle)}; renew where the record says so"
            )
        least = self.settings.audit_share
        lines = decision.thresholds
        if len(lines) != len(self.settings.levels) or list(lines) != sorted(lines) or not lines[-1] < DOUBT:
            raise ValueError(
                f"decision {decision.number} has thresholds {lines}; there is one below 1 for each of "
                f"{len(self.settings.levels)} levels, ascending"
            )
        if not (least <= decision.audit_share <= 1 and 0 <= decision.coin < 1 and 0 <= decision.p_err <= 1):
            raise ValueError(
                f"decision {decision.number} has an audit share of {decision.audit_share}, coin {decision.coin} and "
                f"p_err {decision.p_err}; the share is {least}..1, the coin below 1, and p_err 0..1"
            )
        rest = 1.0 if decision.sure else (1 - decision.audit_share) / (1 - least)
        if decision.weight != rest or not 0 <= decision.epochs <= self.settings.epochs:
            raise ValueError(
                f"decision {decision.number} has weight {decision.weight} and {decision.epochs} epochs; with its audit "
                f"share the weight is {rest}, and there are {self.settings.epochs} epochs"
            )

    def _arrive(self, decision: Decision) -> None:
        """Move the windows on, after everything that was decided with them."""
        member = decision.p_err <= decision.thresholds[min(1, self._loosest)]
        if len(self._members) == self.settings.coverage_window:
            self._covering -= self._members[0]
        self._members.append(member)
        self._covering += member
        self._latest.push(decision.p_err)
        self._thresholds = None
        if self._novelty.update(decision.p_err):
            self._boosted_until = decision.number + self.settings.novelty_cases
            self._alarms += 1
        self.arrivals += 1

    # --- verdicts

    def waits_for(self, number: int) -> bool:
        """Tell whether a case waits for its verdict."""
        return number in self._waiting

    def settle(self, number: int, loss: float, *, hard: float | None = None) -> bool:
        """
        Count the final verdict of a case; in any order, each once.

        A verdict on a case that nobody was to judge does not count, however it came about: people complain about
        what went wrong, never about what went right. It is an incident.

        Args:
            number: The case.
            loss: 0 if it was right, 1 if it was wrong, or a severity between.
            hard: The same for hard errors alone, where there is a bound for them; None for what `loss` is.

        Returns:
            Whether it counts; False if the case was settled before, or was not to be judged.

        Raises:
            ValueError: If no such case was entered, or a loss is outside its range; nothing is changed then.
        """
        check_loss(loss, number)
        check_loss(loss if hard is None else hard, number)
        if not 0 <= number < self.arrivals:
            raise ValueError(
                f"there is a verdict on case {number}, which was never entered; the last one is {self.arrivals - 1}"
            )
        decision = self._waiting.pop(number, None)
        if decision is None:
            return False
        for proof, value in zip(self._proofs, (loss, loss if hard is None else hard), strict=False):
            proof.settle(decision, value)
        self._hear(decision, loss)
        if decision.shadow:
            self._shadow = self._shadow.settled(decision, loss)
        return True

    def expire(self, number: int) -> bool:
        """Count a case as wrong that expired, or was withdrawn after it was routed; see `settle`."""
        return self.settle(number, WRONG)

    def amend(
        self,
        decision: Decision,
        was: float | None,
        now: float | None,
        *,
        hard_was: float | None = None,
        hard_now: float | None = None,
    ) -> None:
        """
        Replace a verdict that was settled before; leaves no trace of the old one in evidence and ceiling.

        Args:
            decision: What was recorded about the case; settled cases are not remembered.
            was: The loss, 0..1, that was settled; None if it was recalled since.
            now: The loss that holds now; None if it is recalled and nothing holds: it then counts as the worst.
            hard_was: The same as `was` for hard errors; None for what `was` is.
            hard_now: The same as `now` for hard errors; None for what `now` is.

        Raises:
            ValueError: If the case was never entered, was not to be judged or still waits for its first verdict, or a
                loss is outside its range.
        """
        number = decision.number
        for loss in (was, now, hard_was, hard_now):
            check_loss(0.0 if loss is None else loss, number)
        if not 0 <= number < self.arrivals or not decision.judged or number in self._waiting:
            raise ValueError(f"case {number} has no settled verdict to amend; settle it, or leave it alone")
        before = (was, was if hard_was is None else hard_was)
        after = (now, now if hard_now is None else hard_now)
        for proof, old, new in zip(self._proofs, before, after, strict=False):
            proof.amend(decision, old, new)
        if now is not None and now > (was or 0.0):
            self._hear(decision, now)
        if decision.shadow:
            self._shadow = self._shadow.settled(decision, (now or 0.0) - (was or 0.0), cases=0)

    def _hear(self, decision: Decision, loss: float) -> None:
        """Let the detector hear of an audit."""
        heard = not decision.sure and decision.gate_cycle == self.gate_cycle
        if heard and self._detector.update(loss) and self.closed is not Why.CLOSED_BY_ALARM:
            self.closed = Why.CLOSED_BY_ALARM

    # --- cycles

    def renew(self, *, gate: bool = True) -> None:
        """
        Begin a new cycle, because somebody with the right to signed for it.

        Each new cycle may be wrong with half the chance of the one before. After an alarm the evidence for the gate
        begins anew too; after the limit it may stand, since the ceiling is what was reached.

        Args:
            gate: Whether the evidence for the gate begins anew; the ceiling always does.

        Raises:
            ValueError: If an alarm closed it, and the gate was to stand.
        """
        if self.closed is Why.CLOSED_BY_ALARM and not gate:
            raise ValueError("audits found too many mistakes, so the evidence for the gate has to begin anew")
        self.ceiling_cycle += 1
        self.gate_cycle += gate
        for proof in self._proofs:
            delta = proof.settings.delta
            proof.ceiling = Ceiling(proof.settings, delta=delta * 0.5**self.ceiling_cycle, start=self.arrivals)
            if gate:
                chance = delta * 0.5**self.gate_cycle
                proof.opening = Opening(proof.settings, delta=chance, start=self.arrivals)
                proof.confirmation = Confirmation(proof.settings, delta=chance, start=self.arrivals)
        if gate:
            self._detector = Detector(self.settings)
        self.closed = None
        self._cap, self._cap_moved = self._loosest, self.arrivals - self.settings.limit_pause

    # --- telling

    def report(self) -> Report:
        """Say what is proved at this moment, what it would take to prove more, and what may have slipped through."""
        proof = self._proofs[0]
        lines = self._lines()
        return Report(
            arrivals=self.arrivals,
            waiting=len(self._waiting),
            certified=self._certified(),
            cap=self._cap,
            closed=self.closed,
            boosted_until=self._boosted_until if self.arrivals <= self._boosted_until else None,
            novelty_alarms=self._alarms,
            detector=sum(self._detector.wealth) / len(self._detector.wealth),
            gate_cycle=self.gate_cycle,
            ceiling_cycle=self.ceiling_cycle,
            levels=tuple(
                Level(
                    level=level,
                    strictness=strictness,
                    threshold=None if lines[level] == NOBODY else lines[level],
                    log_evidence=float(proof.opening.evidence()[level]),
                    needed=proof.opening.threshold,
                    since=proof.opening.began(proof.opening.named_epoch(level)),
                    clean_labels=proof.opening.clean_labels(level),
                )
                for level, strictness in enumerate(self.settings.levels)
            ),
            confirmed=_confirmed(proof.confirmation),
            slipped=_slipped(proof),
            slipped_hard=_slipped(self._proofs[1]) if len(self._proofs) > 1 else None,
            confirmed_hard=_confirmed(self._proofs[1].confirmation) if len(self._proofs) > 1 else None,
            shadow=self._shadow,
        )

    # --- keeping

    def state(self) -> dict[str, Any]:
        """Give everything it holds, as JSON has it; as large as what waits for a verdict, not as what was settled."""
        return {
            "format": FORMAT,
            "settings": self.settings.as_dict(),
            "arrivals": self.arrivals,
            "gate_cycle": self.gate_cycle,
            "ceiling_cycle": self.ceiling_cycle,
            "closed": None if self.closed is None else self.closed.value,
            "cap": self._cap,
            "cap_moved": self._cap_moved,
            "boosted_until": self._boosted_until,
            "alarms": self._alarms,
            "proofs": [proof.state() for proof in self._proofs],
            "detector": list(self._detector.wealth),
            "novelty": self._novelty.state(),
            "latest": self._latest.arrived(),
            "members": [int(member) for member in self._members],
            "waiting": [decision.as_dict() for decision in self._waiting.values()],
            "shadow": self._shadow.as_dict(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Automation:
        """
        Read what `state` gave; decides from there on exactly like the one that gave it.

        Raises:
            ValueError: If it is of a format this version does not know.
        """
        if state.get("format") != FORMAT:
            raise ValueError(
                f"the state of an automation has format {state.get('format')!r}, this version reads {FORMAT}; "
                "rebuild it from the record"
            )
        automation = cls(Settings.from_dict(state["settings"]))
        automation.arrivals = state["arrivals"]
        automation.gate_cycle, automation.ceiling_cycle = state["gate_cycle"], state["ceiling_cycle"]
        automation.closed = None if state["closed"] is None else Why(state["closed"])
        automation._cap, automation._cap_moved = state["cap"], state["cap_moved"]
        automation._boosted_until, automation._alarms = state["boosted_until"], state["alarms"]
        automation._proofs = [
            _Proof.from_state(proof.settings, inner)
            for proof, inner in zip(automation._proofs, state["proofs"], strict=True)
        ]
        automation._detector = Detector(automation.settings, state["detector"])
        automation._novelty = Novelty.from_state(automation.settings, state["novelty"])
        automation._latest = LatestSorted(automation.settings.window, state["latest"])
        automation._members.extend(bool(member) for member in state["members"])
        automation._covering = sum(automation._members)
        automation._waiting = {decision.number: decision for decision in map(Decision.from_dict, state["waiting"])}
        automation._shadow = Shadow(**state["shadow"])
        return automation


def _confirmed(confirmation: Confirmation) -> Confirmed:
    epoch = confirmation.epoch()
    return Confirmed(
        epoch=epoch,
        since=confirmation.began(epoch),
        deployed=confirmation.entered,
        log_evidence=confirmation.evidence(),
        needed=confirmation.threshold,
        clean_cases=confirmation.clean_cases(),
    )


def _slipped(proof: _Proof) -> Slipped:
    return Slipped(
        automated=proof.ceiling.unaudited,
        at_most=proof.ceiling.bound(),
        estimate=proof.ceiling.estimate,
        found=proof.ceiling.found,
        limit=proof.limit,
        waiting=proof.ceiling.waiting,
        delta=proof.ceiling.delta,
    )
