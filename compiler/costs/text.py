"""Lines of `nivel plan` on what an experiment needs, with units and with what is unknown."""

from __future__ import annotations

from .parameters import Counted

Line = tuple[str, str]

_STEPS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"))


def short(number: float) -> str:
    """Write a large number in three digits: 134.5M, 8.03B."""
    for size, letter in _STEPS:
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return f"{number:.3g}"


def parameter_lines(counted: Counted, several: bool) -> list[Line]:
    """Say the parameters of a model by part, and how many are trained."""
    whose = f"{counted.name}: " if several else ""
    if counted.parts is None:
        return [("parameters", f"{whose}unknown: {counted.unknown}")]
    total = sum(counted.parts.values())
    lines = [("parameters", f"{whose}{total:,}: {by_part(counted)}")]
    if counted.unknown:
        lines.append(("trained", f"unknown: {counted.unknown}"))
    elif counted.trained is not None and counted.total is not None:
        lines.append(("trained", _trained(counted.trained, counted.total)))
    return lines


def by_part(counted: Counted) -> str:
    """Name the parts of a model with their sizes."""
    names = {"mlp": "MLP"}
    parts = (counted.parts or {}).items()
    said = [f"{names.get(name, name)} {short(size)}" for name, size in parts if size]
    return ", ".join(said + (["head tied"] if counted.tied else []))


def _trained(trained: int, total: int) -> str:
    if trained == total:
        return f"{trained:,}, all of them"
    return f"{trained:,}, {trained / total:.2%} of {total:,} with what is added"
