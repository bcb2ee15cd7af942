"""Ways to train faster or smaller that need something which a spec does not have."""

from __future__ import annotations

from collections.abc import Iterator

from ..diagnostics import Diagnostic
from ..methods import SOFT
from ..words import show
from .base import Context, error, rule


@rule("NV300", "packing where rows cannot be joined")
def check_packing(context: Context) -> Iterator[Diagnostic]:
    """Rows are joined where each is a sequence of its own that only has to be kept apart."""
    if context.level != "finetune" or not context.get("train", "packing"):
        return
    method, objective = context.get("method", "type"), context.get("objective", "type")
    if method in SOFT:
        message = f"method {show(method)} puts learned positions before each row, which a joined "
        message += "sequence has no place for"
    elif objective not in (None, "sft"):
        message = f"objective {show(objective)} does not join rows"
    else:
        return
    yield error("NV300", message, context.where("train", "packing"), "write `packing: false`")
