"""Pace: what the limits of a checkpoint allow at this moment, over all processes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from signoff.domain.pace import Limits, Pace
from signoff.ports import Clock, Reading, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """
    How many effects may start now.

    Args:
        most: How many; None for any number.
        free_at: When the next may start, where the rate is what stands in the way.
        busy: Whether another write is looking at the moment, so that nobody knows.
    """

    most: int | None = None
    free_at: datetime | None = None
    busy: bool = False

    def of(self, wanted: int) -> int:
        """Give how many of those wanted may start."""
        return wanted if self.most is None else min(wanted, self.most)


_ANY = Room()


def look(tx: Reading, checkpoint: str, limits: Limits, *, now: datetime) -> Room:
    """Tell how many effects of a checkpoint may start, as it looks now; only `enter` makes sure of it."""
    return _room(tx, checkpoint, limits, tx.get(Pace, checkpoint), now=now) if limits else _ANY


def enter(tx: Transaction, checkpoint: str, limits: Limits, *, clock: Clock, wait: bool = True) -> Room:
    """
    Tell how many effects may start in this write, and let no other write start one until it ends.

    Args:
        tx: A transaction.
        checkpoint: Its name.
        limits: Those of the checkpoint.
        clock: The time, which is read once no other write can start one.
        wait: Whether to wait for another write that has entered; else there is no room.

    Raises:
        KeyReused: If another write made the checkpoint's first pace at the same moment; then run this one again.
    """
    if not limits:
        return _ANY
    pace = tx.get(Pace, checkpoint) if wait else tx.free(Pace, checkpoint)
    if pace is None:
        if not wait and tx.find(Pace, checkpoint=checkpoint):
            return Room(most=0, busy=True)
        tx.add(Pace(checkpoint=checkpoint, free_at=clock.now()))
        # Read again, since a database may wait with it for another write that makes the same one.
        pace = tx.get(Pace, checkpoint)
    return _room(tx, checkpoint, limits, pace, now=clock.now())


def _room(tx: Reading, checkpoint: str, limits: Limits, pace: Pace | None, *, now: datetime) -> Room:
    most: int | None = None
    if limits.rate_per_s is not None:
        free_at = limits.wait_until(pace.free_at, now=now) if pace is not None else None
        if free_at is not None:
            return Room(most=0, free_at=free_at)
        most = 1
    if limits.concurrency is not None:
        left = max(0, limits.concurrency - tx.running(checkpoint))
        most = left if most is None else min(most, left)
    return Room(most=most)


def spend(tx: Transaction, checkpoint: str, limits: Limits, *, now: datetime) -> None:
    """Count one started effect; after `enter` in the same write."""
    if limits.rate_per_s is not None:
        # `enter` lets only one start, and only when it is free, so the next spacing begins now.
        tx.change(Pace, (checkpoint,), expect={}, to={"free_at": now + limits.spacing})
