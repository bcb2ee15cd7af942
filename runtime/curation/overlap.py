"""The step that takes out of the text what the model is tested on later.

A passage that shares a run of `ngram` words with a row is left out (13 words, as for GPT-3:
arXiv:2005.14165, appendix C). Rows that are shorter are looked for whole, unless they have fewer
than `shortest` words: those say too little to be known again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..data.duplicates import normal_words
from .steps import Step

_WORD = re.compile(r"\w+")
_BLANK = re.compile(r"\n[^\S\n]*(?:\n[^\S\n]*)+")

Run = tuple[str, ...]


class Overlap(Step):
    """Drops paragraphs that hold what stands in a row of `rows`, and documents left empty."""

    type = "overlap"

    def __init__(self, options: Mapping[str, Any], rows: Sequence[str]) -> None:
        super().__init__(options)
        self.runs = _runs_of(rows, options["ngram"], options["shortest"])
        self.sizes = sorted({len(run) for run in self.runs})
        self._starts = {run[:2] for run in self.runs}

    def judge(self, text: str) -> str | None:
        found = [(match.start(), match.group().casefold()) for match in _WORD.finditer(text)]
        hit = [found[at][0] for at in self._hits([word for _, word in found])]
        if not hit:
            return text
        kept = []
        for start, end in _passages(text):
            if any(start <= place < end for place in hit):
                self.report.parts["passages"] += 1
                self.report.sample("shared with a row", text[start:end])
            else:
                kept.append(text[start:end])
        if not kept:
            self.report.dropped["shared with a row"] += 1
            return None
        return "\n\n".join(kept).rstrip("\n") + "\n"

    def _hits(self, words: Sequence[str]) -> Iterator[int]:
        """Yield the place of every word of a run that some row has too."""
        last = -1
        for at in range(len(words)):
            if tuple(words[at : at + 2]) not in self._starts:
                continue
            size = next((n for n in self.sizes if tuple(words[at : at + n]) in self.runs), 0)
            yield from range(max(at, last + 1), at + size)
            last = max(last, at + size - 1)


def _runs_of(rows: Sequence[str], ngram: int, shortest: int) -> frozenset[Run]:
    found: set[Run] = set()
    for row in rows:
        words = normal_words(row)
        if shortest <= len(words) < ngram:
            found.add(words)
        found.update(words[at : at + ngram] for at in range(len(words) - ngram + 1))
    return frozenset(found)


def _passages(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each paragraph begins and ends."""
    start = 0
    for match in _BLANK.finditer(text):
        yield start, match.start()
        start = match.end()
    if start < len(text):
        yield start, len(text)
