"""Checks of meaning, beyond what a schema can say.

A new rule is a small function in the file of its subject, marked ``@rule`` with its code,
with an entry in ``codes/`` and a pair of files in ``tests/cases/err``. It takes the
:class:`Context` and yields findings. A new subject is a new file, named in ``_SUBJECTS``.
"""

from __future__ import annotations

from importlib import import_module
from itertools import islice
from typing import TYPE_CHECKING

from ..diagnostics import MAX_FINDINGS, Diagnostic
from .base import RULES, Context, rule

if TYPE_CHECKING:
    from ..check import Checked
    from ..document import DataPath

__all__ = ["RULES", "Context", "apply_rules", "format_of", "rule"]

_SUBJECTS = (
    "adapters", "answers", "batch", "counts", "data", "embedding", "endpoints", "experts",
    "features", "files", "formats", "grading", "hardware", "harness", "heads", "launching",
    "launching_ray", "messages", "methods", "model", "overlap", "preferences", "probed",
    "prompting", "ranking", "records", "reference", "runs", "secrets", "sizes", "speed",
    "strategies", "sweeps", "task", "texts", "train", "training", "watching", "wording",
)  # fmt: skip


def load_rules() -> None:
    """Import every subject, so that its rules are in :data:`RULES`."""
    for subject in _SUBJECTS:
        import_module(f"{__name__}.{subject}")


def apply_rules(context: Context) -> list[Diagnostic]:
    """Return what every rule finds; a rule sees only values that the schema accepted."""
    load_rules()
    findings = (found for check in RULES for found in check(context))
    return list(islice(findings, MAX_FINDINGS + 1))


def format_of(checked: Checked) -> tuple[str, str] | None:
    """Return the plan's line on the format of conversations; None where a spec has none."""
    from .formats import format_line

    if checked.document is None or checked.level is None or checked.filled is None:
        return None
    nothing: frozenset[DataPath] = frozenset()
    return format_line(
        Context(checked.document, checked.level, checked.filled, nothing, checked.project)
    )
