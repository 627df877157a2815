"""Target: the `module:app` a command is given, imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from signoff.cli.output import fail

if TYPE_CHECKING:
    from signoff.app import Signoff


def names_app(target: str) -> bool:
    """
    Tell whether a target is an app in a module, and not a database.

    Examples:
        >>> names_app("desk.refunds:app"), names_app("sqlite:///signoff.db"), names_app("signoff.db")
        (True, False, False)
    """
    head, colon, tail = target.partition(":")
    return bool(colon) and tail.isidentifier() and all(part.isidentifier() for part in head.split("."))


def import_app(target: str) -> Signoff:
    """Import the app that `module:app` names, or end the command with what is wrong."""
    import importlib
    import sys

    from signoff.app import Signoff

    module, _, attribute = target.partition(":")
    sys.path.insert(0, "")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        fail(f"{target}: there is no module {error.name!r} here; run from the folder that holds it")
    except AttributeError:
        fail(f"{target}: module {module!r} has no {attribute!r}")
    if not isinstance(found, Signoff):
        fail(f"{target} is a {type(found).__name__}, not a Signoff")
    return found
