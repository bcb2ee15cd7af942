"""What each step finds of what was planted in real text, and what it takes besides.

The figures in docs/measured.md are what `report` prints:
`ABSTRACTS=FILE python -m tests.curation.test_planted`.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from nivel.compiler.spec_text import step_schema
from nivel.runtime.curation import Curation
from nivel.runtime.data.duplicates import shingles
from nivel.runtime.data.stdlib import read_docstrings, stdlib_root

from .planted import Planted, innocent, personal, plant

ABSTRACTS = Path(os.environ.get("ABSTRACTS", "no-abstracts.jsonl"))
"""JSON lines whose `text` is a section of a research abstract, where somebody has them."""


def step(kind: str, **options: Any) -> dict[str, Any]:
    """A step with the defaults of its schema."""
    known = step_schema(kind)["properties"]
    defaults = {name: one["default"] for name, one in known.items() if "default" in one}
    return {"type": kind, **defaults, **options}


STEPS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "exact-duplicates": (step("exact-duplicates"), ("exact",)),
    "near-duplicates": (step("near-duplicates"), ("near", "exact")),
    "overlap": (step("overlap"), ("leaked",)),
    "language": (step("language", keep=["en"]), ("language",)),
    "length": (step("length", min_words=5), ("short",)),
    "gopher-repetition": (step("gopher-repetition"), ("repetition",)),
    "gopher-quality": (step("gopher-quality", min_words=5), ("junk", "short", "language")),
    "c4": (step("c4", min_sentences=1), ("junk", "short")),
}
"""Each step, and what it is there to find."""


def touched(planted: Planted, options: dict[str, Any]) -> set[int]:
    """The numbers of the texts that a step dropped or took something out of."""
    if options["type"] in ("near-duplicates", "language"):
        pytest.importorskip("rensa" if options["type"] == "near-duplicates" else "py3langid")
    curation = Curation([options], planted.rows)
    found = set()
    for number, text in enumerate(planted.texts):
        left = curation.apply(text)
        if left is None or (options["type"] == "overlap" and left != text):
            found.add(number)
    return found


def measured(planted: Planted, name: str) -> tuple[float, float, set[int]]:
    """Recall and precision of a step, and the numbers of the real texts that it took.

    What it takes of other planted faults counts neither way: junk is in no language.
    """
    options, kinds = STEPS[name]
    wanted = set().union(*(planted.of[kind] for kind in kinds))
    found = touched(planted, options)
    hit, besides = len(found & wanted), {number for number in found if number < planted.real}
    return hit / len(wanted), hit / max(1, hit + len(besides)), besides


PACKAGES = ("asyncio", "email", "importlib", "logging", "multiprocessing", "unittest")
"""Packages of the standard library whose docstrings are read: a second's work."""


@pytest.fixture(scope="module")
def docs() -> Planted:
    found = [one.text for name in PACKAGES for one in read_docstrings(stdlib_root() / name)]
    return plant(prose(found), each=20)


def prose(texts: Sequence[str]) -> list[str]:
    return [text for text in texts if len(text.split()) >= 15]


@pytest.mark.parametrize("name", STEPS)
def test_each_step_finds_what_was_planted(docs: Planted, name: str) -> None:
    recall, _, _ = measured(docs, name)
    assert recall >= 0.95


@pytest.mark.parametrize("name", ["exact-duplicates", "length"])
def test_steps_that_count_take_nothing_else(docs: Planted, name: str) -> None:
    _, precision, besides = measured(docs, name)
    assert precision == 1.0, [docs.texts[number][:80] for number in sorted(besides)]


def test_what_overlaps_a_row_shares_thirteen_words_with_one(docs: Planted) -> None:
    _, _, besides = measured(docs, "overlap")
    asked = {run for row in docs.rows for run in shingles(row, 13)}
    assert all(asked & shingles(docs.texts[number], 13) for number in besides)
    missed = set(range(docs.real)) - besides
    assert not any(asked & shingles(docs.texts[number], 13) for number in missed)


def test_what_is_called_a_near_duplicate_is_one(docs: Planted) -> None:
    """Every text dropped shares the runs of words with an earlier one, counted without hashes."""
    options, _ = STEPS["near-duplicates"]
    _, _, besides = measured(docs, "near-duplicates")
    closest = [(number, jaccard(docs, number)) for number in sorted(besides)]
    error = 3 / (2 * options["permutations"] ** 0.5)  # of the estimate
    assert all(alike >= options["threshold"] - error for _, alike in closest), closest


def jaccard(planted: Planted, number: int) -> float:
    own = shingles(planted.texts[number], 5)
    others = (shingles(text, 5) for text in planted.texts[:number])
    return max((len(own & other) / len(own | other) for other in others if own & other), default=0)


@pytest.mark.slow
@pytest.mark.skipif(not ABSTRACTS.exists(), reason="ABSTRACTS names no file of abstracts")
def test_of_research_abstracts_steps_find_what_was_planted_and_little_else() -> None:
    planted = plant(abstracts())
    recalls = {name: measured(planted, name) for name in STEPS}
    assert min(recall for recall, _, _ in recalls.values()) >= 0.95
    for name in ("exact-duplicates", "near-duplicates", "overlap"):
        assert recalls[name][1] >= 0.98
    long = [n for n in recalls["language"][2] if len(planted.texts[n]) >= 200]
    assert len(long) <= 5  # of 3,000: short sections are in no certain language


def abstracts() -> list[str]:
    lines = ABSTRACTS.read_text("utf-8").splitlines()
    return [json.loads(line)["text"] for line in lines]


def test_masking_finds_what_reaches_a_person_and_nothing_else() -> None:
    recall, precision = masked(500)
    assert recall == 1.0
    assert precision == 1.0


def masked(count: int) -> tuple[float, float]:
    """Recall by kind, and precision, of masks on sentences that hold one thing or none."""
    draw = random.Random(1)
    hit = wrong = 0
    for _ in range(count):
        kind, text = personal(draw)
        left = Curation([step("pii")]).apply(text)
        hit += left is not None and f"[{kind.upper()}]" in left and left.count("[") == 1
        quiet = innocent(draw)
        wrong += Curation([step("pii")]).apply(quiet) != quiet
    return hit / count, hit / max(1, hit + wrong)


def report(title: str, planted: Planted) -> None:
    """Print a table of recall and precision."""
    print(f"{title}: {planted.real:,} documents, and {len(planted.of['near'])} of each fault")
    for name in STEPS:
        started = time.perf_counter()
        recall, precision, besides = measured(planted, name)
        rate = len(planted.texts) / (time.perf_counter() - started)
        print(f"| `{name}` | {recall:.3f} | {precision:.3f} | {len(besides) / planted.real:.1%} |"
              f" {rate:,.0f} |")  # fmt: skip


if __name__ == "__main__":
    report("docstrings", plant(prose([one.text for one in read_docstrings(stdlib_root())])))
    report("abstracts", plant(abstracts()))
    print("pii: recall {:.3f}, precision {:.3f}".format(*masked(2000)))
