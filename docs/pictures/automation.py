"""
Draw the pictures of docs/explanation/earned-automation.md with the mathematics itself, as SVG beside this file.

    .venv/bin/python -m docs.pictures.automation

The same seeds give the same files. They are legible on light and dark pages.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np

from signoff.domain.policy import Route
from signoff.learning.automation import Automation
from signoff.learning.betting import SEVEN_BETS, review_cap
from signoff.learning.gate import Opening
from signoff.learning.settings import Settings
from tests.unit.learning.made import reviewed, settings

FOLDER = Path(__file__).parent
WIDTH, HEIGHT = 720, 300
LEFT, RIGHT, TOP, BOTTOM = 64, 150, 34, 44
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #333 }
.title { font-weight: 600 }
.axis { stroke: #888; fill: none }
.grid { stroke: #8884; fill: none }
.line { fill: none; stroke-width: 2; stroke-linejoin: round }
.dashed { stroke-dasharray: 6 4 }
.a { stroke: #0072b2; fill: #0072b2 } .b { stroke: #c04f00; fill: #c04f00 }
.c { stroke: #00795a; fill: #00795a } .d { stroke: #777; fill: #777 }
text.a, text.b, text.c, text.d { stroke: none }
.line.a, .line.b, .line.c, .line.d { fill: none }
@media (prefers-color-scheme: dark) {
  text { fill: #ddd }
  .a { stroke: #6cb8ee; fill: #6cb8ee } .b { stroke: #f19a4b; fill: #f19a4b }
  .c { stroke: #4fc9a4; fill: #4fc9a4 } .d { stroke: #aaa; fill: #aaa }
}
"""


@dataclass(frozen=True)
class Line:
    """
    One line of a chart.

    Args:
        name: What it is called, at its end.
        x: Places along.
        y: Heights.
        look: One of a, b, c, d; "d dashed" for what must be reached.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    look: str


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
    return chart(
        "Evidence against “the average risk is at least 2 %”, powers of ten",
        lines,
        along="reviewed cases",
        low=-3,
        high=4,
    )


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
    return chart(title, lines, along="cases", low=-4, high=5)


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
    return chart("Of the last 200 arrivals, in 100", lines, along="arrivals", low=0, high=100)


def ceiling() -> str:
    """Draw the ceiling, the mistakes that slipped through, and the limit of the same stream."""
    stream = _stream()
    steps = range(0, len(stream), 20)
    lines = [
        Line("limit", steps, [stream[step][3] for step in steps], "d dashed"),
        Line("at most", steps, [stream[step][2] for step in steps], "a"),
        Line("slipped through", steps, [stream[step][1] for step in steps], "b"),
    ]
    return chart("Mistakes in cases that ran without a person", lines, along="arrivals", low=0, high=350)


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


# --- drawing


def chart(title: str, lines: Sequence[Line], *, along: str, low: float, high: float) -> str:
    """Draw lines between two heights, each named at its end."""
    far = max(float(line.x[-1]) for line in lines)

    def place(x: float, y: float) -> tuple[float, float]:
        across = LEFT + x / far * (WIDTH - LEFT - RIGHT)
        down = HEIGHT - BOTTOM - (min(max(y, low), high) - low) / (high - low) * (HEIGHT - TOP - BOTTOM)
        return round(across, 1), round(down, 1)

    drawn = [f'<text class="title" x="{LEFT}" y="18">{escape(title)}</text>']
    for tick in ticks(low, high, 6):
        x, y = place(0, tick)
        drawn.append(f'<path class="grid" d="M{x} {y}H{WIDTH - RIGHT}"/>')
        drawn.append(f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{tick:,.0f}</text>')
    for tick in ticks(0, far, 6):
        x, y = place(tick, low)
        drawn.append(f'<text x="{x}" y="{y + 18}" text-anchor="middle">{tick:,.0f}</text>')
    x, y = place(0, low)
    drawn.append(f'<path class="axis" d="M{x} {TOP}V{y}H{WIDTH - RIGHT}"/>')
    drawn.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 8}" text-anchor="end">{escape(along)}</text>')
    ends = spread([place(line.x[-1], line.y[-1])[1] for line in lines])
    for line, end in zip(lines, ends, strict=True):
        points = " ".join(f"{x},{y}" for x, y in (place(*point) for point in zip(line.x, line.y, strict=True)))
        drawn.append(f'<polyline class="line {line.look}" points="{points}"/>')
        drawn.append(f'<text class="{line.look}" x="{WIDTH - RIGHT + 8}" y="{end + 4:.1f}">{escape(line.name)}</text>')
    inner = "\n".join(drawn)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'role="img" aria-label="{escape(title)}">\n<style>{STYLE}</style>\n{inner}\n</svg>\n'
    )


def ticks(low: float, high: float, about: int) -> list[float]:
    """Give round numbers between two others."""
    rough = (high - low) / about
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    first = math.ceil(low / step)
    return [step * number for number in range(first, math.floor(high / step) + 1)]


def spread(heights: Sequence[float], *, apart: float = 17) -> list[float]:
    """Move names so far down that none covers another."""
    found, last = dict[int, float](), -math.inf
    for index in sorted(range(len(heights)), key=lambda index: heights[index]):
        last = found[index] = max(heights[index], last + apart)
    return [found[index] for index in range(len(heights))]


PICTURES: dict[str, Callable[[], str]] = {
    "evidence.svg": evidence,
    "watermark.svg": watermark,
    "arc.svg": arc,
    "ceiling.svg": ceiling,
}

if __name__ == "__main__":
    main()
