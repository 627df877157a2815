"""The desk that `benchmarks.server` serves and whose effects its workers run: `benchmarks.desk:app`."""

from __future__ import annotations

import os

from signoff import Signoff

app = Signoff(os.environ.get("SIGNOFF_URL", "signoff.db"), workers=int(os.environ.get("SIGNOFF_BENCH_WORKERS", "4")))


@app.checkpoint(undo_s=0, delivery="idempotent")
def publish(sku: str, title: str, cents: int) -> str:
    """Put a product text online."""
    return f"{sku}: {title} at {cents}"


@app.checkpoint(undo_s=0, oversight="automate", chosen_by="lead", delivery="idempotent")
def sort(sku: str, folder: str) -> str:
    """File a product; it needs nobody."""
    return f"{sku} in {folder}"
