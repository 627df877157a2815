"""Editor: arguments as JSON text in the editor a person is used to."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from signoff.domain.content import parse_json
from signoff.errors import InvalidInput


def as_text(arguments: Mapping[str, Any]) -> bytes:
    """Give arguments as the text that is edited."""
    return json.dumps(arguments, ensure_ascii=False, indent=2).encode() + b"\n"


def edit(text: bytes) -> bytes:
    """
    Let a person edit a text in $VISUAL, $EDITOR or vi, and give what they saved.

    Raises:
        InvalidInput: If the editor cannot be started or says that it failed.
    """
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "arguments.json"
        path.write_bytes(text)
        try:
            subprocess.run([*shlex.split(editor), str(path)], check=True)
            return path.read_bytes()
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            raise InvalidInput(f"the editor {editor!r} did not work ({error}); set EDITOR to another") from None


def arguments_in(text: bytes) -> dict[str, Any]:
    """
    Read edited arguments.

    Raises:
        InvalidInput: If it is no JSON object.
    """
    edited = parse_json(text, where="the edited text")
    if not isinstance(edited, dict):
        raise InvalidInput("the edited text must be one JSON object with all arguments")
    return edited
