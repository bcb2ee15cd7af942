"""How a row to tune on is recognised, by the keys that hold something.

The run tells formats by the same table (`runtime/data/formats.py`); a test holds the two to each
other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FORMATS = ("messages", "sharegpt", "alpaca", "prompt-completion", "text-label")
"""What can be read as a conversation."""

JUDGED = {
    "chosen-rejected": "a chosen and a rejected answer",
    "verdict": "answers with a verdict",
}
"""What rows for learning a preference hold, by their format."""


def recognise(row: Mapping[str, Any], text: str, label: str) -> tuple[str, ...]:
    """Return the formats that a row has the keys of; `text` and `label` are its columns."""
    turns = row["messages"] if row.get("messages") is not None else row.get("conversations")
    first = turns[0] if isinstance(turns, list) and turns else {}
    first = first if isinstance(first, Mapping) else {}
    if row.get("chosen") is not None and row.get("rejected") is not None:
        return ("chosen-rejected",)
    answered = first or (row.get("prompt") is not None and row.get("completion") is not None)
    if answered and isinstance(row.get("label", row.get("kto_tag")), bool):
        return ("verdict",)
    found = {
        "messages": "role" in first,
        "sharegpt": "from" in first,
        "alpaca": row.get("instruction") is not None and row.get("output") is not None,
        "prompt-completion": row.get("prompt") is not None and row.get("completion") is not None,
        "text-label": row.get(text) is not None and row.get(label) is not None,
    }
    return tuple(name for name, fits in found.items() if fits)
