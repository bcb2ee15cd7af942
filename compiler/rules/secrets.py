"""Keys and tokens written into a spec, which is a file that people share."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..diagnostics import Diagnostic
from ..document import walk
from .base import Context, error, rule

_SECRET = re.compile(
    r"\b(?:sk-[A-Za-z0-9_-]{16,}|hf_[A-Za-z0-9]{16,}|gh[pousr]_[A-Za-z0-9]{20,}"
    r"|github_pat_\w{20,}|xox[abprs]-[\w-]{10,}|AKIA[0-9A-Z]{16}|AIza[\w-]{30,})"
)
"""Beginnings that OpenAI, Hugging Face, GitHub, Slack, AWS and Google give their keys."""


@rule("NV350", "secret in clear")
def check_secrets(context: Context) -> Iterator[Diagnostic]:
    """A key in a spec is a key in every copy of it; the finding does not repeat it."""
    for path, value in walk(context.document.data):
        found = _SECRET.search(value) if isinstance(value, str) else None
        if found is not None:
            message = f"this looks like a secret key: `{found[0][:4]}...`"
            where = context.where(*path)
            yield error("NV350", message, where, "remove it, and revoke the key")
