"""A teacher that has something to teach."""

from __future__ import annotations

from collections.abc import Iterator

from ..diagnostics import Diagnostic
from ..words import show
from .base import Context, error

_AT = ("objective", "teacher")


def check_teacher(context: Context) -> Iterator[Diagnostic]:
    """With all the weight on it, such a teacher asks for what the model says already."""
    path, alpha = context.get(*_AT, "path"), context.get("objective", "alpha")
    same = path == context.get("model", "path")
    same = same and context.get(*_AT, "revision") == context.get("model", "revision")
    if not isinstance(path, str) or not same or alpha != 1:
        return
    message = f"the teacher {show(path)} is the model that is tuned, so there is nothing to learn"
    related = context.related((("model", "path"), "the model"), (("objective", "alpha"), "all of"))
    cure = "name a larger model of the same family, or write `alpha: 0.5` to stay near the model"
    yield error("NV397", message, context.where(*_AT, "path"), cure, related)
