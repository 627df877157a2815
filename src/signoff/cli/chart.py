"""Chart: lines with their names at their ends, as SVG that is legible on light and dark pages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 720, 300
LEFT, RIGHT, TOP, BOTTOM = 64, 150, 34, 44
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #333 }
.title { font-weight: 600 }
.mark { font-size: 10px }
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


@dataclass(frozen=True)
class Chart:
    """
    Lines between two heights, each named at its end.

    Args:
        title: Above it.
        lines: One or more, each with at least one place.
        along: What is counted along.
        low: Lowest height.
        high: Highest height, above `low`; what is beyond is drawn at the edge.
        marks: Places along with a letter or two to set there.
    """

    title: str
    lines: Sequence[Line]
    along: str
    low: float
    high: float
    marks: Sequence[tuple[float, str]] = ()


def sheet(*charts: Chart) -> str:
    """Draw charts below each other as one SVG document."""
    title = "; ".join(chart.title for chart in charts)
    height = HEIGHT * len(charts)
    groups = [f'<g transform="translate(0 {HEIGHT * at})">\n{_drawn(chart)}\n</g>' for at, chart in enumerate(charts)]
    inner = groups[0].partition("\n")[2].removesuffix("\n</g>") if len(groups) == 1 else "\n".join(groups)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" aria-label="{escape(title)}">\n<style>{STYLE}</style>\n{inner}\n</svg>\n'
    )


def _drawn(chart: Chart) -> str:
    title, lines, along, low, high = chart.title, chart.lines, chart.along, chart.low, chart.high
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
    for at, words in chart.marks:
        x, _ = place(at, high)
        drawn.append(f'<path class="grid" d="M{x} {TOP}V{HEIGHT - BOTTOM}"/>')
        drawn.append(f'<text class="mark" x="{x}" y="{TOP - 3}" text-anchor="middle">{escape(words)}</text>')
    return "\n".join(drawn)


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
