"""Keys and tokens written into a spec, which is a file that people share."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..diagnostics import Diagnostic
from ..document import walk
from .base import Context, error, rule

_FORMS = (
    r"\bsk-(?=[\w-]{0,60}\d)[\w-]{16,}",  # OpenAI, Anthropic (sk-ant-), OpenRouter (sk-or-)
    r"\bhf_[A-Za-z0-9]{16,}",  # Hugging Face
    r"\bgh[pousr]_[A-Za-z0-9]{20,}",  # GitHub
    r"\bgithub_pat_\w{20,}",
    r"\bglpat-[\w-]{20,}",  # GitLab
    r"\bxox[abeprs]-[\w-]{10,}",  # Slack
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",  # AWS
    r"\bAIza[\w-]{30,}",  # Google
    r"\bya29\.[\w-]{20,}",
    r"\bgsk_[A-Za-z0-9]{20,}",  # Groq
    r"\bpplx-[A-Za-z0-9]{20,}",  # Perplexity
    r"\br8_[A-Za-z0-9]{30,}",  # Replicate
    r"\bxai-[A-Za-z0-9]{20,}",  # xAI
    r"\bnvapi-[\w-]{20,}",  # NVIDIA
    r"\bpypi-[\w-]{40,}",
    r"\bnpm_[A-Za-z0-9]{30,}",
    r"\bSG\.[\w-]{16,}\.[\w-]{16,}",  # SendGrid
    r"\bAccountKey=[A-Za-z0-9+/=]{40,}",  # Azure storage
    r"\bsig=[A-Za-z0-9%+/]{40,}",  # Azure shared access signature
    r"\beyJ[\w-]{10,200}\.eyJ[\w-]{10,}\.[\w-]{10,}",  # JSON web token
    r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----",
)
"""Beginnings that vendors give their keys, so that a leaked one can be told from a word.

What stands before something else is bounded: unbounded, a long text takes the square of its
length.
"""

_SECRET = re.compile("|".join(f"(?:{form})" for form in _FORMS))
_PASSWORD = re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s/:@]{0,200}:([^\s/@]{1,200})@")
"""A URL with `user:password@`; `${NAME}` in its place is a reference, no secret."""


@rule("NV350", "secret in clear")
def check_secrets(context: Context) -> Iterator[Diagnostic]:
    """A key in a spec is a key in every copy of it; the finding does not repeat it."""
    for path, value in walk(context.document.data):
        said = _said(value) if isinstance(value, str) else None
        if said is not None:
            what = "change the password" if "password" in said else "revoke the key"
            yield error("NV350", said, context.where(*path), f"remove it, and {what}")


def _said(text: str) -> str | None:
    """Say what a text gives away, without repeating it."""
    found = _SECRET.search(text)
    if found is not None:
        return f"this looks like a secret key: `{found[0][:4]}...`"
    address = _PASSWORD.search(text)
    if address is not None and not address[1].startswith("$"):
        return "this address has a password in it"
    return None
