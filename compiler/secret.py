"""Keys and passwords in a text: how they look, and how they are kept out of what is printed."""

from __future__ import annotations

import re
from functools import lru_cache

_FORMS = (
    r"\bsk-(?!sk-)(?=[\w-]{0,60}\d)[\w-]{16,}",  # OpenAI, Anthropic (sk-ant-), OpenRouter (sk-or-)
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
_MARKS = (
    "sk-", "hf_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "AKIA",
    "ASIA", "AIza", "ya29.", "gsk_", "pplx-", "r8_", "xai-", "nvapi-", "pypi-", "npm_", "SG.",
    "AccountKey=", "sig=", "eyJ", "PRIVATE KEY-----",
)  # fmt: skip
"""What every form holds one of: looking for these first is a hundred times as fast."""

_PASSWORD = re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s/:@]{0,200}:([^\s/@]{1,200})@")
"""A URL with `user:password@`; `${NAME}` in its place is a reference, no secret."""


def explain_secret(text: str) -> str | None:
    """Say what a text gives away, without repeating it; None where it gives nothing away."""
    found = _SECRET.search(text) if _may_hold_key(text) else None
    if found is not None:
        return f"this looks like a secret key: `{found[0][:4]}...`"
    address = _PASSWORD.search(text) if "://" in text else None
    if address is not None and not address[1].startswith("$"):
        return "this address has a password in it"
    return None


@lru_cache(maxsize=8)  # many findings quote the same line, and it may be a long one
def hide(text: str) -> str:
    """Put a star for each character of a secret but the first four, so that widths stay."""
    if _may_hold_key(text):
        text = _SECRET.sub(lambda found: found[0][:4] + "*" * (len(found[0]) - 4), text)
    return _PASSWORD.sub(_hide_password, text) if "://" in text else text


def _may_hold_key(text: str) -> bool:
    return any(mark in text for mark in _MARKS)


def _hide_password(found: re.Match[str]) -> str:
    start, end = found.span(1)
    at = found.start()
    kept = found[1] if found[1].startswith("$") else "*" * (end - start)
    return found[0][: start - at] + kept + found[0][end - at :]
