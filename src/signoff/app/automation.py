"""Automation: what a track says, as a view."""

from __future__ import annotations

from typing import TYPE_CHECKING

from signoff.app.views import AutomationView
from signoff.domain.checkpoint import Checkpoint
from signoff.learning.report import Shadow

if TYPE_CHECKING:
    from signoff.engine.track import Track


def view_of(checkpoint: Checkpoint, track: Track) -> AutomationView:
    """
    Tell where the automation of a checkpoint stands.

    Args:
        checkpoint: Its declaration.
        track: What was made of its ledger.
    """
    report = None if track.automation is None else track.automation.report()
    shadow = Shadow() if report is None else report.shadow
    return AutomationView(
        checkpoint=checkpoint.name,
        alpha=checkpoint.target,
        arrivals=track.count,
        judged=track.count - track.open,
        waiting=track.open,
        could_run=shadow.eligible,
        audited=shadow.eligible - shadow.automated,
        alone=shadow.automated,
        alone_judged=shadow.judged,
        wrong=shadow.slipped,
        wrong_at_most=shadow.slipped + shadow.automated - shadow.judged,
        report=report,
    )
