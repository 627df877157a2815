"""Acceptance: how probable it is that a person would not accept a proposal as it is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from signoff.learning.thresholds import DOUBT

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

_STEPS = 25
_LARGEST_STEP = 5.0
_STEEPEST = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptanceSettings:
    """
    How an acceptance model learns.

    Args:
        ridge: Penalty, above 0, on the square of each coefficient.
        ridge_intercept: The same on the intercept.
        first: Verdicts, >= 1, before there is a model.
        every: Verdicts, >= 1, between two fits.
        keep: Verdicts, >= 1, that a fit uses, the newest ones.
        forgetting: Arrivals after which a verdict counts for 1/e; None for no forgetting.

    Raises:
        ValueError: If one is outside its range.
    """

    ridge: float = 0.05
    ridge_intercept: float = 0.05
    first: int = 50
    every: int = 200
    keep: int = 5000
    forgetting: float | None = None

    def __post_init__(self) -> None:
        for name in ("ridge", "ridge_intercept"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}; give a number above 0")
        for name in ("first", "every", "keep"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; give at least 1 verdict")
        if self.forgetting is not None and not self.forgetting > 0:
            raise ValueError(f"forgetting is {self.forgetting}; give a number of arrivals above 0, or None")

    @classmethod
    def for_many_features(cls) -> AcceptanceSettings:
        """Give the settings that did best with fourteen features of a blend of votes."""
        return cls(ridge=1.0, first=200, forgetting=3000.0)


class AcceptanceModel:
    """
    Predicts the chance that a person would not accept a proposal, from what is known when it is made.

    It must be taught only with the features that were recorded at that time: a prediction made afterwards has seen its
    verdict. It answers 1, which is doubt, until there are verdicts enough, for features that are no finite numbers, and
    after a fit that failed. It is no part of any proof: a bad one automates less, never wrongly more.

    Args:
        features: How many there are, >= 1, without an intercept; each best of order 1.
        settings: How it learns.

    Source:
        Ridge logistic regression by Newton's method from zero, steps halved while they make it worse; a case counts
        1 / (its chance to be judged), so that audited cases stand for those nobody judged.

    Examples:
        >>> model = AcceptanceModel(1)
        >>> model.p_err([0.5])
        1.0
        >>> for number in range(100):
        ...     _ = model.settle([number % 2], loss=number % 2, share=1.0, number=number)
        >>> round(model.p_err([0.0]), 2), round(model.p_err([1.0]), 2), model.p_err([float("nan")])
        (0.02, 0.98, 1.0)
    """

    def __init__(self, features: int, settings: AcceptanceSettings | None = None) -> None:
        if features < 1:
            raise ValueError(f"an acceptance model of {features} features; give at least 1")
        self.features = features
        self.settings = settings or AcceptanceSettings()
        self.verdicts = 0
        # Intercept, features, loss, share and number of each verdict, oldest first.
        self._rows: list[tuple[float, ...]] = []
        self._coefficients: Floats | None = None
        self._fit_at: int | None = None
        self._fitted_at = 0

    @property
    def fitted_at(self) -> int:
        """Verdicts there were when it was fitted last, 0 if never: its version."""
        return self._fitted_at if self._fit_at is None else self._fit_at

    @property
    def coefficients(self) -> tuple[float, ...] | None:
        """The intercept and one coefficient for each feature; None if there is no model, or none that can be used."""
        self._fit_if_due()
        return None if self._coefficients is None else tuple(self._coefficients.tolist())

    def p_err(self, features: Sequence[float]) -> float:
        """
        Give the chance, 0..1, that a person would not accept the proposal; 1 in doubt.

        Args:
            features: As many as the model has; another number of them is doubt, as is one that is not finite.
        """
        self._fit_if_due()
        if self._coefficients is None or len(features) != self.features:
            return DOUBT
        if not all(map(math.isfinite, features)):
            return DOUBT
        intercept, *others = self._coefficients.tolist()
        score = intercept + math.fsum(factor * value for factor, value in zip(others, features, strict=True))
        if not math.isfinite(score):
            return DOUBT
        return 1 / (1 + math.exp(-min(max(score, -_STEEPEST), _STEEPEST)))

    def settle(self, features: Sequence[float], *, loss: float, share: float, number: int) -> bool:
        """
        Learn from a settled verdict.

        Args:
            features: Those recorded when the proposal was made.
            loss: 0 if it was accepted as it was, 1 if it was wrong, or a severity between.
            share: Chance, above 0 and at most 1, with which the case was judged.
            number: Its place among the arrivals.

        Returns:
            Whether it can be used; False if a feature is not finite, which teaches nothing.

        Raises:
            ValueError: If there are more or fewer features, or a number is outside its range.
        """
        if len(features) != self.features:
            raise ValueError(
                f"case {number} has {len(features)} features, the model {self.features}; make a new model for others"
            )
        if not (0 <= loss <= 1 and 0 < share <= 1):
            raise ValueError(f"case {number} has loss {loss} and share {share}; give 0..1, and above 0 and at most 1")
        row = (1.0, *map(float, features), float(loss), float(share), float(number))
        if not all(map(math.isfinite, row)):
            return False
        self._rows.append(row)
        self.verdicts += 1
        if self.verdicts >= (self.fitted_at + self.settings.every if self.fitted_at else self.settings.first):
            # Not fitted at once: who rebuilds it from the record needs the last of these fits only.
            self._fit_at = self.verdicts
        del self._rows[: -(self.settings.keep + self.settings.every)]
        return True

    def _fit_if_due(self) -> None:
        if self._fit_at is None:
            return
        newer = self.verdicts - self._fit_at
        rows = self._rows[: len(self._rows) - newer][-self.settings.keep :]
        self._coefficients = fit(rows, self.settings)
        self._fitted_at, self._fit_at = self._fit_at, None

    def state(self) -> dict[str, Any]:
        """Give everything it holds, as JSON has it; some 100 bytes for each verdict it keeps and feature."""
        coefficients = self.coefficients
        return {
            "features": self.features,
            "settings": asdict(self.settings),
            "verdicts": self.verdicts,
            "fitted_at": self._fitted_at,
            "coefficients": None if coefficients is None else list(coefficients),
            "rows": [list(row) for row in self._rows[-self.settings.keep :]],
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> AcceptanceModel:
        """Read what `state` gave; predicts from there on exactly like the one that gave it."""
        import numpy as np

        model = cls(state["features"], AcceptanceSettings(**state["settings"]))
        model.verdicts, model._fitted_at = state["verdicts"], state["fitted_at"]
        model._coefficients = None if state["coefficients"] is None else np.array(state["coefficients"])
        model._rows = [tuple(row) for row in state["rows"]]
        return model


def fit(rows: Sequence[Sequence[float]], settings: AcceptanceSettings) -> Floats | None:
    """
    Fit the coefficients to verdicts.

    Args:
        rows: Intercept, features, loss, share and number of each.
        settings: Penalties and forgetting.

    Returns:
        Shape (1 + features,); None if the numbers got out of hand, so that nothing can be predicted.
    """
    import numpy as np

    table = np.array(rows, dtype=np.float64)
    x, loss, share, number = table[:, :-3], table[:, -3], table[:, -2], table[:, -1]
    weights = 1 / share
    if settings.forgetting is not None:
        weights = weights * np.exp((number - number.max()) / settings.forgetting)
    penalty = np.full(x.shape[1], settings.ridge)
    penalty[0] = settings.ridge_intercept
    found = np.zeros(x.shape[1])
    with np.errstate(all="ignore"):
        try:
            worst = _badness(found, x, loss, weights, penalty)
            for _ in range(_STEPS):
                step = _newton_step(found, x, loss, weights, penalty)
                found, worst, moved = _halved(found, step, worst, x, loss, weights, penalty)
                if moved < 1e-10:
                    break
        except np.linalg.LinAlgError:
            return None
    return found if np.isfinite(found).all() and np.isfinite(worst) else None


def _newton_step(found: Floats, x: Floats, loss: Floats, weights: Floats, penalty: Floats) -> Floats:
    import numpy as np

    risk = 1 / (1 + np.exp(-np.clip(x @ found, -_STEEPEST, _STEEPEST)))
    curvature = (x * (weights * risk * (1 - risk) + 1e-9)[:, None]).T @ x + np.diag(penalty)
    slope = x.T @ (weights * (loss - risk)) - penalty * found
    step: Floats = np.clip(np.linalg.solve(curvature, slope), -_LARGEST_STEP, _LARGEST_STEP)
    return step


def _halved(
    found: Floats, step: Floats, before: float, x: Floats, loss: Floats, weights: Floats, penalty: Floats
) -> tuple[Floats, float, float]:
    """Go a step, or half of it and so on while that makes it worse; give where, how bad it is, how far it was."""
    for _ in range(20):
        after = _badness(found + step, x, loss, weights, penalty)
        # NaN is worse than anything.
        if after <= before:
            return found + step, after, float(abs(step).max())
        step = step / 2
    return found, before, 0.0


def _badness(found: Floats, x: Floats, loss: Floats, weights: Floats, penalty: Floats) -> float:
    """Give the weighted negative log-likelihood and the penalty."""
    import numpy as np

    score = x @ found
    return float((weights * (np.logaddexp(0.0, score) - loss * score)).sum() + (penalty * found**2).sum() / 2)
