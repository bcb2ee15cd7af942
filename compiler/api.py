"""The compiler as functions: check, plan, compile. Nothing here writes to disk."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .check import Checked, check
from .plan import Plan
from .program import Program

if TYPE_CHECKING:
    from .overrides import Overrides


def plan(
    path: str, overrides: Overrides | None = None, *, locked: bool = False
) -> tuple[Plan | None, Checked]:
    """Check the spec at ``path`` and plan it; the plan is None where an error was found."""
    checked = check(path, overrides=overrides, locked=locked)
    if checked.spec is None:
        return None, checked
    from .costs.fit_spec import checked_fit
    from .costs.strategy import planned

    made = planned(checked)
    found = checked_fit(made, checked, path, overrides)
    if found is None:
        return made, checked
    checked = replace(checked, diagnostics=(*checked.diagnostics, found))
    return (None if found.severity == "error" else made), checked


def compile(
    path: str, overrides: Overrides | None = None, *, locked: bool = False
) -> tuple[Program | None, Checked]:
    """Check, plan and emit the spec at ``path``; the program is None where an error was found."""
    made, checked = plan(path, overrides, locked=locked)
    return (emit_checked(made, checked) if made else None), checked


def emit_checked(made: Plan, checked: Checked) -> Program:
    """Emit ``made``, once the published schema has confirmed the spec that it was made of.

    Raises:
        SchemaDisagreement: if it does not, which is a fault of nivel.
    """
    from .emit import emit  # jinja2 and jsonschema are imported only where something is emitted
    from .published import confirm

    assert checked.document is not None, "a plan is made of a document"
    confirm(checked.document.data, made.level)
    return emit(made)
