"""Address: URLs, tokens and paths, checked before anything is sent."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import httpx2

from signoff.domain.case import Case
from signoff.errors import InvalidInput, UnknownCase

if TYPE_CHECKING:
    from signoff.client.remote_case import RemoteCase


PREFIX = "/api/v1"


def plain_url(url: str) -> str:
    """Check the URL of a server and give it in one spelling."""
    # It is not repeated in an error, since it may hold a secret, or be one.
    try:
        parts = urlsplit(url.strip())
        port = parts.port
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        plain = f"{parts.scheme}://{host}{'' if port is None else f':{port}'}{parts.path.rstrip('/')}"
        httpx2.URL(plain)
    except (ValueError, httpx2.InvalidURL):
        raise InvalidInput("that is not the URL of a server; name one such as https://desk.example.org") from None
    if parts.username is not None or parts.password is not None:
        raise InvalidInput("the URL holds a name or password; leave it out, and pass the token as token=...")
    if parts.query or parts.fragment:
        raise InvalidInput("the URL ends with ?... or #...; leave that out, and pass a token as token=...")
    return plain


def plain_token(token: str | None) -> str | None:
    """Check a token and give it without what stands around it; None for none."""
    plain = (token or "").strip()
    if not plain:
        return None
    if not re.fullmatch(r"[!-~]{1,1000}", plain):
        raise InvalidInput("the token holds characters that no token has; copy it again, without what stands around it")
    return plain


def id_of(case: Case | RemoteCase | str) -> str:
    """Give the id of a case, in whatever form it is at hand."""
    return case if isinstance(case, str) else case.id


def path_of(case: Case | RemoteCase | str) -> str:
    """Give the path of a case; an id that can be none is refused here."""
    case_id = id_of(case)
    if not re.fullmatch(r"[\w.~-]{1,100}", case_id) or case_id in (".", ".."):
        raise UnknownCase(f"there is no case {case_id[:100]!r}; check the id", case_id=case_id)
    return f"/cases/{quoted(case_id)}"


def quoted(part: str) -> str:
    """Give a name as one part of a path."""
    # A half of a character pair becomes a name that nothing has.
    return quote(part, safe="", errors="replace")
