"""Disks that are small, full or read-only, where this machine permits to make them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

NOBODY = 65534


@contextmanager
def mounted(folder: Path, *, size: str) -> Iterator[Path]:
    """Mount a small disk while the block runs; skips the test where that is not permitted."""
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if os.geteuid() != 0 or mount is None or umount is None:
        pytest.skip("only root can mount a small disk")
    folder.mkdir()
    done = subprocess.run([mount, "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True)
    if done.returncode != 0:
        pytest.skip(f"mounting is not permitted here: {done.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        # Lazy, so that a file a failed test left open does not keep the disk mounted.
        subprocess.run([umount, "-l", str(folder)], check=True, capture_output=True)


def make_read_only(folder: Path) -> None:
    """Mount the disk anew, read-only."""
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True, capture_output=True)


def make_room(folder: Path) -> None:
    """Give the disk eight megabytes."""
    subprocess.run(["mount", "-o", "remount,size=8m", str(folder)], check=True, capture_output=True)


@contextmanager
def open_to_all() -> Iterator[Path]:
    """Give a folder that any user can get into; pytest's own are private."""
    folder = Path(tempfile.mkdtemp(prefix="signoff-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Run the block with the rights of an ordinary user: permissions mean nothing to root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
