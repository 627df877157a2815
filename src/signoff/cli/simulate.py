"""`signoff simulate`: what earned automation would have done with one's own history, before anybody trusts it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from signoff.cli.output import fail, print_json, progress, told, visible

if TYPE_CHECKING:
    from signoff.app.simulation import Arc, Point
    from signoff.ports import Embedder

_SHOWN = 12
"""Rows of the table; a history of any length fits on a screen."""
_LETTERS = {"opened": "open", "closed": "shut", "signed": "signed", "confirmed": "sure", "novelty": "new"}
_WINDOW = 5
"""Points, of a hundred arrivals each, over which a share is drawn."""


@told
def simulate(
    file: Annotated[Path, typer.Argument(help="A CSV or JSONL file with one message a row.")],
    text: Annotated[str, typer.Option(help="The column that holds the message.")],
    label: Annotated[str, typer.Option(help="The column that holds the label people gave it.")],
    alpha: Annotated[float, typer.Option(help="Share of wrong ones, 0 to .5, that you could sign for.")] = 0.02,
    noise: Annotated[float, typer.Option(help="Share of verdicts, 0 to 1, that are wrong themselves.")] = 0.0,
    delay: Annotated[int, typer.Option(help="Arrivals by which verdicts are late; wrong drafts' by all of it.")] = 0,
    drift: Annotated[int, typer.Option(help="Labels of which nothing arrives before the middle.")] = 0,
    catch: Annotated[float, typer.Option(help="Chance, 0 to 1, that a reviewer sees a wrong draft.")] = 1.0,
    probes: Annotated[int, typer.Option(help="Planted errors on which that chance is measured.")] = 100,
    in_order: Annotated[bool, typer.Option("--in-order", help="Rows arrive as in the file, not shuffled.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Another number, another run of the dice.")] = 0,
    limit: Annotated[int | None, typer.Option(min=1, help="Rows to take from the start of the file.")] = None,
    encoding: Annotated[str | None, typer.Option(help="What the file is written in. Default: found out.")] = None,
    model: Annotated[Path | None, typer.Option(help="An ONNX file to embed with, tokenizer.json beside it.")] = None,
    digest: Annotated[str | None, typer.Option(help="The SHA-256 that file must have.")] = None,
    svg: Annotated[Path | None, typer.Option(help="Where to draw it, as SVG.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")] = False,
) -> None:
    """Send a history with known labels through the real drafter and gate, and see how far they would have got."""
    from signoff.app.simulation import BATCH, Scenario, Simulation, as_document
    from signoff.sources.table import read_table

    scenario = Scenario(
        alpha=alpha,
        noise=noise,
        delay=delay,
        drift=drift,
        catch=catch,
        probes=probes,
        shuffle=not in_order,
        seed=seed,
    )
    table = read_table(file, encoding=encoding)
    texts, labels = table.texts(text)[:limit], [given.strip() for given in table.texts(label)[:limit]]
    blank = next((row.number for row, given in zip(table.rows, labels, strict=False) if not given), None)
    if blank is not None:
        fail(f'{file}, line {blank}: "{label}" is empty; only rows with a known label can be simulated, take it out')
    if svg is not None and not svg.absolute().parent.is_dir():
        fail(f"--svg {svg}: there is no folder {svg.parent}; make it first")
    simulation = Simulation(texts, labels, scenario, embedder=_embedder(model, digest))
    for _ in progress(simulation, what="simulating", total=-(-len(texts) // BATCH)):
        pass
    arc = simulation.arc
    if svg is not None:
        try:
            svg.write_text(drawn(arc), encoding="utf-8")
        except OSError as error:
            fail(f"--svg {svg}: {error.strerror or error}", code=1)
    if json:
        print_json(as_document(arc))
        return
    for line in told_of(arc, file=file):
        typer.echo(visible(line))
    if svg is not None:
        typer.echo(f"\nDrawn: {visible(str(svg))}")


def _embedder(model: Path | None, digest: str | None) -> Embedder | None:
    if model is None and digest is None:
        return None
    if model is None or digest is None:
        fail("--model and --digest go together: the digest says that it is the file you chose")
    from signoff.drafters.embedding import LocalEmbedder

    return LocalEmbedder(model, sha256=digest)


def told_of(arc: Arc, *, file: Path) -> list[str]:
    """Say what became of a simulated history, in lines of at most 80 columns."""
    scenario, last = arc.scenario, arc.last
    extras = [
        words
        for happens, words in (
            (scenario.noise, f"{scenario.noise:.1%} of verdicts wrong"),
            (scenario.delay, f"verdicts up to {scenario.delay:,} arrivals late"),
            (scenario.drift, f"{scenario.drift} labels new from the middle on"),
            (
                scenario.catch < 1,
                f"reviewers see {scenario.catch:.0%} of mistakes, {arc.catch_rate:.0%} proved",
            ),
        )
        if happens
    ]
    lines = [
        f"{file.name}: {last.arrivals:,} messages, {arc.labels:,} labels, nothing known at the start; alpha "
        f"{scenario.alpha:.1%}, seed {scenario.seed}",
        *([f"with {'; '.join(extras)}"] if extras else []),
        "",
        f"{'arrivals':>9}  {'reviewed':>8}  {'audited':>7}  {'alone':>6}  {'wrong alone':>11}  {'ceiling':>7}",
    ]
    step = -(-len(arc.points) // _SHOWN)
    shown = [*arc.points[step - 1 :: step]]
    if shown[-1] is not last:
        shown.append(last)
    before: Point | None = None
    for point in shown:
        lines.append(_row(point, before))
        before = point
    lines += ["", *_sum_up(arc)]
    if arc.marks:
        lines += ["", "What happened:"]
        lines += [f"{mark.arrival + 1:>9,}  {mark.words}" for mark in arc.marks]
    return lines


def _row(point: Point, before: Point | None) -> str:
    def since(name: str) -> int:
        now: int = getattr(point, name)
        return now - (getattr(before, name) if before else 0)

    arrivals = since("arrivals")
    return (
        f"{point.arrivals:>9,}  {since('reviewed') / arrivals:>8.0%}  {since('audited') / arrivals:>7.0%}  "
        f"{since('automated') / arrivals:>6.0%}  {point.wrong:>11,}  {point.ceiling:>7,.0f}"
    )


def _sum_up(arc: Arc) -> list[str]:
    scenario, last = arc.scenario, arc.last
    if not last.automated:
        report = arc.report
        missing = min((level.clean_labels for level in report.levels), default=0) if report else 0
        return [
            "Nothing would have run alone: the evidence was never enough.",
            f"At the end, {missing:,} more reviewed messages of the surer kind without a mistake were missing.",
            "More history, another alpha, or a better drafter would change that.",
        ]
    held = "held" if not arc.ceiling_broken else "was broken"
    return [
        f"{last.automated / last.arrivals:.1%} would have run alone ({last.automated:,}), the first within "
        f"{(arc.first or 0) + 100:,} arrivals;",
        f"{arc.error or 0:.2%} of them wrong ({last.wrong:,}), where {scenario.alpha:.1%} was signed for; "
        f"{'the share was above that at times' if arc.ever_above else 'the share was never above that'}.",
        f"The ceiling said at most {last.ceiling:,.0f} mistakes slipped through; it {held}.",
        f"{arc.oracle:.1%} of drafts were right: whoever knew beforehand which, could have automated those.",
    ]


def drawn(arc: Arc) -> str:
    """Draw an arc as SVG: what was reviewed, audited and ran alone, and what slipped through below its ceiling."""
    from signoff.cli.chart import Chart, Line, sheet

    points = arc.points
    x = [point.arrivals for point in points]

    def share(name: str) -> list[float]:
        found = []
        for at, point in enumerate(points):
            before = points[at - _WINDOW] if at >= _WINDOW else None
            arrivals = point.arrivals - (before.arrivals if before else 0)
            found.append(100 * (getattr(point, name) - (getattr(before, name) if before else 0)) / arrivals)
        return found

    ceiling, wrong = [point.ceiling for point in points], [float(point.wrong) for point in points]
    allowed = [arc.scenario.alpha * point.automated for point in points]
    marks = [(mark.arrival, _LETTERS[mark.what]) for mark in arc.marks if mark.what in ("opened", "closed", "signed")]
    return sheet(
        Chart(
            f"Of the last {_WINDOW * 100} arrivals, in 100; alpha {arc.scenario.alpha:.1%}",
            [
                Line("reviewed", x, share("reviewed"), "a"),
                Line("alone", x, share("automated"), "c"),
                Line("audited", x, share("audited"), "b"),
            ],
            along="arrivals",
            low=0,
            high=100,
            marks=marks,
        ),
        Chart(
            "Mistakes among what ran alone",
            [
                Line("at most", x, ceiling, "a"),
                Line("alpha", x, allowed, "d dashed"),
                Line("in truth", x, wrong, "b"),
            ],
            along="arrivals",
            low=0,
            high=max(10.0, *ceiling, *allowed),
        ),
    )
