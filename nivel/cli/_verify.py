"""A few steps of a plan's program on this machine, held to what the plan foretold."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from nivel.cli._common import RUN_FAILED

if TYPE_CHECKING:
    from nivel.compiler.check import Checked
    from nivel.compiler.costs.verified import Verdict
    from nivel.compiler.plan import Plan

STEPS = 2


def verify(plan: Plan, checked: Checked) -> Verdict:
    """Run the program for a few steps, in a folder that is gone afterwards.

    It ends with exit code 3 where the program did not come so far.
    """
    from nivel.compiler.costs.parameters import count
    from nivel.compiler.costs.verified import verdict
    from nivel.compiler.plan import FinetunePlan, PretrainPlan

    if not isinstance(plan, FinetunePlan | PretrainPlan):
        raise click.UsageError("level prompt trains nothing: `nivel run --estimate` counts calls")
    if (nodes := plan.common.hardware.nodes) > 1:
        raise click.UsageError(
            f"the plan is for {nodes} machines, and --verify runs on this one: "
            "add --set hardware.nodes=1, with a batch for one"
        )
    (known,) = count(plan, checked.project)
    return verdict(plan, known, _measured(plan, checked))


def _measured(plan: Plan, checked: Checked) -> dict[str, Any]:
    from nivel.cli._jobs import execute, why
    from nivel.compiler.api import emit_checked
    from nivel.compiler.emit import write

    program = emit_checked(plan, checked)
    with TemporaryDirectory(prefix="nivel-verify-") as place:
        folder = Path(place) / "run"
        folder.mkdir()
        write(program, folder)
        code = execute(folder, {"NIVEL_VERIFY": str(STEPS)}, aside=True)
        found = _read(folder / "verified.json")
    if code != 0 or found is None:
        click.echo(f"the plan is not verified ({why(code)})", err=True)
        sys.exit(RUN_FAILED)
    return found


def _read(path: Path) -> dict[str, Any] | None:
    """Return what the program measured; None where it had fewer steps than it takes."""
    import json

    if not path.exists():
        return None
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
