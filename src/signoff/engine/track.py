"""Track: what the automation of one checkpoint has made of the ledger so far, and what it would do next."""

from __future__ import annotations

import base64
import logging
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any

from signoff.learning.acceptance import AcceptanceModel, AcceptanceSettings
from signoff.learning.automation import Automation
from signoff.learning.decision import Decision
from signoff.learning.gate import WRONG
from signoff.learning.settings import Settings
from signoff.ports import Settlement

log = logging.getLogger("signoff.automation")

FORMAT = 1
"""Version of what `Track.state` gives."""

MOST_MODELS = 8
"""Sets of names of features that are learned from at a time; the one unused for longest is forgotten."""

_MANY_FEATURES = 8


@lru_cache(maxsize=256)
def settings_for(alpha: float) -> Settings:
    """Give the constants of an automation in shadow mode."""
    return Settings.single_level(alpha=alpha)


@dataclass(slots=True)
class _Open:
    """A case that was decided and is not settled yet."""

    arrival: int
    number: int | None
    """Its number in the present automation; None if it was decided before that began, or not at all."""
    names: tuple[str, ...] | None
    values: tuple[float, ...]


class Track:
    """
    Decides cases of one checkpoint, in the order in which they arrive, and takes in how they were settled.

    It is made from the ledger alone: the same entries give the same decisions, bit for bit, in every process. `decide`
    changes nothing; `enter` takes in what it gave once that is on record, or what another process put there. Its memory
    grows with the cases that wait for a verdict, not with those that are settled.
    """

    def __init__(self) -> None:
        self.count = 0
        """Arrivals that are in it."""
        self.newest = ""
        """The id of the last of them."""
        self.mark = 0
        """The last settlement that is in it, by its number in the ledger."""
        self.automation: Automation | None = None
        self._models: dict[tuple[str, ...], AcceptanceModel] = {}
        self._open: dict[str, _Open] = {}

    @property
    def open(self) -> int:
        """Cases that were decided and are not settled."""
        return len(self._open)

    def decide(
        self, *, alpha: float, coin: float, features: Mapping[str, float] | None, doubt: str | None = None
    ) -> dict[str, Any]:
        """
        Say what would be done with the next case, as it goes into the ledger.

        Args:
            alpha: Share of mistakes that is aimed for.
            coin: A fresh draw, 0 up to but not including 1.
            features: As `checked_features` gives them; None is doubt.
            doubt: Why there are none, as the name of a rule.
        """
        facts: dict[str, Any] = {"arrival": self.count, "mark": self.mark, "features": features}
        settings = settings_for(alpha)
        automation = self.automation
        if automation is None or automation.settings != settings:
            # Other constants prove nothing with the evidence so far.
            automation = Automation(settings)
            facts["constants"] = settings.as_dict()
        p_err = None
        if features is not None:
            try:
                p_err = self._p_err(features)
            except Exception:
                log.exception("the chance of a mistake could not be predicted; the case is reviewed")
                doubt = "prediction_failed"
        if doubt is not None:
            facts["doubt"] = doubt
        facts["decision"] = automation.decide(p_err, coin, shadow=True)
        return facts

    def _p_err(self, features: Mapping[str, float]) -> float | None:
        model = self._models.get(tuple(features))
        return None if model is None else model.p_err(tuple(features.values()))

    def enter(self, case_id: str, facts: Mapping[str, Any]) -> None:
        """
        Take in a decision that is on record, the next one in order.

        Args:
            case_id: The case.
            facts: As `decide` gave them, or as the ledger has them.

        Raises:
            ValueError: If it is not the next one, or cannot be read.
        """
        if facts["arrival"] != self.count:
            raise ValueError(f"the decision on case {case_id} is arrival {facts['arrival']}, not {self.count}")
        if "constants" in facts:
            self.automation = Automation(Settings.from_dict(facts["constants"]))
            for each in self._open.values():
                each.number = None
        number = None
        made = facts.get("decision")
        if made is not None:
            decision = made if isinstance(made, Decision) else Decision.from_dict(made)
            if self.automation is None:
                raise ValueError(f"the decision on case {case_id} comes before any constants")
            self.automation.enter(decision)
            number = decision.number
        features = facts.get("features")
        names = self._learned_names(features) if features else None
        self._open[case_id] = _Open(self.count, number, names, tuple(features.values()) if features else ())
        self.count += 1
        self.newest = case_id

    def _learned_names(self, features: Mapping[str, float]) -> tuple[str, ...]:
        names = tuple(features)
        model = self._models.pop(names, None)
        if model is None:
            many = len(names) >= _MANY_FEATURES
            model = AcceptanceModel(len(names), AcceptanceSettings.for_many_features() if many else None)
        self._models[names] = model
        if len(self._models) > MOST_MODELS:
            del self._models[next(iter(self._models))]
        return names

    def settle(self, settlement: Settlement) -> None:
        """Take in how a case was settled, in the order of the ledger; what was settled before counts no more."""
        self.mark = settlement.seq
        case = self._open.pop(settlement.case_id, None)
        if case is None:
            return
        loss = settlement.loss
        ruled = isinstance(loss, int | float) and 0 <= loss <= 1
        # Without a verdict nobody knows, and what nobody knows counts as wrong.
        weight = float(loss) if ruled and loss is not None else WRONG
        if case.number is not None and self.automation is not None:
            self.automation.settle(case.number, weight)
        model = self._models.get(case.names) if case.names else None
        # A case that nobody ruled on says nothing about what people accept.
        if model is not None and ruled:
            model.settle(case.values, loss=weight, share=1.0, number=case.arrival)

    def state(self) -> dict[str, Any]:
        """Give everything it holds, as JSON has it."""
        return {
            "format": FORMAT,
            "count": self.count,
            "newest": self.newest,
            "mark": self.mark,
            "automation": None if self.automation is None else self.automation.state(),
            "models": [[list(names), _packed(model.state())] for names, model in self._models.items()],
            "open": [
                [case_id, each.arrival, each.number, None if each.names is None else list(each.names), [*each.values]]
                for case_id, each in self._open.items()
            ],
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Track:
        """
        Read what `state` gave; goes on from there exactly like the one that gave it.

        Raises:
            ValueError: If it is of a format this version does not know.
        """
        if state.get("format") != FORMAT:
            raise ValueError(f"the snapshot has format {state.get('format')!r}, this version reads {FORMAT}")
        track = cls()
        track.count, track.newest, track.mark = state["count"], state["newest"], state["mark"]
        track.automation = None if state["automation"] is None else Automation.from_state(state["automation"])
        track._models = {tuple(names): AcceptanceModel.from_state(_unpacked(model)) for names, model in state["models"]}
        track._open = {
            case_id: _Open(arrival, number, None if names is None else tuple(names), tuple(values))
            for case_id, arrival, number, names, values in state["open"]
        }
        return track


def _packed(model: Mapping[str, Any]) -> dict[str, Any]:
    """Give the verdicts of a model as one text; as JSON numbers, five thousand of them take a tenth of a second."""
    rows = model["rows"]
    width = len(rows[0]) if rows else 0
    packed = struct.pack(f"<{width * len(rows)}d", *chain.from_iterable(rows))
    return {**model, "rows": base64.b64encode(packed).decode("ascii"), "width": width}


def _unpacked(model: Mapping[str, Any]) -> dict[str, Any]:
    width = model["width"]
    numbers = base64.b64decode(model["rows"])
    rows = [list(row) for row in struct.iter_unpack(f"<{width}d", numbers)] if width else []
    return {name: value for name, value in model.items() if name != "width"} | {"rows": rows}
