"""How often the crash tests repeat themselves: a little in every run, a lot with `make torture`."""

from __future__ import annotations

import os

KILLS = int(os.environ.get("SIGNOFF_TORTURE", "0"))
"""Kills that are asked for, in all; 0 for an ordinary run."""


def repeated(ordinary: int, *, of: int = 1) -> int:
    """
    Give how many rounds a test does.

    Args:
        ordinary: In an ordinary run.
        of: Tests that share the kills that are asked for.
    """
    return max(ordinary, -(-KILLS // of))
