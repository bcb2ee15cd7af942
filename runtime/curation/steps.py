"""What every step of curation is: a text goes in, and comes out as it was, changed, or not at all.

A step sees one text after the other in the order of the sources and never all of them, so a corpus
may be larger than the memory. What a step remembers of the texts before (hashes, signatures) says
its class.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

SAMPLES = 5
"""Texts shown of what a step dropped or changed."""

SHOWN = 400
"""Characters of such a text."""

COUNTERS = ("before", "after", "dropped", "parts")


@dataclass(slots=True)
class StepReport:
    """What one step did.

    `before` and `after` are {documents, bytes}; `dropped` counts documents by reason, `parts` what
    was taken out of documents that stayed (lines, passages, addresses). `samples` are {reason,
    text} of what was dropped: those whose hashes are smallest, so that they are spread evenly and
    the same every time.
    """

    type: str
    options: dict[str, Any]
    before: Counter[str] = field(default_factory=Counter)
    after: Counter[str] = field(default_factory=Counter)
    changed: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    parts: Counter[str] = field(default_factory=Counter)
    samples: list[dict[str, str]] = field(default_factory=list)
    _ranks: list[bytes] = field(default_factory=list, repr=False)

    def take(self, before: str, after: str | None) -> None:
        """Count a text that went through the step."""
        for counter, text in ((self.before, before), (self.after, after)):
            if text is not None:
                counter["documents"] += 1
                counter["bytes"] += len(text.encode())
        self.changed += after is not None and after != before

    def sample(self, reason: str, text: str) -> None:
        """Offer a text to be shown."""
        rank = hashlib.sha256(text.encode()).digest()
        place = sum(other <= rank for other in self._ranks)
        if place < SAMPLES and rank not in self._ranks:
            self._ranks.insert(place, rank)
            self.samples.insert(place, {"reason": reason, "text": text[:SHOWN]})
            del self._ranks[SAMPLES:], self.samples[SAMPLES:]

    def to_json(self) -> dict[str, Any]:
        """Return what is to be recorded."""
        counters = {name: dict(sorted(getattr(self, name).items())) for name in COUNTERS}
        rest = {"changed": self.changed, "samples": self.samples}
        return {"type": self.type, "options": self.options, **counters, **rest}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> StepReport:
        """Return the report that `to_json` gave."""
        before, after, dropped, parts = (Counter(found[name]) for name in COUNTERS)
        counts = (before, after, found["changed"], dropped, parts)
        return cls(found["type"], found["options"], *counts, list(found["samples"]))


class Step:
    """One step; subclasses say what becomes of a text in `judge`."""

    type: ClassVar[str]
    package: ClassVar[str | None] = None
    """Library that decides, whose version is part of what the result depends on."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.report = StepReport(self.type, dict(options))

    def judge(self, text: str) -> str | None:
        """Return the text that stays; None after `drop`."""
        raise NotImplementedError

    def drop(self, reason: str, text: str) -> str | None:
        """Say why a text does not stay: `return self.drop(...)`, which is None."""
        self.report.dropped[reason] += 1
        self.report.sample(reason, text)
        return None

    def apply(self, text: str) -> str | None:
        """Judge a text and count it. Of what is left empty nothing stays."""
        left = self.judge(text)
        if left is not None and not left.strip():
            self.drop("nothing is left", text)
            left = None
        self.report.take(text, left)
        return left
