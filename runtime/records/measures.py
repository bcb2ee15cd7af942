"""Which measures of runs stand side by side, and under which names."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .numbers import part

if TYPE_CHECKING:
    from .compare import ComparedRun

USUAL = ("accuracy", "macro_f1")
"""Of a classification; shown where runs have no other measures either."""

MOST = 4
"""More columns than these no reader compares."""

ERRORS = frozenset(("mae", "rmse"))
"""In the unit of the label, whatever their size."""

_TITLES = {"macro_f1": "macro F1", "token_f1": "token F1", "rouge_l": "ROUGE-L"}


def shown_metrics(runs: Sequence["ComparedRun"]) -> tuple[str, ...]:
    """Return names of measures, those of most runs first, of equals in the order of the runs."""
    found: dict[str, int] = {}
    for run in runs:
        for name in metrics_of(run.result):
            found[name] = found.get(name, 0) + 1
    names = sorted(found, key=lambda name: -found[name])[:MOST]
    return tuple(names) or USUAL


def metrics_of(result: Mapping[str, Any]) -> list[str]:
    """Return the names of a run's measures that are shares, in its own order."""
    metrics = part(result, "metrics")
    if not isinstance(metrics, Mapping):
        return []
    return [name for name, one in metrics.items() if _is_share(name, part(one, "value"))]


def errors_of(result: Mapping[str, Any]) -> list[str]:
    """Return a run's measures in the unit of the label, each written with its interval."""
    metrics = part(result, "metrics")
    found = metrics.items() if isinstance(metrics, Mapping) else ()
    return [
        f"{name} {one['value']:.4g} [{one['low']:.4g}, {one['high']:.4g}]"
        for name, one in found
        if name in ERRORS
    ]


def _is_share(name: str, value: Any) -> bool:
    """Whether a value may be shown in percent, which a perplexity or a margin may not."""
    return (
        name not in ("margin", *ERRORS) and isinstance(value, (int, float)) and 0.0 <= value <= 1.0
    )


def metric_title(name: str) -> str:
    """Return the head of a measure's column."""
    return _TITLES.get(name, name.replace("_", " "))
