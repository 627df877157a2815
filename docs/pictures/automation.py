"""
Draw the pictures of docs/explanation/earned-automation.md with the mathematics itself, as SVG beside this file.

    .venv/bin/python -m docs.pictures.automation

The same seeds give the same files. They are legible on light and dark pages.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from signoff.cli.chart import Chart, Line, sheet
from signoff.domain.policy import Route
from signoff.learning.automation import Automation
from signoff.learning.betting import SEVEN_BETS, review_cap
from signoff.learning.gate import Opening
from signoff.learning.settings import Settings
from tests.unit.learning.made import reviewed, settings

FOLDER = Path(__file__).parent


def main() -> None:
    """Draw all pictures."""
    for name, draw in PICTURES.items():
        (FOLDER / name).write_text(draw(), encoding="utf-8")


def evidence() -> str:
    """Draw the evidence of three streams of reviewed cases."""
    alpha, cases = 0.02, 1_500
    lines = []
    for name, risk, look in (("no mistakes", 0.0, "c"), ("risk alpha/2", alpha / 2, "a"), ("risk alpha", alpha, "b")):
        losses = np.random.default_rng(3).random(cases) < risk
        clean, wrong = (SEVEN_BETS.factors(loss, alpha=alpha, cap=review_cap(alpha)) for loss in (0.0, 1.0))
        sums = np.cumsum(np.where(losses[:, None], wrong, clean), axis=0)
        logs = np.clip(SEVEN_BETS.log_evidence(sums) / math.log(10), -3, 4)
        lines.append(Line(name, range(0, cases, 6), logs[::6].tolist(), look))
    needed = math.log10(2 * 6 / 0.1)
    lines.append(Line("certified: 120", (0, cases), (needed, needed), "d dashed"))
    title = "Evidence against “the average risk is at least 2 %”, powers of ten"
    return sheet(Chart(title, lines, along="reviewed cases", low=-3, high=4))


def watermark() -> str:
    """Draw the same verdicts counted at the watermark and as they come, wrong ones 500 late."""
    alpha, cases, lag = 0.02, 1_000, 500
    losses = (np.random.default_rng(4).random(cases) < 5 * alpha).astype(float)
    at_mark, as_they_come = (Opening(settings(alpha), delta=0.1) for _ in range(2))
    heights: dict[str, list[float]] = {"mark": [], "come": []}
    for number in range(cases):
        at_mark.enter(reviewed(number))
        due = [] if losses[number] else [number]
        if number >= lag and losses[number - lag]:
            due.append(number - lag)
        for case in due:
            at_mark.settle(reviewed(case), losses[case])
            as_they_come.enter(reviewed(case))
            as_they_come.settle(reviewed(case), losses[case])
        for name, opening in (("mark", at_mark), ("come", as_they_come)):
            heights[name].append(max(-4.0, float(opening.evidence()[0]) / math.log(10)))
    lines = [
        Line("as they come", range(0, cases, 5), heights["come"][::5], "b"),
        Line("at the watermark", range(0, cases, 5), heights["mark"][::5], "a"),
        Line("certified: 10", (0, cases), (1, 1), "d dashed"),
    ]
    title = "Risk 10 %, five times alpha; wrong verdicts 500 cases late: evidence, powers of ten"
    return sheet(Chart(title, lines, along="cases", low=-4, high=5))


def arc() -> str:
    """Draw what an automation does with a stream whose risks are known: reviewed, audited, alone."""
    routes = [route for route, *_ in _stream()]
    window = 200
    lines = []
    for name, route, look in (
        ("reviewed", Route.REVIEW, "a"),
        ("alone", Route.AUTOMATE, "c"),
        ("audited", Route.AUDIT, "b"),
    ):
        share = np.convolve([100.0 * (each is route) for each in routes], np.ones(window) / window, mode="valid")
        lines.append(Line(name, range(window, len(routes) + 1, 20), share[::20].tolist(), look))
    return sheet(Chart("Of the last 200 arrivals, in 100", lines, along="arrivals", low=0, high=100))


def ceiling() -> str:
    """Draw the ceiling, the mistakes that slipped through, and the limit of the same stream."""
    stream = _stream()
    steps = range(0, len(stream), 20)
    lines = [
        Line("limit", steps, [stream[step][3] for step in steps], "d dashed"),
        Line("at most", steps, [stream[step][2] for step in steps], "a"),
        Line("slipped through", steps, [stream[step][1] for step in steps], "b"),
    ]
    return sheet(Chart("Mistakes in cases that ran without a person", lines, along="arrivals", low=0, high=350))


def _stream() -> list[tuple[Route, float, float, float]]:
    """Give route, mistakes so far, ceiling and limit of each case of a stream that gets worse in its middle."""
    dice = np.random.default_rng(1)
    cases = 6_000
    risks = 1 / (1 + np.exp(5 + 4 * dice.normal(size=cases)))
    worse = np.where(np.arange(cases) < 3_000, 1.0, 3.0)
    losses = dice.random(cases) < risks * worse
    coins = dice.random(cases)
    automation, slipped, told = Automation(Settings(alpha=0.05)), 0.0, []
    for number in range(cases):
        decision = automation.decide(float(risks[number]), float(coins[number]))
        automation.enter(decision)
        if decision.judged:
            automation.settle(number, float(losses[number]))
        else:
            slipped += losses[number]
        now = automation.report().slipped if number % 20 == 0 else None
        told.append((decision.route, slipped, now.at_most if now else 0.0, now.limit if now else 0.0))
    return told


PICTURES: dict[str, Callable[[], str]] = {
    "evidence.svg": evidence,
    "watermark.svg": watermark,
    "arc.svg": arc,
    "ceiling.svg": ceiling,
}

if __name__ == "__main__":
    main()
