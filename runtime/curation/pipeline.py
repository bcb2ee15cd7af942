"""Steps one after the other, over a stream of texts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..errors import DataError
from ..paths import file_sha256
from .cleaning import Clean, Pii
from .duplicates import ExactDuplicates, NearDuplicates
from .language import Language
from .overlap import Overlap
from .quality import C4, GopherQuality, GopherRepetition, Length
from .steps import Step, StepReport

KINDS: dict[str, type[Step]] = {
    kind.type: kind
    for kind in (
        Clean,
        Language,
        Length,
        GopherQuality,
        GopherRepetition,
        C4,
        ExactDuplicates,
        NearDuplicates,
        Overlap,
        Pii,
    )  # fmt: skip
}
"""Every step by its name in the language."""

Options = Mapping[str, Any]


class Curation:
    """The steps of a spec, ready to be applied.

    Args:
        steps: {type, and every option}, in order.
        rows: what the model is tested on; the step `overlap` keeps it out of the text.

    Raises:
        DataError: a step or what it needs is not there.
    """

    def __init__(self, steps: Sequence[Options], rows: Iterable[str] = ()) -> None:
        known = list(rows)
        self.steps = [_made(step, known) for step in steps]

    def apply(self, text: str) -> str | None:
        """Return what is left of a text; None where a step dropped it."""
        left: str | None = text
        for step in self.steps:
            if left is None:
                break
            left = step.apply(left)
        return left

    def report(self) -> list[StepReport]:
        """Return what each step did so far."""
        return [step.report for step in self.steps]


def _made(options: Options, rows: Sequence[str]) -> Step:
    kind = KINDS.get(options["type"])
    if kind is None:
        raise DataError(f"no step of curation {options['type']!r}", f"use {', '.join(KINDS)}")
    if kind is Overlap and not rows:
        raise DataError("the step overlap has no rows to compare with", "give data.test")
    rest = {name: value for name, value in options.items() if name != "type"}
    return Overlap(rest, rows) if kind is Overlap else kind(rest)


def curation_key(steps: Sequence[Options], rows: Sequence[str]) -> str:
    """Return a hash of all that the result depends on beside the text: options, rows, code."""
    digest = hashlib.sha256(json.dumps([dict(step) for step in steps], sort_keys=True).encode())
    if any(step["type"] == Overlap.type for step in steps):
        digest.update(json.dumps(list(rows)).encode())
    for step in steps:
        kind = KINDS.get(step["type"])
        digest.update(_version(kind.package if kind else None).encode())
    for module in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file_sha256(module).encode())
    return digest.hexdigest()


def _version(package: str | None) -> str:
    try:
        return f"{package} {version(package)}\n" if package else "\n"
    except PackageNotFoundError:
        return f"{package} is absent\n"
