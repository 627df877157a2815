"""The HTTP API from Python, with the same verbs as the library, for programs that run elsewhere than the database."""

from __future__ import annotations

from signoff.client.client import Client
from signoff.client.events import EventStream
from signoff.client.remote_case import RemoteCase

__all__ = ["Client", "EventStream", "RemoteCase"]
