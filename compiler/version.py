"""The version of the language that a spec is written in, and what to do about another one."""

from __future__ import annotations

from .diagnostics import Diagnostic
from .located import Document

CURRENT = 2
"""The version that the schemas describe; tests compare the two."""


def check_version(document: Document) -> Diagnostic | None:
    """Return the one finding that a spec of another version gets; None for today's.

    What is no version at all is left to the schema.
    """
    said = document.data.get("nivel")
    if not isinstance(said, int) or isinstance(said, bool) or said < 1 or said == CURRENT:
        return None
    where = document.point(("nivel",))
    if said > CURRENT:
        message = f"this is language {said}; this nivel knows languages up to {CURRENT}"
        cure = "upgrade nivel: `pip install --upgrade nivel`"
        return Diagnostic("NV551", "error", message, where, cure, (), ("nivel",))
    message = f"this is language {said}; the language is now {CURRENT}"
    cure = f"run `nivel migrate {document.main}`"
    return Diagnostic("NV550", "error", message, where, cure, (), ("nivel",))
