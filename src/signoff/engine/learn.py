"""Learn: hand settled human verdicts to a drafter, in the order of the ledger, each once."""

from __future__ import annotations

from functools import partial

from signoff.ports import Example, LearningDrafter, Reading, Store


def teach(store: Store, checkpoint: str, drafter: LearningDrafter, *, after_seq: int, batch: int = 1000) -> int:
    """
    Give a drafter every verdict that settled since `after_seq`.

    A drafter's knowledge is rebuilt from the ledger, so a restart starts at 0 and loses nothing.

    Args:
        store: Where the verdicts are.
        checkpoint: Name of the checkpoint it drafts for.
        drafter: The learner.
        after_seq: Where the last call ended; 0 for the start.
        batch: Examples read at a time, >= 1.

    Returns:
        Where this call ended.
    """
    while True:
        examples = store.read(partial(_settled, checkpoint=checkpoint, after_seq=after_seq, limit=batch))
        if not examples:
            return after_seq
        drafter.learn(examples)
        after_seq = examples[-1].seq


def _settled(tx: Reading, *, checkpoint: str, after_seq: int, limit: int) -> list[Example]:
    return tx.examples(checkpoint, after_seq=after_seq, limit=limit)
