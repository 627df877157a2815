"""Simulation: a history with known labels, sent through the real drafter and gate as if nobody knew them yet."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from signoff.domain.policy import Route
from signoff.drafters.labels import LabelDrafter
from signoff.errors import UsageError
from signoff.learning.acceptance import AcceptanceModel, AcceptanceSettings
from signoff.learning.automation import Automation
from signoff.learning.catch_rate import catch_rate
from signoff.learning.decision import Decision, Why
from signoff.learning.report import Report
from signoff.learning.settings import Settings
from signoff.ports import Embedder, Example

BATCH = 100
"""Arrivals drafted together, between two looks; a desk that drafts them one by one learns a little sooner."""

SIGNED_AFTER = 500
"""Arrivals after which somebody signs again, once automation was closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """
    What happens besides the arrivals themselves.

    Args:
        alpha: Share, above 0 and at most .5, of wrong ones that automation may have on average.
        noise: Share, 0..1, of verdicts that give a wrong label.
        delay: Arrivals, >= 0, by which a verdict is late: anything up to it, and all of it if the proposal was wrong.
        drift: Labels, >= 0, of which nothing arrives before the middle.
        catch: Chance, above 0 and at most 1, that a reviewer sees that a proposal is wrong, rather than let it pass.
        probes: Planted errors, >= 0, on which the catch rate is measured; used where `catch` is below 1.
        shuffle: Whether rows arrive in random order, rather than in that of the file.
        seed: What is drawn: order, coins, noise, delays, and who catches what.

    Raises:
        UsageError: If one is outside its range.
    """

    alpha: float = 0.02
    noise: float = 0.0
    delay: int = 0
    drift: int = 0
    catch: float = 1.0
    probes: int = 100
    shuffle: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        ranges: tuple[tuple[str, float, bool, str], ...] = (
            ("alpha", self.alpha, 0 < self.alpha <= 0.5, "above 0 and at most 0.5, such as 0.02 for 2 in 100"),
            ("noise", self.noise, 0 <= self.noise <= 1, "0 to 1"),
            ("delay", self.delay, self.delay >= 0, "0 or more arrivals"),
            ("drift", self.drift, self.drift >= 0, "0 or more labels"),
            ("catch", self.catch, 0 < self.catch <= 1, "above 0 and at most 1"),
            ("probes", self.probes, self.probes >= 0, "0 or more"),
        )
        for name, value, fits, wanted in ranges:
            if not fits:
                raise UsageError(f"{name} is {value}; give {wanted}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """
    Where a simulation stands after some arrivals; all numbers are totals since the start.

    Args:
        arrivals: Cases so far.
        reviewed: Those a person judged because they were not to run alone.
        audited: Those that could have run alone, and were drawn to be judged.
        automated: Those that ran alone.
        wrong: Automated ones that were wrong, in truth; nobody at a real desk knows this.
        ceiling: What the gate says slipped through at the most, in all its cycles.
        level: The level in force, -1 for closed.
        right: Proposals that were right, in truth.
    """

    arrivals: int
    reviewed: int = 0
    audited: int = 0
    automated: int = 0
    wrong: int = 0
    ceiling: float = 0.0
    level: int = -1
    right: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """
    Something that happened at one arrival.

    Args:
        arrival: Its number, from 0.
        what: `opened`, `closed`, `signed`, `confirmed` or `novelty`.
        words: What it was, in a few words.
    """

    arrival: int
    what: str
    words: str


@dataclass(kw_only=True)
class Arc:
    """
    What became of a simulated history.

    Args:
        scenario: What was simulated.
        labels: Different labels there were.
        points: Where it stood, every hundred arrivals.
        marks: What happened, in order.
        report: What the gate says at the end.
        catch_rate: The bound on the catch rate that was used, 1 where reviewers were taken to see everything.
        ever_above: Whether the share of wrong ones among all automated so far was ever above alpha, after 10/alpha.
        ceiling_broken: Whether more slipped through than the ceiling said, at any point.
    """

    scenario: Scenario
    labels: int
    points: list[Point] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    report: Report | None = None
    catch_rate: float = 1.0
    ever_above: bool = False
    ceiling_broken: bool = False

    @property
    def last(self) -> Point:
        """Where it ended."""
        return self.points[-1]

    @property
    def automated(self) -> float:
        """Share, 0..1, that ran alone."""
        return self.last.automated / self.last.arrivals

    @property
    def error(self) -> float | None:
        """Share, 0..1, of those that was wrong, in truth; None if none ran alone."""
        return self.last.wrong / self.last.automated if self.last.automated else None

    @property
    def oracle(self) -> float:
        """Share, 0..1, of proposals that were right: nobody could have automated more without a mistake."""
        return self.last.right / self.last.arrivals

    @property
    def first(self) -> int | None:
        """The first arrival of the hundred with which automation began; None if it never did."""
        return next((point.arrivals - BATCH for point in self.points if point.automated), None)


class Simulation:
    """
    Lets texts arrive one after the other, with a drafter that knows nothing, and a gate that somebody has signed for.

    The drafter learns from verdicts alone: on what is reviewed and audited, when they come. Who reviews gives the known
    label. Where a catch rate below 1 is simulated, the gate gets the bound that probes would have given. Going through
    it runs it, once, and gives a point every hundred arrivals; `arc` then holds all there is to tell.

    Args:
        texts: Any texts.
        labels: The label of each.
        scenario: What happens besides.
        embedder: Makes the drafter's vectors; None for character n-grams.

    Raises:
        UsageError: If there are not as many labels as texts, none at all, or too few to drift or to measure.

    Examples:
        >>> texts = ["pay me back", "where is my parcel"] * 100
        >>> simulation = Simulation(texts, ["refund", "parcel"] * 100, Scenario(alpha=0.05))
        >>> [point.reviewed for point in simulation], simulation.arc.automated
        ([100, 200], 0.0)
    """

    def __init__(
        self,
        texts: Sequence[str],
        labels: Sequence[str],
        scenario: Scenario,
        *,
        embedder: Embedder | None = None,
    ) -> None:
        if len(texts) != len(labels) or not texts:
            raise UsageError(
                f"{len(texts)} texts have {len(labels)} labels; give at least one text, and a label for each"
            )
        known = sorted(set(labels))
        if scenario.drift >= len(known):
            raise UsageError(
                f"drift is {scenario.drift}, but there are {len(known)} labels; leave one for the first half"
            )
        import numpy as np

        self._dice = np.random.default_rng(scenario.seed)
        self._known = known
        order = self._order(labels, scenario)
        self._texts = [texts[at] for at in order]
        self._truth = [labels[at] for at in order]
        self._drafter = LabelDrafter(text="message", label="category", background=False, embedder=embedder)
        self.arc = Arc(scenario=scenario, labels=len(known), catch_rate=self._measured(scenario))
        self._automation = Automation(Settings.single_level(alpha=scenario.alpha, catch_rate=self.arc.catch_rate))
        self._models: dict[tuple[str, ...], AcceptanceModel] = {}
        self._waiting: dict[int, tuple[Decision, dict[str, float], str, str]] = {}
        self._due: list[tuple[int, int]] = []
        self._now = Point(arrivals=0)
        self._before_cycle = 0.0
        self._slipped = self._closed_at = self._alarms = 0
        self._was_confirmed = False

    def __iter__(self) -> Iterator[Point]:
        for start in range(0, len(self._texts), BATCH):
            texts = self._texts[start : start + BATCH]
            drafts = self._drafter.draft_many([{"message": text} for text in texts])
            examples: list[Example] = []
            for number, draft in enumerate(drafts, start=start):
                proposed = str(draft.arguments["category"])
                self._arrive(number, proposed, dict(draft.features or {}))
                examples += self._settle(number)
            # A verdict is evidence when it comes; what drafts is fitted after the hundred.
            self._drafter.learn(examples)
            self._look(start + len(texts))
            yield self._now

    def _order(self, labels: Sequence[str], scenario: Scenario) -> list[int]:
        count = len(labels)
        order: list[int] = self._dice.permutation(count).tolist() if scenario.shuffle else list(range(count))
        late = set(self._dice.choice(self._known, scenario.drift, replace=False).tolist()) if scenario.drift else set()
        if not late:
            return order
        early = [at for at in order if labels[at] not in late][: count // 2]
        taken = set(early)
        return [*early, *(at for at in order if at not in taken)]

    def _measured(self, scenario: Scenario) -> float:
        """Give the bound that planted errors would have given; 1 where reviewers are taken to see everything."""
        if scenario.catch == 1:
            return 1.0
        missed = int((self._dice.random(scenario.probes) >= scenario.catch).sum())
        bound = catch_rate(missed=missed, shown=scenario.probes)
        if not bound > 0:
            raise UsageError(
                f"{scenario.probes} probes, of which {missed} were missed, do not tell who catches what; plant more"
            )
        return bound

    def _arrive(self, number: int, proposed: str, features: dict[str, float]) -> None:
        names = tuple(sorted(features))
        model = self._models.get(names)
        p_err = model.p_err([features[name] for name in names]) if model is not None else 1.0
        decision = self._automation.decide(p_err, float(self._dice.random()))
        self._automation.enter(decision)
        wrong, scenario = proposed != self._truth[number], self.arc.scenario
        answer = self._truth[number]
        if self._dice.random() < scenario.noise and len(self._known) > 1:
            answer = str(self._dice.choice([label for label in self._known if label != answer]))
        sharp = self._dice.random() < scenario.catch
        if wrong and not sharp:
            answer = proposed
        now = self._now
        self._now = replace(
            now,
            arrivals=number + 1,
            right=now.right + (not wrong),
            reviewed=now.reviewed + (decision.route is Route.REVIEW),
            audited=now.audited + (decision.route is Route.AUDIT),
            automated=now.automated + (not decision.judged),
            wrong=now.wrong + (wrong and not decision.judged),
        )
        # With reviewers who miss things, what they let pass has slipped through as well.
        self._slipped += wrong and decision.route is not Route.REVIEW and (not decision.judged or not sharp)
        if wrong and not decision.judged and self._now.automated >= 10 / scenario.alpha:
            self.arc.ever_above |= self._now.wrong > scenario.alpha * self._now.automated
        if decision.judged:
            late = scenario.delay if answer != proposed else int(self._dice.integers(0, scenario.delay + 1))
            self._waiting[number] = decision, features, proposed, answer
            heapq.heappush(self._due, (number + late, number))
        self._note(decision)

    def _note(self, decision: Decision) -> None:
        if decision.level != self._now.level:
            opened = decision.level >= 0
            words = "automation may begin" if opened else f"everything is reviewed: {decision.why.value}"
            self._mark(decision.number, "opened" if opened else "closed", words.replace("_", " "))
            self._now = replace(self._now, level=decision.level)

    def _mark(self, arrival: int, what: str, words: str) -> None:
        self.arc.marks.append(Mark(arrival=arrival, what=what, words=words))

    def _settle(self, now: int) -> list[Example]:
        examples = []
        while self._due and self._due[0][0] <= now:
            _, number = heapq.heappop(self._due)
            decision, features, proposed, answer = self._waiting.pop(number)
            loss = float(answer != proposed)
            self._automation.settle(number, loss)
            names = tuple(sorted(features))
            if names:
                model = self._models.setdefault(
                    names, AcceptanceModel(len(names), AcceptanceSettings.for_many_features())
                )
                row = [features[name] for name in names]
                model.settle(row, loss=loss, share=decision.audit_share, number=number)
            examples.append(
                Example(
                    seq=number + 1,
                    case_id=str(number),
                    evidence={"message": self._texts[number]},
                    proposed={"category": proposed},
                    final={"category": answer},
                )
            )
        return examples

    def _look(self, arrivals: int) -> None:
        report = self._automation.report()
        if report.novelty_alarms > self._alarms:
            self._alarms = report.novelty_alarms
            self._mark(arrivals - 1, "novelty", "arrivals look new: more audits for a while")
        bound = report.slipped.at_most
        self.arc.ceiling_broken |= self._slipped > bound + 1e-9
        self._now = replace(self._now, ceiling=self._before_cycle + bound)
        self.arc.points.append(self._now)
        self.arc.report = report
        confirmed = report.confirmed.epoch > 0
        if confirmed and not self._was_confirmed:
            self._mark(arrivals - 1, "confirmed", "what ran alone is proved to be below alpha on average")
        self._was_confirmed = confirmed
        if report.closed is None:
            self._closed_at = arrivals
        elif arrivals - self._closed_at >= SIGNED_AFTER:
            self._automation.renew(gate=report.closed is not Why.CLOSED_BY_LIMIT)
            self._before_cycle += bound
            self._slipped, self._closed_at = 0, arrivals
            self._mark(arrivals - 1, "signed", "signed again: a new cycle begins")


def as_document(arc: Arc) -> dict[str, Any]:
    """Give an arc as JSON has it."""
    return {
        "scenario": asdict(arc.scenario),
        "labels": arc.labels,
        "automated": arc.automated,
        "error": arc.error,
        "oracle": arc.oracle,
        "first": arc.first,
        "catch_rate": arc.catch_rate,
        "ever_above": arc.ever_above,
        "ceiling_broken": arc.ceiling_broken,
        "points": [asdict(point) for point in arc.points],
        "marks": [asdict(mark) for mark in arc.marks],
        "report": None if arc.report is None else arc.report.as_dict(),
    }
