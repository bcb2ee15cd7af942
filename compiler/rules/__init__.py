"""Checks of meaning, beyond what a schema can say.

A new rule is a small function in the file of its subject, marked ``@rule`` with its code,
with an entry in ``codes/`` and a pair of files in ``tests/cases/err``. It takes the
:class:`Context` and yields findings. A new subject is a new file, named in ``_SUBJECTS``.
"""

from __future__ import annotations

from importlib import import_module
from itertools import islice

from ..diagnostics import MAX_FINDINGS, Diagnostic
from .base import RULES, Context, rule

__all__ = ["RULES", "Context", "apply_rules", "rule"]

_SUBJECTS = (
    "adapters", "batch", "counts", "data", "endpoints", "features", "files", "grading", "hardware",
    "messages", "methods", "model", "overlap", "probed", "prompting", "reference", "runs",
    "secrets", "task", "train", "watching", "wording",
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
