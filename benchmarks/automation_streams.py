"""
Closed-loop streams: what arrives, who learns from it, and what a policy lets through.

The labels revealed depend on what was routed to a person, so each seed of each policy is a run of its own. Texts are
embedded once and their neighbours are looked up once; a run is then some seconds.
"""

from __future__ import annotations

import csv
import hashlib
import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from benchmarks.automation_policies import Oracle
from signoff.domain.policy import Route
from signoff.learning.acceptance import AcceptanceModel, AcceptanceSettings
from signoff.learning.automation import Automation
from signoff.learning.decision import Why
from signoff.learning.features import LABEL_FEATURES, RunningErrors, label_features
from signoff.learning.votes import NEIGHBOURS, Regression, WordCounts, nearest, neighbour_votes
from signoff.learning.votes_blend import blend
from signoff.learning.votes_text import WORD_BUCKETS, words_of

ARRIVALS = 12_000
BATCH = 100
_LOOKED_UP = 400
_SIGNED_AFTER = 500


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """
    Labelled texts, in all the forms a learner wants.

    Args:
        truth: The class of each text, shape (n,).
        classes: How many classes there are.
        vectors: Shape (n, dimensions), of length 1 each.
        words: Buckets of all texts one after the other; see `words_of`.
        starts: Where each text's begin, shape (n + 1,).
        similar: The nearest other texts of each, nearest first, shape (n, 400).
        cosines: Their similarity, same shape.
    """

    truth: np.ndarray
    classes: int
    vectors: np.ndarray
    words: np.ndarray
    starts: np.ndarray
    similar: np.ndarray
    cosines: np.ndarray

    def words_at(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give the words of some texts, in the form of `words_of`."""
        lengths = self.starts[chosen + 1] - self.starts[chosen]
        starts = np.concatenate([[0], np.cumsum(lengths)])
        return self.words[np.repeat(self.starts[chosen] - starts[:-1], lengths) + np.arange(starts[-1])], starts


def read(path: Path) -> tuple[list[str], list[str]]:
    """Read texts and labels from a CSV file with columns of these names."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["text"] for row in rows], [row["label"] for row in rows]


def generated(count: int = 4_000, labels: int = 20) -> tuple[list[str], list[str]]:
    """Make messages for where there is no data: each has words of its label, one in twelve also those of another."""
    dice = np.random.default_rng(0)
    texts, given = [], []
    for _ in range(count):
        label = int(dice.integers(labels))
        words = [f"word{label}x{dice.integers(12)}" for _ in range(2)] + [f"any{dice.integers(300)}" for _ in range(6)]
        if dice.random() < 1 / 12:
            words[0] = f"word{dice.integers(labels)}x{dice.integers(12)}"
        texts.append(" ".join(words[at] for at in dice.permutation(len(words))))
        given.append(f"label {label}")
    return texts, given


def corpus(texts: Sequence[str], labels: Sequence[str], vectors: np.ndarray, *, cache: Path) -> Corpus:
    """Look everything up that does not depend on a stream; the neighbours are kept in the folder `cache`."""
    names = sorted(set(labels))
    words, starts = words_of(texts)
    similar, cosines = _neighbours(vectors.astype(np.float32), cache)
    return Corpus(
        truth=np.array([names.index(label) for label in labels]),
        classes=len(names),
        vectors=vectors.astype(np.float32),
        words=words,
        starts=starts,
        similar=similar,
        cosines=cosines,
    )


def _neighbours(vectors: np.ndarray, cache: Path) -> tuple[np.ndarray, np.ndarray]:
    path = cache / f"neighbours-{hashlib.sha256(vectors.tobytes()).hexdigest()[:16]}.npz"
    if not path.exists():
        similar = np.zeros((len(vectors), _LOOKED_UP), dtype=np.int32)
        cosines = np.zeros((len(vectors), _LOOKED_UP), dtype=np.float32)
        for start in range(0, len(vectors), 500):
            products = vectors[start : start + 500] @ vectors.T
            products[np.arange(len(products)), start + np.arange(len(products))] = -2
            part = slice(start, start + len(products))
            similar[part] = nearest(products, _LOOKED_UP)
            cosines[part] = np.take_along_axis(products, similar[part].astype(np.int64), axis=1)
        cache.mkdir(exist_ok=True)
        np.savez(path, similar=similar, cosines=cosines)
    with np.load(path) as held:
        return held["similar"], held["cosines"]


class Learner(Protocol):
    """Makes the first pass, and learns from verdicts."""

    features: int

    def propose(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give a class for each text, and its features, shape (n, features)."""
        ...

    def learn(self, chosen: np.ndarray, labels: np.ndarray, proposed: np.ndarray) -> None:
        """Take in what people said, and go on fitting."""
        ...


class BlendLearner:
    """
    The votes of `signoff.learning`, taught batch by batch.

    Unlike the drafter, whose fits begin from zero, its regression goes on from where it was.
    """

    features = len(LABEL_FEATURES)

    def __init__(self, corpus: Corpus, *, ridge: float = 0.03, steps: int = 2) -> None:
        self._corpus = corpus
        self._steps = steps
        self._regression = Regression(corpus.vectors.shape[1], corpus.classes, ridge=ridge)
        self._words = WordCounts(WORD_BUCKETS, corpus.classes)
        self._errors = RunningErrors(corpus.classes)
        self._label = np.full(len(corpus.truth), -1)
        self._held = np.zeros(0, dtype=np.int64)

    def propose(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give a class for each text, and its features."""
        if not len(self._held):
            return np.zeros(len(chosen), dtype=np.int64), np.full((len(chosen), self.features), np.nan)
        words, starts = self._corpus.words_at(chosen)
        cosines, labels = self._nearest(chosen)
        votes = blend(
            regression=self._regression.log_shares(self._corpus.vectors[chosen]),
            neighbours=neighbour_votes(cosines, labels, self._corpus.classes),
            words=self._words.scores(words, starts),
            seen=self._words.counts,
        )
        best = votes.scores.argmax(axis=1)
        return best, label_features(
            votes,
            best,
            cosines=cosines[:, 0],
            examples=self._words.counts,
            errors=self._errors.shares(),
            unseen=self._words.unseen_share(words, starts),
        )

    def learn(self, chosen: np.ndarray, labels: np.ndarray, proposed: np.ndarray) -> None:
        """Take in what people said, and go on fitting."""
        if not len(chosen):
            return
        self._errors.add(proposed, (proposed != labels).astype(float))
        self._words.add(*self._corpus.words_at(chosen), labels)
        self._regression.add(self._corpus.vectors[chosen], labels)
        self._regression.fit(self._steps)
        self._label[chosen] = labels
        self._held = np.concatenate([self._held, chosen])

    def _nearest(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        similar = self._corpus.similar[chosen]
        labelled = self._label[similar] >= 0
        rank = labelled.cumsum(axis=1)
        enough = rank[:, -1] >= NEIGHBOURS
        cosines = np.full((len(chosen), NEIGHBOURS), -2.0)
        labels = np.zeros((len(chosen), NEIGHBOURS), dtype=np.int64)
        row, place = np.nonzero(labelled & (rank <= NEIGHBOURS) & enough[:, None])
        cosines[row, rank[row, place] - 1] = self._corpus.cosines[chosen[row], place]
        labels[row, rank[row, place] - 1] = self._label[similar[row, place]]
        few = np.flatnonzero(~enough)
        if len(few):
            products = self._corpus.vectors[chosen[few]] @ self._corpus.vectors[self._held].T
            found = nearest(products)
            cosines[few, : found.shape[1]] = np.take_along_axis(products, found, axis=1)
            labels[few, : found.shape[1]] = self._label[self._held[found]]
        return cosines, labels


class RidgeLearner:
    """Ridge regression on the vectors, and its margin: what most people would begin with."""

    features = 3

    def __init__(self, corpus: Corpus) -> None:
        dimensions = corpus.vectors.shape[1] + 1
        self._corpus = corpus
        self._squares = np.eye(dimensions)
        self._sums = np.zeros((dimensions, corpus.classes))
        self._weights: np.ndarray | None = None

    def _inputs(self, chosen: np.ndarray) -> np.ndarray:
        return np.column_stack([self._corpus.vectors[chosen].astype(np.float64), np.ones(len(chosen))])

    def propose(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give a class for each text, and its margin, its square and its score."""
        if self._weights is None:
            return np.zeros(len(chosen), dtype=np.int64), np.full((len(chosen), self.features), np.nan)
        scores = self._inputs(chosen) @ self._weights
        second, first = np.partition(scores, -2, axis=1)[:, -2:].T
        return scores.argmax(axis=1), np.column_stack([first - second, (first - second) ** 2, first])

    def learn(self, chosen: np.ndarray, labels: np.ndarray, proposed: np.ndarray) -> None:
        """Take in what people said, and fit anew."""
        if not len(chosen):
            return
        inputs = self._inputs(chosen)
        self._squares += inputs.T @ inputs
        np.add.at(self._sums.T, labels, inputs)
        self._weights = np.linalg.solve(self._squares, self._sums)


class Policy(Protocol):
    """Says of each case in turn who handles it; `Automation` is one."""

    def decide(self, p_err: float, coin: float) -> Any:
        """Say where the next case goes: `route`, `judged`, `audit_share`, `number`."""
        ...

    def enter(self, decision: Any) -> None:
        """Remember a decision."""
        ...

    def settle(self, number: int, loss: float) -> bool:
        """Count a verdict."""
        ...


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """
    What happens besides.

    Args:
        new_classes: Classes of which nothing arrives before the middle.
        noise: Share of verdicts, 0..1, that give another label at random.
        late: Arrivals, >= 0, by which a verdict may be late; those on wrong proposals come in the later half.
        catch_rate: Chance, 0..1, that a reviewer sees that a proposal is wrong, instead of letting it pass.
    """

    new_classes: int = 0
    noise: float = 0.0
    late: int = 0
    catch_rate: float = 1.0


PLAIN = Scenario()


@dataclass(kw_only=True)
class Run:
    """
    What became of one stream.

    Args:
        routes: 0 reviewed, 1 audited, 2 automated, shape (arrivals,).
        wrong: Whether the proposal was wrong, in truth.
        p_err: The predicted chance of that.
        ceiling_broken: Whether more mistakes slipped through than the ceiling said, at the end of any batch.
        renewed: How often somebody had to sign again.
        alarms: Arrivals at which the novelty alarm sounded.
    """

    routes: np.ndarray
    wrong: np.ndarray
    p_err: np.ndarray
    ceiling_broken: bool = False
    renewed: int = 0
    alarms: list[int] = field(default_factory=list)

    @property
    def automated(self) -> float:
        """Share of the arrivals that nobody judged."""
        return float((self.routes == 2).mean())

    @property
    def error(self) -> float:
        """Share of those that were wrong; 0 if there were none."""
        alone = self.wrong[self.routes == 2]
        return float(alone.mean()) if len(alone) else 0.0

    @property
    def first(self) -> int | None:
        """The first arrival that nobody judged."""
        found = np.flatnonzero(self.routes == 2)
        return int(found[0]) if len(found) else None

    def ever_above(self, alpha: float) -> bool:
        """Tell whether the share of wrong ones among all automated so far was above alpha, after 10/alpha of them."""
        mistakes = self.wrong[self.routes == 2].cumsum()
        count = np.arange(1, len(mistakes) + 1)
        return bool((mistakes[count >= 10 / alpha] > alpha * count[count >= 10 / alpha]).any())


def run(
    corpus: Corpus,
    learner: Learner,
    policy: Policy,
    *,
    seed: int,
    scenario: Scenario = PLAIN,
    acceptance: AcceptanceSettings | None = None,
    arrivals: int = ARRIVALS,
    batch: int = BATCH,
) -> Run:
    """
    Let a stream arrive, batch by batch, and give people's verdicts to learner and policy.

    Args:
        corpus: Where the texts come from.
        learner: Proposes; taught with reviewed and audited cases alone.
        policy: Routes.
        seed: What is drawn: order, coins, noise, delays.
        scenario: What happens besides.
        acceptance: How the acceptance model learns.
        arrivals: Length of the stream.
        batch: Arrivals between two fits.
    """
    dice = np.random.default_rng(seed)
    order = _order(corpus, dice, arrivals, scenario)
    coins = dice.random(arrivals)
    other = (corpus.truth[order] + dice.integers(1, corpus.classes, arrivals)) % corpus.classes
    said = np.where(dice.random(arrivals) < scenario.noise, other, corpus.truth[order])
    sharp, lateness = dice.random(arrivals) < scenario.catch_rate, dice.random(arrivals)
    model = AcceptanceModel(learner.features, acceptance or AcceptanceSettings.for_many_features())
    wrong = np.zeros(arrivals, dtype=bool)
    routes = np.zeros(arrivals, dtype=np.int8)
    risks = np.ones(arrivals)
    proposed = np.zeros(arrivals, dtype=np.int64)
    answers = said.copy()
    features = np.zeros((arrivals, learner.features))
    shares = np.ones(arrivals)
    due: list[tuple[float, int]] = []
    made = Run(routes=routes, wrong=wrong, p_err=risks)
    watch = _Watch(policy, made)
    for start in range(0, arrivals, batch):
        part = slice(start, min(start + batch, arrivals))
        proposed[part], features[part] = learner.propose(order[part])
        wrong[part] = proposed[part] != corpus.truth[order[part]]
        # A reviewer who does not see the mistake approves what is proposed.
        answers[part] = np.where(wrong[part] & ~sharp[part], proposed[part], said[part])
        if isinstance(policy, Oracle):
            policy.see(wrong[part])
        came: list[int] = []
        for number in range(part.start, part.stop):
            risks[number] = model.p_err(features[number].tolist())
            decision = policy.decide(risks[number], coins[number])
            policy.enter(decision)
            routes[number] = 0 if decision.route is Route.REVIEW else 1 if decision.judged else 2
            shares[number] = decision.audit_share
            slipped = wrong[number] and (not decision.judged or (routes[number] == 1 and not sharp[number]))
            watch.count(number, slipped)
            if decision.judged:
                loss = answers[number] != proposed[number]
                half = (0.5 + 0.5 * lateness[number]) if loss else 0.5 * lateness[number]
                heapq.heappush(due, (number + scenario.late * half, number))
            # Evidence takes a verdict as it comes; models are fitted with it after the batch.
            while due and due[0][0] <= number:
                _, done = heapq.heappop(due)
                loss = float(answers[done] != proposed[done])
                policy.settle(done, loss)
                model.settle(features[done].tolist(), loss=loss, share=shares[done], number=done)
                came.append(done)
        watch.look(part.stop)
        chosen = np.array(came, dtype=np.int64)
        learner.learn(order[chosen], answers[chosen], proposed[chosen])
    return made


def _order(corpus: Corpus, dice: np.random.Generator, arrivals: int, scenario: Scenario) -> np.ndarray:
    order = dice.permutation(len(corpus.truth))
    if scenario.new_classes:
        new = np.isin(corpus.truth[order], dice.choice(corpus.classes, scenario.new_classes, replace=False))
        early = order[~new][: arrivals // 2]
        rest = order[~np.isin(order, early)]
        order = np.concatenate([early, rest])
    return order[:arrivals]


class _Watch:
    """Compares what slipped through with the ceiling, and signs again some time after automation was closed."""

    def __init__(self, policy: Policy, made: Run) -> None:
        self._automation = policy if isinstance(policy, Automation) else None
        self._made = made
        self._slipped = 0
        self._closed_at: int | None = None
        self._alarms = 0

    def count(self, number: int, slipped: bool) -> None:
        if self._automation is None:
            return
        self._slipped += bool(slipped)
        if self._automation._alarms > self._alarms:
            self._alarms = self._automation._alarms
            self._made.alarms.append(number)

    def look(self, now: int) -> None:
        if self._automation is None:
            return
        if self._slipped:
            bound = self._automation.report().slipped.at_most
            self._made.ceiling_broken |= self._slipped > bound + 1e-9
        if self._automation.closed is None:
            self._closed_at = None
        elif self._closed_at is None:
            self._closed_at = now
        elif now - self._closed_at >= _SIGNED_AFTER:
            self._automation.renew(gate=self._automation.closed is not Why.CLOSED_BY_LIMIT)
            self._made.renewed += 1
            self._slipped, self._closed_at = 0, None
