"""Where a desk is kept that several processes share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Place:
    """
    A database with the tables in it, and a folder for what is beside it.

    Args:
        url: What `Signoff` takes.
        folder: The receiver's.
    """

    url: str
    folder: Path
