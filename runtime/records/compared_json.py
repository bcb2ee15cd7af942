"""The comparison as plain data."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from .cost_text import break_even_json, costs_json
from .numbers import part

if TYPE_CHECKING:
    from .compare import ComparedRun


def comparison_json(runs: Sequence["ComparedRun"]) -> dict[str, Any]:
    """Return the runs in their order, each against the first, and when training is paid back."""
    return {"runs": [_run(run) for run in runs], "break_even": break_even_json(runs)}


def _run(run: "ComparedRun") -> dict[str, Any]:
    result = run.result
    paired = None if run.paired is None else {"test": _test(run.paired), **asdict(run.paired)}
    return {
        "name": run.info.name,
        "id": run.info.id,
        "column": run.column or None,
        "level": run.info.level,
        "model": part(result, "model"),
        "metrics": part(result, "metrics") or {},
        "paired": paired,
        "parameters": part(result, "parameters"),
        "tokens": part(result, "tokens"),
        "seconds": part(result, "seconds"),
        "peak_memory": part(result, "peak_memory"),
        "bits_per_byte": part(result, "pretraining", "bits_per_byte"),
        "costs": costs_json(run),
    }


def _test(paired: Any) -> str:
    return getattr(paired, "test", "exact McNemar")
