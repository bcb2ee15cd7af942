"""Jinja for templates that may come from a stranger.

Jinja's own sandbox keeps a template from Python's internals, but not from asking for a string of
many gigabytes. Here the ways to make one out of a few characters are closed as well: repetition,
powers, and padding to a width.
"""

from typing import Any

from jinja2 import StrictUndefined
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

__all__ = ["LONGEST", "Sandbox"]

# Characters that a template may write for one row.
LONGEST = 100_000
_PADDING = frozenset({"center", "ljust", "rjust", "zfill", "expandtabs", "format", "format_map"})
# `random` would make a prompt differ from run to run.
_FILTERS = ("center", "format", "indent", "random", "wordwrap", "batch", "slice")


class Sandbox(ImmutableSandboxedEnvironment):
    """An environment without globals, in which an unknown name is an error."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined)
        self.globals.clear()
        for name in _FILTERS:
            self.filters.pop(name, None)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if operator == "**" or not numbers:
            raise SecurityError(f"{operator!r} is refused here: its result could be huge")
        return super().call_binop(context, operator, left, right)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, str) and attr in _PADDING:
            return False
        return super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> None:
        """Offer no safe `str.format`: a width in it would still be obeyed."""
        del value
