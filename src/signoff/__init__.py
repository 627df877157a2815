"""
Signoff: AI proposes, policy routes, a person rules, the effect runs once, the system learns.

The public names are these; everything else may move.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from signoff.app import CaseHandle, CaseView, CheckpointFunction, History, Outcome, Reviewer, Signoff
    from signoff.client import Client
    from signoff.domain.actor import Role
    from signoff.domain.case import Case, Move, State
    from signoff.domain.checkpoint import Checkpoint, Criterion, Delivery, Oversight
    from signoff.domain.proposal import Material, Proposal
    from signoff.domain.verdict import Approved, Edited, Rejected, Verdict
    from signoff.drafters.labels import LabelDrafter
    from signoff.engine.execute import current_effect
    from signoff.errors import EffectFailed, EffectUnknown, SignoffError
    from signoff.ports import Alternative, Draft, Drafter

__version__ = "0.1.0"

_HOMES = {
    "app": ("CaseHandle", "CaseView", "CheckpointFunction", "History", "Outcome", "Reviewer", "Signoff"),
    "client": ("Client",),
    "domain.actor": ("Role",),
    "domain.case": ("Case", "Move", "State"),
    "domain.checkpoint": ("Checkpoint", "Criterion", "Delivery", "Oversight"),
    "domain.proposal": ("Material", "Proposal"),
    "domain.verdict": ("Approved", "Edited", "Rejected", "Verdict"),
    "drafters.labels": ("LabelDrafter",),
    "engine.execute": ("current_effect",),
    "errors": ("EffectFailed", "EffectUnknown", "SignoffError"),
    "ports": ("Alternative", "Draft", "Drafter"),
}
_HOME = {name: f"signoff.{home}" for home, names in _HOMES.items() for name in names}

__all__ = [
    "Alternative",
    "Approved",
    "Case",
    "CaseHandle",
    "CaseView",
    "Checkpoint",
    "CheckpointFunction",
    "Client",
    "Criterion",
    "Delivery",
    "Draft",
    "Drafter",
    "Edited",
    "EffectFailed",
    "EffectUnknown",
    "History",
    "LabelDrafter",
    "Material",
    "Move",
    "Outcome",
    "Oversight",
    "Proposal",
    "Rejected",
    "Reviewer",
    "Role",
    "Signoff",
    "SignoffError",
    "State",
    "Verdict",
    "current_effect",
]


def __getattr__(name: str) -> Any:
    # Loaded at first use, so that `import signoff` and `signoff --help` stay quick.
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'signoff' has no attribute {name!r}")
    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
