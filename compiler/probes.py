"""The record that `nivel probe --record` leaves in a project: what an endpoint was seen to do.

A record speaks of one model at one address. It comes from a file, so it is read as input: what is
not a record is refused, and of what it says of parameters only the verdict is taken.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from .capabilities import PARAMETERS, Support
from .regular import read_regular

VERSION = 1
MAX_BYTES = 1_000_000
VERDICTS: tuple[Support, ...] = ("supported", "ignored", "rejected", "unknown")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")


@dataclass(frozen=True, slots=True)
class Probed:
    """What a record says; ``seen`` maps parameters, as :data:`PARAMETERS` names them."""

    base_url: str
    model: str
    date: str
    seen: dict[str, Support]

    def support(self, parameter: str) -> Support:
        """Return what was seen of ``parameter``; a probe that saw nothing leaves it unknown."""
        return self.seen.get(parameter, "unknown")


def read_record(path: str) -> Probed:
    """Return the record in the file at ``path``.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no record; says what is wrong.
    """
    raw = read_regular(path, MAX_BYTES)
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError):
        raise ValueError("it is no JSON") from None
    if not isinstance(data, dict) or data.get("probe") != VERSION:
        raise ValueError(f"it has no `probe: {VERSION}`")
    said = [data.get(name) for name in ("base_url", "model", "date")]
    if not all(isinstance(one, str) for one in said) or not _DATE.match(data["date"]):
        raise ValueError("its `base_url`, `model` or `date` is missing")
    return Probed(data["base_url"], data["model"], data["date"], _seen(data.get("findings")))


def _seen(findings: Any) -> dict[str, Support]:
    if not isinstance(findings, dict):
        raise ValueError("it has no `findings`")
    found: dict[str, Support] = {}
    for name in PARAMETERS:
        one = findings.get(name, {})
        verdict = one.get("verdict", "unknown") if isinstance(one, dict) else None
        if verdict not in VERDICTS:
            raise ValueError(f"its finding on `{name}` is none of {', '.join(VERDICTS)}")
        found[name] = verdict
    return found
