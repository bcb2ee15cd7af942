"""Numbers as a reader wants them in a table."""

from collections.abc import Mapping
from typing import Any

NONE = "–"


def part(result: Mapping[str, Any], *names: str) -> Any:
    """Return the value under nested `names`, or None where any of them is missing."""
    value: Any = result
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def percent(share: Any, digits: int = 1) -> str:
    """Write a share of 1 as a percentage."""
    return NONE if not _is_number(share) else f"{share:.{digits}%}"


def interval(metric: Any) -> str:
    """Write {value, low, high} as `61.1% [53.8, 67.9]`."""
    value = part(metric, "value") if isinstance(metric, Mapping) else None
    low, high = part(metric or {}, "low"), part(metric or {}, "high")
    if not _is_number(low) or not _is_number(high):
        return percent(value)
    return f"{percent(value)} [{100 * low:.1f}, {100 * high:.1f}]"


def count(value: Any) -> str:
    """Write a count with three digits and a unit: 0, 921, 4.88M."""
    if not _is_number(value):
        return NONE
    for size, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        # 999,950 would round to 1000k.
        if value >= size * 0.9995:
            scaled = value / size
            return f"{scaled:.{2 if scaled < 9.995 else 1 if scaled < 99.95 else 0}f}{unit}"
    return f"{value:,.0f}"


def duration(seconds: Any) -> str:
    """Write seconds as `9.4 s`, `3:07 min` or `2:15 h`."""
    if not _is_number(seconds):
        return NONE
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02d} h"


def byte_count(value: Any) -> str:
    """Write bytes with three digits and a binary unit: 512 B, 1.23 GiB."""
    if not _is_number(value):
        return NONE
    for size, unit in ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if value >= size * 0.9995:
            scaled = value / size
            return f"{scaled:.{2 if scaled < 9.995 else 1 if scaled < 99.95 else 0}f} {unit}"
    return f"{value:,.0f} B"


def probability(value: float) -> str:
    """Write a p-value without claiming more digits than anyone needs."""
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def short_model(model: Any) -> str:
    """Return the last part of a model's path, which is what tells models apart."""
    if not model:
        return NONE
    return str(model).rstrip("/").rsplit("/", 1)[-1]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def with_error(said: Mapping[str, Any]) -> str:
    """Return a value with its standard error, where there is one."""
    value, error = said.get("value"), said.get("stderr")
    if not isinstance(value, (int, float)):
        return NONE
    return f"{value:.4g}" + (f" ± {error:.2g}" if isinstance(error, float) else "")
