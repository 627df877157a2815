"""Metrics: what to watch and be woken by, in Prometheus' terms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from signoff.app import Signoff
from signoff.domain.case import State
from signoff.domain.entry import Entry, EntryKind

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)


class Metrics:
    """
    The metrics of one server process.

    Counts of cases come from the database when they are asked for, so every server tells the same; counters of moves
    and requests are this process's own since its start.

    Args:
        app: What is watched.
    """

    def __init__(self, app: Signoff) -> None:
        self.registry = CollectorRegistry()
        self.requests = Histogram(
            "signoff_http_request_seconds",
            "Time to answer a request, by route; waiting requests and streams are left out.",
            ("method", "route", "status"),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.refused = Counter(
            "signoff_http_overloaded",
            "Requests that were answered with 429 because too many were under way.",
            registry=self.registry,
        )
        self.moves = Counter(
            "signoff_moves",
            "Moves of cases that this process wrote, by checkpoint and move.",
            ("checkpoint", "move"),
            registry=self.registry,
        )
        self.registry.register(_Cases(app))
        app.store.on_commit(self._count)

    def _count(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if entry.kind is EntryKind.MOVE:
                self.moves.labels(entry.checkpoint or "", entry.act).inc()

    def exposition(self) -> tuple[bytes, str]:
        """Give all metrics as Prometheus reads them, with their media type."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST


class _Cases(Collector):
    """What the database tells."""

    def __init__(self, app: Signoff) -> None:
        self._app = app

    def describe(self) -> Iterable[Metric]:
        """Say nothing in advance, so that registering does not ask the database."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Count cases and find the oldest that waits, by checkpoint."""
        cases = GaugeMetricFamily("signoff_cases", "Cases by checkpoint and state.", labels=("checkpoint", "state"))
        oldest = GaugeMetricFamily(
            "signoff_oldest_waiting_seconds",
            "Age of the oldest case that waits for a person, by checkpoint; 0 if none does.",
            labels=("checkpoint",),
        )
        now = self._app.clock.now()
        for name in self._app.checkpoint_names():
            counted = self._app.counts(name)
            for state in State:
                cases.add_metric((name, state.value), counted.get(state, 0))
            waiting = self._app.cases(states=[State.WAITING], checkpoint=name, limit=1)
            age = (now - waiting[0].created_at).total_seconds() if waiting else 0.0
            oldest.add_metric((name,), max(0.0, age))
        yield cases
        yield oldest
