"""Keys and tokens written into a spec, which is a file that people share."""

from __future__ import annotations

from collections.abc import Iterator

from ..diagnostics import Diagnostic
from ..document import walk
from ..secret import explain_secret
from .base import Context, error, rule


@rule("NV350", "secret in clear")
def check_secrets(context: Context) -> Iterator[Diagnostic]:
    """A key in a spec is a key in every copy of it; the finding does not repeat it."""
    for path, value in walk(context.document.data):
        said = explain_secret(value) if isinstance(value, str) else None
        if said is not None:
            what = "change the password" if "password" in said else "revoke the key"
            yield error("NV350", said, context.where(*path), f"remove it, and {what}")
