"""The page as one file, and the policy that lets it do no more than it should."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from importlib.resources import files

__all__ = ["Page", "read_page"]


@dataclass(frozen=True, slots=True)
class Page:
    """The page and its Content-Security-Policy.

    The policy allows the page's own style and script, by their hashes, and requests to the page's
    own server. Trusted types make the browser refuse any text that is to become markup.
    """

    body: bytes
    policy: str


def read_page() -> Page:
    """Put style and script into the page; nothing is loaded from elsewhere."""
    folder = files(__package__)
    html, style, script, talk = (
        (folder / name).read_text(encoding="utf-8")
        for name in ("page.html", "page.css", "page.js", "talk.js")
    )
    script += talk
    whole = html.replace("/* style */", style).replace("/* script */", script)
    policy = [
        "default-src 'none'",
        f"style-src {_hash(style)}",
        f"script-src {_hash(script)}",
        "connect-src 'self'",
        "img-src data:",  # the empty icon
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
    return Page(whole.encode(), "; ".join(policy))


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
