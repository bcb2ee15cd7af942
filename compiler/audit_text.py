"""Traces of keys as text to read, and as data."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from .audit import NOT_GIVEN, UNTRACED, Trace
from .values import flow


def render_audit(traces: list[Trace]) -> str:
    """Draw the traces of the keys that have a value: one block a key, aligned."""
    shown = [trace for trace in traces if trace.origin != NOT_GIVEN]
    heads = [f"{trace.name}: {_short(trace.value)}" for trace in shown]
    width = max(map(len, heads), default=0)
    blocks = (_block(head, width, trace) for head, trace in zip(heads, shown, strict=True))
    return "\n".join(blocks) + "\n"


def _block(head: str, width: int, trace: Trace) -> str:
    lines = [f"{head:<{width}}  {trace.origin}"]
    if not trace.plan and not trace.lines and not trace.added:
        return "\n".join([*lines, f"    {UNTRACED.get(trace.name, 'changes nothing here')}"])
    lines.append(f"    plan {', '.join(trace.plan) or '-'}")
    lines += [f"    {line.file}:{line.number}  {line.text.strip()}" for line in trace.lines]
    if not trace.lines:
        lines += [f"    another value would add  {text.strip()}" for text in trace.added]
    return "\n".join(lines)


def _short(value: Any) -> str:
    text = flow(value)
    return text if len(text) <= 40 else text[:37] + "..."


def audit_json(traces: list[Trace]) -> str:
    """Return the traces as a JSON list, those of keys that are not given included."""
    return json.dumps([asdict(trace) for trace in traces], indent=2)
