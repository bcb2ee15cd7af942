"""Sources of rows, and what is asked of them."""

from __future__ import annotations

from collections.abc import Iterator

from ..diagnostics import Diagnostic
from ..words import listed, nearest_multiples
from .base import Context, error, rule

ROWS = ("train", "validation", "test")
BUILTIN_COLUMNS = {
    "python-docs": ("text", "label", "name"),
    "python-docs-pairs": ("prompt", "chosen", "rejected"),
}
"""What a row of each builtin source holds."""


@rule("NV332", "limit that cannot be balanced")
def check_balance(context: Context) -> Iterator[Diagnostic]:
    """Balanced rows are equally many for every label."""
    labels = context.get("task", "labels") if context.sound("task", "labels") else None
    for part in ROWS:
        limit = context.get("data", part, "limit")
        balanced = context.get("data", part, "balance")
        if not balanced or limit is None or not labels or limit % len(labels) == 0:
            continue
        count = len(labels)
        message = f"a balanced limit of {int(limit)} rows does not divide over {count} labels"
        near = nearest_multiples(int(limit), count)
        related = context.related((("task", "labels"), f"{count} labels"))
        where = context.where("data", part, "limit")
        yield error("NV332", message, where, f"write `limit: {near}`", related)


@rule("NV336", "builtin rows have no such column")
def check_builtin_columns(context: Context) -> Iterator[Diagnostic]:
    """The columns of a builtin source are known."""
    builtin = next((b for p in ROWS if (b := context.get("data", p, "builtin"))), None)
    columns = context.get("data", "columns")
    known = BUILTIN_COLUMNS.get(builtin or "")
    if known is None or not isinstance(columns, dict) or not context.has("task"):
        return
    if context.get("task", "type") == "prefer":
        return  # it reads no columns
    for name, column in columns.items():
        if isinstance(column, str) and column not in known:
            message = f"`{builtin}` has no column `{column}`; it has {listed(known)}"
            where = context.where("data", "columns", name)
            right = "label" if name == "label" else "text"
            cure = f"write `{name}: {right}`" if right in known else f"it has {listed(known)}"
            yield error("NV336", message, where, cure)


@rule("NV337", "no label column")
def check_label(context: Context) -> Iterator[Diagnostic]:
    """A classification, and all that is trained, needs the column of the right answer."""
    columns = context.get("data", "columns")
    kind = context.get("task", "type")
    apart = ("chat", "prefer", "embed")  # they find the right answer elsewhere, or have none
    wanted = kind == "classify" or (context.level == "finetune" and kind not in apart)
    if wanted and isinstance(columns, dict) and "label" not in columns:
        message = "data.columns does not say which column holds the label"
        cure = "add `label: <column name>`"
        yield error("NV337", message, context.key("data", "columns"), cure)
