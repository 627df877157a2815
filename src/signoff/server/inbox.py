"""Inbox: the built web application as files in memory, and how each of them is answered."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

BUILT = Path(__file__).parent / "static"
"""Where the build puts it; `hatch_build.py` does."""

PAGES = ("/", "/cases/{case_id}", "/done", "/people", "/ledger", "/keys")
"""Addresses of the inbox; all are the same document, which shows what the address says."""

_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
_SHRINKS = frozenset({".css", ".html", ".js", ".svg"})
_REVALIDATED = "no-cache"
_FOREVER = "public, max-age=31536000, immutable"
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "font-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "frame-src 'self'",
        "worker-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)


@dataclass(frozen=True)
class BuiltFile:
    """
    One file of the built inbox.

    Args:
        suffix: What its name ends with.
        content: Its bytes.
        changes: Whether another build may have something else under the same name.
    """

    suffix: str
    content: bytes
    changes: bool

    def answer(self, request: Request) -> Response:
        """Answer with it: compressed where the caller takes that, and not at all where the caller has it."""
        headers = {
            "ETag": self._tag,
            "Cache-Control": _REVALIDATED if self.changes else _FOREVER,
            "Content-Security-Policy": _POLICY,
        }
        shrinks = self.suffix in _SHRINKS
        if shrinks:
            headers["Vary"] = "Accept-Encoding"
        if self._tag in (tag.strip() for tag in request.headers.get("if-none-match", "").split(",")):
            return Response(status_code=304, headers=headers)
        if shrinks and _takes_gzip(request.headers.get("accept-encoding", "")):
            headers["Content-Encoding"] = "gzip"
            content = self._shrunk
        else:
            content = self.content
        return Response(content, media_type=_MEDIA_TYPES.get(self.suffix, "application/octet-stream"), headers=headers)

    @cached_property
    def _tag(self) -> str:
        # Weak: it stands for the compressed bytes too.
        return f'W/"{hashlib.sha256(self.content).hexdigest()[:32]}"'

    @cached_property
    def _shrunk(self) -> bytes:
        return gzip.compress(self.content, mtime=0)


@cache
def read_inbox(folder: Path) -> Mapping[str, BuiltFile]:
    """
    Read a built inbox; empty where there is none.

    All of it is kept in memory: a server goes on with the files it started with, even while others are installed in
    their place, and no address can reach any other file.

    Args:
        folder: Where it was built to.

    Returns:
        The files by their paths in it.
    """
    if not (folder / "index.html").is_file():
        return {}
    return {
        path.relative_to(folder).as_posix(): BuiltFile(
            # Vite puts a digest of the content into the names of what it puts there.
            path.suffix,
            path.read_bytes(),
            changes=path.parent.name != "assets",
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def _takes_gzip(accepted: str) -> bool:
    for item in accepted.split(","):
        name, _, weight = item.partition(";")
        if name.strip().lower() == "gzip":
            return weight.replace(" ", "").lower() not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
