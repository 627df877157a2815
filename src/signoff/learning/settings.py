"""Settings: every constant of earned automation, fixed for as long as a cycle lasts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from signoff.learning.betting import SEVEN_BETS, Bets

CEILING_BETS = Bets.even(0.3, 0.5, 0.7, 0.85, 0.95, 0.999)
SINGLE_LEVEL = 0.55
"""Strictness of a single level: measured errors stay at about half of alpha, and little is left to looser ones."""


def bets_for(strictness: float) -> Bets:
    """
    Give bets sized for a level whose members are wrong about as often as its strictness says.

    Args:
        strictness: Fraction of alpha, above 0 and at most 1, that their mean predicted risk may reach.

    Examples:
        >>> [round(fraction, 3) for fraction in bets_for(0.55).fractions]
        [0.46, 0.276, 0.598]
    """
    centre = 0.9 - 0.8 * strictness
    return Bets(fractions=(centre, 0.6 * centre, min(1.3 * centre, 0.97)), weights=(0.5, 0.25, 0.25))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """
    Constants of one cycle of earned automation; a changed one needs a new cycle, because the proofs need them constant.

    The defaults are for when nothing is known beforehand. `Settings.single_level` is dearer to get wrong and cheaper to
    open; it automated most in experiments.

    Args:
        alpha: Share of wrong cases, above 0 and at most .5, that those run without a person have to stay below.
        delta: Chance, above 0 and below .5, that one statement of the first cycle is ever false.
        alpha_hard: The same as `alpha` for hard errors alone; None if there is no such difference.
        levels: Levels of strictness, strictest first: each lets cases through whose mean predicted risk is at most this
            fraction of alpha.
        opening_bets: Bets of the evidence that opens a level.
        deployed_bets: Bets of the evidence that confirms what was deployed.
        ceiling_bets: Bets of the ceiling on mistakes that slipped through.
        catch_rate: Lower bound, above 0 and at most 1, of the share of wrong cases that reviewers find. Where it was
            measured, give a `delta` that leaves the chance that this bound is wrong, such as .05 of .1.
        audit_share: Least chance, above 0 and below 1, that a case which may run alone is judged; the usual one.
        first_share: That chance for the first `first_cases` of them.
        first_cases: For so many cases, >= 0.
        boosted_share: That chance after an alarm of novelty.
        window: Latest arrivals, >= 1, by which thresholds are set.
        window_least: Arrivals, >= 1, before there is any threshold.
        ripe: Arrivals before the first named epoch may begin.
        coverage: Share, 0..1, of the latest `coverage_window` arrivals that have to be members then.
        coverage_window: Arrivals, >= 1.
        epoch: Age, >= 1, at which the second named epoch begins; the third begins at 3 times that, then 7, 15, ...
        epochs: Named epochs, >= 1, in all.
        limit_least: Mistakes, >= 0, that the ceiling may always reach.
        limit_share: Multiple, above 0, of alpha that it may reach as a share of the cases automated.
        limit_pause: Arrivals, >= 1, between two moves of the cap.
        limit_slack: Mistakes, >= 0, below the limit at which the cap is raised again.
        alarm_factors: Multiples of alpha, above 1, that the detector looks for; each is cut off at a risk of .5.
        alarm_at: Evidence, above 1, at which it closes; so many audits pass on average before a false alarm.
        novelty_at: Evidence, above 1, at which the arrivals count as new.
        novelty_from: Arrivals before it says anything.
        novelty_delay: Latest arrivals that are not part of what it compares with.
        novelty_quantile: Share, 0..1, of the reference that is below its mark.
        novelty_up: Factor, above 1, of an arrival above the mark.
        novelty_down: Factor, below 1, of one that is not.
        novelty_cases: Arrivals, >= 0, for which audits are boosted then.
        novelty_level: Loosest level meanwhile, from 0; -1 to close for so long.

    Raises:
        ValueError: If a constant is outside its range; the message names it.

    Examples:
        >>> Settings(alpha=0.02).levels
        (0.1, 0.25, 0.4, 0.55, 0.75, 1.0)
        >>> Settings(alpha=2)
        Traceback (most recent call last):
        ...
        ValueError: alpha is 2; give a share above 0 and at most 0.5, such as 0.02 for 2 in 100
    """

    alpha: float
    delta: float = 0.1
    alpha_hard: float | None = None
    levels: tuple[float, ...] = (0.1, 0.25, 0.4, 0.55, 0.75, 1.0)
    opening_bets: Bets = SEVEN_BETS
    deployed_bets: Bets = SEVEN_BETS
    ceiling_bets: Bets = CEILING_BETS
    catch_rate: float = 1.0
    audit_share: float = 0.1
    first_share: float = 0.3
    first_cases: int = 300
    boosted_share: float = 0.5
    window: int = 1000
    window_least: int = 200
    ripe: int = 600
    coverage: float = 0.08
    coverage_window: int = 500
    epoch: int = 1000
    epochs: int = 12
    limit_least: float = 80.0
    limit_share: float = 2.0
    limit_pause: int = 300
    limit_slack: float = 24.0
    alarm_factors: tuple[float, ...] = (2.0, 4.0, 8.0)
    alarm_at: float = 200.0
    novelty_at: float = 2000.0
    novelty_from: int = 1500
    novelty_delay: int = 200
    novelty_quantile: float = 0.8
    novelty_up: float = 1.6
    novelty_down: float = 0.85
    novelty_cases: int = 600
    novelty_level: int = 1

    def __post_init__(self) -> None:
        self._check_numbers()
        self._check_risks()
        self._check_levels()
        self._check_audits()
        self._check_alarms()

    @classmethod
    def single_level(cls, *, alpha: float, strictness: float = SINGLE_LEVEL, **others: Any) -> Settings:
        """
        Give the settings with one level: no union over levels to pay for, and the bets sized for that level.

        It opens sooner and automates more where the predicted risk can be trusted to order cases; there is nothing to
        fall back to when it closes.

        Args:
            alpha: As ever.
            strictness: Fraction of alpha, above 0 and at most 1, that the mean predicted risk of its members may reach.
            others: Any other constant.

        Examples:
            >>> Settings.single_level(alpha=0.01).levels
            (0.55,)
        """
        if not 0 < strictness <= 1:
            raise ValueError(f"strictness is {strictness}; give a fraction of alpha above 0 and at most 1")
        chosen: dict[str, Any] = {"levels": (strictness,), "opening_bets": bets_for(strictness), "novelty_level": 0}
        return cls(alpha=alpha, **(chosen | others))

    @property
    def observed_alpha(self) -> float:
        """Bound on the share of mistakes that reviewers find: lower than alpha if they miss some."""
        return self.alpha * self.catch_rate

    def for_hard_errors(self) -> Settings:
        """Give the same settings with the bound for hard errors as alpha."""
        if self.alpha_hard is None:
            raise ValueError("there is no alpha_hard; set it, or ask for nothing about hard errors")
        return replace(self, alpha=self.alpha_hard, alpha_hard=None)

    def as_dict(self) -> dict[str, Any]:
        """Give every constant as JSON has it; `from_dict` reads it."""
        return {
            name: _listed(value) if isinstance(value, (tuple, dict)) else value for name, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Settings:
        """
        Read what `as_dict` gave.

        Raises:
            ValueError: If a name is unknown or a value is outside its range.
        """
        known = {field.name for field in fields(cls)}
        if unknown := set(values) - known:
            raise ValueError(f"unknown settings: {', '.join(sorted(unknown))}; known are {', '.join(sorted(known))}")
        read: dict[str, Any] = {}
        for name, value in values.items():
            if isinstance(value, Mapping):
                read[name] = Bets(fractions=tuple(value["fractions"]), weights=tuple(value["weights"]))
            else:
                read[name] = tuple(value) if isinstance(value, list) else value
        return cls(**read)

    def _check_numbers(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            for number in value if isinstance(value, tuple) else (value,):
                if isinstance(number, (int, float)) and not math.isfinite(number):
                    raise ValueError(f"{field.name} is {number}; give a finite number")

    def _check_risks(self) -> None:
        for name in ("alpha", "alpha_hard"):
            value = getattr(self, name)
            if value is not None and not 0 < value <= 0.5:
                raise ValueError(f"{name} is {value}; give a share above 0 and at most 0.5, such as 0.02 for 2 in 100")
        if not 0 < self.delta < 0.5:
            raise ValueError(f"delta is {self.delta}; give a chance above 0 and below 0.5, such as 0.1")
        if not 0 < self.catch_rate <= 1:
            raise ValueError(f"catch_rate is {self.catch_rate}; give a share above 0 and at most 1")

    def _check_levels(self) -> None:
        if not self.levels or list(self.levels) != sorted(set(self.levels)) or self.levels[0] <= 0:
            raise ValueError(f"levels are {self.levels}; give fractions of alpha above 0, strictest first, none twice")
        _at_least(1, window=self.window, window_least=self.window_least, coverage_window=self.coverage_window)
        _at_least(1, epoch=self.epoch, epochs=self.epochs, limit_pause=self.limit_pause)
        _at_least(0, ripe=self.ripe, limit_least=self.limit_least, limit_slack=self.limit_slack)
        if self.window_least > self.window:
            raise ValueError(f"window_least is {self.window_least}, more than the window of {self.window}")
        if not self.coverage <= 1:
            raise ValueError(f"coverage is {self.coverage}; give a share of at most 1")
        if self.limit_share <= 0:
            raise ValueError(f"limit_share is {self.limit_share}; give a multiple of alpha above 0")

    def _check_audits(self) -> None:
        if not 0 < self.audit_share < 1:
            raise ValueError(f"audit_share is {self.audit_share}; give a chance above 0 and below 1")
        for name in ("first_share", "boosted_share"):
            value = getattr(self, name)
            if not self.audit_share <= value < 1:
                raise ValueError(f"{name} is {value}; give a chance below 1, and at least audit_share")
        _at_least(0, first_cases=self.first_cases)

    def _check_alarms(self) -> None:
        if not self.alarm_factors or min(self.alarm_factors) <= 1:
            raise ValueError(f"alarm_factors are {self.alarm_factors}; give multiples of alpha above 1")
        for name in ("alarm_at", "novelty_at", "novelty_up"):
            if getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; give a number above 1")
        if not 0 < self.novelty_down < 1 or not 0 < self.novelty_quantile < 1:
            raise ValueError(
                f"novelty_down is {self.novelty_down}, novelty_quantile {self.novelty_quantile}; both are in 0..1"
            )
        _at_least(0, novelty_cases=self.novelty_cases, novelty_delay=self.novelty_delay)
        if self.novelty_from < self.novelty_delay + self.window:
            raise ValueError(
                f"novelty_from is {self.novelty_from}; what it compares with needs {self.novelty_delay + self.window} "
                "arrivals: novelty_delay and the window"
            )
        if not -1 <= self.novelty_level < len(self.levels):
            raise ValueError(
                f"novelty_level is {self.novelty_level}; give the index of one of {len(self.levels)} levels, or -1 to "
                "close"
            )


def _at_least(least: int, **numbers: float) -> None:
    for name, number in numbers.items():
        if number < least:
            raise ValueError(f"{name} is {number}; give at least {least}")


def _listed(value: Any) -> Any:
    """Give tuples as lists, the way JSON returns them."""
    if isinstance(value, dict):
        return {name: _listed(inner) for name, inner in value.items()}
    return list(value) if isinstance(value, tuple) else value
