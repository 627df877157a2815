"""Find a Chromium to drive, or install one: `python -m tests.browser.chromium`, which `make test` runs first."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
ARGUMENTS = ("--no-sandbox", "--disable-quic", "--disable-background-networking")
"""Nothing is opened but our own server, also in containers, where the sandbox cannot start."""


def find() -> str | None:
    """Give the path of a Chromium that starts: one of the system's, else the one that Playwright brings."""
    for name in NAMES:
        path = shutil.which(name)
        if path is not None and _starts(path):
            return path
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).is_file() and _starts(path) else None


def install() -> str | None:
    """Install one where that is possible, and give its path."""
    as_root = os.geteuid() == 0 and shutil.which("apt-get") is not None
    if as_root:
        print("No Chromium was found: installing one with apt-get", file=sys.stderr)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "chromium"]):
            subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
        # Where it is a snap, as on Ubuntu, it is installed and yet does not start in a container.
        found = find()
        if found is not None:
            return found
    print("No Chromium was found: taking the one that Playwright brings", file=sys.stderr)
    more = ["--with-deps"] if as_root else []
    command = [sys.executable, "-m", "playwright", "install", *more, "chromium"]
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
    return find()


def _starts(path: str) -> bool:
    try:
        done = subprocess.run([path, "--version"], capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


if __name__ == "__main__":
    if find() is None and install() is None:
        print("There is no browser: install chromium, or the tests in tests/browser cannot run", file=sys.stderr)
