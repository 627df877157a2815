"""The HTTP API: who asks, what they may do, and the documents they get."""

from __future__ import annotations

from signoff.server.api import make_api
from signoff.server.serving import serve

__all__ = ["make_api", "serve"]
