"""What there is to show: the findings of each spec, and the texts they point into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from ..diagnostics import Diagnostic, sort_diagnostics
from ..source import Source


@dataclass(frozen=True)
class Report:
    """The findings of each spec, by the name the user gave it; a sound spec has none."""

    specs: Mapping[str, tuple[Diagnostic, ...]]
    sources: Mapping[str, Source] = field(default_factory=dict)

    @cached_property
    def findings(self) -> list[Diagnostic]:
        """All findings in order, each once: a fault in a file that several specs share is one."""
        return sort_diagnostics(found for one in self.specs.values() for found in one)

    def count(self, severity: str) -> int:
        """Return how many different findings are of ``severity``."""
        return sum(found.severity == severity for found in self.findings)
